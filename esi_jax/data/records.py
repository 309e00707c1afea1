"""From facts to things to say: each item is one fact in one phrasing by one voice.

Every choice (split, sentence, voice, speed, level, noise) is a digest of names, never a random
draw: an item does not change when others are added or when it is spoken in another process.
"""

import dataclasses
import math
from collections import defaultdict

import librosa
import numpy as np

from esi_jax.data import augment
from esi_jax.data.digest import between, choose, digest, unit
from esi_jax.data.facts import Counts, Fact, facts
from esi_jax.data.phrasings import answers, questions
from esi_jax.errors import UserError
from esi_jax.speech.audio import to_int16
from esi_jax.speech.tts import speak

SPLITS = ('train', 'test')
QUESTION_RATE = 16_000
ANSWER_RATE = 24_000


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """A voice named twice is used twice as often. Speeds, levels and noises are ranges."""

    counts: Counts = dataclasses.field(default_factory=Counts)
    train_phrasings: int = 5
    test_phrasings: int = 1
    train_takes: int = 1  # recordings of each training pair, in other voices and speeds
    train_voices: tuple[str, ...] = ('hibari', 'hibari', 'flite/slt', 'flite/rms')
    test_voices: tuple[str, ...] = ('hibari', 'hibari', 'flite/slt', 'flite/rms')
    answer_voice: str = 'hibari'
    question_speed: tuple[float, float] = (0.92, 1.12)
    answer_speed: tuple[float, float] = (0.92, 1.02)
    question_peak_db: tuple[float, float] = (-15.0, -1.0)
    answer_peak_db: tuple[float, float] = (-4.0, -4.0)
    snr_db: tuple[float, float] = (20.0, 45.0)


@dataclasses.dataclass(frozen=True)
class Item:
    """All that one record is made from."""

    id: str
    category: str
    question: str
    answer: str
    aliases: tuple[str, ...]
    voice: str
    answer_voice: str
    question_speed: float
    answer_speed: float
    question_peak_db: float
    answer_peak_db: float
    snr_db: float
    seed: int


def items(config: DataConfig, split: str) -> tuple[Item, ...]:
    """The items of a split, in an order whose every prefix is a fair mix of categories.

    Within a fact the phrasings are ranked by digest; the first `test_phrasings` are asked in the
    test only, the next `train_phrasings` in training only. So a tested question was never heard,
    while its answer was learnt from other questions.
    """
    if split not in SPLITS:
        raise UserError(f'unknown split {split!r}; the splits are {", ".join(SPLITS)}')
    test = split == 'test'
    first = 0 if test else config.test_phrasings
    wanted = config.test_phrasings if test else config.train_phrasings
    voices = config.test_voices if test else config.train_voices
    by_category = defaultdict(list)
    for fact in facts(config.counts):
        asked = questions(fact)
        if config.test_phrasings + config.train_phrasings > len(asked):
            raise UserError(f'test_phrasings + train_phrasings is more than the {len(asked)} '
                            f'phrasings of {fact.category}; lower one of them')
        ranked = sorted(range(len(asked)), key=lambda p: digest('split', fact.key, p))
        for phrasing in ranked[first:first + wanted]:
            for take in range(1 if test else config.train_takes):
                by_category[fact.category].append(
                    _item(config, voices, fact, asked[phrasing], f'{fact.key}/{phrasing}/{take}'))
    return _mixed(by_category)


def _item(config: DataConfig, voices: tuple[str, ...], fact: Fact, question: str, name: str
          ) -> Item:
    def between_(bounds: tuple[float, float], what: str) -> float:
        return between(*bounds, what, name)

    return Item(
        id=name, category=fact.category, question=question,
        answer=choose(answers(fact), 'answer', name), aliases=fact.aliases,
        voice=choose(voices, 'voice', name), answer_voice=config.answer_voice,
        question_speed=between_(config.question_speed, 'question_speed'),
        answer_speed=between_(config.answer_speed, 'answer_speed'),
        question_peak_db=between_(config.question_peak_db, 'question_peak_db'),
        answer_peak_db=between_(config.answer_peak_db, 'answer_peak_db'),
        snr_db=between_(config.snr_db, 'snr_db'), seed=digest('seed', name) % 2**31)


def _mixed(by_category: dict[str, list[Item]]) -> tuple[Item, ...]:
    """Spreads each category evenly over the whole list."""
    placed = []
    for category, members in by_category.items():
        members = sorted(members, key=lambda item: digest('order', item.id))
        offset = unit('offset', category)
        placed += [((rank + offset) / len(members), item) for rank, item in enumerate(members)]
    return tuple(item for _, item in sorted(placed, key=lambda pair: (pair[0], pair[1].id)))


def record(item: Item) -> dict[str, np.ndarray | str | list[str]]:
    """Speaks an item: the record that the data set stores. Question clean of long silences,
    16 kHz, at its own level and with noise; answer 24 kHz, clean; both int16."""
    question_T = _spoken(item.question, item.voice, item.question_speed, item.seed, QUESTION_RATE)
    question_T = augment.add_noise(question_T, item.snr_db, item.seed)
    question_T = augment.set_level(question_T, item.question_peak_db)
    answer_T = _spoken(item.answer, item.answer_voice, item.answer_speed, item.seed, ANSWER_RATE)
    answer_T = augment.set_level(answer_T, item.answer_peak_db)
    return {'id': item.id, 'category': item.category, 'question': item.question,
            'answer': item.answer, 'aliases': list(item.aliases), 'voice': item.voice,
            'question_audio': to_int16(question_T),
            'answer_audio': to_int16(answer_T)}


def _spoken(text: str, voice: str, speed: float, seed: int, rate: int) -> np.ndarray:
    wav_T, voice_rate = speak(text, voice, speed=speed, seed=seed)
    wav_T = librosa.resample(augment.trim(wav_T, voice_rate), orig_sr=voice_rate, target_sr=rate)
    if len(wav_T) < rate // 4 or not math.isfinite(float(np.abs(wav_T).max())):
        raise UserError(f'voice {voice!r} made no usable sound of {text!r}; reword it')
    return wav_T
