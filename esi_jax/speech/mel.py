"""Spectra of batched signals, with the length kept: T samples give T // hop frames.

Frame j is centred on the middle of hop j, and the signal is silent beyond its ends, so that zeros
appended to a signal change none of its frames. Window lengths are multiples of the hop: framing
is then a few shifted slices, which XLA compiles well on every device.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import librosa
import numpy as np


@dataclasses.dataclass(frozen=True)
class MelConfig:
    rate: int = 24_000
    window: int = 960  # samples, a multiple of hop
    hop: int = 240
    bins: int = 80
    floor: float = 1e-5  # magnitudes below are not told apart; a full-scale sine has 0.5


def frames(wav_BxT: jax.Array, window: int, hop: int) -> jax.Array:
    """[B, T // hop, window] overlapping frames; T a multiple of hop, window - hop even."""
    side = (window - hop) // 2
    count, hops = wav_BxT.shape[1] // hop, -(-window // hop)
    padded = jnp.pad(wav_BxT, ((0, 0), (side, hops * hop - hop - side)))
    blocks_BxNxH = padded.reshape(len(padded), -1, hop)
    joined = jnp.concatenate([blocks_BxNxH[:, k:k + count] for k in range(hops)], axis=2)
    return joined[:, :, :window]


def magnitude(wav_BxT: jax.Array, window: int, hop: int) -> jax.Array:
    """Hann-windowed STFT magnitudes [B, T // hop, window // 2 + 1]; a full-scale sine has 0.5."""
    hann_W = np.hanning(window + 1)[:-1].astype(np.float32)
    spectrum = jnp.fft.rfft(frames(wav_BxT, window, hop) * (hann_W / hann_W.sum())[None, None])
    # a smooth square root: the gradient of |z| at z = 0 is not a number
    return jnp.sqrt(spectrum.real**2 + spectrum.imag**2 + 1e-14)


def to_mel(magnitude_BxTxF: jax.Array, config: MelConfig) -> jax.Array:
    """Natural log of the mel filters' outputs [B, T, bins]."""
    filters_FxM = _filters(config.rate, config.window, config.bins)
    return jnp.log(jnp.maximum(magnitude_BxTxF @ filters_FxM, config.floor))


def log_mel(wav_BxT: jax.Array, config: MelConfig) -> jax.Array:
    """Log-mel [B, T // hop, bins] of signals in [-1, 1]."""
    return to_mel(magnitude(wav_BxT, config.window, config.hop), config)


@functools.cache
def _filters(rate: int, window: int, bins: int) -> np.ndarray:
    return librosa.filters.mel(sr=rate, n_fft=window, n_mels=bins, norm=None).T.astype(np.float32)
