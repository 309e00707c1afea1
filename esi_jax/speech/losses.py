"""What the tokenizer is trained on: spectra, pitch, and the characters that were said."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from esi_jax.speech import mel, vocoder
from esi_jax.speech.audio import FULL_SCALE
from esi_jax.speech.codec import STRIDE, Codec
from esi_jax.speech.pitch import pitch

Array = jax.Array | np.ndarray
Metrics = dict[str, jax.Array]


class Batch(NamedTuple):
    """Utterances joined to rows of one length, silence at the end."""

    wav_BxT: Array  # int16
    frames_B: Array  # codes that hold sound
    labels_BxN: Array  # characters from 1 on, 0 after the last


@dataclasses.dataclass(frozen=True)
class LossConfig:
    windows: tuple[int, ...] = (480, 960, 1920)  # of the STFTs; hop a quarter
    mel_bins: tuple[int, ...] = (40, 80, 120)
    mel: float = 2.0
    magnitude: float = 1.0
    convergence: float = 0.5
    pitch: float = 3.0
    ctc: float = 0.3
    voiced: float = 0.6  # autocorrelation from which a frame has a pitch


def loss_fn(codec: Codec, config: LossConfig, batch: Batch, key: jax.Array
            ) -> tuple[jax.Array, Metrics]:
    """(weighted sum, its parts and the codes' perplexity)."""
    c = codec.config
    wav_BxT = jnp.asarray(batch.wav_BxT, jnp.float32) / FULL_SCALE
    mask_BxU = (jnp.arange(wav_BxT.shape[1] // c.samples)[None] < batch.frames_B[:, None]
                ).astype(jnp.float32)
    mask_BxT = jnp.repeat(mask_BxU, STRIDE, axis=1)

    grid = c.fsq.quantise(codec.encoder(mel.log_mel(wav_BxT, c.mel), mask_BxU))
    spectra, logits = codec.decoder(grid, mask_BxU)
    pitch_loss, spectra = _pitch(config, c.vocoder, wav_BxT, spectra, mask_BxT)
    noise = jax.vmap(lambda k: vocoder.noise(k, 0, mask_BxT.shape[1], c.vocoder.hop))(
        jax.random.split(key, len(wav_BxT)))
    made_BxT, _ = vocoder.synthesise(spectra, mask_BxT, noise, jnp.zeros(len(wav_BxT)), c.vocoder)
    made_BxT = made_BxT * jnp.repeat(mask_BxU, c.samples, axis=1)

    parts = {'pitch': pitch_loss, 'ctc': _ctc(logits, mask_BxU, jnp.asarray(batch.labels_BxN))}
    parts |= _spectral(config, c.mel.rate, made_BxT, wav_BxT, mask_BxU)
    total = sum((getattr(config, name) * value for name, value in parts.items()), jnp.zeros(()))
    return total, parts | {'loss': total, 'perplexity': _perplexity(c.fsq, grid, mask_BxU)}


def _spectral(config: LossConfig, rate: int, made_BxT: jax.Array, wav_BxT: jax.Array,
              mask_BxU: jax.Array) -> Metrics:
    """Log-mel L1, log-magnitude L1 and spectral convergence (Yamamoto et al. 2020), over sound."""
    share = jnp.mean(mask_BxU)  # padding is equal on both sides and adds nothing to the means
    sums = {'mel': jnp.zeros(()), 'magnitude': jnp.zeros(()), 'convergence': jnp.zeros(())}
    for window, bins in zip(config.windows, config.mel_bins, strict=True):
        a = mel.magnitude(made_BxT, window, window // 4)
        b = mel.magnitude(wav_BxT, window, window // 4)
        form = mel.MelConfig(rate, window, window // 4, bins)
        sums['mel'] += jnp.mean(jnp.abs(mel.to_mel(a, form) - mel.to_mel(b, form))) / share
        log_ratio = jnp.log(jnp.maximum(a, form.floor)) - jnp.log(jnp.maximum(b, form.floor))
        sums['magnitude'] += jnp.mean(jnp.abs(log_ratio)) / share
        sums['convergence'] += jnp.sqrt(jnp.sum((a - b)**2) / (jnp.sum(b**2) + 1e-6))
    return {name: value / len(config.windows) for name, value in sums.items()}


def _pitch(config: LossConfig, v: vocoder.VocoderConfig, wav_BxT: jax.Array,
           spectra: vocoder.Spectra, mask_BxT: jax.Array) -> tuple[jax.Array, vocoder.Spectra]:
    """L1 in octaves where voiced, and spectra that follow the true pitch there: harmonics a little
    off would cost as much as none, and the spectral losses could not be read."""
    true_BxT, voicing_BxT = pitch(wav_BxT, v.rate, v.hop, 4 * v.hop)
    voiced_BxT = (voicing_BxT > config.voiced) & (mask_BxT > 0)
    octaves = jnp.abs(jnp.log2(spectra.f0_BxT) - jnp.log2(true_BxT))
    loss = jnp.sum(jnp.where(voiced_BxT, octaves, 0.0)) / jnp.maximum(voiced_BxT.sum(), 1)
    f0_BxT = jnp.where(voiced_BxT, true_BxT, jax.lax.stop_gradient(spectra.f0_BxT))
    return loss, spectra._replace(f0_BxT=f0_BxT)


def _ctc(logits_BxUxV: jax.Array, mask_BxU: jax.Array, labels_BxN: jax.Array) -> jax.Array:
    """Nats a character. Rows too short for their text do not count; a repeat takes a blank."""
    said_BxN = labels_BxN > 0
    losses_B = optax.ctc_loss(logits_BxUxV, 1 - mask_BxU, labels_BxN, 1.0 - said_BxN)
    repeats_B = jnp.sum((labels_BxN[:, 1:] == labels_BxN[:, :-1]) & said_BxN[:, 1:], axis=1)
    fits_B = said_BxN.sum(1) + repeats_B <= mask_BxU.sum(1)
    count = jnp.sum(jnp.where(fits_B, said_BxN.sum(1), 0))
    return jnp.sum(jnp.where(fits_B, losses_B, 0.0)) / jnp.maximum(count, 1)


def _perplexity(fsq, grid: jax.Array, mask_BxU: jax.Array) -> jax.Array:
    """exp(entropy) of the codes of one batch, averaged over columns: a check against collapse."""
    codes_BxUxK = fsq.to_codes(jax.lax.stop_gradient(grid))
    one = mask_BxU / mask_BxU.sum()

    def of(codes_BxU: jax.Array) -> jax.Array:
        p = jnp.zeros(fsq.size).at[codes_BxU.reshape(-1)].add(one.reshape(-1))
        return jnp.exp(-jnp.sum(p * jnp.log(p + 1e-9)))

    return jnp.mean(jnp.stack([of(codes_BxUxK[..., k]) for k in range(fsq.columns)]))
