"""Waveform from spectra: a pulse train and noise, each shaped by a spectrum, and an inverse STFT.

Vocos (Siuzdak 2023) predicts magnitude and phase of each frame. A stack of local convolutions over
25 Hz codes cannot know the phase, which is the integral of the pitch since the speech began. So
the phase comes from a source, as in HiFTNet (Li et al. 2023) and DDSP (Engel et al. 2020): the
network tells pitch, and how loud harmonics and noise are in each bin; phase is integrated here.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


@dataclasses.dataclass(frozen=True)
class VocoderConfig:
    rate: int = 24_000
    hop: int = 240  # the source is cut by a Hann window of 2 hops, filtered in an FFT of 3
    max_hz: float = 11_500.0  # no harmonics above

    @property
    def bins(self) -> int:
        return 3 * self.hop // 2 + 1


class Spectra(NamedTuple):
    """What the decoder predicts for each 10 ms frame."""

    log_harmonic_BxTxF: jax.Array
    log_noise_BxTxF: jax.Array
    f0_BxT: jax.Array  # Hz


def pulses(f0_BxT: jax.Array, mask_BxT: jax.Array, phase_B: jax.Array, config: VocoderConfig
           ) -> tuple[jax.Array, jax.Array]:
    """(pulse train of unit power [B, T, hop], phase in cycles [B, T] at the start of each frame).

    Pitch is linear between the frames' middles. All harmonics below `max_hz` in closed form:
    sum_h cos(h a) = (sin((H + 1/2) a) / sin(a / 2) - 1) / 2.
    """
    hop = config.hop
    nearby = jnp.pad(f0_BxT, ((0, 0), (1, 1)), mode='edge')
    has_next = jnp.pad(mask_BxT[:, 1:], ((0, 0), (0, 1))) > 0
    start = (nearby[:, :-2] + f0_BxT) / 2
    end = (jnp.where(has_next, nearby[:, 2:], f0_BxT) + f0_BxT) / 2
    cycles = (start + end) / 2 * hop / config.rate
    # whole cycles are dropped before summing: float32 must hold the fraction of a long sentence
    turns = jnp.cumsum(cycles - jnp.floor(cycles), axis=1)
    before = jnp.pad(turns[:, :-1], ((0, 0), (1, 0))) + phase_B[:, None]
    before = before - jnp.floor(before)

    n_H = np.arange(hop, dtype=np.float32)[None, None]
    slope = (end - start)[..., None] / (2 * hop)
    phase = before[..., None] + (start[..., None] * n_H + slope * n_H**2) / config.rate
    half_angle = jnp.pi * (phase - jnp.round(phase))
    count = jnp.floor(config.max_hz / jnp.maximum(start, end))[..., None]
    near = jnp.abs(half_angle) < 1e-3
    safe = jnp.where(near, 1.0, half_angle)
    total = jnp.where(near, count, (jnp.sin((2 * count + 1) * safe) / jnp.sin(safe) - 1) / 2)
    return total * jnp.sqrt(2 / count), before


def noise(key: jax.Array, first: jax.Array | int, count: int, hop: int) -> jax.Array:
    """Unit white noise [count, hop], the same for the same frame numbers however it is cut."""
    return jax.vmap(lambda i: jax.random.normal(jax.random.fold_in(key, i), (hop,)))(
        first + jnp.arange(count))


def synthesise(spectra: Spectra, mask_BxT: jax.Array, noise_BxTxH: jax.Array, phase_B: jax.Array,
               config: VocoderConfig) -> tuple[jax.Array, jax.Array]:
    """(wav [B, T * hop], phase_BxT to start another call with). Frames with mask 0 are silent."""
    pulses_BxTxH, phase_BxT = pulses(spectra.f0_BxT, mask_BxT, phase_B, config)
    mask_BxTx1 = mask_BxT[..., None]
    harmonic = _spectrum(pulses_BxTxH * mask_BxTx1) * jnp.exp(_bounded(spectra.log_harmonic_BxTxF))
    rough = _spectrum(noise_BxTxH * mask_BxTx1) * jnp.exp(_bounded(spectra.log_noise_BxTxF))
    frames = jnp.fft.irfft((harmonic + rough) * mask_BxTx1, 3 * config.hop)
    before, here, after = jnp.split(frames, 3, axis=2)
    wav = here + _shift(before, -1) + _shift(after, 1)
    return wav.reshape(len(wav), -1), phase_BxT


def _bounded(log_magnitude: jax.Array) -> jax.Array:
    return jnp.minimum(log_magnitude, 4.0)


def _spectrum(source_BxTxH: jax.Array) -> jax.Array:
    """Hann windows of 2 hops, centred on each hop, zero-padded to 3 hops (room for the filter)."""
    hop = source_BxTxH.shape[-1]
    window = np.zeros(3 * hop, np.float32)
    window[hop // 2:hop // 2 + 2 * hop] = np.hanning(2 * hop + 1)[:-1]
    frames = jnp.concatenate([_shift(source_BxTxH, 1), source_BxTxH, _shift(source_BxTxH, -1)], 2)
    # the source is given: no gradient goes into it
    return jax.lax.stop_gradient(jnp.fft.rfft(frames * window[None, None]))


def _shift(x_BxTxH: jax.Array, by: int) -> jax.Array:
    """Moves frames later (by = 1) or earlier (by = -1), silence coming in."""
    if by > 0:
        return jnp.pad(x_BxTxH[:, :-1], ((0, 0), (1, 0), (0, 0)))
    return jnp.pad(x_BxTxH[:, 1:], ((0, 0), (0, 1), (0, 0)))
