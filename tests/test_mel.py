import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from esi_jax.speech import mel
from esi_jax.speech.pitch import pitch

CONFIG = mel.MelConfig()


def _noise(samples: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, (2, samples)).astype(np.float32)


@pytest.mark.parametrize('window,hop', [(960, 240), (480, 120), (720, 240), (1000, 240)])
def test_frames_are_centred_on_their_hops(window, hop):
    wav = _noise(hop * 7)
    side = (window - hop) // 2
    padded = np.pad(wav, ((0, 0), (side, side)))
    expected = np.stack([padded[:, j * hop:j * hop + window] for j in range(7)], axis=1)
    np.testing.assert_array_equal(mel.frames(jnp.asarray(wav), window, hop), expected)


def test_magnitude_is_librosas():
    wav = _noise(4800)
    side = (CONFIG.window - CONFIG.hop) // 2
    expected = np.abs(librosa.stft(np.pad(wav, ((0, 0), (side, side))), n_fft=CONFIG.window,
                                   hop_length=CONFIG.hop, center=False)).swapaxes(1, 2)
    got = mel.magnitude(jnp.asarray(wav), CONFIG.window, CONFIG.hop)
    np.testing.assert_allclose(got, expected / (CONFIG.window / 2), atol=1e-5)


def test_zeros_at_the_end_change_no_frame():
    wav = _noise(4800)
    alone = mel.log_mel(jnp.asarray(wav), CONFIG)
    padded = mel.log_mel(jnp.asarray(np.pad(wav, ((0, 0), (0, 960)))), CONFIG)
    assert alone.shape == (2, 20, CONFIG.bins)
    np.testing.assert_allclose(padded[:, :20], alone, atol=1e-5)


@pytest.mark.parametrize('hz', [80.0, 117.3, 220.0, 401.0])
def test_pitch_of_a_pulse_train(hz):
    time = np.arange(12_000) / 24_000
    wav = sum(np.cos(2 * np.pi * hz * h * time) / h for h in range(1, 20)) * 0.1
    f0, voicing = pitch(jnp.asarray(wav[None], jnp.float32), 24_000, 240, 960)
    inner = slice(8, -8)  # the ends see silence
    assert np.all(np.asarray(voicing)[0, inner] > 0.9)
    np.testing.assert_allclose(np.asarray(f0)[0, inner], hz, rtol=0.005)


def test_noise_has_no_pitch():
    _, voicing = pitch(jnp.asarray(_noise(12_000)), 24_000, 240, 960)
    assert np.mean(np.asarray(voicing) > 0.6) < 0.05
