"""Trains a speech LM under one decoding pattern; run again after a kill, it goes on exactly.

    python -m launch.train --config=configs/tiny.py --workdir=out/esi
    python -m launch.train --config=configs/tiny.py:parallel --workdir=out/parallel

Writes checkpoints, log.jsonl, TensorBoard events (with a held-out answer to hear now and then) and,
at the end, model.safetensors. On several hosts run the same command on each with --multiprocess.
"""

import json
from pathlib import Path

import jax
import numpy as np
from absl import flags
from ml_collections import config_flags

from esi_jax import errors
from esi_jax.config import from_dict, to_dict
from esi_jax.data.dataset import load_records
from esi_jax.data.text import TextTokenizer
from esi_jax.decode.answer import Speaker
from esi_jax.model.backbone import unroll
from esi_jax.model.speech_lm import SpeechLM
from esi_jax.model.weights import SHIPPED, save_model
from esi_jax.patterns import parse
from esi_jax.speech.tokenizer import FSQTokenizer
from esi_jax.train.lm import TrainConfig, train
from esi_jax.train.log import Log
from esi_jax.weights_io import write_atomic

_CONFIG = config_flags.DEFINE_config_file('config', 'configs/tiny.py', 'The experiment.',
                                          lock_config=True)
_WORKDIR = flags.DEFINE_string('workdir', 'out/train', 'Checkpoints, logs and the final weights.')
_TOKENIZER = flags.DEFINE_string('tokenizer', str(SHIPPED / 'tokenizer.safetensors'),
                                 'Weights of the speech tokenizer, to make answers audible.')
_TEXT = flags.DEFINE_string('text', '', 'The text vocabulary; empty: the one beside the data.')
_MULTIPROCESS = flags.DEFINE_bool('multiprocess', False, 'Join the other hosts of this job.')


def main(argv: list[str]) -> None:
    del argv
    if _MULTIPROCESS.value:
        jax.distributed.initialize()
    config = from_dict(TrainConfig, _CONFIG.value.to_dict())
    pattern, workdir = parse(config.pattern, config.model.vocab), Path(_WORKDIR.value)
    train_source, test_source = (load_records(config.data.dir, config.data.name, split)
                                 for split in ('train', 'test'))
    text = TextTokenizer.load(_TEXT.value or Path(config.data.dir) / 'text.json')
    if text.vocab > config.model.text_vocab:
        raise errors.UserError(f'the data has {text.vocab} text ids and model.text_vocab is '
                               f'{config.model.text_vocab}; set it to at least that')
    speech = FSQTokenizer.load(_TOKENIZER.value)

    def speak(model: SpeechLM, step: int, log: Log) -> None:
        record = test_source[step // config.loop.eval_every % len(test_source)]
        speaker = Speaker(unroll(model), pattern, text, speech)
        (answer,), _ = speaker.answer([record['features']])
        log.audio(step, 'answer', np.clip(speaker.wav(answer), -1, 1), 24_000,
                  f'{record["question"]} -> {answer.text}')

    write_atomic(workdir / 'config.json', json.dumps(to_dict(config), indent=1).encode())
    model = train(workdir, config, train_source, test_source, speak)
    save_model(workdir / 'model.safetensors', model, config.pattern)
    print(f'wrote {workdir / "model.safetensors"}')


if __name__ == '__main__':
    errors.run(main)
