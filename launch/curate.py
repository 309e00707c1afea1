"""Speaks the questions and answers and writes them as the TFDS data set spoken_qa.

    python -m launch.curate --config=configs/data.py --data_dir=out/data

Killed, it goes on where it was: each spoken pair is kept under <data_dir>/cache/spoken_qa, which
may be deleted once the data set is built.
"""

import functools
import io
import json
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from ml_collections import config_flags
from rich.progress import track

from esi_jax import errors
from esi_jax.config import from_dict, to_dict
from esi_jax.data import dataset
from esi_jax.data.digest import digest
from esi_jax.data.records import SPLITS, DataConfig, Item, items, record
from esi_jax.speech.tts import check_voices
from esi_jax.weights_io import write_atomic

_CONFIG = config_flags.DEFINE_config_file('config', 'configs/data.py', 'What to say.',
                                          lock_config=True)
_DATA_DIR = flags.DEFINE_string('data_dir', 'out/data', 'Where the data set goes.')
_SPLITS = flags.DEFINE_list('splits', list(SPLITS), 'Which splits to make.')
_LIMIT = flags.DEFINE_integer('limit', 0, 'Only this many examples of each split; 0: all.',
                              lower_bound=0)
_WORKERS = flags.DEFINE_integer('workers', min(2, os.cpu_count() or 1), 'Processes that speak.',
                                lower_bound=1)


def _cached(job: tuple[Item, Path]) -> Path:
    """Speaks an item unless its file is there already."""
    item, path = job
    if not path.exists():
        data = io.BytesIO()
        arrays: dict[str, Any] = {name: np.asarray(x) for name, x in record(item).items()}
        np.savez(data, **arrays)
        write_atomic(path, data.getvalue())
    return path


def _read(jobs: list[tuple[Item, Path]]) -> Iterator[dataset.Record]:
    for _, path in jobs:
        with np.load(path) as file:
            yield {name: file[name] if name.endswith('_audio') else file[name].tolist()
                   for name in file.files}


def main(argv: list[str]) -> None:
    del argv
    config = from_dict(DataConfig, _CONFIG.value.to_dict())
    wanted = {split: items(config, split)[:_LIMIT.value or None] for split in _SPLITS.value}
    check_voices(tuple({voice for split in wanted.values() for item in split
                        for voice in (item.voice, item.answer_voice)}))
    note = {'config': json.dumps(to_dict(config)), 'items': str(digest(*wanted.items()))}
    if (dataset.exists(_DATA_DIR.value, 'spoken_qa')
            and dataset.read_metadata(_DATA_DIR.value, 'spoken_qa') == note):
        print(f'spoken_qa in {_DATA_DIR.value} is complete and made from this config')
        return

    cache = Path(_DATA_DIR.value) / 'cache' / 'spoken_qa'
    jobs = {split: [(item, cache / f'{digest(item):016x}.npz') for item in chosen]
            for split, chosen in wanted.items()}
    with multiprocessing.get_context('spawn').Pool(_WORKERS.value) as pool:
        for split, todo in jobs.items():
            for _ in track(pool.imap_unordered(_cached, todo, chunksize=4),
                           description=f'speaking {split}', total=len(todo)):
                pass
    dataset.write(_DATA_DIR.value, 'spoken_qa', dataset.spoken_qa(),
                  {split: functools.partial(_read, todo) for split, todo in jobs.items()}, note)
    for split, todo in jobs.items():
        print(f'{split}: {len(todo)} examples in {_DATA_DIR.value}/spoken_qa')


if __name__ == '__main__':
    errors.run(main)
