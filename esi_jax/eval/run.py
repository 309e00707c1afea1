"""From spoken questions to what was answered, said and heard under every pattern."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.progress import track

from esi_jax.data.array_cache import cached
from esi_jax.data.dataset import load_records
from esi_jax.decode.answer import WAV_RATE, Answer, Speaker
from esi_jax.decode.generate import audio_prompt
from esi_jax.errors import UserError
from esi_jax.eval import cost, timing
from esi_jax.eval.transcripts import transcribe
from esi_jax.model.audio_encoder import AudioEncoder, encode_speech
from esi_jax.speech.asr import Asr
from esi_jax.speech.audio import to_float, to_int16

BASELINE = 'interleaved'


class Item(NamedTuple):
    """A test question and its reference answer; the sounds are int16, 16 kHz and 24 kHz."""

    id: str
    category: str
    question: str
    answer: str
    aliases: tuple[str, ...]
    question_T: np.ndarray
    answer_T: np.ndarray


class Reference(NamedTuple):
    """What the data says, item by item: the recordings and their codes back as sound."""

    text_ids: list[np.ndarray]
    codes: list[np.ndarray]
    recorded: list[str]  # heard in the recording
    resynthesised: list[str]  # heard in the codes' sound


class Load(NamedTuple):
    """One batch that was timed: its rows in the items, and the KV positions a row's cache has."""

    rows: list[int]
    cache_length: int


class Clock(NamedTuple):
    """`seconds_RxN` of N batches in R rounds, from encoder features to frames on the host."""

    loads: list[Load]
    seconds_RxN: np.ndarray
    steps_N: np.ndarray  # that the loop executed


class Arm(NamedTuple):
    """One pattern's answers to all items; sounds are int16 at 24 kHz."""

    speaker: Speaker
    answers: list[Answer]
    wavs: list[np.ndarray]
    heard: list[str]
    batched: Clock
    single: Clock  # batch 1, on the first items
    vocoder_seconds_N: np.ndarray  # of the answers of `single`


class Comparison(NamedTuple):
    items: list[Item]
    reference: Reference
    arms: dict[str, Arm]


def load_items(data_dir: str | Path, limit: int = 0) -> list[Item]:
    """The first `limit` test items (0: all). Raises UserError where there are none."""
    records = load_records(data_dir, 'spoken_qa', 'test')
    count = min(limit or len(records), len(records))
    if not count:
        raise UserError(f'the test split of spoken_qa in {data_dir} is empty; make it again with '
                        f'python -m launch.curate --data_dir={data_dir}')
    return [Item(r['id'], r['category'], r['question'], r['answer'], tuple(r['aliases']),
                 r['question_audio'], r['answer_audio'])
            for r in (records[i] for i in range(count))]


def encode_questions(encoder: AudioEncoder, items: Sequence[Item], folder: Path
                     ) -> list[np.ndarray]:
    """Encoder features NxA of each question, kept in `folder` by sound."""
    def one(item: Item) -> np.ndarray:
        name = hashlib.sha256(item.question_T.tobytes()).hexdigest()
        return cached(folder / f'{name}.npy',
                      lambda: encode_speech(encoder, to_float(item.question_T)))

    return [one(item) for item in track(items, description='listening to the questions')]


def refer(speaker: Speaker, items: Sequence[Item], asr: Asr, asr_name: str, folder: Path
          ) -> Reference:
    """Codes of the reference answers, and what is heard before and after coding."""
    codes = [speaker.speech.encode(to_float(item.answer_T))
             for item in track(items, description='coding the reference answers')]
    resynthesised = [to_int16(speaker.speech.decode(c)) for c in codes]
    return Reference(
        [speaker.text.encode(item.answer) for item in items], codes,
        transcribe(asr, asr_name, [item.answer_T for item in items], WAV_RATE, folder,
                   'hearing the reference answers'),
        transcribe(asr, asr_name, resynthesised, WAV_RATE, folder, 'hearing their codes'))


def decode(speakers: Mapping[str, Speaker], features: Sequence[np.ndarray], batch_size: int,
           rounds: int, label: str) -> tuple[dict[str, list[Answer]], dict[str, Clock]]:
    """Greedy answers of every speaker to every question, and the seconds of its warm calls."""
    rows = timing.wrap(range(len(features)), batch_size)
    batches = [[features[i] for i in row] for row in rows]
    result = timing.race({name: speaker.answer for name, speaker in speakers.items()}, batches,
                         rounds, label)
    answers, clocks = {}, {}
    for name, speaker in speakers.items():
        said = [answer for batch, _ in result.outputs[name] for answer in batch]
        answers[name] = said[:len(features)]
        loads = [Load(row, _cache_length(speaker, batch))
                 for row, batch in zip(rows, batches, strict=True)]
        clocks[name] = Clock(loads, result.seconds_RxN[name],
                             np.asarray([steps for _, steps in result.outputs[name]]))
    return answers, clocks


def compare(speakers: Mapping[str, Speaker], items: Sequence[Item], encoder: AudioEncoder,
            asr: Asr, asr_name: str, folder: Path, *, batch_size: int, singles: int, rounds: int
            ) -> Comparison:
    """Everything that is measured; `folder` remembers features and transcripts between runs."""
    features = encode_questions(encoder, items, folder / 'features')
    answers, batched = decode(speakers, features, batch_size, rounds, 'decoding in batches')
    _, single = decode(speakers, features[:singles], 1, rounds, 'decoding one by one')
    reference = refer(speakers[BASELINE], items, asr, asr_name, folder / 'transcripts')
    arms = {}
    for name, speaker in speakers.items():
        wavs, seconds_N = vocode(speaker, answers[name], singles)
        heard = transcribe(asr, asr_name, wavs, WAV_RATE, folder / 'transcripts',
                           f'hearing {name}')
        arms[name] = Arm(speaker, answers[name], wavs, heard, batched[name], single[name],
                         seconds_N)
    return Comparison(list(items), reference, arms)


def vocode(speaker: Speaker, answers: Sequence[Answer], timed: int
           ) -> tuple[list[np.ndarray], np.ndarray]:
    """(int16 wav_T of each answer, seconds of a second, warm call on the first `timed` ones)."""
    wavs = [to_int16(speaker.wav(answer)) for answer in answers]
    seconds_RxN = timing.race({'': speaker.wav}, answers[:timed], 1, 'timing the vocoder')
    return wavs, seconds_RxN.seconds_RxN[''][0]


def answer_lengths(speaker: Speaker, reference: Reference) -> list[tuple[int, int]]:
    """(text ids, speech frames) that the reference answers have under this speaker's model."""
    return [cost.lengths(speaker.pattern.vocab, text, codes)
            for text, codes in zip(reference.text_ids, reference.codes, strict=True)]


def _cache_length(speaker: Speaker, features: Sequence[np.ndarray]) -> int:
    """Positions that prefill gives each row's cache."""
    return audio_prompt(speaker.model, features).f_BxPxC.shape[1] + speaker.max_frames + 1
