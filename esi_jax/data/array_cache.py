"""Arrays computed once and kept as files, so that a long job goes on after a kill."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from esi_jax.weights_io import write_atomic


def cached(path: str | Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array in `path`; made and stored first where there is none."""
    path = Path(path)
    if not path.exists():
        data = io.BytesIO()
        np.save(data, make())
        write_atomic(path, data.getvalue())
    return np.load(path)
