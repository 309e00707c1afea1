"""Trains a speech LM: one experiment is one TrainConfig."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import grain
import jax

from esi_jax import sharding
from esi_jax.data.pack import Batch, PackConfig, batches
from esi_jax.errors import UserError
from esi_jax.model.config import ModelConfig
from esi_jax.model.speech_lm import SpeechLM
from esi_jax.patterns import parse
from esi_jax.train.log import Log
from esi_jax.train.loop import LoopConfig, Metrics, mean, run
from esi_jax.train.loss import LossConfig
from esi_jax.train.optim import OptimConfig, optimizer
from esi_jax.train.state import TrainState, init_state
from esi_jax.train.step import eval_step, train_step


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
    dtype: str = 'float32'  # of the forward and backward pass
    remat: bool = False


def train(workdir: Path, config: TrainConfig, train_source, test_source,
          on_eval: Callable[[SpeechLM, int, Log], None] = lambda *_: None) -> SpeechLM:
    """Trains, or goes on from the newest checkpoint in `workdir`, and returns the model."""
    mesh = sharding.make_mesh(*dataclasses.astuple(config.mesh))
    with jax.set_mesh(mesh):
        config = dataclasses.replace(config, pack=_divisible(config.pack))
        tx = optimizer(config.optim, config.loop.updates)
        state = init_state(config.model, tx, jax.random.key(config.loop.seed), mesh)
        train_batches = iter(_batches(train_source, config, config.loop.seed).to_iter_dataset(
            grain.ReadOptions(num_threads=1, prefetch_buffer_size=4)))
        test_batches = _batches(test_source, config, 0)

        def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
            return train_step(tx, config.loss, state, put(batch, mesh), dtype=config.dtype,
                              remat=config.remat)

        def evaluate(state: TrainState) -> Metrics:
            return mean([eval_step(config.loss, state.model, put(test_batches[i], mesh))
                         for i in range(config.loop.eval_batches)])

        return run(workdir, config.loop, state, train_batches, step, evaluate,
                   lambda state, *rest: on_eval(state.model, *rest)).model


def _divisible(config: PackConfig) -> PackConfig:
    """Row counts that the mesh in force divides."""
    shards = sharding.batch_shards()
    if config.rows % shards:
        raise UserError(f'pack.rows is {config.rows} and the mesh splits a batch {shards} ways; '
                        'write a multiple')
    return dataclasses.replace(config, row_multiple=math.lcm(config.row_multiple, shards))


def put(batch: Batch, mesh: jax.sharding.Mesh) -> Batch:
    """This process's rows as part of the global batch."""
    return jax.tree.map(lambda x: jax.make_array_from_process_local_data(
        jax.NamedSharding(mesh, sharding.spec('batch')), x), batch)


def _batches(source, config: TrainConfig, seed: int) -> grain.MapDataset:
    pattern = parse(config.pattern, config.model.vocab)
    return batches(source, pattern, config.model.audio_stack, config.pack, seed,
                   jax.process_index(), jax.process_count())
