"""Trains a speech LM under one decoding pattern; run again after a kill, it goes on exactly.

    python -m launch.train --config=configs/tiny.py --workdir=out/esi
    python -m launch.train --config=configs/tiny.py:parallel --workdir=out/parallel

Writes checkpoints, log.jsonl, TensorBoard events (with a held-out answer to hear now and then) and,
at the end, model.safetensors. On several hosts run the same command on each with --multiprocess, a
mesh of all their devices, and pack.rows set; answers are then not decoded on the way.
"""

import json
from pathlib import Path

import jax
import numpy as np
from absl import flags
from ml_collections import config_flags

from esi_jax import errors, weights_io
from esi_jax.config import from_dict, to_dict
from esi_jax.data.dataset import load_records, read_metadata
from esi_jax.data.text import TextTokenizer
from esi_jax.decode.answer import WAV_RATE, Speaker
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
                                 'The speech tokenizer that the data was made with; it also makes '
                                 'answers audible.')
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
    text_path = _TEXT.value or Path(config.data.dir) / 'text.json'
    text, speech = TextTokenizer.load(text_path), FSQTokenizer.load(_TOKENIZER.value)
    _check_data(config, weights_io.digest(_TOKENIZER.value), text)

    def speak(model: SpeechLM, step: int, log: Log) -> None:
        if jax.process_count() > 1:
            return  # decoding aloud needs the whole model on one host
        record = test_source[step // config.loop.eval_every % len(test_source)]
        speaker = Speaker(unroll(model), pattern, text, speech)
        (answer,), _ = speaker.answer([record['features']])
        log.audio(step, 'answer', np.clip(speaker.wav(answer), -1, 1), WAV_RATE,
                  f'{record["question"]} -> {answer.text}')

    _keep_config(workdir / 'config.json', to_dict(config))
    model = train(workdir, config, train_source, test_source, speak)
    save_model(workdir / 'model.safetensors', model, config.pattern,
               tokenizer_sha256=weights_io.digest(_TOKENIZER.value),
               text_sha256=weights_io.digest(text_path))
    print(f'wrote {workdir / "model.safetensors"}')


def _check_data(config: TrainConfig, tokenizer_sha256: str, text: TextTokenizer) -> None:
    """Raises UserError where model, data and tokenizers do not belong together."""
    made = read_metadata(config.data.dir, config.data.name)
    sizes, have = tuple(json.loads(made['speech_sizes'])), config.model.speech_vocab
    if sizes != have and not (len(sizes) == 1 and set(have) == set(sizes)):
        raise errors.UserError(f'the data has speech codes of sizes {sizes} and '
                               f'model.speech_vocab is {have}; make them agree')
    if int(made['text_vocab']) != text.vocab or text.vocab > config.model.text_vocab:
        raise errors.UserError(f'the data has {made["text_vocab"]} text ids, the vocabulary '
                               f'{text.vocab} and model.text_vocab is {config.model.text_vocab}; '
                               'name the vocabulary of the data and set the model to its size')
    if made['speech_tokenizer_sha256'] != tokenizer_sha256:
        raise errors.UserError(f'the codes in {config.data.dir} come from another tokenizer than '
                               f'{_TOKENIZER.value}; name that one, or run launch.tokenize again')


def _keep_config(path: Path, config: dict) -> None:
    """Notes the config; raises UserError where the run in this folder began with another one."""
    config = json.loads(json.dumps(config))
    begun = json.loads(path.read_text()) if path.exists() else config
    for key in config:
        if key != 'loop' and begun.get(key) != config[key]:
            raise errors.UserError(f'the run in {path.parent} began with another config.{key}; '
                                   'give this one a --workdir of its own')
    write_atomic(path, json.dumps(config, indent=1).encode())


if __name__ == '__main__':
    errors.run(main)
