"""One mesh and one table from logical axes to mesh axes; nothing else names a mesh axis.

Meshes have Explicit axes: array types carry their sharding and an op that would need a hidden
collective refuses. `jax.jit` over such arrays is what used to be called pjit.
"""

import math
from typing import Any, TypeVar

import jax
from flax import nnx
from jax import P

from esi_jax.errors import UserError

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
    """A (data, fsdp, tensor) mesh over the first data * fsdp * tensor devices.

    Raises UserError where there are fewer, or where a host of several would be left out.
    """
    size, count = data * fsdp * tensor, jax.device_count()
    if size > count or (jax.process_count() > 1 and size < count):
        raise UserError(f'mesh data={data} fsdp={fsdp} tensor={tensor} has {size} places for '
                        f'{count} devices; change the mesh')
    return jax.make_mesh((data, fsdp, tensor), MESH_AXES, devices=jax.devices()[:size])


def batch_shards() -> int:
    """How many ways the mesh in force splits a batch; 1 without a mesh."""
    sizes = dict(jax.sharding.get_abstract_mesh().shape)
    return math.prod(sizes.get(axis, 1) for axis in RULES['batch'])


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
