import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esi_jax.errors import UserError
from esi_jax.eval import score

WORDS = st.sampled_from(["Paris", "twenty", "one", "N", "A", "Na", "O", "minus", "it's", "John's",
                         "d'Ivoire", "21", "1,234", "point", "five.", "São", "-", "½", "H.", "$3"])
TEXTS = st.lists(WORDS, max_size=8).map(' '.join) | st.text(max_size=30)
SAME = [('twenty one', '21'), ('Twenty-one.', '21'), ('N A', 'NA'), ('N. A.', 'Na'),
        ('N.A.', 'na'), ('C O', 'Co'), ('the symbol is H.', 'The symbol is H'),
        ('Guinea-Bissau', 'guinea bissau'), ('São Tomé', 'Sao Tome'), ("St. John's", 'Saint Johns'),
        ("Côte d'Ivoire", 'Cote dIvoire'), ("N’Djamena", 'NDjamena'), ("It's", 'it is'),
        ('one hundred and five', '105'), ('nineteen forty five', '1945'), ('minus five', '-5'),
        ("I'm", 'I am'), ('7 plus 5 is 12', 'Seven plus five is twelve.'), ('colour', 'color')]


@pytest.mark.parametrize(('a', 'b'), SAME)
def test_what_sounds_the_same_is_spelt_the_same(a, b):
    assert score.normalise(a) == score.normalise(b) != ''


@pytest.mark.parametrize(('a', 'b'), [('twenty one', 'twenty two'), ('N A', 'N B'),
                                      ('Niger', 'Nigeria'), ('thirteen', 'thirty'), ('', 'a')])
def test_what_sounds_different_stays_so(a, b):
    assert score.normalise(a) != score.normalise(b)


@settings(deadline=None)
@given(TEXTS)
def test_normalise_is_idempotent(text):
    once = score.normalise(text)
    assert score.normalise(once) == once


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_a_text_has_no_errors_against_itself(texts):
    assert score.wer(texts, texts) == 0
    assert score.wer(texts, [text.upper() for text in map(score.normalise, texts)]) == 0


@settings(deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_corpus_wer_is_errors_over_reference_words(pairs):
    refs, hyps = zip(*pairs, strict=True)
    errors_N, words_N = score.word_errors(refs, hyps)
    lengths = [len(score.normalise(ref).split()) for ref in refs]
    np.testing.assert_array_equal(words_N, lengths)
    assert (errors_N >= abs(words_N - [len(score.normalise(hyp).split()) for hyp in hyps])).all()
    assert score.wer(refs, hyps) == errors_N.sum() / max(words_N.sum(), 1)


def test_wer_by_hand():
    refs, hyps = ['The capital is Paris.', 'It is twenty one.'], ['the capital was', "It's 21!"]
    assert score.wer(refs, hyps) == 2 / 7
    assert score.wer(['', 'a b'], ['two words', 'a b']) > 0
    with pytest.raises(ValueError):
        score.wer(['a'], [])


@settings(deadline=None)
@given(st.lists(st.sampled_from(['paris', 'rome', 'is', 'new', 'delhi']), min_size=1), st.data())
def test_contains_finds_any_run_of_whole_words(words, data):
    start = data.draw(st.integers(0, len(words) - 1))
    stop = data.draw(st.integers(start + 1, len(words)))
    run = ' '.join(words[start:stop])
    assert score.contains(' '.join(words), ['Berlin', run.title()])
    assert not score.contains(' '.join(words), [run + 'x', 'x' + run, '', '...'])


def test_contains_answers():
    assert score.contains('The capital is New Delhi.', ['new delhi'])
    assert score.contains('It has eleven protons.', ['11'])
    assert score.contains('The symbol is N. A.', ['Na'])
    assert not score.contains('one hundred twenty one', ['21'])
    assert not score.contains('Nigeria', ['Niger'])
    assert not score.contains('', ['Paris']) and not score.contains('Paris', [])
    np.testing.assert_array_equal(score.correct(['Paris', 'Rome'], [['paris'], ['Oslo']]), [1, 0])


def test_the_interval_covers_the_truth_at_its_level():
    rng = np.random.default_rng(0)
    covered = []
    for seed in range(200):
        value, low, high = score.bootstrap(rng.random(100) < 0.7, resamples=500, seed=seed)
        assert low <= value <= high
        covered.append(low <= 0.7 <= high)
    assert 0.88 < np.mean(covered) <= 0.99


def test_pairing_narrows_a_difference_and_an_arm_against_itself_is_zero():
    rng = np.random.default_rng(0)
    words_N = rng.integers(3, 12, 150)
    errors_N = rng.binomial(words_N, rng.beta(0.5, 2, 150))
    assert score.paired_bootstrap((errors_N, words_N), (errors_N, words_N)) == (0, 0, 0)
    worse_N = errors_N + (rng.random(150) < 0.2)
    paired = score.paired_bootstrap((worse_N, words_N), (errors_N, words_N))
    alone = score.bootstrap(errors_N, words_N)
    assert paired.value == pytest.approx((worse_N - errors_N).sum() / words_N.sum())
    assert 0 < paired.low < paired.high and paired.high - paired.low < alone.high - alone.low
    assert alone == score.bootstrap(errors_N, words_N)


def test_nothing_to_score_is_refused():
    with pytest.raises(UserError):
        score.bootstrap(np.zeros(0))
    with pytest.raises(UserError):
        score.paired_bootstrap((np.ones(2),), (np.ones(3),))
