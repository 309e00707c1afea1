"""The KV cache: one K and one V array a layer, apart, since stacking them would copy them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from esi_jax import sharding
from esi_jax.model.config import ModelConfig


class KVCache(NamedTuple):
    k_BxSxNxH: tuple[jax.Array, ...]
    v_BxSxNxH: tuple[jax.Array, ...]


def init_cache(config: ModelConfig, batch: int, length: int, dtype=jnp.float32) -> KVCache:
    """An empty cache of `length` positions a row, sharded over the mesh in force."""
    shape = (batch, length, config.kv_heads, config.head_dim)

    def zeros() -> jax.Array:
        return sharding.reshard(jnp.zeros(shape, dtype), 'batch', None, 'kv_heads', None)

    return KVCache(tuple(zeros() for _ in range(config.layers)),
                   tuple(zeros() for _ in range(config.layers)))
