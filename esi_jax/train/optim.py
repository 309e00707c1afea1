"""AdamW under a warm-up and a cosine, gradients clipped."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import optax
from flax import nnx


@dataclasses.dataclass(frozen=True)
class OptimConfig:
    peak: float = 2e-3
    warmup: int = 100  # updates
    final: float = 0.05  # of the peak, at the last update
    b1: float = 0.9
    b2: float = 0.95
    weight_decay: float = 0.1
    clip: float = 1.0  # global norm


def schedule(config: OptimConfig, updates: int) -> optax.Schedule:
    return optax.warmup_cosine_decay_schedule(0.0, config.peak, min(config.warmup, updates // 2),
                                              updates, config.peak * config.final)


def is_matrix(params: Any) -> Any:
    """True where a parameter has two logical axes or more, stacked layers not counted."""
    return jax.tree.map(lambda x: x.replace(len(x.get_metadata()['axes']) > 1), params,
                        is_leaf=lambda x: isinstance(x, nnx.Variable))


@functools.lru_cache  # equal arguments give one object, and jit knows it again
def optimizer(config: OptimConfig, updates: int, mask: Callable[[Any], Any] | None = is_matrix
              ) -> optax.GradientTransformation:
    """Weight decay touches what `mask` marks: matrices, not norms and biases; None is all."""
    return optax.chain(optax.clip_by_global_norm(config.clip),
                       optax.adamw(schedule(config, updates), config.b1, config.b2,
                                   weight_decay=config.weight_decay, mask=mask))
