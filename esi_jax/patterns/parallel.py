"""One text id and one speech frame in each step; speech may start `delay` steps later.

Wu et al. 2025 (arXiv 2506.04518), section II, the parallel baseline; the delay as in SLM-S2ST.
"""

import dataclasses

from esi_jax.patterns import base

CYCLE = 10  # steps between two looks at whether any row is still running


@dataclasses.dataclass(frozen=True)
class Parallel(base.Pattern):
    """`(t.)(t.)(t.)(ts)(Es)(ps)…(p#)` for delay 3 and four text ids."""

    delay: int = 0

    def turns(self, cursor):
        xp = cursor.slot.__array_namespace__()
        text_B = xp.where(cursor.text_open, base.SAMPLED, base.FORCED)
        speaks = cursor.speech_open & (cursor.frame >= self.delay)
        return text_B, xp.where(speaks, base.SAMPLED, base.SILENT)

    def next_slot(self, cursor, text_open, speech_open):
        return cursor.slot

    @property
    def open_cycle(self):
        return (base.BOTH,) * CYCLE

    @property
    def tail_cycle(self):
        return (base.SPEECH,) * CYCLE
