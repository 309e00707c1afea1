"""Cross-entropy per modality over its own vocabulary, averaged within the modality, then weighted.

Text is about one target in nine: under a plain mean over tokens it starves.
"""

import dataclasses

import jax
import jax.numpy as jnp

from esi_jax.data.pack import Batch
from esi_jax.model.speech_lm import SpeechLM
from esi_jax.patterns import FORCED, SAMPLED, Array, Heads


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """Weights of the modality means; `pad` is what a forced text pad counts beside a text id."""

    text: float = 1.0
    speech: float = 1.0
    pad: float = 0.0


def loss_fn(model: SpeechLM, config: LossConfig, batch: Batch, *, remat: bool = False
            ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """(loss, metrics): nats per id of each modality, the share that argmax gets right, counts."""
    x_BxTxD = model.embed_inputs(batch.input_BxTxC, batch.audio_BxTxA)
    h_BxTxD, _ = model(x_BxTxD, batch.pos_BxT, batch.seg_BxT, remat=remat)
    text_logits, speech_logits = model.heads(h_BxTxD, Heads(True, True))
    roles_BxTxC, target_BxTxC = batch.roles_BxTxC, batch.target_BxTxC
    text_weight_BxT = (roles_BxTxC[..., 0] == SAMPLED) + config.pad * (
        roles_BxTxC[..., 0] == FORCED)
    text = _sums(text_logits, target_BxTxC[..., 0], text_weight_BxT)
    speech = jnp.zeros(3)
    for k, logits_BxTxV in enumerate(speech_logits or ()):
        weight_BxT = (roles_BxTxC[..., k + 1] == SAMPLED).astype(jnp.float32)
        speech = speech + _sums(logits_BxTxV, target_BxTxC[..., k + 1], weight_BxT)
    text_loss, text_accuracy = text[:2] / jnp.maximum(text[2], 1)
    speech_loss, speech_accuracy = speech[:2] / jnp.maximum(speech[2], 1)
    loss = config.text * text_loss + config.speech * speech_loss
    return loss, {'loss': loss, 'text_loss': text_loss, 'speech_loss': speech_loss,
                  'text_accuracy': text_accuracy, 'speech_accuracy': speech_accuracy,
                  'text_ids': text[2], 'speech_ids': speech[2],
                  'positions': (batch.seg_BxT > 0).sum()}


def _sums(logits_BxTxV: Array, target_BxT: Array, weight_BxT: Array) -> jax.Array:
    """[weighted cross-entropy, weighted hits, weight]; works on a sharded vocabulary."""
    is_target_BxTxV = jnp.arange(logits_BxTxV.shape[-1])[None, None] == target_BxT[..., None]
    chosen_BxT = jnp.where(is_target_BxTxV, logits_BxTxV, 0).sum(axis=-1)
    nats_BxT = jax.nn.logsumexp(logits_BxTxV, axis=-1) - chosen_BxT
    hits_BxT = jnp.argmax(logits_BxTxV, axis=-1) == target_BxT
    return jnp.stack([(weight_BxT * nats_BxT).sum(), (weight_BxT * hits_BxT).sum(),
                      weight_BxT.sum()])
