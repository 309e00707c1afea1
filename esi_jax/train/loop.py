"""The training loop: dispatch an update, then read the metrics of the one before."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import grain
import jax
import numpy as np
import optax
from rich.progress import Progress

from esi_jax import sharding
from esi_jax.data import pack
from esi_jax.model.config import ModelConfig
from esi_jax.model.speech_lm import SpeechLM
from esi_jax.patterns import Pattern
from esi_jax.train import optim
from esi_jax.train.checkpoint import Checkpoints
from esi_jax.train.log import Log
from esi_jax.train.loss import LossConfig
from esi_jax.train.state import TrainState, init_state
from esi_jax.train.step import eval_step, train_step


@dataclasses.dataclass(frozen=True)
class LoopConfig:
    updates: int
    seed: int = 0
    dtype: str = 'float32'  # of the forward and backward pass
    remat: bool = False
    log_every: int = 25
    eval_every: int = 100  # updates between looks at the held-out loss and an audible answer
    eval_batches: int = 4
    save_every: int = 100


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    data: int = 1
    fsdp: int = 1
    tensor: int = 1


def train(workdir: Path, pattern: Pattern, model: ModelConfig, pack_config: pack.PackConfig,
          optim_config: optim.OptimConfig, loss: LossConfig, config: LoopConfig, mesh: MeshConfig,
          train_source, test_source,
          on_eval: Callable[[SpeechLM, int, Log], None] = lambda *_: None) -> SpeechLM:
    """Trains, or goes on from the newest checkpoint in `workdir`, and returns the model."""
    device_mesh = sharding.make_mesh(mesh.data, mesh.fsdp, mesh.tensor)
    with jax.set_mesh(device_mesh):
        tx = optim.optimizer(optim_config, config.updates)
        state = init_state(model, tx, jax.random.key(config.seed), device_mesh)
        checkpoints = Checkpoints(workdir / 'checkpoints')
        train_batches = iter(_batches(train_source, pattern, model, pack_config, config.seed)
                             .to_iter_dataset(grain.ReadOptions(num_threads=1,
                                                                prefetch_buffer_size=4)))
        test_batches = _batches(test_source, pattern, model, pack_config, 0)
        restored = checkpoints.restore(state)
        if restored:
            state, cursor = restored
            train_batches.set_state(cursor)
        log = Log(workdir, int(state.step))
        if not restored:
            checkpoints.save(0, state, train_batches.get_state())
        try:
            return _run(state, tx, loss, config, device_mesh, train_batches, test_batches,
                        checkpoints, log, on_eval)
        finally:
            checkpoints.close()
            log.close()


def _run(state: TrainState, tx: optax.GradientTransformation, loss: LossConfig, config: LoopConfig,
         mesh: jax.sharding.Mesh, train_batches, test_batches, checkpoints: Checkpoints, log: Log,
         on_eval: Callable) -> SpeechLM:
    first, previous = int(state.step), None
    with Progress(disable=None, transient=True) as progress:
        bar = progress.add_task('training', total=config.updates, completed=first)
        for step in range(first + 1, config.updates + 1):
            state, metrics = train_step(tx, loss, state, put(next(train_batches), mesh),
                                        dtype=config.dtype, remat=config.remat)
            if previous and (step - 1) % config.log_every == 0:
                log.write(step - 1, previous)
            previous = metrics
            if step % config.save_every == 0 or step == config.updates:
                checkpoints.save(step, state, train_batches.get_state())
            if step % config.eval_every == 0 or step == config.updates:
                log.write(step, evaluate(loss, state.model, test_batches, config, mesh), 'test_')
                on_eval(state.model, step, log)
            progress.update(bar, completed=step)
        if previous:
            log.write(config.updates, previous)
    return state.model


def evaluate(loss: LossConfig, model: SpeechLM, batches, config: LoopConfig,
             mesh: jax.sharding.Mesh) -> dict[str, np.ndarray]:
    """Mean metrics over the first held-out batches."""
    rows = [jax.device_get(eval_step(loss, model, put(batches[i], mesh)))
            for i in range(config.eval_batches)]
    return {name: np.mean([row[name] for row in rows]) for name in rows[0]}


def put(batch: pack.Batch, mesh: jax.sharding.Mesh) -> pack.Batch:
    """This process's rows as part of the global batch."""
    return jax.tree.map(lambda x: jax.make_array_from_process_local_data(
        jax.NamedSharding(mesh, sharding.spec('batch')), x), batch)


def _batches(source, pattern: Pattern, model: ModelConfig, config: pack.PackConfig, seed: int):
    return pack.batches(source, pattern, model.audio_stack, config, seed, jax.process_index(),
                        jax.process_count())
