"""A speech LM: frames and audio in, one head per column out."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from esi_jax import sharding
from esi_jax.model import layers
from esi_jax.model.backbone import Backbone
from esi_jax.model.cache import KVCache
from esi_jax.model.config import ModelConfig
from esi_jax.patterns.base import SILENT_ID, Heads


class Logits(NamedTuple):
    """None where a head was not asked for; speech holds one array a column."""

    text_BxTxV: jax.Array | None
    speech_BxTxV: tuple[jax.Array, ...] | None


class Adapter(nnx.Module):
    """Stacked audio-encoder frames to prompt embeddings."""

    def __init__(self, config: ModelConfig, rngs: nnx.Rngs):
        width = config.audio_dim * config.audio_stack
        self.in_DxA = layers.normal(rngs(), (config.d_model, width), ('embed', 'audio'),
                                    width ** -0.5)
        self.bias_D = nnx.Param(jnp.zeros(config.d_model), axes=('embed',))

    def __call__(self, audio_BxTxA: jax.Array) -> jax.Array:
        y = jnp.einsum('bta,da->btd', audio_BxTxA, self.in_DxA[...],
                       out_sharding=sharding.out('batch', None, None))
        return y + sharding.reshard(self.bias_D[...], None)[None, None]


class SpeechLM(nnx.Module):
    """Column c of a frame has a table and a head of its own (design: (a, b) is not (b, a))."""

    def __init__(self, config: ModelConfig, key: jax.Array):
        rngs = nnx.Rngs(key)
        padded = [-(-rows // config.table_multiple) * config.table_multiple for rows in config.rows]
        scale = config.d_model ** -0.5

        def tables() -> nnx.List:
            return nnx.List([layers.normal(rngs(), (rows, config.d_model), ('vocab', 'embed'),
                                           scale) for rows in padded])

        self.embeds_VxD = tables()
        self.heads_VxD = tables()
        self.adapter = Adapter(config, rngs)
        self.backbone = Backbone(config, rngs())
        self.config = config

    def embed(self, f_BxTxC: jax.Array) -> jax.Array:
        """Mean over the columns that speak (the paper's averaging); zero where none does."""
        says_BxTxC = f_BxTxC != SILENT_ID
        out = sharding.out('batch', None, None)
        total = jnp.zeros((), self.embeds_VxD[0].dtype)
        for c, table_VxD in enumerate(self.embeds_VxD):
            x_BxTxD = table_VxD[...].at[jnp.maximum(f_BxTxC[..., c], 0)].get(out_sharding=out)
            total = total + jnp.where(says_BxTxC[..., c:c + 1], x_BxTxD, 0)
        return total / jnp.maximum(says_BxTxC.sum(axis=-1, keepdims=True), 1).astype(total.dtype)

    def embed_inputs(self, f_BxTxC: jax.Array, audio_BxTxA: jax.Array) -> jax.Array:
        """Frames and audio in one sequence: a position where every column is silent is audio."""
        is_audio_BxTx1 = (f_BxTxC == SILENT_ID).all(axis=-1, keepdims=True)
        x_BxTxD = self.embed(f_BxTxC)
        return jnp.where(is_audio_BxTx1, self.adapter(audio_BxTxA.astype(x_BxTxD.dtype)), x_BxTxD)

    def __call__(self, x_BxTxD: jax.Array, pos_BxT: jax.Array, seg_BxT: jax.Array | None = None,
                 cache: KVCache | None = None, *, remat: bool = False
                 ) -> tuple[jax.Array, Any]:
        seg_BxT = jnp.ones_like(pos_BxT) if seg_BxT is None else seg_BxT
        return self.backbone(x_BxTxD, pos_BxT, seg_BxT, cache, remat=remat)

    def heads(self, h_BxTxD: jax.Array, which: Heads) -> Logits:
        """Float32 logits of the heads that `which` names; the others' bytes are never read."""
        text, *speech = zip(self.heads_VxD, self.config.rows)
        return Logits(_head(h_BxTxD, *text) if which.text else None,
                      tuple(_head(h_BxTxD, *pair) for pair in speech) if which.speech else None)


def _head(h_BxTxD: jax.Array, table_VxD: nnx.Param, rows: int) -> jax.Array:
    logits_BxTxV = jnp.einsum('btd,vd->btv', h_BxTxD, table_VxD[...],
                              out_sharding=sharding.out('batch', None, 'vocab'),
                              preferred_element_type=jnp.float32)
    is_id_1x1xV = (jnp.arange(logits_BxTxV.shape[-1]) < rows)[None, None]
    return jnp.where(is_id_1x1xV, logits_BxTxV, jnp.finfo(jnp.float32).min)
