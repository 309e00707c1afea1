"""Encoded questions in, spoken answers out: the model with the two tokenizers it speaks through."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from esi_jax import weights_io
from esi_jax.data.text import TextTokenizer
from esi_jax.decode import generate as gen
from esi_jax.decode.sampling import Sampler
from esi_jax.decode.step import END_REASONS
from esi_jax.errors import UserError
from esi_jax.model.backbone import unroll
from esi_jax.model.speech_lm import SpeechLM
from esi_jax.model.weights import load_model
from esi_jax.patterns import Pattern, parse, streams
from esi_jax.speech.tokenizer import FSQTokenizer, SpeechTokenizer

WAV_RATE = 24_000  # samples a second of every speech tokenizer


class Answer(NamedTuple):
    text: str
    codes_TxK: np.ndarray
    frames_TxC: np.ndarray
    end_reason: str


@dataclasses.dataclass(frozen=True)
class Speaker:
    """`model` has unrolled layers."""

    model: SpeechLM
    pattern: Pattern
    text: TextTokenizer
    speech: SpeechTokenizer
    max_frames: int = 400

    def answer(self, features: Sequence[np.ndarray], sampler: Sampler = Sampler(),
               key: jax.Array | None = None) -> tuple[list[Answer], int]:
        """(answers to a batch of encoder outputs NxA, steps that the loop executed)."""
        prompt = gen.audio_prompt(self.model, features)
        out = gen.generate(self.model, self.pattern, sampler, prompt, max_frames=self.max_frames,
                           key=jax.random.key(0) if key is None else key)
        return [self.read(frames[:length], END_REASONS[reason]) for frames, length, reason
                in zip(out.frames_BxTxC, out.lengths_B, out.end_reason_B)], int(out.executed_steps)

    def read(self, frames_TxC: np.ndarray, end_reason: str) -> Answer:
        text_N, speech_MxK = streams(self.pattern.vocab, frames_TxC)
        return Answer(self.text.decode(text_N), self.ungroup(speech_MxK), frames_TxC, end_reason)

    def ungroup(self, speech_MxK: np.ndarray) -> np.ndarray:
        """Speech columns as the tokenizer's codes: groups of codes one after another."""
        columns = len(self.speech.sizes)
        flat = speech_MxK.reshape(-1, columns)
        return flat[(flat < np.asarray(self.speech.sizes)[None]).all(axis=1)]

    def wav(self, answer: Answer) -> np.ndarray:
        """wav_T at the tokenizer's rate; silence of no samples where nothing was said."""
        if not len(answer.codes_TxK):
            return np.zeros(0, np.float32)
        return self.speech.decode(answer.codes_TxK)


def load_speaker(model: str | Path, tokenizer: str | Path, text: str | Path, max_frames: int = 400
                 ) -> Speaker:
    """A speaker from its three files; the model's file names its pattern.

    Raises UserError where a file is missing, damaged, or does not fit the others.
    """
    lm, config = load_model(model)
    speech, vocabulary = FSQTokenizer.load(tokenizer), TextTokenizer.load(text)
    vocab = lm.config.vocab
    for name, path in (('tokenizer', tokenizer), ('text', text)):
        if config.get(f'{name}_sha256', '') not in ('', weights_io.digest(path)):
            raise UserError(f'{model} was not trained with {path}; name the file that it was '
                            'trained with')
    if set(vocab.speech) != set(speech.sizes) or len(vocab.speech) % len(speech.sizes):
        raise UserError(f'{model} has speech columns of sizes {vocab.speech} and {tokenizer} '
                        f'{speech.sizes}; name the tokenizer that it was trained with')
    return Speaker(unroll(lm), parse(config['pattern'], vocab), vocabulary, speech, max_frames)
