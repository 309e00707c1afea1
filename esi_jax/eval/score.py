"""Word error rate and accuracy, with bootstrap intervals over examples."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import jiwer
import numpy as np

from esi_jax.errors import UserError
from esi_jax.eval.normalise import contains, normalise

__all__ = ['Interval', 'bootstrap', 'contains', 'correct', 'normalise', 'paired_bootstrap', 'wer',
           'word_errors']


class Interval(NamedTuple):
    """A value and its percentile interval."""

    value: float
    low: float
    high: float


def word_errors(refs: Sequence[str], hyps: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(errors_N, words_N): substitutions + deletions + insertions, and words of the reference."""
    pairs = [_align(normalise(ref), normalise(hyp)) for ref, hyp in zip(refs, hyps, strict=True)]
    errors_Nx2 = np.array(pairs, np.int64).reshape(-1, 2)
    return errors_Nx2[:, 0], errors_Nx2[:, 1]


def wer(refs: Sequence[str], hyps: Sequence[str]) -> float:
    """Corpus word error rate: all errors over all reference words, after `normalise`."""
    errors_N, words_N = word_errors(refs, hyps)
    return float(_ratio(errors_N.sum(), words_N.sum()))


def correct(texts: Sequence[str], aliases: Sequence[Iterable[str]]) -> np.ndarray:
    """bool_N: whether each text contains one of its accepted answers; the mean is the accuracy."""
    return np.array([contains(text, wanted) for text, wanted in zip(texts, aliases, strict=True)],
                    bool)


def bootstrap(top_N: np.ndarray, bottom_N: np.ndarray | None = None, *, level: float = 0.95,
              resamples: int = 10_000, seed: int = 0) -> Interval:
    """sum(top) / sum(bottom), resampling examples: `bootstrap(correct)`, `bootstrap(*errors)`.

    Without `bottom_N` it is the mean of top_N. Raises UserError without examples.
    """
    weights_RxN = _weights(len(top_N), resamples, seed)
    return _interval(_ratios(weights_RxN, top_N, bottom_N), level)


def paired_bootstrap(a: tuple[np.ndarray, ...], b: tuple[np.ndarray, ...], *, level: float = 0.95,
                     resamples: int = 10_000, seed: int = 0) -> Interval:
    """Ratio of arm a minus that of arm b on the same examples; an arm is (top_N[, bottom_N])."""
    if len(a[0]) != len(b[0]):
        raise UserError(f'a paired comparison needs the same examples: {len(a[0])} and {len(b[0])}')
    weights_RxN = _weights(len(a[0]), resamples, seed)
    return _interval(_ratios(weights_RxN, *a) - _ratios(weights_RxN, *b), level)


def _align(ref: str, hyp: str) -> tuple[int, int]:
    aligned = jiwer.process_words(ref, hyp)
    missed = aligned.substitutions + aligned.deletions
    return missed + aligned.insertions, missed + aligned.hits


def _weights(examples: int, resamples: int, seed: int) -> np.ndarray:
    """How often each resample draws each example; row 0 draws each once, the sample itself."""
    if examples == 0:
        raise UserError('there are no examples to score; decode at least one')
    drawn = np.random.default_rng(seed).multinomial(
        examples, np.full(examples, 1 / examples), size=resamples)
    return np.concatenate([np.ones((1, examples), drawn.dtype), drawn])


def _ratios(weights_RxN: np.ndarray, top_N: np.ndarray, bottom_N: np.ndarray | None = None
            ) -> np.ndarray:
    bottom_N = np.ones_like(top_N, int) if bottom_N is None else bottom_N
    return _ratio(weights_RxN @ np.asarray(top_N, float), weights_RxN @ bottom_N)


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return top / np.maximum(bottom, 1)


def _interval(values_R: np.ndarray, level: float) -> Interval:
    low, high = np.quantile(values_R[1:], [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values_R[0]), float(low), float(high))
