"""What happens to a spoken sentence before it is stored: silence, level, noise."""

import librosa
import numpy as np

MARGIN_S = 0.08  # silence kept on either side of the speech


def trim(wav_T: np.ndarray, rate: int, top_db: float = 45.0) -> np.ndarray:
    """Cuts silence off both ends, but for a short margin."""
    _, (start, stop) = librosa.effects.trim(wav_T, top_db=top_db, frame_length=1024, hop_length=128)
    margin = int(MARGIN_S * rate)
    return wav_T[max(0, start - margin):stop + margin]


def set_level(wav_T: np.ndarray, peak_db: float) -> np.ndarray:
    """Scales the loudest sample to `peak_db` below full scale."""
    return wav_T * (10 ** (peak_db / 20) / max(float(np.abs(wav_T).max()), 1e-6))


def add_noise(wav_T: np.ndarray, snr_db: float, seed: int) -> np.ndarray:
    """Adds pink noise `snr_db` below the speech in power."""
    white_T = np.random.default_rng(seed).standard_normal(len(wav_T))
    spectrum_F = np.fft.rfft(white_T)
    spectrum_F /= np.sqrt(np.maximum(np.arange(len(spectrum_F)), 1.0))
    noise_T = np.fft.irfft(spectrum_F, len(wav_T))
    power = np.mean(wav_T**2) / max(float(np.mean(noise_T**2)), 1e-12)
    return (wav_T + noise_T * np.sqrt(power * 10 ** (-snr_db / 10))).astype(np.float32)
