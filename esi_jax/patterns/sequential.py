"""All of the text, then all of the speech; and text alone."""

import dataclasses

import numpy as np

from esi_jax.patterns import base


@dataclasses.dataclass(frozen=True)
class Sequential(base.Pattern):
    """`tt…E ss…#`"""

    def turns(self, cursor: base.Cursor) -> tuple[base.Array, base.Array]:
        xp = cursor.slot.__array_namespace__()
        return (xp.where(cursor.text_open, base.SAMPLED, base.SILENT),
                xp.where(cursor.text_open, base.SILENT, base.SAMPLED))


@dataclasses.dataclass(frozen=True)
class TextOnly(Sequential):
    """`tt…E`"""

    def start(self, batch: int) -> base.Cursor:
        return super().start(batch)._replace(speech_open=np.zeros(batch, bool))

    @property
    def open_cycle(self) -> tuple[base.Heads, ...]:
        return (base.TEXT,) * base.CYCLE

    @property
    def tail_cycle(self) -> tuple[base.Heads, ...]:
        return ()
