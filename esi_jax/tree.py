"""Parameter trees as flat dicts of named arrays, for checkpoints and weights files."""

from collections.abc import Mapping
from typing import Any, TypeVar

import jax

T = TypeVar('T')


def flatten(tree: Any) -> dict[str, Any]:
    """`{'backbone.norm.scale_D': array, …}`"""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {_name(path): leaf for path, leaf in leaves}


def unflatten(like: T, flat: Mapping[str, Any]) -> T:
    """A tree shaped as `like` from named arrays. Raises KeyError for a name that is missing."""
    paths, treedef = jax.tree_util.tree_flatten_with_path(like)
    return jax.tree.unflatten(treedef, [flat[_name(path)] for path, _ in paths])


def _name(path: tuple) -> str:
    return jax.tree_util.keystr(path, simple=True, separator='.').removesuffix('.value')
