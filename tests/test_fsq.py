import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esi_jax.speech.fsq import FSQ

SHAPES = pytest.mark.parametrize('levels,columns', [((8, 5, 5, 5), 1), ((2, 9), 3), ((7,), 2)])


@SHAPES
def test_every_code_survives_the_grid(levels, columns):
    fsq = FSQ(levels, columns)
    rng = np.random.default_rng(0)
    codes = np.stack([rng.permutation(fsq.size) for _ in range(columns)], axis=1)
    grid = fsq.from_codes(jnp.asarray(codes))
    assert grid.shape == (fsq.size, fsq.channels) and float(jnp.abs(grid).max()) <= 1.0
    np.testing.assert_array_equal(fsq.to_codes(grid), codes)


@SHAPES
def test_quantise_reaches_every_level_and_nothing_else(levels, columns):
    fsq = FSQ(levels, columns)
    z = jnp.broadcast_to(jnp.linspace(-12, 12, 4001)[:, None], (4001, fsq.channels))
    grid = fsq.quantise(z)
    for channel, count in enumerate(levels * columns):
        assert len(np.unique(np.round(grid[:, channel], 4))) == count
        assert np.all(np.diff(grid[:, channel]) >= -1e-6)
    codes = fsq.to_codes(grid)
    np.testing.assert_allclose(fsq.from_codes(codes), grid, atol=1e-5)


def test_gradient_passes_the_rounding():
    fsq = FSQ()
    gradient = jax.grad(lambda z: fsq.quantise(z).sum())(jnp.zeros(fsq.channels))
    assert np.all(np.asarray(gradient) > 0.5)


@pytest.mark.parametrize('levels,size', [((8, 5, 5, 5), 1000), ((4, 4), 16)])
def test_size(levels, size):
    assert FSQ(levels).size == size
