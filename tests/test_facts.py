"""Every fact can be asked and answered fairly, in each of its phrasings."""

import dataclasses
import functools
import itertools
import re

import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from esi_jax.data.facts import Counts, facts, fold, words
from esi_jax.data.phrasings import answers, questions
from esi_jax.errors import UserError

EVERYTHING = Counts(**{field.name: -1 for field in dataclasses.fields(Counts)})
CATEGORIES = [field.name for field in dataclasses.fields(Counts)]
normalise = functools.cache(EnglishTextNormalizer())


def says(text: str, aliases: tuple[str, ...]) -> bool:
    return any(re.search(rf'\b{re.escape(normalise(alias))}\b', normalise(text))
               for alias in aliases)


@pytest.fixture(scope='module')
def everything():
    return facts(EVERYTHING)


def test_every_answer_sentence_is_judged_correct(everything):
    wrong = [(fact.key, sentence) for fact in everything for sentence in answers(fact)
             if not says(sentence, fact.aliases)]
    assert not wrong


def test_no_question_gives_its_answer_away(everything):
    leaks = [(fact.key, question) for fact in everything for question in questions(fact)
             if says(question, fact.aliases)]
    assert not leaks


def test_another_answer_of_the_category_is_judged_wrong(everything):
    for first, second in itertools.pairwise(everything):
        if first.category == second.category and not set(first.aliases) & set(second.aliases):
            assert not any(says(sentence.replace(second.subject, ''), first.aliases)
                           for sentence in answers(second) if first.answer not in second.subject)


def test_keys_are_unique_and_texts_are_plain_sentences(everything):
    assert len({fact.key for fact in everything}) == len(everything)
    for fact in everything:
        for sentence in questions(fact) + answers(fact):
            assert sentence.isascii() and not re.search(r'[\d{}_]', sentence), sentence
            assert sentence[0].isupper() and sentence[-1] in '.?', sentence


@pytest.mark.parametrize('category', CATEGORIES)
def test_a_category_is_asked_and_answered_in_varied_ways(category):
    one = facts(dataclasses.replace(Counts(**dict.fromkeys(CATEGORIES, 0)), **{category: 1}))[0]
    assert len(set(questions(one))) >= 6 and len(set(answers(one))) >= 3


def test_one_question_has_one_answer(everything):
    for category in CATEGORIES:
        asked = [fact.subject for fact in everything if fact.category == category]
        assert len(asked) == len(set(asked))


def test_counts_take_prefixes_and_refuse_too_many(everything):
    few = facts(dataclasses.replace(EVERYTHING, capital=3))
    assert [fact for fact in few if fact.category == 'capital'] == list(everything[:3])
    with pytest.raises(UserError, match=r'counts\.calendar asks for 999'):
        facts(dataclasses.replace(EVERYTHING, calendar=999))


def test_known_facts(everything):
    known = {fact.key: fact.answer for fact in everything}
    assert known['capital/france'] == 'Paris'
    assert known['country/tokyo'] == 'Japan'
    assert known['atomic_number/gold'] == 'seventy nine'
    assert known['symbol/f._e.'] == 'iron'
    assert known['calendar/the_day_after_sunday'] == 'Monday'
    assert known['calendar/the_month_before_january'] == 'December'


def test_arithmetic_is_right(everything):
    value = {words(n): n for n in range(200)}
    signs = {'plus': int.__add__, 'minus': int.__sub__, 'times': int.__mul__}
    for fact in everything:
        if fact.category == 'arithmetic':
            left, sign, right = re.split(' (plus|minus|times) ', fact.subject)
            assert signs[sign](value[left], value[right]) == value[fact.answer]


def test_fold():
    assert fold('São Tomé') == 'Sao Tome'
    assert fold("N'Djamena") == 'NDjamena'
