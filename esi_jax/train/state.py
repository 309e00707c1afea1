"""Training state: made in its shards, so that nothing is ever whole on one device."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from esi_jax import sharding
from esi_jax.model.config import ModelConfig
from esi_jax.model.speech_lm import SpeechLM


class TrainState(NamedTuple):
    step: jax.Array
    model: SpeechLM
    opt_state: optax.OptState


def init_state(config: ModelConfig, tx: optax.GradientTransformation, key: jax.Array,
               mesh: jax.sharding.Mesh) -> TrainState:
    """eval_shape -> shardings -> jit(init). Equal keys give equal weights, whatever the pattern."""

    def init(key: jax.Array) -> TrainState:
        model = SpeechLM(config, key)
        return TrainState(jnp.zeros((), jnp.int32), model, tx.init(model))

    shardings = sharding.of_params(jax.eval_shape(init, key), mesh)
    return jax.jit(init, out_shardings=shardings)(key)
