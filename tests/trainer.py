"""A small training as a program of its own: python trainer.py workdir updates [die-at-update]."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import small

from esi_jax.data.pack import PackConfig
from esi_jax.train.lm import TrainConfig, train
from esi_jax.train.loop import LoopConfig


def records(count: int, seed: int = 0) -> list[dict]:
    rng = np.random.default_rng(seed)
    return [dict(features=rng.standard_normal((rng.integers(3, 20), 6)).astype(np.float16),
                 text=rng.integers(0, 13, rng.integers(1, 6)),
                 codes=rng.integers(0, 11, (rng.integers(3, 20), 1))) for _ in range(count)]


def experiment(updates: int, **loop) -> TrainConfig:
    return TrainConfig('esi:n=2,m=3', small.config(),
                       LoopConfig(updates, log_every=1, eval_every=1, eval_batches=1, **loop),
                       pack=PackConfig(examples=4, length=64))


if __name__ == '__main__':
    workdir, updates, die_at = sys.argv[1], int(sys.argv[2]), int((*sys.argv, 0)[3])

    def on_eval(model, step, log):
        if step == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    train(Path(workdir), experiment(updates, save_every=2), records(22), records(6, seed=1),
          on_eval)
