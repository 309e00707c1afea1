"""Finite scalar quantisation (Mentzer et al. 2023, arXiv:2309.15505).

Each channel is squashed to a small odd or even number of levels and rounded; a code is the mixed
radix number of its channels. There is no codebook to learn and none to collapse.
"""

import dataclasses
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np


@dataclasses.dataclass(frozen=True)
class FSQ:
    """`levels` of one code's channels; a frame holds `columns` such codes side by side."""

    levels: tuple[int, ...] = (8, 5, 5, 5)
    columns: int = 1

    @property
    def size(self) -> int:
        return math.prod(self.levels)

    @property
    def channels(self) -> int:
        return self.columns * len(self.levels)

    def quantise(self, z: jax.Array) -> jax.Array:
        """[..., channels] any real numbers to grid points in [-1, 1]; gradients pass through."""
        levels = _last(self.levels * self.columns, z.ndim).astype(np.float32)
        half = (levels - 1) * 1.001 / 2  # slack, so that the outer levels are reached
        offset = np.where(levels % 2 == 0, 0.5, 0.0).astype(np.float32)
        bounded = jnp.tanh(z + np.arctanh(offset / half)) * half - offset
        rounded = bounded + jax.lax.stop_gradient(jnp.round(bounded) - bounded)
        return rounded / (levels // 2)

    def to_codes(self, grid: jax.Array) -> jax.Array:
        """Grid points [..., channels] to codes [..., columns] int32 below `size`."""
        levels = _last(self.levels, grid.ndim + 1)
        radix = _last(np.cumprod([1, *self.levels[:-1]]), grid.ndim + 1)
        channels = grid.reshape(*grid.shape[:-1], self.columns, len(self.levels))
        digits = (channels + 1) * (levels // 2)
        return jnp.sum(jnp.round(digits).astype(jnp.int32) * radix, -1, dtype=jnp.int32)

    def from_codes(self, codes: jax.Array) -> jax.Array:
        """Codes [..., columns] to grid points [..., channels]."""
        levels = _last(self.levels, codes.ndim + 1)
        radix = _last(np.cumprod([1, *self.levels[:-1]]), codes.ndim + 1)
        digits = codes[..., None] // radix % levels
        grid = (digits - levels // 2) / (levels // 2)
        return grid.reshape(*codes.shape[:-1], self.channels).astype(jnp.float32)


def _last(values: Sequence[int] | np.ndarray, ndim: int) -> np.ndarray:
    return np.asarray(values, np.int32).reshape((1,) * (ndim - 1) + (-1,))
