"""Decoding patterns: how text and speech are woven into one sequence of frames."""

import pkgutil

from esi_jax.errors import UserError
from esi_jax.patterns.base import (
    FORCED,
    SAMPLED,
    SILENT,
    SILENT_ID,
    Array,
    Cursor,
    Heads,
    Pattern,
    Vocab,
    layout,
    steps,
    streams,
)
from esi_jax.patterns.early_stop import EarlyStop
from esi_jax.patterns.interleaved import Interleaved
from esi_jax.patterns.parallel import Parallel
from esi_jax.patterns.sequential import Sequential, TextOnly

NAMES = {'interleaved': Interleaved, 'esi': EarlyStop, 'parallel': Parallel,
         'sequential': Sequential, 'text_only': TextOnly}

__all__ = [
    'FORCED',
    'NAMES',
    'SAMPLED',
    'SILENT',
    'SILENT_ID',
    'Array',
    'Cursor',
    'EarlyStop',
    'Heads',
    'Interleaved',
    'Parallel',
    'Pattern',
    'Sequential',
    'TextOnly',
    'Vocab',
    'layout',
    'parse',
    'steps',
    'streams',
]


def parse(spec: str, vocab: Vocab) -> Pattern:
    """`'esi'`, `'esi:n=5,m=10'` or `'my_file.MyPattern:n=3'` as a pattern over `vocab`.

    Raises UserError where there is no such pattern or it has no such parameter.
    """
    name, _, arguments = spec.partition(':')
    try:
        cls = NAMES.get(name) or pkgutil.resolve_name(name)
        pairs = [item.split('=') for item in arguments.split(',') if item]
        return cls(vocab, **{key: int(value) for key, value in pairs})
    except UserError:
        raise
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise UserError(f'pattern {spec!r} cannot be made ({error}); write one of '
                        f'{", ".join(NAMES)}, with parameters as in esi:n=5,m=10') from error
