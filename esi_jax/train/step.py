"""One update and one evaluation of a batch."""

import functools

import jax
import jax.numpy as jnp
import optax

from esi_jax.data.pack import Batch
from esi_jax.train.loss import LossConfig, loss_fn
from esi_jax.train.state import TrainState

Metrics = dict[str, jax.Array]


@functools.partial(jax.jit, static_argnames=('tx', 'loss', 'dtype', 'remat'),
                   donate_argnames='state')
def train_step(tx: optax.GradientTransformation, loss: LossConfig, state: TrainState, batch: Batch,
               *, dtype: str = 'float32', remat: bool = False) -> tuple[TrainState, Metrics]:
    """Parameters and moments stay float32; the forward and backward pass run in `dtype`."""

    def of(model):
        return loss_fn(jax.tree.map(lambda x: x.astype(dtype), model), loss, batch, remat=remat)

    grads, metrics = jax.grad(of, has_aux=True)(state.model)
    updates, opt_state = tx.update(grads, state.opt_state, state.model)
    metrics['grad_norm'] = optax.tree.norm(grads)
    return TrainState(state.step + 1, optax.apply_updates(state.model, updates), opt_state), metrics


@functools.partial(jax.jit, static_argnames='loss')
def eval_step(loss: LossConfig, model, batch: Batch) -> Metrics:
    return loss_fn(jax.tree.map(lambda x: x.astype(jnp.float32), model), loss, batch)[1]
