"""Weights as one safetensors file: float16 tensors by name, the config as JSON in the metadata."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from safetensors.numpy import save as to_bytes

from esi_jax.errors import UserError


def save(path: str | os.PathLike, flat: Mapping[str, np.ndarray], config: Mapping[str, Any],
         dtype: Any = np.float16) -> None:
    """Writes `flat` (floats cast to `dtype`) atomically."""
    tensors = {name: np.ascontiguousarray(x, dtype if np.issubdtype(x.dtype, np.floating) else None)
               for name, x in flat.items()}
    write_atomic(path, to_bytes(tensors, metadata={'config': json.dumps(config)}))


def load(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Reads (tensors as float32, config). Raises UserError where the file is missing or damaged."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f'weights file {path} does not exist; train it or name another one')
    try:
        with safetensors.safe_open(path, framework='numpy') as file:
            config = json.loads((file.metadata() or {})['config'])
            flat = {name: file.get_tensor(name) for name in file.keys()}
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise UserError(f'weights file {path} is truncated or not one of ours ({error}); '
                        'copy or train it again') from error
    return {name: x.astype(np.float32) if np.issubdtype(x.dtype, np.floating) else x
            for name, x in flat.items()}, config


def digest(path: str | os.PathLike) -> str:
    """sha256 of a file, to tell whether files belong together."""
    if not Path(path).is_file():
        raise UserError(f'file {path} does not exist; make it or name another one')
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def write_atomic(path: str | os.PathLike, data: bytes) -> None:
    """Writes all of `data` or leaves what was at `path`. Raises OSError that names `path`."""
    path = Path(path)
    try:
        _replace(path, data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
