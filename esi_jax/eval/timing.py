"""Seconds of several arms on the same batches, so that machine noise hits all alike."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from rich.progress import track

T = TypeVar('T')


class Race(NamedTuple):
    """`outputs[arm][n]` of batch n; `seconds_RxN[arm]` of its calls, the first one left out."""

    outputs: dict[str, list[Any]]
    seconds_RxN: dict[str, np.ndarray]


def race(arms: Mapping[str, Callable[[T], Any]], batches: Sequence[T], rounds: int, label: str
         ) -> Race:
    """Calls each arm on each batch once to compile and then `rounds` times against the clock.

    The arms take turns on a batch, and who begins changes with the round and the batch.
    """
    outputs: dict[str, list[Any]] = {name: [] for name in arms}
    seconds = {name: np.zeros((rounds, len(batches))) for name in arms}
    for turn in track(range(-1, rounds), description=label):
        for n, batch in enumerate(batches):
            for name in _rotate(list(arms), turn + n):
                start = time.perf_counter()
                output = arms[name](batch)
                if turn < 0:
                    outputs[name].append(output)
                else:
                    seconds[name][turn, n] = time.perf_counter() - start
    return Race(outputs, seconds)


def wrap(items: Sequence[T], size: int) -> list[list[T]]:
    """Batches of one size; the last one is filled up with the first items again."""
    size = min(size, len(items))
    return [[items[i % len(items)] for i in range(start, start + size)]
            for start in range(0, len(items), size)]


def ratio(top_RxN: np.ndarray, bottom_RxN: np.ndarray) -> tuple[float, float, float]:
    """(median, lower quartile, upper quartile) of the ratios of calls made in the same round."""
    low, middle, high = np.quantile(top_RxN / bottom_RxN, [0.25, 0.5, 0.75])
    return float(middle), float(low), float(high)


def _rotate(names: list[str], by: int) -> list[str]:
    by %= len(names)
    return names[by:] + names[:by]
