"""Grouped-query attention, its masks, and the only place that writes the KV cache."""

import jax
import jax.numpy as jnp
from flax import nnx

from esi_jax import sharding
from esi_jax.model import layers
from esi_jax.model.config import ModelConfig

Pair = tuple[jax.Array, jax.Array]  # this layer's (k, v), each BxSxNxH


class Attention(nnx.Module):

    def __init__(self, config: ModelConfig, rngs: nnx.Rngs):
        d, h = config.d_model, config.head_dim
        self.q_NxHxD = layers.normal(rngs(), (config.heads, h, d),
                                     ('heads', 'head_dim', 'embed'), d ** -0.5)
        self.k_NxHxD = layers.normal(rngs(), (config.kv_heads, h, d),
                                     ('kv_heads', 'head_dim', 'embed'), d ** -0.5)
        self.v_NxHxD = layers.normal(rngs(), (config.kv_heads, h, d),
                                     ('kv_heads', 'head_dim', 'embed'), d ** -0.5)
        self.o_DxNxH = layers.normal(rngs(), (d, config.heads, h), ('embed', 'heads', 'head_dim'),
                                     (2 * config.layers * config.heads * h) ** -0.5)
        if config.qkv_bias:
            self.q_bias_NxH = nnx.Param(jnp.zeros((config.heads, h)), axes=('heads', 'head_dim'))
            self.k_bias_NxH = nnx.Param(jnp.zeros((config.kv_heads, h)),
                                        axes=('kv_heads', 'head_dim'))
            self.v_bias_NxH = nnx.Param(jnp.zeros((config.kv_heads, h)),
                                        axes=('kv_heads', 'head_dim'))
        self.config = config

    def __call__(self, x_BxTxD: jax.Array, pos_BxT: jax.Array, mask_BxTxS: jax.Array,
                 cache: Pair | None) -> tuple[jax.Array, Pair | None]:
        c = self.config
        q, k, v = self._project('q', x_BxTxD), self._project('k', x_BxTxD), self._project(
            'v', x_BxTxD)
        q = layers.rope(q, pos_BxT, c.rope_theta, c.rotary_fraction)
        k = layers.rope(k, pos_BxT, c.rope_theta, c.rotary_fraction)
        if cache is not None:
            cache = k, v = _write(cache[0], k, pos_BxT), _write(cache[1], v, pos_BxT)
        groups = c.heads // c.kv_heads
        q_BxTxNxGxH = q.reshape(*q.shape[:2], c.kv_heads, groups, c.head_dim)
        logits_BxNxGxTxS = jnp.einsum('btngh,bsnh->bngts', q_BxTxNxGxH, k,
                                      preferred_element_type=jnp.float32) * c.head_dim ** -0.5
        logits_BxNxGxTxS = jnp.where(mask_BxTxS[:, None, None], logits_BxNxGxTxS,
                                     jnp.finfo(jnp.float32).min)
        weights_BxNxGxTxS = jax.nn.softmax(logits_BxNxGxTxS, axis=-1).astype(v.dtype)
        y_BxTxNxGxH = jnp.einsum('bngts,bsnh->btngh', weights_BxNxGxTxS, v)
        y_BxTxNxH = y_BxTxNxGxH.reshape(q.shape)
        out_BxTxD = jnp.einsum('btnh,dnh->btd', y_BxTxNxH, self.o_DxNxH[...],
                               out_sharding=sharding.out('batch', None, None))
        return out_BxTxD, cache

    def _project(self, name: str, x_BxTxD: jax.Array) -> jax.Array:
        axis = 'heads' if name == 'q' else 'kv_heads'
        y = jnp.einsum('btd,nhd->btnh', x_BxTxD, getattr(self, f'{name}_NxHxD')[...],
                       out_sharding=sharding.out('batch', None, axis, None))
        if self.config.qkv_bias:
            y = y + getattr(self, f'{name}_bias_NxH')[...][None, None]
        return y


def _write(cache_BxSxNxH: jax.Array, new_BxTxNxH: jax.Array, pos_BxT: jax.Array) -> jax.Array:
    """Each row's new entries at its own position, in place under donation.

    A row that stalls writes the same values to the same place again. The caller keeps
    pos + T <= S, so the slice never clamps onto another slot.
    """
    put = jax.vmap(lambda row, new, at: jax.lax.dynamic_update_slice_in_dim(row, new, at, 0))
    new_BxTxNxH = new_BxTxNxH.astype(cache_BxSxNxH.dtype)
    cache_and_new = sharding.reshard((cache_BxSxNxH, new_BxTxNxH), 'batch', None, 'kv_heads', None)
    return put(*cache_and_new, sharding.reshard(pos_BxT[:, 0], 'batch'))


def packed_mask(seg_BxT: jax.Array) -> jax.Array:
    """bool_BxTxT: causal, and within one segment; segment 0 is padding and sees itself alone."""
    length = seg_BxT.shape[1]
    causal_1xTxT = jnp.tri(length, dtype=bool)[None]
    return causal_1xTxT & (seg_BxT[:, :, None] == seg_BxT[:, None, :])


def cache_mask(pos_BxT: jax.Array, length: int) -> jax.Array:
    """bool_BxTxS: what position `pos` may see of a cache whose slots are positions."""
    return jnp.arange(length)[None, None] <= pos_BxT[:, :, None]
