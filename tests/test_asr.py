import numpy as np
import pytest

from esi_jax.errors import UserError
from esi_jax.eval import score
from esi_jax.speech import asr, tts

SENTENCES = ['The capital of France is Paris.', 'Seven plus five is twelve.',
             'Most people in Brazil speak Portuguese.']


@pytest.fixture(scope='module')
def whisper():
    return asr.WhisperAsr(workers=2)


@pytest.fixture(scope='module')
def wavs():
    return [tts.speak(sentence)[0] for sentence in SENTENCES]


def test_clean_speech_is_transcribed_the_same_way_each_time(whisper, wavs):
    texts = whisper.transcribe_many(wavs, 24_000)
    assert score.wer(SENTENCES, texts) == 0
    assert texts == [whisper.transcribe(wav_T, 24_000) for wav_T in wavs]


def test_noise_and_nothing_give_a_string(whisper):
    assert whisper.transcribe(np.zeros(0, np.float32)) == ''
    noise_T = np.random.default_rng(0).normal(0, 0.3, 16_000).astype(np.float32)
    assert isinstance(whisper.transcribe(noise_T), str)
    assert whisper.transcribe_many([]) == []


def test_missing_or_damaged_models_are_refused(tmp_path):
    with pytest.raises(UserError, match='does not exist'):
        asr.WhisperAsr(tmp_path / 'nowhere')
    (tmp_path / 'model.bin').write_bytes(b'no model')
    with pytest.raises(UserError, match='cannot load'):
        asr.WhisperAsr(tmp_path)
