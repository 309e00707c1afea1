"""Voices speak, the same way twice; what happens to their sound afterwards."""

import librosa
import numpy as np
import pytest

from esi_jax.data import augment
from esi_jax.errors import UserError
from esi_jax.speech.audio import to_float, to_int16
from esi_jax.speech.tts import VOICES, available_voices, check_voices, speak

SENTENCE = 'The capital of France is Paris.'


@pytest.mark.parametrize('voice', VOICES)
def test_a_voice_speaks_the_same_twice_and_faster_is_shorter(voice):
    if voice not in available_voices():
        pytest.skip(f'{voice} is not installed')
    wav_T, rate = speak(SENTENCE, voice, seed=3)
    again_T, _ = speak(SENTENCE, voice, seed=3)
    fast_T, _ = speak(SENTENCE, voice, speed=1.25, seed=3)
    assert wav_T.dtype == np.float32 and np.abs(wav_T).max() <= 1
    assert 1 < len(wav_T) / rate < 4
    assert np.array_equal(wav_T, again_T)
    assert 1.1 < len(wav_T) / len(fast_T) < 1.4


def test_the_seed_changes_hibari():
    assert not np.array_equal(*(speak(SENTENCE, seed=seed)[0] for seed in (1, 2)))


def test_errors_name_the_remedy(monkeypatch):
    with pytest.raises(UserError, match="unknown voice 'bob'"):
        speak(SENTENCE, 'bob')
    with pytest.raises(UserError, match='nothing to pronounce'):
        speak('')
    monkeypatch.setenv('PATH', '/nowhere')
    assert available_voices() == ('hibari',)
    check_voices(('hibari',))
    with pytest.raises(UserError, match='apt-get install flite'):
        check_voices(('hibari', 'flite/slt'))


def test_trim_cuts_silence_but_not_speech():
    speech_T, rate = speak(SENTENCE, seed=1)
    speech_T = augment.trim(speech_T, rate)
    silence_T = np.zeros(rate, np.float32)
    trimmed_T = augment.trim(np.concatenate([silence_T, speech_T, silence_T]), rate)
    assert abs(len(trimmed_T) - len(speech_T)) < 2.5 * augment.MARGIN_S * rate
    assert np.sum(trimmed_T**2) == pytest.approx(np.sum(speech_T**2), rel=1e-3)


def test_noise_has_the_wanted_power_and_level_the_wanted_peak():
    wav_T = librosa.tone(300, sr=16_000, duration=1.0).astype(np.float32)
    noisy_T = augment.add_noise(wav_T, snr_db=20, seed=5)
    ratio = np.mean(wav_T**2) / np.mean((noisy_T - wav_T)**2)
    assert 10 * np.log10(ratio) == pytest.approx(20, abs=0.1)
    assert np.array_equal(noisy_T, augment.add_noise(wav_T, snr_db=20, seed=5))
    assert np.abs(augment.set_level(wav_T, -6)).max() == pytest.approx(0.501, abs=1e-3)
    assert to_int16(np.array([-2.0, 0.0, 2.0])).tolist() == [-32_767, 0, 32_767]
    samples_T = np.arange(-32_767, 32_768, 7, np.int16)
    np.testing.assert_array_equal(to_int16(to_float(samples_T)), samples_T)
