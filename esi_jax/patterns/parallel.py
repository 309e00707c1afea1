"""One text id and one speech frame in each step; speech may start `delay` steps later.

Wu et al. 2025 (arXiv 2506.04518), section II, the parallel baseline; the delay as in SLM-S2ST.
"""

import dataclasses

from esi_jax.errors import UserError
from esi_jax.patterns import base


@dataclasses.dataclass(frozen=True)
class Parallel(base.Pattern):
    """`(t.)(t.)(t.)(ts)(Es)(ps)…(p#)` for delay 3 and four text ids."""

    delay: int = 0

    def __post_init__(self) -> None:
        if self.delay < 0:
            raise UserError(f'delay={self.delay} would let speech lead; write 0 or more')

    def turns(self, cursor: base.Cursor) -> tuple[base.Array, base.Array]:
        xp = cursor.slot.__array_namespace__()
        text_B = xp.where(cursor.text_open, base.SAMPLED, base.FORCED)
        speaks = cursor.speech_open & (cursor.frame >= self.delay)
        return text_B, xp.where(speaks, base.SAMPLED, base.SILENT)
