"""Metrics to a JSON-lines file, TensorBoard and the terminal; a resumed run cuts its log back."""

import json
import time
from pathlib import Path

import jax
import numpy as np
from tensorboardX import SummaryWriter

from esi_jax.weights_io import write_atomic


class Log:
    """Written by the first process alone."""

    def __init__(self, folder: Path, step: int):
        """Keeps the whole lines of the log up to `step`, where the run goes on."""
        self._mute = jax.process_index() > 0
        if self._mute:
            return
        self._path = folder / 'log.jsonl'
        folder.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            lines = [line for line in self._path.read_text().splitlines()
                     if line.endswith('}') and json.loads(line)['step'] <= step]
            write_atomic(self._path, ''.join(f'{line}\n' for line in lines).encode())
        self._board = SummaryWriter(str(folder / 'tensorboard'),
                                    purge_step=step + 1 if step else None)
        self._start = time.monotonic()
        self._held: tuple[int, dict] | None = None

    def hold(self, step: int, metrics: dict) -> None:
        """Keeps metrics on the device until `flush` writes them."""
        if not self._mute:
            self._held = step, metrics

    def flush(self) -> None:
        if not self._mute and self._held:
            held, self._held = self._held, None
            self.write(*held)

    def write(self, step: int, metrics: dict, prefix: str = '') -> None:
        """One line; fetches `metrics` from the device."""
        if self._mute:
            return
        values = {f'{prefix}{name}': round(float(x), 5)
                  for name, x in jax.device_get(metrics).items()}
        line = {'step': step, **values, 'seconds': round(time.monotonic() - self._start, 1)}
        with self._path.open('a') as file:
            file.write(json.dumps(line) + '\n')
        for name, value in values.items():
            self._board.add_scalar(name, value, step)
        shown = '  '.join(f'{name} {value:.4g}' for name, value in values.items())
        print(f'{step:6d}  {shown}', flush=True)

    def audio(self, step: int, name: str, wav_T: np.ndarray, rate: int, text: str) -> None:
        if self._mute:
            return
        self._board.add_audio(name, wav_T[:, None], step, sample_rate=rate)
        self._board.add_text(name, text, step)
        print(f'{step:6d}  {name}: {text}', flush=True)

    def close(self) -> None:
        if not self._mute:
            self._board.close()
