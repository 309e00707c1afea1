"""All of the text, then all of the speech; and text alone."""

import dataclasses

import numpy as np

from esi_jax.patterns import base
from esi_jax.patterns.parallel import CYCLE


@dataclasses.dataclass(frozen=True)
class Sequential(base.Pattern):
    """`tt…E ss…#`"""

    def turns(self, cursor):
        xp = cursor.slot.__array_namespace__()
        return (xp.where(cursor.text_open, base.SAMPLED, base.SILENT),
                xp.where(cursor.text_open, base.SILENT, base.SAMPLED))

    def next_slot(self, cursor, text_open, speech_open):
        return cursor.slot

    @property
    def open_cycle(self):
        return (base.BOTH,) * CYCLE

    @property
    def tail_cycle(self):
        return (base.SPEECH,) * CYCLE


@dataclasses.dataclass(frozen=True)
class TextOnly(Sequential):
    """`tt…E`"""

    def start(self, batch):
        return super().start(batch)._replace(speech_open=np.zeros(batch, bool))

    @property
    def open_cycle(self):
        return (base.TEXT,) * CYCLE

    @property
    def tail_cycle(self):
        return ()
