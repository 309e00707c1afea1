"""Comparisons whose outcome is known: arms that answer as the reference does, or as told."""

import jax
import numpy as np
import small

from esi_jax.data.text import TextTokenizer
from esi_jax.decode.answer import Answer, Speaker
from esi_jax.eval import cost, run
from esi_jax.model.backbone import unroll
from esi_jax.model.config import ModelConfig
from esi_jax.model.speech_lm import SpeechLM
from esi_jax.patterns import layout, parse
from esi_jax.speech.codec import Codec, CodecConfig
from esi_jax.speech.tokenizer import FSQTokenizer

SPECS = {'interleaved': 'interleaved:n=5,m=10', 'esi': 'esi:n=5,m=10', 'parallel': 'parallel'}
CACHE = 500


def tone(seconds, rate, pitch=220):
    wave = np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)
    return np.round(8_000 * wave).astype(np.int16)


def items(count=4):
    return [run.Item(f'sum/{i}', ('arithmetic', 'calendar')[i % 2], f'What is {i} & <zero>?',
                     f'The sum is {i}.', (str(i),), tone(1, 16_000),
                     tone(1.5 + 0.3 * i, 24_000)) for i in range(count)]


def tokenizers():
    codec = CodecConfig(fine=16, fine_blocks=1, coarse=16, coarse_blocks=1, trunk_blocks=1, out=16,
                        out_blocks=1)
    return (TextTokenizer.train(['The sum is 0 1 2 3 4 5 6.'], 260),
            FSQTokenizer(Codec(codec, jax.random.key(0))))


def speaker(spec, seed=0, max_frames=60, audio_dim=24):
    text, speech = tokenizers()
    sizes = small.config(audio_dim=audio_dim)
    config = ModelConfig(**{**vars(sizes), 'text_vocab': text.vocab, 'speech_vocab': speech.sizes})
    lm = unroll(SpeechLM(config, jax.random.key(seed)))
    return Speaker(lm, parse(spec, config.vocab), text, speech, max_frames)


def references(speaker, items):
    text_ids = [speaker.text.encode(item.answer) for item in items]
    codes = [np.arange(len(item.answer_T) // 960)[:, None] % 1000 for item in items]
    said = [item.answer for item in items]
    return run.Reference(text_ids, codes, said, said)


def faithful_arm(speaker, items, reference, seconds_a_step=0.01):
    """Answers what the reference says, is heard right, and takes the time its steps need."""
    answers = [Answer(item.answer, codes, layout(speaker.pattern, ids, codes)[0], 'eos')
               for item, ids, codes in zip(items, reference.text_ids, reference.codes,
                                           strict=True)]
    lengths = run.answer_lengths(speaker, reference)

    def clock(batches):
        steps = [len(cost.schedule(speaker.pattern, [lengths[i] for i in rows]).samples_S)
                 for rows in batches]
        return run.Clock([run.Load(rows, CACHE) for rows in batches],
                         seconds_a_step * np.asarray([steps] * 3), np.asarray(steps))

    every = list(range(len(items)))
    return run.Arm(speaker, answers, [item.answer_T for item in items],
                   [item.answer for item in items], clock([every]), clock([[0], [1]]),
                   np.full(2, 0.05))


def faithful(count=4, specs=SPECS):
    asked = items(count)
    speakers = {name: speaker(spec) for name, spec in specs.items()}
    reference = references(speakers['interleaved'], asked)
    return run.Comparison(asked, reference, {name: faithful_arm(s, asked, reference)
                                             for name, s in speakers.items()})
