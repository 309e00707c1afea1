"""The training loop of every model here: resume, dispatch an update, read metrics one step late."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import jax
import numpy as np
from rich.progress import Progress

from esi_jax.errors import UserError
from esi_jax.train.checkpoint import Checkpoints
from esi_jax.train.log import Log

Metrics = dict[str, Any]


class State(Protocol):
    """A pytree that counts its updates."""

    @property
    def step(self) -> jax.Array: ...


S = TypeVar('S', bound=State)


@dataclasses.dataclass(frozen=True)
class LoopConfig:
    """Counts are in updates, 1 or more."""

    updates: int
    seed: int = 0
    log_every: int = 25
    eval_every: int = 200  # held-out metrics and something to hear
    eval_batches: int = 4
    save_every: int = 100

    def __post_init__(self) -> None:
        for name, count in dataclasses.asdict(self).items():
            if name != 'seed' and count < 1:
                raise UserError(f'loop.{name} is {count}; write 1 or more')


def run(workdir: Path, config: LoopConfig, state: S, batches: Any,
        step: Callable[[S, Any], tuple[S, Metrics]], evaluate: Callable[[S], Metrics],
        on_eval: Callable[[S, int, Log], None]) -> S:
    """Trains from `state`, or goes on exactly from the newest checkpoint in `workdir`.

    `batches` is an iterator with Grain's get_state and set_state.
    """
    checkpoints = Checkpoints(workdir / 'checkpoints')
    if restored := checkpoints.restore(state):
        state, cursor = restored
        batches.set_state(cursor)
    first = int(state.step)
    log = Log(workdir, first)
    try:
        with Progress(disable=not sys.stdout.isatty(), transient=True) as progress:
            bar = progress.add_task('training', total=config.updates, completed=first)
            for update in range(first + 1, config.updates + 1):
                last = update == config.updates
                state, metrics = step(state, next(batches))
                log.flush()  # the metrics of the update before: this one is under way
                if update % config.log_every == 0 or last:
                    log.hold(update, metrics)
                if update % config.eval_every == 0 or last:
                    log.write(update, evaluate(state), 'test_')
                    on_eval(state, update, log)
                if update % config.save_every == 0 or last:
                    log.flush()  # what a checkpoint has behind it is in the log
                    checkpoints.save(update, state, batches.get_state())
                progress.update(bar, completed=update)
    finally:
        checkpoints.close()
        log.close()
    return state


def mean(rows: list[Metrics]) -> Metrics:
    """The mean of each metric, on the host."""
    return jax.tree.map(lambda *x: np.mean(x), *jax.device_get(rows))
