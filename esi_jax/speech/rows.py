"""Whole utterances joined to rows of one length: one shape to compile, little padding, and every
row's text is known, as CTC needs."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import grain
import numpy as np
from grain.experimental import FirstFitPackIterDataset

from esi_jax.speech.codec import CHARACTERS
from esi_jax.speech.losses import Batch


@dataclasses.dataclass(frozen=True)
class RowConfig:
    codes: int = 150  # of a row; 6 s
    labels: int = 160  # characters of a row
    batch: int = 5
    bins: int = 16  # rows being filled at once


def to_labels(text: str) -> np.ndarray:
    """CTC labels of a sentence and the space after it; other signs than letters are not said."""
    return np.asarray([1 + CHARACTERS.index(c) for c in f'{text.lower()} ' if c in CHARACTERS],
                      np.int32)


def fits(config: RowConfig, samples: int, wav_T: np.ndarray, labels_N: np.ndarray) -> bool:
    """Whether an utterance is short enough for a row."""
    return len(wav_T) <= config.codes * samples and len(labels_N) <= config.labels


def batches(sources: Sequence[Any], config: RowConfig, samples: int, seed: int
            ) -> grain.IterDataset[Batch]:
    """Endless batches from records with `answer` and `answer_audio`; `samples` a code.

    Shuffled anew in each epoch; utterances that do not fit (see `fits`) are left out. The
    iterator's state can be kept and set.
    """
    def example(record: dict[str, Any]) -> dict[str, np.ndarray]:
        return {'wav': record['answer_audio'], 'labels': to_labels(record['answer'])}

    def row(x: dict[str, np.ndarray]) -> Batch:
        codes = -(-np.count_nonzero(x['wav_segment_ids']) // samples)
        return Batch(x['wav'], np.asarray(codes, np.int32), x['labels'])

    joined = grain.MapDataset.concatenate([grain.MapDataset.source(s) for s in sources])
    examples = joined.seed(seed).shuffle().repeat().map(example).filter(
        lambda x: fits(config, samples, x['wav'], x['labels'])).to_iter_dataset(
        grain.ReadOptions(num_threads=1, prefetch_buffer_size=32))
    rows = FirstFitPackIterDataset(
        examples, length_struct={'wav': config.codes * samples, 'labels': config.labels},
        num_packing_bins=config.bins, seed=seed).map(row)
    return rows.batch(config.batch)
