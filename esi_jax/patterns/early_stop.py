"""Early-stop interleaved: after the end-of-text token everything is speech, no pads.

Wu et al. 2025 (arXiv 2506.04518), section II.B; EOT doubles as the paper's <S>.
"""

import dataclasses

from esi_jax.patterns import base
from esi_jax.patterns.interleaved import Interleaved


@dataclasses.dataclass(frozen=True)
class EarlyStop(Interleaved):
    """`ttttt ssssssssss ttE sss…s#` for (5, 10) and seven text ids."""

    def next_slot(self, cursor: base.Cursor, text_open: base.Array, speech_open: base.Array
                  ) -> base.Array:
        xp = text_open.__array_namespace__()
        slot = super().next_slot(cursor, text_open, speech_open)
        return xp.where(text_open | (slot >= self.n), slot, self.n).astype(xp.int32)

    @property
    def open_cycle(self) -> tuple[base.Heads, ...]:
        return (base.BOTH,) * self.n + (base.SPEECH,) * self.m

    @property
    def tail_cycle(self) -> tuple[base.Heads, ...]:
        return (base.SPEECH,) * self.m
