"""Causal, segments apart, scanned = unrolled, one device = eight, file round trip."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small

from esi_jax import sharding, tree
from esi_jax.errors import UserError
from esi_jax.model.backbone import unroll
from esi_jax.model.cache import init_cache
from esi_jax.model.speech_lm import SpeechLM
from esi_jax.model.weights import load_model, save_model
from esi_jax.patterns import SILENT_ID, Heads

BOTH = Heads(True, True)


def frames(k=1, batch=2, length=12, seed=0):
    rng = np.random.default_rng(seed)
    f_BxTxC = rng.integers(0, 7, (batch, length, 1 + k)).astype(np.int32)
    return np.where(rng.random(f_BxTxC.shape) < 0.3, SILENT_ID, f_BxTxC)


def positions(f_BxTxC):
    return jnp.broadcast_to(jnp.arange(f_BxTxC.shape[1])[None], f_BxTxC.shape[:2])


def run(lm, x_BxTxD, seg_BxT=None, **options):
    h_BxTxD, _ = lm(x_BxTxD, positions(x_BxTxD), seg_BxT, **options)
    return lm.heads(h_BxTxD, BOTH)


def test_a_position_depends_on_no_later_one_and_on_no_other_segment():
    lm = small.model()
    x_1xTxD = jax.random.normal(jax.random.key(1), (1, 10, 32))
    seg_1xT = jnp.asarray([[1, 1, 1, 1, 2, 2, 2, 2, 0, 0]])
    jacobian = jax.jacrev(lambda x: run(lm, x, seg_1xT).speech_BxTxV[0].sum(axis=(0, 2)))(x_1xTxD)
    depends_TxT = np.abs(jacobian[:, 0]).sum(axis=-1) > 0
    same_TxT = np.asarray(seg_1xT[0][:, None] == seg_1xT[0][None])
    np.testing.assert_array_equal(depends_TxT, np.tri(10, dtype=bool) & same_TxT)


def test_packed_equals_alone():
    lm = small.model()
    a, b = (jax.random.normal(jax.random.key(i), (1, n, 32)) for i, n in ((1, 5), (2, 7)))
    packed, _ = lm(jnp.concatenate([a, b], axis=1),
                   jnp.asarray([[*range(5), *range(7)]]), jnp.asarray([[1] * 5 + [2] * 7]))
    for part, x in ((packed[:, :5], a), (packed[:, 5:], b)):
        np.testing.assert_allclose(part, lm(x, positions(x))[0], atol=1e-5)


@pytest.mark.parametrize('options', [{'qkv_bias': True}, {'rotary_fraction': 0.5}, {}])
def test_scanned_unrolled_rematerialised_and_cached_agree(options):
    lm = SpeechLM(small.config(3, **options), jax.random.key(0))
    f_BxTxC = frames(3)
    x_BxTxD = lm.embed(f_BxTxC)
    want = run(lm, x_BxTxD)
    flat = unroll(lm)
    cache = init_cache(lm.config, 2, 20)
    h_BxTxD, cache = flat(x_BxTxD[:, :8], positions(f_BxTxC)[:, :8], None, cache)
    rest_BxTxD, _ = flat(x_BxTxD[:, 8:], positions(f_BxTxC)[:, 8:], None, cache)
    cached = flat.heads(jnp.concatenate([h_BxTxD, rest_BxTxD], axis=1), BOTH)
    for got in (run(flat, x_BxTxD), run(lm, x_BxTxD, remat=True), cached):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), got, want)


def test_embedding_is_the_mean_of_the_columns_that_speak():
    lm = small.model(k=3)
    tables = [np.asarray(table[...]) for table in lm.embeds_VxD]
    f_1x3xC = np.asarray([[[2, SILENT_ID, SILENT_ID, SILENT_ID], [SILENT_ID, 1, 2, 3],
                           [SILENT_ID] * 4]])
    got = np.asarray(lm.embed(f_1x3xC))[0]
    np.testing.assert_allclose(got[0], tables[0][2], rtol=1e-6)
    np.testing.assert_allclose(got[1], (tables[1][1] + tables[2][2] + tables[3][3]) / 3, rtol=1e-5)
    np.testing.assert_array_equal(got[2], 0)


def test_speech_columns_are_ordered():
    lm = small.model(k=3)
    a = lm.embed(np.asarray([[[SILENT_ID, 1, 2, 3]]]))
    b = lm.embed(np.asarray([[[SILENT_ID, 2, 1, 3]]]))
    assert np.abs(a - b).max() > 1e-3


def test_a_head_that_is_not_asked_for_is_not_there():
    lm = small.model()
    h = jnp.ones((1, 1, 32))
    assert lm.heads(h, Heads(True, False)).speech_BxTxV is None
    assert lm.heads(h, Heads(False, True)).text_BxTxV is None


def test_padding_rows_of_a_table_are_never_likely():
    lm = small.model()
    logits = lm.heads(jnp.ones((1, 1, 32)), BOTH)
    assert logits.text_BxTxV.shape[-1] % 8 == 0
    assert (np.asarray(logits.text_BxTxV)[..., lm.config.rows[0]:] < -1e30).all()


def test_eight_devices_compute_what_one_does_and_hold_an_eighth():
    f_BxTxC, results = frames(batch=8), []
    for shape in ((1, 1, 1), (2, 2, 2)):
        mesh = sharding.make_mesh(*shape)
        with jax.set_mesh(mesh):
            shardings = sharding.of_params(jax.eval_shape(small.model), mesh)
            lm = jax.jit(small.model, out_shardings=shardings)()
            results.append(jax.jit(lambda lm, f: run(lm, lm.embed(f)))(lm, f_BxTxC))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), *results)
    matrices = [x for name, x in tree.flatten(lm).items() if '.mlp.' in name or 'VxD' in name]
    assert matrices
    for x in matrices:
        assert x.addressable_shards[0].data.size * 4 == x.size  # fsdp 2 x tensor 2


def test_two_logical_axes_on_one_mesh_axis_are_refused():
    with pytest.raises(ValueError, match='tensor'):
        sharding.spec('heads', 'ffn')


def test_weights_file_round_trip(tmp_path):
    lm = small.model(k=3)
    save_model(tmp_path / 'm.safetensors', lm, 'esi:n=2,m=3')
    back, config = load_model(tmp_path / 'm.safetensors')
    assert config['pattern'] == 'esi:n=2,m=3' and back.config == lm.config
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), lm, back)


def test_damaged_weights_are_told_in_one_sentence(tmp_path):
    path = tmp_path / 'm.safetensors'
    save_model(path, small.model(), 'esi')
    whole = path.read_bytes()
    for data in (whole[:-100], whole[:50], b'', b'not weights at all'):
        path.write_bytes(data)
        with pytest.raises(UserError, match=r'm\.safetensors'):
            load_model(path)
    with pytest.raises(UserError, match='does not exist'):
        load_model(tmp_path / 'absent.safetensors')
