"""The training loop: dispatch an update, then read the metrics of the one before."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import grain
import jax
import numpy as np
import optax
from rich.progress import Progress

from esi_jax import sharding
from esi_jax.data.pack import Batch, PackConfig, batches
from esi_jax.model.config import ModelConfig
from esi_jax.model.speech_lm import SpeechLM
from esi_jax.patterns import parse
from esi_jax.train.checkpoint import Checkpoints
from esi_jax.train.log import Log
from esi_jax.train.loss import LossConfig
from esi_jax.train.optim import OptimConfig, optimizer
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


@dataclasses.dataclass(frozen=True)
class DataConfig:
    dir: str = 'out/data'
    name: str = 'spoken_qa_tokens'


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """One experiment; `pattern` is a spec that `patterns.parse` reads."""

    pattern: str
    model: ModelConfig
    loop: LoopConfig
    data: DataConfig = DataConfig()
    pack: PackConfig = PackConfig()
    optim: OptimConfig = OptimConfig()
    loss: LossConfig = LossConfig()
    mesh: MeshConfig = MeshConfig()


def train(workdir: Path, config: TrainConfig, train_source, test_source,
          on_eval: Callable[[SpeechLM, int, Log], None] = lambda *_: None) -> SpeechLM:
    """Trains, or goes on from the newest checkpoint in `workdir`, and returns the model."""
    mesh = sharding.make_mesh(*dataclasses.astuple(config.mesh))
    with jax.set_mesh(mesh):
        tx = optimizer(config.optim, config.loop.updates)
        state = init_state(config.model, tx, jax.random.key(config.loop.seed), mesh)
        checkpoints = Checkpoints(workdir / 'checkpoints')
        train_batches = iter(_batches(train_source, config, config.loop.seed).to_iter_dataset(
            grain.ReadOptions(num_threads=1, prefetch_buffer_size=4)))
        test_batches = _batches(test_source, config, 0)
        restored = checkpoints.restore(state)
        if restored:
            state, cursor = restored
            train_batches.set_state(cursor)
        log = Log(workdir, int(state.step))
        try:
            return _run(state, tx, config, mesh, train_batches, test_batches, checkpoints, log,
                        on_eval)
        finally:
            checkpoints.close()
            log.close()


def _run(state: TrainState, tx: optax.GradientTransformation, config: TrainConfig,
         mesh: jax.sharding.Mesh, train_batches, test_batches, checkpoints: Checkpoints, log: Log,
         on_eval: Callable) -> SpeechLM:
    loop, first, previous = config.loop, int(state.step), None
    with Progress(disable=not sys.stdout.isatty(), transient=True) as progress:
        bar = progress.add_task('training', total=loop.updates, completed=first)
        for step in range(first + 1, loop.updates + 1):
            state, metrics = train_step(tx, config.loss, state, put(next(train_batches), mesh),
                                        dtype=loop.dtype, remat=loop.remat)
            if previous and (step - 1) % loop.log_every == 0:
                log.write(step - 1, previous)
            previous = metrics
            if step % loop.save_every == 0 or step == loop.updates:
                checkpoints.save(step, state, train_batches.get_state())
            if step % loop.eval_every == 0 or step == loop.updates:
                log.write(step, evaluate(config, state.model, test_batches, mesh), 'test_')
                on_eval(state.model, step, log)
            progress.update(bar, completed=step)
        if previous:
            log.write(loop.updates, previous)
    return state.model


def evaluate(config: TrainConfig, model: SpeechLM, test_batches, mesh: jax.sharding.Mesh
             ) -> dict[str, np.ndarray]:
    """Mean metrics over the first held-out batches."""
    rows = [jax.device_get(eval_step(config.loss, model, put(test_batches[i], mesh)))
            for i in range(config.loop.eval_batches)]
    return {name: np.mean([row[name] for row in rows]) for name in rows[0]}


def put(batch: Batch, mesh: jax.sharding.Mesh) -> Batch:
    """This process's rows as part of the global batch."""
    return jax.tree.map(lambda x: jax.make_array_from_process_local_data(
        jax.NamedSharding(mesh, sharding.spec('batch')), x), batch)


def _batches(source, config: TrainConfig, seed: int) -> grain.MapDataset:
    pattern = parse(config.pattern, config.model.vocab)
    return batches(source, pattern, config.model.audio_stack, config.pack, seed,
                   jax.process_index(), jax.process_count())
