"""n text slots, m speech slots, in turn; pads fill the text slots once text has ended.

Wu et al. 2025 (arXiv 2506.04518), section II, the interleaved baseline at 5:10.
"""

import dataclasses

from esi_jax.errors import UserError
from esi_jax.patterns import base


@dataclasses.dataclass(frozen=True)
class Interleaved(base.Pattern):
    """`ttttt ssssssssss ttEpp ssssssssss ppppp sss…#` for (5, 10) and seven text ids."""

    n: int = 5
    m: int = 10

    def __post_init__(self) -> None:
        if self.n < 1 or self.m < 1:
            raise UserError(f'n={self.n}, m={self.m} is no interleaving; both must be at least 1')

    def turns(self, cursor: base.Cursor) -> tuple[base.Array, base.Array]:
        xp = cursor.slot.__array_namespace__()
        in_text = cursor.slot < self.n
        text_B = xp.where(in_text, xp.where(cursor.text_open, base.SAMPLED, base.FORCED),
                          base.SILENT)
        return text_B, xp.where(in_text, base.SILENT, base.SAMPLED)

    def next_slot(self, cursor: base.Cursor, text_open: base.Array, speech_open: base.Array
                  ) -> base.Array:
        xp = text_open.__array_namespace__()
        return xp.where(speech_open, (cursor.slot + 1) % (self.n + self.m), 0).astype(xp.int32)

    @property
    def open_cycle(self) -> tuple[base.Heads, ...]:
        return (base.TEXT,) * self.n + (base.SPEECH,) * self.m

    @property
    def tail_cycle(self) -> tuple[base.Heads, ...]:
        return (base.NEITHER,) * self.n + (base.SPEECH,) * self.m
