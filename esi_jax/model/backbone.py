"""The decoder stack: one scan over stacked layers in training, unrolled layers in decoding.

Scanning at decode costs a copy of every layer's weights each step (2.2 to 2.4 times the step time
on a CPU), so `unroll` turns the stacked parameters into a list once, before decoding.
"""

from typing import Any

import jax
from flax import nnx

from esi_jax import sharding
from esi_jax.model import attention, layers
from esi_jax.model.cache import KVCache
from esi_jax.model.config import ModelConfig


class Block(nnx.Module):

    def __init__(self, config: ModelConfig, rngs: nnx.Rngs):
        self.attention_norm = layers.RMSNorm(config.d_model, config.norm_eps)
        self.attention = attention.Attention(config, rngs)
        self.mlp_norm = layers.RMSNorm(config.d_model, config.norm_eps)
        self.mlp = layers.SwiGLU(config.d_model, config.d_ff, (2 * config.layers) ** -0.5, rngs)

    def __call__(self, x_BxTxD, pos_BxT, mask_BxTxS, cache):
        y, cache = self.attention(self.attention_norm(x_BxTxD), pos_BxT, mask_BxTxS, cache)
        x_BxTxD = x_BxTxD + y
        return x_BxTxD + self.mlp(self.mlp_norm(x_BxTxD)), cache


class Backbone(nnx.Module):

    def __init__(self, config: ModelConfig, key: jax.Array):
        keys = jax.random.split(key, config.layers)
        self.blocks = jax.vmap(lambda key: Block(config, nnx.Rngs(key)))(keys)
        self.norm = layers.RMSNorm(config.d_model, config.norm_eps)

    def __call__(self, x_BxTxD: jax.Array, pos_BxT: jax.Array, seg_BxT: jax.Array,
                 cache: KVCache | None = None, *, remat: bool = False
                 ) -> tuple[jax.Array, Any]:
        """Packed rows without a cache; rows at positions `pos_BxT` of a cache with one."""
        x_BxTxD = sharding.reshard(x_BxTxD, 'batch', None, None)
        if cache is None:
            mask_BxTxT = attention.packed_mask(seg_BxT)

            def layer(x, block):
                return block(x, pos_BxT, mask_BxTxT, None)[0], None

            layer = jax.checkpoint(layer) if remat else layer
            if isinstance(self.blocks, Block):
                x_BxTxD, _ = jax.lax.scan(layer, x_BxTxD, self.blocks)
            else:
                for block in self.blocks:
                    x_BxTxD, _ = layer(x_BxTxD, block)
            return self.norm(x_BxTxD), None
        if isinstance(self.blocks, Block):
            raise ValueError('decoding needs unrolled layers: call unroll(model) once before')
        mask_BxTxS = attention.cache_mask(pos_BxT, cache.k_BxSxNxH[0].shape[1])
        pairs = []
        for block, pair in zip(self.blocks, zip(*cache)):
            x_BxTxD, pair = block(x_BxTxD, pos_BxT, mask_BxTxS, pair)
            pairs.append(pair)
        return self.norm(x_BxTxD), KVCache(*zip(*pairs))


def unroll(model: Any) -> Any:
    """`model` with its stacked layers as a list, for decoding; the rest is shared."""
    graph, state = nnx.split(model)
    copy = nnx.merge(graph, state)
    backbone = copy.backbone
    if isinstance(backbone.blocks, Block):
        count = jax.tree.leaves(backbone.blocks)[0].shape[0]
        backbone.blocks = nnx.List([jax.tree.map(lambda x, i=i: x[i], backbone.blocks)
                                    for i in range(count)])
    return copy
