"""Any text survives; ids stay inside the vocabulary."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esi_jax.data.facts import facts
from esi_jax.data.phrasings import answers
from esi_jax.data.text import TextTokenizer
from esi_jax.errors import UserError

SENTENCES = [sentence for fact in facts() for sentence in answers(fact)]
TOKENIZER = TextTokenizer.train(SENTENCES, 500)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_comes_back_exactly(text):
    ids_T = TOKENIZER.encode(text)
    assert TOKENIZER.decode(ids_T) == text
    assert ids_T.dtype == 'int32' and ((ids_T >= 0) & (ids_T < TOKENIZER.vocab)).all()


def test_vocabulary_is_as_large_as_asked_and_shortens_text():
    assert TOKENIZER.vocab == 500
    larger = TextTokenizer.train(SENTENCES, 900)
    short, shorter, plain = (sum(map(len, map(encode, SENTENCES))) for encode in
                             (TOKENIZER.encode, larger.encode, str.encode))
    assert shorter < short < plain / 2


def test_a_word_has_the_same_ids_first_and_inside():
    paris = TOKENIZER.encode('Paris')
    assert TOKENIZER.encode('It is Paris').tolist()[-len(paris):] == paris.tolist()


def test_training_is_repeatable():
    again = TextTokenizer.train(SENTENCES, 500)
    assert all((again.encode(s) == TOKENIZER.encode(s)).all() for s in SENTENCES[:200])


def test_ids_cut_inside_a_character_still_decode():
    ids_T = TOKENIZER.encode('日本')
    assert isinstance(TOKENIZER.decode(ids_T[:-1]), str)
    assert TOKENIZER.decode([]) == ''


def test_files(tmp_path):
    path = tmp_path / 'text.json'
    TOKENIZER.save(path)
    loaded = TextTokenizer.load(path)
    assert loaded.vocab == TOKENIZER.vocab
    assert loaded.encode(SENTENCES[0]).tolist() == TOKENIZER.encode(SENTENCES[0]).tolist()
    path.write_text(path.read_text()[:100])
    with pytest.raises(UserError, match=r'text\.json is damaged'):
        TextTokenizer.load(path)
    with pytest.raises(UserError, match='does not exist'):
        TextTokenizer.load(tmp_path / 'no.json')
    with pytest.raises(UserError, match='256 or more'):
        TextTokenizer.train(SENTENCES, 100)
