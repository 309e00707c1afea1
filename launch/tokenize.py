"""Turns spoken_qa into spoken_qa_tokens: question features, answer text ids, answer codes.

    python -m launch.tokenize --data_dir=out/data --stage=features   # needs no speech tokenizer
    python -m launch.tokenize --data_dir=out/data --tokenizer=esi_jax/weights/tokenizer.safetensors

Killed, it goes on where it was: arrays are kept under <data_dir>/cache, features by sound, codes
by sound and tokenizer; that folder may be deleted once the data set is built.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from absl import flags
from rich.progress import track

from esi_jax import errors, weights_io
from esi_jax.data import dataset
from esi_jax.data.array_cache import cached
from esi_jax.data.text import TextTokenizer
from esi_jax.model.audio_encoder import encode_speech, load_whisper
from esi_jax.speech.audio import to_float
from esi_jax.speech.tokenizer import FSQTokenizer

_DATA_DIR = flags.DEFINE_string('data_dir', 'out/data', 'Where spoken_qa is.')
_OUT_DIR = flags.DEFINE_string('out_dir', '', 'Where spoken_qa_tokens goes; empty: data_dir.')
_STAGE = flags.DEFINE_enum('stage', 'all', ['features', 'all'], 'features: stop after them.')
_TOKENIZER = flags.DEFINE_string('tokenizer', 'esi_jax/weights/tokenizer.safetensors',
                                 'Weights of the speech tokenizer.')
_TEXT = flags.DEFINE_string('text', '', 'A text vocabulary that exists; empty: learn one from the '
                            'answers of the train split and save it as <out_dir>/text.json.')
_TEXT_VOCAB = flags.DEFINE_integer('text_vocab', 1200, 'Entries of a text vocabulary to learn.')
_SPLITS = flags.DEFINE_list('splits', ['train', 'test'], 'Which splits to turn.')

_KEPT = ('id', 'category', 'question', 'answer', 'aliases', 'voice')


def _path(folder: Path, samples_T: np.ndarray) -> Path:
    return folder / f'{hashlib.sha256(samples_T.tobytes()).hexdigest()[:24]}.npy'


def _fill(splits: dict[str, dataset.Records], what: str,
          array: Callable[[dataset.Record], np.ndarray]) -> None:
    """Computes the array of each record that is not kept yet."""
    for split, records in splits.items():
        for record in track(records, description=f'{what} {split}'):
            array(record)


def _text_tokenizer(splits: dict[str, dataset.Records]) -> TextTokenizer:
    if _TEXT.value:
        return TextTokenizer.load(_TEXT.value)
    if 'train' not in splits:
        raise errors.UserError('a text vocabulary is learnt from the train split, which is not '
                               'among --splits; name one that exists with --text')
    return TextTokenizer.train((r['answer'] for r in splits['train']), _TEXT_VOCAB.value)


def main(argv: list[str]) -> None:
    del argv
    out_dir = Path(_OUT_DIR.value or _DATA_DIR.value)
    cache = Path(_DATA_DIR.value) / 'cache'
    splits = {split: dataset.load_records(_DATA_DIR.value, 'spoken_qa', split)
              for split in _SPLITS.value}
    encoder = load_whisper()

    def features(record: dataset.Record) -> np.ndarray:
        samples_T = record['question_audio']
        return cached(_path(cache / 'features', samples_T),
                      lambda: np.asarray(encode_speech(encoder, to_float(samples_T)), np.float16))

    if _STAGE.value == 'features':
        _fill(splits, 'features', features)
        return

    speech = FSQTokenizer.load(_TOKENIZER.value)
    digest = weights_io.digest(_TOKENIZER.value)
    text = _text_tokenizer(splits)
    _fill(splits, 'features', features)

    def codes(record: dataset.Record) -> np.ndarray:
        samples_T = record['answer_audio']
        return cached(_path(cache / f'codes-{digest[:12]}', samples_T),
                      lambda: np.asarray(speech.encode(to_float(samples_T)), np.int32))

    _fill(splits, 'codes', codes)

    def tokens(records: dataset.Records) -> Iterator[dataset.Record]:
        for record in records:
            yield {name: record[name] for name in _KEPT} | {
                'features': features(record), 'text': text.encode(record['answer']),
                'codes': codes(record)}

    dataset.write(out_dir, 'spoken_qa_tokens', dataset.spoken_qa_tokens(len(speech.sizes)),
                  {split: functools.partial(tokens, records)
                   for split, records in splits.items()},
                  {'speech_tokenizer_sha256': digest, 'speech_sizes': json.dumps(speech.sizes),
                   'text_vocab': str(text.vocab)})
    if not _TEXT.value:
        text.save(out_dir / 'text.json')
    for split, records in splits.items():
        print(f'{split}: {len(records)} examples in {out_dir}/spoken_qa_tokens')


if __name__ == '__main__':
    errors.run(main)
