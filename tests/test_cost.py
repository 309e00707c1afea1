"""The byte count against real arrays, the schedule against the real loop, and their limits."""

import jax
import numpy as np
import pytest
import small
from hypothesis import given, settings
from hypothesis import strategies as st

from esi_jax import tree
from esi_jax.decode.generate import generate
from esi_jax.decode.step import END_REASONS
from esi_jax.eval import cost
from esi_jax.model.cache import init_cache
from esi_jax.patterns import Heads, Vocab, layout, parse, steps, streams

VOCAB = Vocab(13, (11,))
CONFIG = small.config()
EVERY_HEADS = [Heads(text, speech) for text in (False, True) for speech in (False, True)]
lengths = st.tuples(st.integers(0, 40), st.integers(0, 80))
specs = st.sampled_from(small.SPECS)


def total_bytes(spec, *answers, packed=False, prompt=7, **kwargs):
    plan = cost.schedule(parse(spec, VOCAB), answers)
    plan = cost.packed(plan) if packed else plan
    return cost.answer_bytes(CONFIG, plan, [prompt] * len(answers), **kwargs)


@pytest.mark.parametrize('k', [1, 3])
@pytest.mark.parametrize('which', EVERY_HEADS)
def test_counted_weights_are_the_sizes_of_the_arrays_a_step_reads(k, which):
    flat = tree.flatten(small.model(k))
    unread = ['embeds_VxD', 'adapter'] + ['heads_VxD.0'] * (not which.text)
    unread += [f'heads_VxD.{c}' for c in range(1, 1 + k)] * (not which.speech)
    read = {name: x.nbytes for name, x in flat.items() if not name.startswith(tuple(unread))}
    assert cost.weight_bytes(small.config(k), which) == sum(read.values())


def test_every_parameter_is_read_or_named_as_unread():
    config = small.config(3, qkv_bias=True)
    like = jax.eval_shape(lambda: small.SpeechLM(config, jax.random.key(0)))
    flat = tree.flatten(like)
    unread = sum(x.size for name, x in flat.items() if name.startswith(('embeds_VxD', 'adapter')))
    assert sum(cost.weights(config)) + unread == sum(x.size for x in flat.values())


def test_counted_cache_is_the_size_of_the_cache():
    cache = init_cache(CONFIG, 3, 29)
    assert 3 * cost.kv_bytes(CONFIG, 29) == sum(x.nbytes for x in jax.tree.leaves(cache))


@pytest.mark.parametrize('spec, k', [(spec, 1) for spec in small.SPECS] + [('esi:n=2,m=3', 3)])
def test_the_schedule_is_what_the_loop_executes(spec, k):
    lm, prompt = small.decoder_and_prompt(k)
    pattern = parse(spec, lm.config.vocab)
    out = generate(lm, pattern, small.SAMPLED, prompt, max_frames=150, key=jax.random.key(3))
    assert all(END_REASONS[reason] in ('eos', 'eot') for reason in out.end_reason_B)
    answers = []
    for frames, length in zip(out.frames_BxTxC, out.lengths_B, strict=True):
        text_N, speech_MxK = streams(pattern.vocab, frames[:length])
        ended = len(speech_MxK) and (speech_MxK[-1] == pattern.vocab.eos).any()
        answers.append((len(text_N), len(speech_MxK) - int(ended)))
    plan = cost.schedule(pattern, answers)
    assert len(plan.heads_Sx2) == out.executed_steps
    np.testing.assert_array_equal(plan.fed_SxB.sum(axis=0), out.lengths_B)


@given(specs, st.lists(lengths, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_packing_feeds_the_same_frames_in_fewer_steps_for_fewer_bytes(spec, answers):
    plan = cost.schedule(parse(spec, VOCAB), answers)
    less = cost.packed(plan)
    np.testing.assert_array_equal(less.fed_SxB.sum(axis=0), plan.fed_SxB.sum(axis=0))
    assert less.samples_S.sum() == plan.samples_S.sum()
    assert total_bytes(spec, *answers, packed=True) <= total_bytes(spec, *answers)


@given(st.sampled_from(['esi:n=2,m=3', 'parallel', 'sequential', 'text_only']), lengths)
@settings(max_examples=40, deadline=None)
def test_only_interleaved_has_steps_to_pack(spec, answer):
    plan = cost.schedule(parse(spec, VOCAB), [answer])
    assert len(cost.packed(plan).samples_S) == len(plan.samples_S)


@given(lengths)
@settings(max_examples=40, deadline=None)
def test_early_stop_feeds_and_samples_as_interleaved_until_the_text_ends(answer):
    plans = [cost.schedule(parse(spec, VOCAB), [answer])
             for spec in ('interleaved:n=2,m=3', 'esi:n=2,m=3')]
    frames_TxC, _ = layout(parse('esi:n=2,m=3', VOCAB), np.zeros(answer[0]),
                           np.zeros((answer[1], 1)))
    end = np.flatnonzero(frames_TxC[:, 0] == VOCAB.eot)[0]
    until = np.searchsorted(np.cumsum(plans[1].fed_SxB), end + 1) + 1
    for field in ('fed_SxB', 'samples_S'):
        np.testing.assert_array_equal(*(getattr(plan, field)[:until] for plan in plans))
    extra_Sx2 = plans[1].heads_Sx2[:until] & ~plans[0].heads_Sx2[:until]
    assert not extra_Sx2[:, 0].any()  # it only keeps the speech head at hand in text slots


def test_long_answers_with_little_text_reach_the_limits():
    plain, early = 'interleaved:n=2,m=3', 'esi:n=2,m=3'
    answer, fixed = (2, 30_000), dict(cache_length=1)
    step_ratio = (steps(parse(plain, VOCAB), *answer) / steps(parse(early, VOCAB), *answer))
    assert step_ratio == pytest.approx(1 + 2 / 3, rel=1e-3)
    bare, speaking = (cost.step_bytes(CONFIG, Heads(False, speech), 1) for speech in (False, True))
    ratio = total_bytes(plain, answer, **fixed) / total_bytes(early, answer, **fixed)
    assert ratio == pytest.approx(1 + 2 / 3 * bare / speaking, rel=1e-3)
    against_packed = (total_bytes(plain, answer, packed=True, **fixed)
                      / total_bytes(early, answer, **fixed))
    assert against_packed == pytest.approx(1, rel=1e-3)


def test_a_batch_shares_its_weights_and_not_its_cache():
    alone, four = (total_bytes('esi', *[(9, 30)] * count) for count in (1, 4))
    step_count = len(cost.schedule(parse('esi', VOCAB), [(9, 30)]).samples_S)
    assert 4 * alone - four > 3 * step_count * cost.weight_bytes(CONFIG, Heads(False, False)) - 1
    assert four - alone == 3 * (alone - total_bytes('esi', (9, 30), cache_length=0))


def test_a_group_that_the_codes_do_not_fill_is_the_end_frame():
    codes_Mx1 = np.zeros((7, 1), np.int32)
    assert cost.lengths(Vocab(13, (11, 11, 11)), np.zeros(4), codes_Mx1) == (4, 2)
    assert cost.lengths(VOCAB, np.zeros(4), codes_Mx1) == (4, 7)
    assert cost.lengths(VOCAB, np.zeros(0), codes_Mx1[:0]) == (0, 0)
