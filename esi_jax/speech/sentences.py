"""A corpus of spoken sentences with a broad vocabulary, for training the tokenizer only.

Words come with their part of speech from hibari's tagger, names from `countryinfo`, and fill
templates; the sentences mean little, but sound like English in rhythm and in its sounds.
"""

import gzip
import importlib.resources
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import countryinfo
import numpy as np
from num2words import num2words
from rich.progress import Progress

from esi_jax.data import augment
from esi_jax.speech.audio import to_int16
from esi_jax.speech.tts import speak
from esi_jax.weights_io import write_atomic

PEAK_DB = -4.0  # as the answers of spoken_qa

TEMPLATES = (
    'The {JJ} {NN} {VBD} the {NNS}.', 'A {NN} and a {NN} {VBD} near the {JJ} {NN}.',
    '{RB}, the {NNS} were {JJ} and {JJ}.', 'She {VBD} her {NN} before the {NN}.',
    'He {VBD} that {NNP} was {JJ}.', '{NNP} and {NNP} {VBD} for the {NN}.',
    'We {VBD} {RB}, but the {NN} was {JJ}.', 'They are {VBG} the {NNS} of {NNP}.',
    'It {VBZ} {RB} when the {NN} {VBZ}.', 'Please {VB} the {NN} with your {NNS}.',
    'Why did the {JJ} {NN} {VB}?', 'Do you {VB} {NNS} or {NNS}?',
    'I have {VBN} a {NN} of {NNS}.', 'My {NN} is {JJ}, and yours is {JJ}.',
    'There were {number} {NNS} in the {NN}.', 'In {year}, {NNP} {VBD} the {NN}.',
    'This {NN} {VBZ} {number} {NNS}.', 'The {ordinal} {NN} was {VBN} in {year}.',
    'The answer is {number}.', 'It is {number} point {digit}.', 'The number of {NNS} is {number}.',
    'The symbol is {letter} {letter}.', 'Its letters are {letter}, {letter} and {letter}.',
    'The capital of {country} is {capital}.', '{capital} is a city in {country}.',
    'People from {country} are called {demonym}.', 'In {country}, they speak {language}.',
    '{country} lies near {country}.', 'The {language} word for {NN} is {JJ}.',
    '{capital}, {capital} and {capital}.', 'I think it is {country}.',
    '{NNP} {VBZ} {JJ} {NNS} to {NNP} and {NNP}.', 'No, the {NN} of the {NN} is {VBG}.',
    'You should {VB} {RB} and {VB} the {JJ} {NNS}.', 'With {NN}, {NN} and {NN}, they {VBD}.',
    'If the {NNS} {VB}, we will {VB} a {NN}.', 'Could {NNP} have {VBN} the {JJ} {NN}?',
)
# Harvard sentences (IEEE 1969, list 1 to 3): what the tokenizer never hears in training.
HARVARD = (
    'The birch canoe slid on the smooth planks.', 'Glue the sheet to the dark blue background.',
    "It's easy to tell the depth of a well.", 'These days a chicken leg is a rare dish.',
    'Rice is often served in round bowls.', 'The juice of lemons makes fine punch.',
    'The box was thrown beside the parked truck.', 'The hogs were fed chopped corn and garbage.',
    'Four hours of steady work faced us.', 'A large size in stockings is hard to sell.',
    'The boy was there when the sun rose.', 'A rod is used to catch pink salmon.',
    'The source of the huge river is the clear spring.', 'Help the woman get back to her feet.',
    'Kick the ball straight and follow through.', 'A pot of tea helps to pass the evening.',
    'Smoky fires lack flame and heat.', "The soft cushion broke the man's fall.",
    'The salt breeze came across from the sea.', 'The girl at the booth sold fifty bonds.',
    'The small pup gnawed a hole in the sock.', 'The fish twisted and turned on the bent hook.',
    'Press the pants and sew a button on the vest.', 'The swan dive was far short of perfect.',
)
SLOT = re.compile(r'\{(\w+)\}')


def sentences(seed: int) -> Iterator[str]:
    """Endless sentences, the same for the same seed."""
    rng = np.random.default_rng(seed)
    words = _words()
    spelled = {
        'number': lambda: num2words(int(10 ** rng.uniform(0, 5))).replace(',', ''),
        'ordinal': lambda: num2words(int(rng.integers(1, 100)), to='ordinal'),
        'year': lambda: num2words(int(rng.integers(1100, 2030)), to='year'),
        'digit': lambda: num2words(int(rng.integers(10))),
        'letter': lambda: chr(ord('A') + int(rng.integers(26))),
    }

    def fill(match: re.Match[str]) -> str:
        kind = match[1]
        return spelled[kind]() if kind in spelled else words[kind][rng.integers(len(words[kind]))]

    while True:
        text = SLOT.sub(fill, TEMPLATES[rng.integers(len(TEMPLATES))])
        yield re.sub(r'\b([Aa]) (?=[aeiou])', r'\1n ', text[0].upper() + text[1:])


def build(path: Path, hours: float, seed: int, max_seconds: float) -> None:
    """Speaks `hours` of sentences into one .npz: int16 24 kHz samples, where each ends, texts."""
    rng = np.random.default_rng(seed)
    wavs: list[np.ndarray] = []
    texts: list[str] = []
    total, wanted = 0.0, hours * 3600
    with Progress() as bar:
        task = bar.add_task('speaking sentences', total=wanted)
        for number, text in enumerate(sentences(seed)):
            wav_T, rate = speak(text, 'hibari', speed=rng.uniform(0.85, 1.2), seed=number)
            wav_T = augment.set_level(augment.trim(wav_T, rate), PEAK_DB)
            if len(wav_T) > max_seconds * rate:
                continue
            wavs.append(to_int16(wav_T))
            texts.append(text)
            total += len(wav_T) / rate
            bar.update(task, completed=total)
            if total >= wanted:
                break
    file = io.BytesIO()
    np.savez(file, wav=np.concatenate(wavs), ends=np.cumsum([len(w) for w in wavs]), texts=texts)
    write_atomic(path, file.getvalue())


class Sentences:
    """Random access over what `build` wrote, under the names that `spoken_qa` uses."""

    def __init__(self, path: Path):
        with np.load(path) as file:
            self._wav, self._ends, self._texts = file['wav'], file['ends'], file['texts']

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: Any) -> dict[str, Any]:
        start = self._ends[index - 1] if index else 0
        return {'answer': str(self._texts[index]),
                'answer_audio': self._wav[start:self._ends[index]]}


def _words() -> dict[str, list[str]]:
    tagger = importlib.resources.files('hibari') / 'assets' / 'tagger.json.gz'
    words: dict[str, list[str]] = {}
    for word, tag in json.loads(gzip.decompress(tagger.read_bytes()))['tagdict'].items():
        if re.fullmatch('[A-Z]?[a-z]{2,}', word) and (word[0].isupper() == (tag == 'NNP')):
            words.setdefault(tag, []).append(word)
    for country in countryinfo.all_countries():
        fields = country.info()
        for kind, key in (('country', 'name'), ('capital', 'capital'), ('demonym', 'demonym')):
            value = fields.get(key)
            if isinstance(value, str) and re.fullmatch(r"[A-Za-z' -]+", value):
                words.setdefault(kind, []).append(value)
    words['language'] = words['demonym']
    return words
