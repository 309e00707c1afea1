"""Asks a question, spoken or typed, and writes the spoken answer.

    python -m launch.ask --text="What is the capital of France?" --out=answer.wav
    python -m launch.ask --wav=question.wav --pattern=parallel --out=answer.wav

--text is spoken by a synthetic voice first: the model understands sound only.
"""

import time

import jax
import librosa
import numpy as np
from absl import flags

from esi_jax import errors
from esi_jax.decode.answer import WAV_RATE, load_speaker
from esi_jax.decode.sampling import Sampler, Sampling
from esi_jax.model.audio_encoder import RATE, encode_speech, load_whisper
from esi_jax.model.weights import SHIPPED
from esi_jax.speech.audio import read_wav, write_wav
from esi_jax.speech.tts import speak

_TEXT = flags.DEFINE_string('text', None, 'The question as text.')
_WAV = flags.DEFINE_string('wav', None, 'The question as an audio file of at most 30 s.')
_VOICE = flags.DEFINE_string('voice', 'hibari', 'Who speaks --text: hibari, flite/slt, …')
_PATTERN = flags.DEFINE_string('pattern', 'esi', 'Which shipped model answers: esi, interleaved or '
                               'parallel.')
_MODEL = flags.DEFINE_string('model', None, 'Weights of your own model instead.')
_TOKENIZER = flags.DEFINE_string('tokenizer', str(SHIPPED / 'tokenizer.safetensors'),
                                 'Weights of the speech tokenizer.')
_VOCABULARY = flags.DEFINE_string('vocabulary', str(SHIPPED / 'text.json'), 'The text vocabulary.')
_OUT = flags.DEFINE_string('out', 'answer.wav', 'Where the spoken answer goes (24 kHz WAV).')
_TEMPERATURE = flags.DEFINE_float('temperature', 0.0, 'Of text and speech; 0 is greedy.')
_TOP_P = flags.DEFINE_float('top_p', 1.0, 'Smallest set of ids with this mass; 1 is off.')
_SEED = flags.DEFINE_integer('seed', 0, 'For sampling and for the voice.', lower_bound=0)
_MAX_FRAMES = flags.DEFINE_integer('max_frames', 400, 'Frames after which an answer is cut.',
                                   lower_bound=1)

flags.mark_flags_as_mutual_exclusive(['text', 'wav'], required=True)


def main(argv: list[str]) -> None:
    del argv
    question_T = _question()
    sampling = Sampling(temperature=_TEMPERATURE.value, top_p=_TOP_P.value)
    speaker = load_speaker(_MODEL.value or SHIPPED / f'{_PATTERN.value}.safetensors',
                           _TOKENIZER.value, _VOCABULARY.value, _MAX_FRAMES.value)
    features = encode_speech(load_whisper(), question_T)
    start = time.monotonic()
    (answer,), steps = speaker.answer([features], Sampler(sampling, sampling),
                                      jax.random.key(_SEED.value))
    wav_T = speaker.wav(answer)
    seconds = time.monotonic() - start
    write_wav(_OUT.value, wav_T, WAV_RATE)
    print(answer.text)
    print(f'{len(wav_T) / WAV_RATE:.2f} s of speech in {_OUT.value}: '
          f'{len(answer.frames_TxC)} frames, {steps} steps, {seconds:.2f} s with compilation')
    if answer.end_reason not in ('eos', 'eot'):
        print(f'the answer was cut: {answer.end_reason}')


def _question() -> np.ndarray:
    if _WAV.value is not None:
        return read_wav(_WAV.value, RATE)
    text = (_TEXT.value or '').strip()
    if not text:
        raise errors.UserError('--text is empty; write a question')
    wav_T, rate = speak(text, _VOICE.value, seed=_SEED.value)
    return librosa.resample(wav_T, orig_sr=rate, target_sr=RATE)


if __name__ == '__main__':
    errors.run(main)
