"""Trains the speech tokenizer and writes its weights.

    python -m launch.train_tokenizer --data_dir=out/data --workdir=out/tokenizer
    python -m launch.train_tokenizer --eval --out=esi_jax/weights/tokenizer.safetensors

The first speaks the extra sentences once, trains (killed, the same command goes on), and writes
float16 weights to --out. The second tells the WER of Whisper on held-out answers before and after
the tokenizer.
"""

from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from ml_collections import config_flags

from esi_jax import errors
from esi_jax.config import from_dict
from esi_jax.data import augment
from esi_jax.data.dataset import Records, load_records
from esi_jax.eval.score import wer
from esi_jax.speech import sentences
from esi_jax.speech.asr import WhisperAsr
from esi_jax.speech.audio import to_float
from esi_jax.speech.codec import Codec
from esi_jax.speech.rows import fits, to_labels
from esi_jax.speech.tokenizer import FSQTokenizer
from esi_jax.speech.tts import speak
from esi_jax.train.log import Log
from esi_jax.train.tokenizer import TrainConfig, train

RATE = 24_000

_CONFIG = config_flags.DEFINE_config_file('config', 'configs/tokenizer.py', lock_config=True)
_DATA_DIR = flags.DEFINE_string('data_dir', 'out/data', 'Where spoken_qa is.')
_WORKDIR = flags.DEFINE_string('workdir', 'out/tokenizer', 'Checkpoints, logs, extra sentences.')
_OUT = flags.DEFINE_string('out', '', 'The weights file; empty: tokenizer.safetensors in '
                           '--workdir.')
_EVAL = flags.DEFINE_bool('eval', False, 'Score the weights at --out; no training.')
_EVAL_COUNT = flags.DEFINE_integer('eval_count', 40, 'Test answers to score.')


def main(argv: list[str]) -> None:
    del argv
    out = _OUT.value or Path(_WORKDIR.value) / 'tokenizer.safetensors'
    test = load_records(_DATA_DIR.value, 'spoken_qa', 'test')
    if _EVAL.value:
        _score(FSQTokenizer.load(out), test)
        return
    config, workdir = _CONFIG.value.to_dict(), Path(_WORKDIR.value)
    said, train_config = config.pop('sentences'), from_dict(TrainConfig, config)
    path = workdir / 'sentences-{hours}h-{max_seconds}s-{seed}.npz'.format(**said)
    if not path.exists():
        sentences.build(path, **said)
    train_sources: list[Any] = [load_records(_DATA_DIR.value, 'spoken_qa', 'train'),
                                sentences.Sentences(path)]

    records = [source[i] for source in train_sources for i in range(len(source))]
    used = sum(fits(train_config.rows, train_config.codec.samples, record['answer_audio'],
                    to_labels(record['answer'])) for record in records)
    print(f'{used} of {len(records)} utterances fit a row and are trained on')

    def listen(codec: Codec, step: int, log: Log) -> None:
        record = test[step // train_config.loop.eval_every % len(test)]
        tokenizer = FSQTokenizer(codec)
        wav_T = tokenizer.decode(tokenizer.encode(to_float(record['answer_audio'])))
        log.audio(step, 'resynthesised', np.clip(wav_T, -1, 1), RATE, record['answer'])

    codec = train(workdir, train_config, train_sources, [test], listen)
    FSQTokenizer(codec).save(out)
    print(f'wrote {out}')


def _score(tokenizer: FSQTokenizer, test: Records) -> None:
    """Word error rate through Whisper of original and resynthesised speech."""
    picked = [test[i] for i in np.linspace(0, len(test) - 1, _EVAL_COUNT.value).astype(int)]
    sets = {'spoken_qa test answers': ([r['answer'] for r in picked],
                                       [to_float(r['answer_audio']) for r in picked]),
            'Harvard sentences': (list(sentences.HARVARD), [
                augment.set_level(augment.trim(*speak(text)), sentences.PEAK_DB)
                for text in sentences.HARVARD])}
    asr = WhisperAsr()
    for name, (texts, wavs) in sets.items():
        heard = asr.transcribe_many(wavs, RATE)
        codes = [tokenizer.encode(wav_T) for wav_T in wavs]
        again = asr.transcribe_many([tokenizer.decode(c) for c in codes], RATE)
        used = len(np.unique(np.concatenate(codes)))
        for text, before, after in zip(texts, heard, again, strict=True):
            if wer([before], [after]):
                print(f'  {text!r} was heard as {before!r}, resynthesised as {after!r}')
        print(f'{name}: WER {wer(texts, heard):.1%} original, {wer(texts, again):.1%} '
              f'resynthesised; {len(texts)} sentences, {used} different codes')


if __name__ == '__main__':
    errors.run(main)
