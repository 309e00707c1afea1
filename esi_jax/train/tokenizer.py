"""Trains the speech tokenizer."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from esi_jax.speech.codec import Codec, CodecConfig
from esi_jax.speech.losses import Batch, LossConfig, Metrics, loss_fn
from esi_jax.speech.rows import RowConfig, batches
from esi_jax.train.log import Log
from esi_jax.train.loop import LoopConfig, mean, run
from esi_jax.train.optim import OptimConfig, optimizer


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    loop: LoopConfig
    codec: CodecConfig = CodecConfig()
    rows: RowConfig = RowConfig()
    loss: LossConfig = LossConfig()
    optim: OptimConfig = OptimConfig(final=0.01, b2=0.98, weight_decay=0.01, clip=5.0)


class State(NamedTuple):
    step: jax.Array
    model: Codec
    opt_state: optax.OptState
    key: jax.Array  # of the vocoder's noise


def init_state(config: CodecConfig, tx: optax.GradientTransformation, seed: int) -> State:
    @jax.jit
    def init(key: jax.Array) -> State:
        model = Codec(config, jax.random.fold_in(key, 0))
        noise = jax.random.key_data(jax.random.fold_in(key, 1))
        return State(jnp.zeros((), jnp.int32), model, tx.init(model), noise)

    return init(jax.random.key(seed))


@functools.partial(jax.jit, static_argnames=('tx', 'loss'), donate_argnames='state')
def train_step(tx: optax.GradientTransformation, loss: LossConfig, state: State, batch: Batch
               ) -> tuple[State, Metrics]:
    key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
    grads, metrics = jax.grad(loss_fn, has_aux=True)(state.model, loss, batch, key)
    updates, opt_state = tx.update(grads, state.opt_state, state.model)
    metrics['grad_norm'] = optax.tree.norm(grads)
    model = optax.apply_updates(state.model, updates)
    return State(state.step + 1, model, opt_state, state.key), metrics


@functools.partial(jax.jit, static_argnames='loss')
def eval_step(loss: LossConfig, model: Codec, batch: Batch) -> Metrics:
    return loss_fn(model, loss, batch, jax.random.key(0))[1]


def train(workdir: Path, config: TrainConfig, train_sources: Sequence[Any],
          test_sources: Sequence[Any],
          on_eval: Callable[[Codec, int, Log], None] = lambda *_: None) -> Codec:
    """Trains, or goes on from the newest checkpoint in `workdir`, and returns the model."""
    loop, samples = config.loop, config.codec.samples
    tx = optimizer(config.optim, loop.updates, mask=None)
    state = init_state(config.codec, tx, loop.seed)
    held_out = iter(batches(test_sources, config.rows, samples, 0))
    test = [next(held_out) for _ in range(loop.eval_batches)]
    return run(workdir, loop, state, iter(batches(train_sources, config.rows, samples,
                                                       loop.seed)),
               lambda state, batch: train_step(tx, config.loss, state, batch),
               lambda state: mean([eval_step(config.loss, state.model, batch) for batch in test]),
               lambda state, *rest: on_eval(state.model, *rest)).model
