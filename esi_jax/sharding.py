"""One mesh and one table from logical axes to mesh axes; nothing else names a mesh axis.

Meshes have Explicit axes: array types carry their sharding and an op that would need a hidden
collective refuses. `jax.jit` over such arrays is what used to be called pjit.
"""

from typing import Any, TypeVar

import jax
from flax import nnx
from jax import P

T = TypeVar('T')

MESH_AXES = ('data', 'fsdp', 'tensor')

RULES: dict[str, tuple[str, ...]] = {
    'batch': ('data', 'fsdp'),  # activations
    'embed': ('fsdp',),  # the model dimension of weights; activations leave it whole
    'heads': ('tensor',),
    'kv_heads': ('tensor',),
    'ffn': ('tensor',),
    'vocab': ('tensor',),
    'layers': (),
    'head_dim': (),
    'audio': (),
}


def make_mesh(data: int = 1, fsdp: int = 1, tensor: int = 1) -> jax.sharding.Mesh:
    """A (data, fsdp, tensor) mesh over the first data * fsdp * tensor devices."""
    return jax.make_mesh((data, fsdp, tensor), MESH_AXES,
                         devices=jax.devices()[:data * fsdp * tensor])


def spec(*axes: str | None) -> P:
    """The PartitionSpec of logical `axes`. Raises ValueError where two want one mesh axis."""
    parts = [RULES[axis] if axis else () for axis in axes]
    used = [name for part in parts for name in part]
    if len(used) != len(set(used)):
        raise ValueError(f'logical axes {axes} use a mesh axis twice: {used}')
    return P(*[part or None for part in parts])


def out(*axes: str | None) -> P | None:
    """`spec` for an op's `out_sharding`; None where no mesh is set."""
    return None if jax.sharding.get_abstract_mesh().empty else spec(*axes)


def reshard(x: T, *axes: str | None) -> T:
    """Every array of `x` with its leading dimensions on `axes`; as it is without a mesh."""
    if jax.sharding.get_abstract_mesh().empty:
        return x
    return jax.tree.map(lambda leaf: jax.reshard(leaf, spec(*axes[:leaf.ndim])), x)


def of_params(tree: T, mesh: jax.sharding.Mesh) -> T:
    """NamedShardings of a tree of `nnx.Param`s (or of an optimizer state that mirrors one)."""

    def one(leaf: Any) -> Any:
        if not isinstance(leaf, nnx.Variable):
            return jax.NamedSharding(mesh, P())
        axes = leaf.get_metadata().get('axes', ())
        stacked = leaf.get_value().ndim - len(axes)
        return leaf.replace(jax.NamedSharding(mesh, spec(*('layers',) * stacked, *axes)))

    return jax.tree.map(one, tree, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))
