"""A trained speech LM as one file: float16 weights, the model's sizes and its pattern."""

import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from esi_jax import tree, weights_io
from esi_jax.config import from_dict, to_dict
from esi_jax.errors import UserError
from esi_jax.model.config import ModelConfig
from esi_jax.model.speech_lm import SpeechLM

SHIPPED = Path(__file__).parent.parent / 'weights'


def save_model(path: str | os.PathLike, model: SpeechLM, pattern: str, **facts: Any) -> None:
    """Writes `model` with its pattern's spec and the `facts` that `load_model` gives back.

    Of several processes the first one writes, after all have handed over their shards.
    """
    if jax.process_count() > 1:
        model = multihost_utils.process_allgather(model, tiled=True)
    if jax.process_index():
        return
    flat = {name: np.asarray(x) for name, x in tree.flatten(model).items()}
    weights_io.save(path, flat, {'model': to_dict(model.config), 'pattern': pattern, **facts})


def load_model(path: str | os.PathLike, dtype: Any = jnp.float32) -> tuple[SpeechLM, dict]:
    """(model with stacked layers, config). Raises UserError where file and model do not match."""
    flat, config = weights_io.load(path)
    if 'model' not in config or 'pattern' not in config:
        raise UserError(f'{path} holds no speech LM; name a file that launch.train wrote')
    like = jax.eval_shape(lambda: SpeechLM(from_dict(ModelConfig, config['model']),
                                           jax.random.key(0)))
    want = {name: x.shape for name, x in tree.flatten(like).items()}
    have = {name: x.shape for name, x in flat.items()}
    wrong = sorted(name for name in want.keys() | have.keys() if want.get(name) != have.get(name))
    if wrong:
        raise UserError(f'{path}: tensor {wrong[0]} is {have.get(wrong[0])}, the model wants '
                        f'{want.get(wrong[0])}; it was written by another version, train it again')
    return tree.unflatten(like, {name: jnp.asarray(x, dtype) for name, x in flat.items()}), config
