"""Token choice: greedy, temperature, top-k, top-p. Every row has a key of its own."""

import dataclasses

import jax
import jax.numpy as jnp

from esi_jax import sharding
from esi_jax.errors import UserError

NEVER = jnp.finfo(jnp.float32).min


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How one modality is sampled. temperature 0 is greedy; top_k 0 and top_p 1 are off.

    One id so many times in a row as `repeats` says ends the answer.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repeats: int = 50

    def __post_init__(self):
        if (self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1
                or self.repeats < 1):
            raise UserError(f'{self} cannot be used; write temperature >= 0, top_k >= 0, '
                            '0 < top_p <= 1 and repeats >= 1')


@dataclasses.dataclass(frozen=True)
class Sampler:
    """Text and speech are sampled apart."""

    text: Sampling = Sampling(repeats=10)
    speech: Sampling = Sampling()


def sample(sampling: Sampling, key_B: jax.Array, logits_BxV: jax.Array) -> jax.Array:
    """int32_B. Row b depends on key_B[b] and logits_BxV[b] alone."""
    logits_BxV = sharding.reshard(logits_BxV, 'batch', None)
    if sampling.temperature == 0:
        return jnp.argmax(logits_BxV, axis=-1).astype(jnp.int32)
    logits_BxV = _keep(sampling, logits_BxV / sampling.temperature)
    return jax.vmap(jax.random.categorical)(key_B, logits_BxV).astype(jnp.int32)


def _keep(sampling: Sampling, logits_BxV: jax.Array) -> jax.Array:
    """Lowers to NEVER what top-k and top-p (the smallest set that holds that mass) leave out."""
    if sampling.top_k:
        least_Bx1 = jax.lax.top_k(logits_BxV, min(sampling.top_k, logits_BxV.shape[-1]))[0][:, -1:]
        logits_BxV = jnp.where(logits_BxV >= least_Bx1, logits_BxV, NEVER)
    if sampling.top_p < 1:
        sorted_BxV = jnp.sort(logits_BxV, axis=-1, descending=True)
        probs_BxV = jax.nn.softmax(sorted_BxV, axis=-1)
        before_BxV = jnp.cumsum(probs_BxV, axis=-1) - probs_BxV
        least_Bx1 = jnp.min(jnp.where(before_BxV < sampling.top_p, sorted_BxV, jnp.inf), axis=-1,
                            keepdims=True)
        logits_BxV = jnp.where(logits_BxV >= least_Bx1, logits_BxV, NEVER)
    return logits_BxV
