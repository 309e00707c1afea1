"""Choices that depend on names only: the same on every machine and in every run."""

import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar('T')


def digest(*parts: Any) -> int:
    """64 bits of BLAKE2 over the parts' text."""
    data = '\x1f'.join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), 'big')


def unit(*parts: Any) -> float:
    """A number in [0, 1)."""
    return (digest(*parts) >> 11) / 2.0**53


def between(low: float, high: float, *parts: Any) -> float:
    """A number in [low, high)."""
    return low + (high - low) * unit(*parts)


def choose(options: Sequence[T], *parts: Any) -> T:
    """One of the options, evenly."""
    return options[digest(*parts) % len(options)]
