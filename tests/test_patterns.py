"""Closed forms written by hand, layout against an independent replay, NumPy against JAX."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esi_jax.errors import UserError
from esi_jax.patterns import (
    FORCED,
    SAMPLED,
    SILENT,
    SILENT_ID,
    EarlyStop,
    Interleaved,
    Parallel,
    Sequential,
    TextOnly,
    Vocab,
    base,
    layout,
    parse,
    steps,
    streams,
)

VOCABS = {1: Vocab(20, (9,)), 3: Vocab(20, (9, 7, 9))}

SPECS = ['interleaved:n=5,m=10', 'esi:n=5,m=10', 'interleaved:n=2,m=3', 'esi:n=2,m=3',
         'esi:n=1,m=1', 'parallel', 'parallel:delay=3', 'sequential', 'text_only']


def closed_form(pattern, t, s):
    """Design table: frames of an answer of t text ids and s speech frames before the end marks."""
    match pattern:
        case EarlyStop():
            return (t + 1) + (s + 1)
        case Interleaved(n=n, m=m):
            slots = n * math.ceil((s + 1) / m)
            return (s + 1) + slots if t + 1 <= slots else (t + 1) + (s + 1)
        case Parallel(delay=delay):
            return max(t + 1, s + 1 + delay)
        case TextOnly():
            return t + 1
        case Sequential():
            return (t + 1) + (s + 1)


def random_streams(vocab, t, s, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, vocab.text, t), rng.integers(0, vocab.speech, (s, len(vocab.speech)))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SPECS), st.sampled_from([1, 3]), st.integers(0, 33), st.integers(0, 65))
def test_frames_equal_the_closed_forms(spec, k, t, s):
    pattern = parse(spec, VOCABS[k])
    assert steps(pattern, t, s) == closed_form(pattern, t, s)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SPECS), st.sampled_from([1, 3]), st.integers(0, 33), st.integers(0, 65))
def test_layout_is_what_a_decoder_writes(spec, k, t, s):
    vocab = VOCABS[k]
    pattern = parse(spec, vocab)
    text_N, speech_MxK = random_streams(vocab, t, s)
    frames_TxC, roles_TxC = layout(pattern, text_N, speech_MxK)
    trace = oracle.decode(pattern, oracle.scripted(text_N, speech_MxK, vocab), 10_000)
    np.testing.assert_array_equal(frames_TxC, trace)
    np.testing.assert_array_equal(roles_TxC == SILENT, frames_TxC == SILENT_ID)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(SPECS), st.sampled_from([1, 3]), st.integers(0, 20), st.integers(0, 40))
def test_streams_inverts_layout(spec, k, t, s):
    vocab = VOCABS[k]
    text_N, speech_MxK = random_streams(vocab, t, s)
    frames_TxC, _ = layout(parse(spec, vocab), text_N, speech_MxK)
    text, speech = streams(vocab, frames_TxC)
    np.testing.assert_array_equal(text, text_N)
    if spec != 'text_only':
        np.testing.assert_array_equal(speech, speech_MxK)


def picture(spec, t, s):
    vocab = VOCABS[1]
    frames_TxC, _ = layout(parse(spec, vocab), np.zeros(t, int), np.zeros((s, 1), int))
    text = {SILENT_ID: '.', vocab.pad: 'p', vocab.eot: 'E', 0: 't'}
    speech = {SILENT_ID: '.', vocab.eos[0]: '#', 0: 's'}
    return ' '.join(text[a] + speech[b] for a, b in frames_TxC)


@pytest.mark.parametrize('spec,t,s,expected', [
    ('esi:n=2,m=3', 3, 5, 't. t. .s .s .s t. E. .s .s .#'),
    ('esi:n=2,m=3', 2, 4, 't. t. .s .s .s E. .s .#'),  # EOT waits for its slot
    ('interleaved:n=2,m=3', 2, 4, 't. t. .s .s .s E. p. .s .#'),
    ('interleaved:n=2,m=3', 1, 6, 't. E. .s .s .s p. p. .s .s .s p. p. .#'),
    ('interleaved:n=2,m=3', 5, 2, 't. t. .s .s .# t. t. t. E.'),  # speech ends first
    ('parallel:delay=3', 4, 6, 't. t. t. ts Es ps ps ps ps p#'),
    ('parallel', 3, 1, 'ts t# t. E.'),
    ('sequential', 2, 2, 't. t. E. .s .s .#'),
    ('text_only', 2, 2, 't. t. E.')])
def test_drawn_by_hand(spec, t, s, expected):
    assert picture(spec, t, s) == expected


def test_an_open_group_is_closed_by_eos_and_its_filling_is_not_sampled():
    vocab = VOCABS[3]
    speech_MxK = np.asarray([[1, 2, 3], [4, 9, 9]])  # column 1 has 7 codes: its EOS is 7
    speech_MxK[1, 1:] = vocab.eos[1:]
    frames_TxC, roles_TxC = layout(parse('sequential', vocab), [5], speech_MxK)
    np.testing.assert_array_equal(frames_TxC[-1], [SILENT_ID, 4, 7, 9])
    np.testing.assert_array_equal(roles_TxC[-1], [SILENT, SAMPLED, SAMPLED, FORCED])


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(SPECS), st.sampled_from([1, 3]), st.integers(0, 9), st.integers(0, 20))
def test_one_code_serves_numpy_and_jax(spec, k, t, s):
    pattern = parse(spec, VOCABS[k])
    frames_TxC, _ = layout(pattern, *random_streams(VOCABS[k], t, s))
    ours, theirs = pattern.start(1), jax.tree.map(jnp.asarray, pattern.start(1))
    for f_C in frames_TxC:
        np.testing.assert_array_equal(pattern.roles(ours), pattern.roles(theirs))
        ours = pattern.advance(ours, f_C[None])
        theirs = pattern.advance(theirs, pattern.close(jnp.asarray(f_C[None])))
        for a, b in zip(ours, theirs):
            np.testing.assert_array_equal(a, b)


@dataclasses.dataclass(frozen=True)
class Mute(base.Pattern):
    def turns(self, cursor):
        return np.zeros_like(cursor.slot), np.zeros_like(cursor.slot)


@pytest.mark.parametrize('spec', ['esi:n=0,m=10', 'interleaved:n=5,m=0', 'interleaved:n=-1,m=3',
                                  'parallel:delay=-1'])
def test_a_pattern_that_would_never_end_is_refused(spec):
    with pytest.raises(UserError):
        parse(spec, VOCABS[1])


def test_a_pattern_that_says_nothing_is_named_and_does_not_hang():
    with pytest.raises(UserError, match='Mute'):
        steps(Mute(VOCABS[1]), 2, 3)


def test_a_wrong_spec_is_named():
    with pytest.raises(UserError, match='no_such'):
        parse('no_such', VOCABS[1])
    with pytest.raises(UserError, match='esi:q=5'):
        parse('esi:q=5', VOCABS[1])


def test_a_pattern_from_any_module():
    assert parse('esi_jax.patterns.parallel.Parallel:delay=2', VOCABS[1]) == Parallel(VOCABS[1], 2)
