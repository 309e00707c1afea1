"""The two TFDS data sets, written and read as array_record without TensorFlow.

`spoken_qa` holds sound, `spoken_qa_tokens` what a model trains on. Any TFDS reader opens them:
`tfds.data_source('spoken_qa', data_dir='out/data')`. Examples stream to disk and stay in order.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from esi_jax.data.audio_feature import NumpyAudio
from esi_jax.data.records import ANSWER_RATE, QUESTION_RATE
from esi_jax.errors import UserError

Record = dict[str, Any]
Features = dict[str, Any]

VERSION = '1.0.0'
_TEXTS = ('id', 'category', 'question', 'answer', 'voice')
_MADE_BY = {'spoken_qa': 'python -m launch.curate --data_dir={}',
            'spoken_qa_tokens': 'python -m launch.tokenize --data_dir={}'}


def _texts() -> Features:
    texts: Features = {name: tfds.features.Text() for name in _TEXTS}
    return texts | {'aliases': tfds.features.Sequence(tfds.features.Text())}


def spoken_qa() -> Features:
    """Spoken questions with spoken answers, one sentence each."""
    return _texts() | {'question_audio': NumpyAudio(sample_rate=QUESTION_RATE),
                       'answer_audio': NumpyAudio(sample_rate=ANSWER_RATE)}


def spoken_qa_tokens(columns: int, width: int = 384) -> Features:
    """The same examples as question features [N, width] at 50 a second, answer text ids [T] and
    answer codes [M, columns] at 25 a second."""
    def tensor(dtype: Any, *shape: int | None) -> Any:
        return tfds.features.Tensor(shape=shape, dtype=dtype, encoding='bytes')

    return _texts() | {'features': tensor(np.float16, None, width), 'text': tensor(np.int32, None),
                       'codes': tensor(np.int32, None, columns)}


def write(data_dir: str | Path, name: str, features: Features,
          splits: Mapping[str, Callable[[], Iterable[Record]]], metadata: Mapping[str, str],
          shard: int = 1000) -> None:
    """Writes the data set, `shard` examples a file, and swaps it in for the older one, if any:
    killed midway, the older one stands. `metadata` stays with it; see `read_metadata`."""
    data_dir = Path(data_dir)
    staging, old = data_dir / f'.{name}.building', data_dir / f'.{name}.old'
    for leftover in (staging, old):
        shutil.rmtree(leftover, ignore_errors=True)
    staging.mkdir(parents=True)
    identity = tfds.core.dataset_info.DatasetIdentity(
        name=name, version=VERSION, data_dir=str(staging), module_name=__name__)
    writer = tfds.core.SequentialWriter(
        tfds.core.DatasetInfo(builder=identity, features=tfds.features.FeaturesDict(features),
                              metadata=tfds.core.MetadataDict(metadata), disable_shuffling=True),
        max_examples_per_shard=shard, file_format='array_record')
    writer.initialize_splits(list(splits))
    for split, records in splits.items():
        writer.add_examples({split: records()})
    writer.close_all()
    final = data_dir / name
    if final.exists():
        os.replace(final, old)
    final.mkdir()
    os.replace(staging, final / VERSION)
    shutil.rmtree(old, ignore_errors=True)


class Records:
    """A split as a random-access sequence of records whose texts are str. Grain reads it."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> Record:
        record = dict(self._source[int(index)])
        for name in _TEXTS:
            record[name] = record[name].decode()
        record['aliases'] = [alias.decode() for alias in record['aliases']]
        return record

    def __iter__(self) -> Iterator[Record]:
        return (self[index] for index in range(len(self)))


def load_records(data_dir: str | Path, name: str, split: str) -> Records:
    """The records of a split of 'spoken_qa' or 'spoken_qa_tokens'. Raises UserError where the data
    set or the split is missing or damaged, with the command that makes it."""
    builder = _open(data_dir, name)
    sizes = {name: info.num_examples for name, info in builder.info.splits.items()}
    if not sizes.get(split):
        raise UserError(f'data set {name} in {data_dir} has no examples in split {split!r}, only '
                        f'{sizes}; make it with '
                        f'{_MADE_BY[name].format(data_dir)}')
    return Records(builder.as_data_source(split))


def read_metadata(data_dir: str | Path, name: str) -> dict[str, str]:
    """What the writer noted about the data set: its config, or its tokenizer's digest."""
    return dict(_open(data_dir, name).info.metadata or {})


def exists(data_dir: str | Path, name: str) -> bool:
    """Whether the data set has been written to the end."""
    return (Path(data_dir) / name / VERSION / 'dataset_info.json').is_file()


def _open(data_dir: str | Path, name: str) -> tfds.core.DatasetBuilder:
    if name not in _MADE_BY:
        raise UserError(f'unknown data set {name!r}; the data sets are {", ".join(_MADE_BY)}')
    if not exists(data_dir, name):
        raise UserError(f'there is no data set {name} in {data_dir}; make it with '
                        f'{_MADE_BY[name].format(data_dir)}')
    folder = Path(data_dir) / name / VERSION
    try:
        return tfds.builder_from_directory(folder)
    except Exception as error:  # TFDS and protobuf raise many kinds for a damaged file
        raise UserError(f'data set {folder} is damaged ({error}); remove it and make it with '
                        f'{_MADE_BY[name].format(data_dir)}') from error
