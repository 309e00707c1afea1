"""Packing: nothing split, dropped or changed; batches of all patterns hold the same examples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esi_jax.data.pack import PackConfig, batches, group_codes, make_example, pack, stack_audio
from esi_jax.errors import UserError
from esi_jax.patterns import SILENT, SILENT_ID, Vocab, layout, parse

VOCAB = Vocab(50, (30,))


def records(count, seed=0):
    rng = np.random.default_rng(seed)
    return [dict(features=rng.standard_normal((rng.integers(1, 30), 4)).astype(np.float16),
                 text=rng.integers(0, 50, rng.integers(1, 9)),
                 codes=rng.integers(0, 30, (rng.integers(1, 40), 1))) for _ in range(count)]


def example(spec, record):
    return make_example(parse(spec, VOCAB), 2, *(record[x] for x in ('features', 'text', 'codes')))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(['esi', 'interleaved', 'parallel:delay=2']), st.integers(1, 20),
       st.integers(0, 99), st.integers(1, 4))
def test_each_example_stands_whole_in_one_segment(spec, count, seed, multiple):
    examples = [example(spec, record) for record in records(count, seed)]
    batch = pack(examples, 100, multiple)
    assert len(batch.seg_BxT) % multiple == 0
    found = []
    for b, seg_T in enumerate(batch.seg_BxT):
        for s in range(1, seg_T.max() + 1):
            at = seg_T == s
            np.testing.assert_array_equal(batch.pos_BxT[b, at], np.arange(at.sum()))
            found.append([x[b, at] for x in batch[:4]])
    assert len(found) == count
    for want in examples:
        assert any(all(np.array_equal(a, b) for a, b in zip(want, got)) for got in found)
    padding = batch.seg_BxT == 0
    assert (batch.roles_BxTxC[padding] == SILENT).all()
    assert (batch.input_BxTxC[padding] == SILENT_ID).all()


@pytest.mark.parametrize('spec', ['esi', 'interleaved', 'parallel', 'sequential', 'text_only'])
def test_each_position_predicts_the_next_frame(spec):
    record = records(1)[0]
    input_TxC, audio_TxA, target_TxC, roles_TxC = example(spec, record)
    frames_LxC, _ = layout(parse(spec, VOCAB), record['text'], record['codes'])
    prompt = -(-len(record['features']) // 2)
    assert (input_TxC[:prompt] == SILENT_ID).all() and (roles_TxC[:prompt] == SILENT).all()
    np.testing.assert_array_equal(audio_TxA[:prompt].reshape(-1, 4)[:len(record['features'])],
                                  record['features'])
    np.testing.assert_array_equal(input_TxC[prompt], [VOCAB.bos, SILENT_ID])
    np.testing.assert_array_equal(input_TxC[prompt + 1:], frames_LxC[:-1])
    np.testing.assert_array_equal(target_TxC[prompt:], frames_LxC)


def test_arms_see_the_same_examples_in_every_update():
    source = records(40)
    arms = [batches(source, parse(spec, VOCAB), 2, PackConfig(8, 128), seed=3)
            for spec in ('esi', 'interleaved', 'parallel')]
    for i in (0, 3, 4, 11):  # across the border of an epoch
        said = [sorted(tuple(b.target_BxTxC[row][b.seg_BxT[row] == s][:, 1].tolist())
                       for row in range(len(b.seg_BxT)) for s in range(1, b.seg_BxT[row].max() + 1))
                for b in (arm[i] for arm in arms)]
        codes = [[tuple(c for c in row if c >= 0) for row in arm] for arm in said]
        assert sorted(codes[0]) == sorted(codes[1]) == sorted(codes[2])


def test_processes_share_out_each_batch_without_overlap():
    source, pattern = records(32), parse('esi', VOCAB)
    config = PackConfig(8, 128, rows=8)
    one, two = (batches(source, pattern, 2, config, 0, p, 2)[0] for p in range(2))
    assert one.seg_BxT.shape == two.seg_BxT.shape == (4, 128)
    rows = [{row.tobytes() for row in batch.audio_BxTxA if row.any()} for batch in (one, two)]
    assert all(rows) and not rows[0] & rows[1]
    with pytest.raises(UserError, match=r'pack\.rows'):
        batches(source, pattern, 2, PackConfig(8, 128), 0, 0, 2)


def test_what_does_not_fit_is_said_and_not_dropped():
    examples = [example('interleaved', record) for record in records(8)]
    with pytest.raises(UserError, match=r'pack\.length'):
        pack(examples, 10)
    with pytest.raises(UserError, match=r'pack\.rows'):
        pack(examples, 100, fixed=1)
    with pytest.raises(UserError, match=r'pack\.examples'):
        batches(records(3), parse('esi', VOCAB), 2, PackConfig(8), 0)


@pytest.mark.parametrize('count', [4, 5, 6])
def test_groups_of_codes_end_in_eos(count):
    grouped = group_codes(np.arange(count)[:, None], 3, (30, 31, 32))
    flat = [c for c in grouped.reshape(-1) if c < 30]
    assert flat == list(range(count))
    if count % 3:
        np.testing.assert_array_equal(grouped[-1, count % 3:], [30, 31, 32][count % 3:])
    with pytest.raises(UserError, match='speech_vocab'):
        group_codes(np.zeros((4, 2)), 3, (30, 31, 32))


def test_stacked_audio_keeps_every_frame():
    features = np.arange(14, dtype=np.float32).reshape(7, 2)
    stacked = stack_audio(features, 3)
    assert stacked.shape == (3, 6)
    np.testing.assert_array_equal(stacked.reshape(-1)[:14], features.reshape(-1))
    np.testing.assert_array_equal(stacked.reshape(-1)[14:], 0)
