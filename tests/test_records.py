"""The split is fair, honest and the same everywhere."""

import collections
import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

from esi_jax.config import from_dict
from esi_jax.data.digest import between, choose, digest, unit
from esi_jax.data.facts import facts
from esi_jax.data.records import ANSWER_RATE, QUESTION_RATE, DataConfig, items, record
from esi_jax.errors import UserError

CONFIG = DataConfig()
TEST = items(CONFIG, 'test')
TRAIN = items(CONFIG, 'train')


def pair(item):
    return item.id.rsplit('/', 1)[0]


def fact_of(item):
    return item.id.rsplit('/', 2)[0]


def test_no_test_question_is_trained():
    assert not {pair(item) for item in TEST} & {pair(item) for item in TRAIN}
    assert not {item.question for item in TEST} & {item.question for item in TRAIN}


def test_every_fact_is_trained_and_tested():
    trained = collections.Counter(fact_of(item) for item in TRAIN)
    tested = collections.Counter(fact_of(item) for item in TEST)
    keys = {fact.key for fact in facts(CONFIG.counts)}
    assert set(trained) == set(tested) == keys
    assert set(trained.values()) == {CONFIG.train_phrasings} and set(tested.values()) == {1}


@pytest.mark.parametrize('size', [20, 60, 200, len(TEST)])
def test_every_prefix_of_the_test_is_a_fair_mix(size):
    whole = collections.Counter(item.category for item in TEST)
    head = collections.Counter(item.category for item in TEST[:size])
    for category, count in whole.items():
        assert abs(head[category] - count * size / len(TEST)) <= 1.0
        assert count <= 0.4 * len(TEST)


def test_an_item_does_not_depend_on_the_other_facts():
    fewer = dataclasses.replace(CONFIG, counts=dataclasses.replace(
        CONFIG.counts, capital=5, arithmetic=20))
    before = {item.id: item for item in TRAIN}
    assert all(before[item.id] == item for item in items(fewer, 'train'))


def test_items_are_the_same_in_another_process():
    code = ('from esi_jax.data.digest import digest;'
            'from esi_jax.data.records import DataConfig, items;'
            'print(digest(*items(DataConfig(), "test")))')
    told = {subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True,
                           env=os.environ | {'PYTHONHASHSEED': seed}).stdout for seed in '12'}
    assert told == {f'{digest(*TEST)}\n'}


def test_more_takes_keep_the_split_and_vary_the_sound():
    more = items(dataclasses.replace(CONFIG, train_takes=3), 'train')
    assert len(more) == 3 * len(TRAIN)
    assert {pair(item) for item in more} == {pair(item) for item in TRAIN}
    assert len({item.seed for item in more}) == len(more)


def test_a_held_out_voice_is_never_trained_and_weights_hold():
    voices = collections.Counter(item.voice for item in TRAIN)
    assert 'flite/awb' not in voices
    assert 0.45 < voices['hibari'] / len(TRAIN) < 0.55
    unseen = items(dataclasses.replace(CONFIG, test_voices=('flite/awb',)), 'test')
    assert {item.voice for item in unseen} == {'flite/awb'}
    assert [item.question for item in unseen] == [item.question for item in TEST]


def test_errors_name_the_remedy():
    with pytest.raises(UserError, match="unknown split 'dev'"):
        items(CONFIG, 'dev')
    with pytest.raises(UserError, match='phrasings'):
        items(dataclasses.replace(CONFIG, train_phrasings=9), 'train')
    with pytest.raises(UserError, match=r'config\.counts\.poets'):
        from_dict(DataConfig, {'counts': {'poets': 3}})


def test_a_record_is_speech_at_its_level():
    item = dataclasses.replace(TEST[0], voice='hibari')
    spoken = record(item)
    question_T, answer_T = spoken['question_audio'], spoken['answer_audio']
    assert question_T.dtype == answer_T.dtype == np.int16
    assert 0.8 < len(question_T) / QUESTION_RATE < 6 and 0.8 < len(answer_T) / ANSWER_RATE < 6
    peak_db = 20 * np.log10(np.abs(question_T.astype(float)).max() / 32_767)
    assert peak_db == pytest.approx(item.question_peak_db, abs=0.1)
    assert np.array_equal(record(item)['answer_audio'], answer_T)


def test_digest_is_the_same_on_every_machine():
    assert digest('France', 1) == 8039668976497222156
    assert digest('a', 'b') != digest('ab')
    draws = [unit('x', i) for i in range(2000)]
    assert min(draws) >= 0 and max(draws) < 1 and abs(np.mean(draws) - 0.5) < 0.03
    assert all(2 <= between(2, 3, i) < 3 for i in range(100))
    assert len({choose('abc', i) for i in range(50)}) == 3
