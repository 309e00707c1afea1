"""Pitch by normalised autocorrelation, as a target for the vocoder's pitch track."""

import jax
import jax.numpy as jnp
import scipy.fft

from esi_jax.speech.mel import frames

LOW_HZ, HIGH_HZ = 65.0, 450.0
PREFER_SHORT = 0.88  # a shorter lag wins unless it correlates less than this share of the best


def pitch(wav_BxT: jax.Array, rate: int, hop: int, window: int) -> tuple[jax.Array, jax.Array]:
    """(f0_BxN in Hz, voicing_BxN in [0, 1]), one per hop; f0 means nothing where voicing is low.

    The shortest lag whose peak is nearly the highest one, refined by a parabola: a signal of
    period p also repeats after 2p, and taking the highest peak halves the pitch at random.
    """
    short, long = int(rate / HIGH_HZ), int(rate / LOW_HZ) + 2
    x = frames(wav_BxT, window + 2 * ((long + 1) // 2), hop)
    x = x - x.mean(-1, keepdims=True)
    size = x.shape[-1]
    head = x[..., :window]
    n_fft = scipy.fft.next_fast_len(size, real=True)  # wraps only beyond the longest lag
    cross = jnp.fft.irfft(jnp.conj(jnp.fft.rfft(head, n_fft)) * jnp.fft.rfft(x, n_fft), n_fft)
    energy = jnp.cumsum(jnp.pad(x**2, ((0, 0), (0, 0), (1, 0))), -1)
    energy = energy[..., window:window + long] - energy[..., :long]
    r = cross[..., :long] / (jnp.sqrt(energy[..., :1] * energy) + 1e-4 * window / 480)
    middle, left, right = r[..., short:-1], r[..., short - 1:-2], r[..., short + 1:]
    peak = jnp.where((middle >= left) & (middle >= right), middle, 0.0)
    best = peak.max(-1, keepdims=True)
    index = jnp.argmax(peak >= PREFER_SHORT * best, -1)[..., None]

    def at(values: jax.Array) -> jax.Array:
        return jnp.take_along_axis(values, index, -1)[..., 0]

    a, b, c = at(left), at(middle), at(right)
    shift = jnp.clip(0.5 * (a - c) / jnp.minimum(a - 2 * b + c, -1e-6), -0.5, 0.5)
    return rate / (index[..., 0] + short + shift), jnp.clip(best[..., 0], 0.0, 1.0)
