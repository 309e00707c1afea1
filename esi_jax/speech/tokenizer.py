"""Speech as small integers and back: what the speech LM reads and writes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from esi_jax import tree, weights_io
from esi_jax.config import from_dict, to_dict
from esi_jax.errors import UserError
from esi_jax.speech import mel, vocoder
from esi_jax.speech.codec import STRIDE, Codec, CodecConfig

BUCKET = 64  # codes; a padded length is this times a power of two


class SpeechTokenizer(Protocol):
    """Any codec with a fixed rate; `esi_jax` needs no more than this."""

    rate: float
    sizes: tuple[int, ...]

    def encode(self, wav_T: np.ndarray) -> np.ndarray:
        """24 kHz mono in [-1, 1] to codes_TxK int32, column k below sizes[k]."""

    def decode(self, codes_TxK: np.ndarray) -> np.ndarray:
        """Codes to wav_T float32 at 24 kHz."""


class FSQTokenizer:
    """25 Hz finite scalar quantisation, trained by `launch/train_tokenizer.py`."""

    def __init__(self, codec: Codec):
        self.codec = codec
        self.rate = codec.config.rate
        self.sizes = (codec.config.fsq.size,) * codec.config.fsq.columns

    @classmethod
    def load(cls, path: str | Path) -> 'FSQTokenizer':
        """Raises UserError where the file is missing, damaged, or of another model."""
        flat, config = weights_io.load(path)
        if 'fsq' not in config:
            raise UserError(f'{path} holds no speech tokenizer; name a file that '
                            'launch.train_tokenizer wrote')
        like = jax.eval_shape(lambda: Codec(from_dict(CodecConfig, config), jax.random.key(0)))
        for name, leaf in tree.flatten(like).items():
            if name not in flat or flat[name].shape != leaf.shape:
                raise UserError(f'weights file {path} does not fit the tokenizer at {name}; '
                                'train it again with launch/train_tokenizer.py')
        return cls(tree.unflatten(like, jax.tree.map(jnp.asarray, flat)))

    def save(self, path: str | Path) -> None:
        """Writes the weights in float16 with their config."""
        flat = {name: np.asarray(x) for name, x in tree.flatten(self.codec).items()}
        weights_io.save(path, flat, to_dict(self.codec.config))

    def encode(self, wav_T: np.ndarray) -> np.ndarray:
        """24 kHz mono in [-1, 1] to codes_TxK int32, T = ceil(samples / 960)."""
        return self.encode_batch([wav_T])[0]

    def decode(self, codes_TxK: np.ndarray) -> np.ndarray:
        """Codes to wav_T float32 at 24 kHz, 960 samples a code."""
        return self.decode_batch([codes_TxK])[0]

    def encode_batch(self, wavs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Each as `encode` gives it, in one call."""
        wavs = [_checked(wav_T) for wav_T in wavs]
        samples = self.codec.config.samples
        counts = [-(-len(wav_T) // samples) for wav_T in wavs]
        wav_BxT = np.zeros((len(wavs), _bucket(counts) * samples), np.float32)
        for row_T, wav_T in zip(wav_BxT, wavs, strict=True):
            row_T[:len(wav_T)] = wav_T
        codes = np.asarray(_encode(self.codec, wav_BxT, np.asarray(counts, np.int32)))
        return [c[:n] for c, n in zip(codes, counts, strict=True)]

    def decode_batch(self, codes: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Each as `decode` gives it, in one call."""
        codes = [self._checked_codes(c) for c in codes]
        counts = [len(c) for c in codes]
        codes_BxTxK = np.zeros((len(codes), _bucket(counts), len(self.sizes)), np.int32)
        for row, c in zip(codes_BxTxK, codes, strict=True):
            row[:len(c)] = c
        wav = np.asarray(_decode(self.codec, codes_BxTxK, np.asarray(counts, np.int32)))
        return [w[:n * self.codec.config.samples] for w, n in zip(wav, counts, strict=True)]

    def _checked_codes(self, codes_TxK: np.ndarray) -> np.ndarray:
        codes_TxK = np.asarray(codes_TxK)
        if codes_TxK.ndim != 2 or codes_TxK.shape[1] != len(self.sizes):
            raise UserError(f'codes have shape {codes_TxK.shape}; give [T, {len(self.sizes)}]')
        if codes_TxK.size and not 0 <= codes_TxK.min() <= codes_TxK.max() < min(self.sizes):
            raise UserError(f'codes lie in {codes_TxK.min()}..{codes_TxK.max()}; this tokenizer '
                            f'knows 0..{min(self.sizes) - 1}')
        return codes_TxK


def _checked(wav_T: np.ndarray) -> np.ndarray:
    wav_T = np.asarray(wav_T)
    if wav_T.ndim != 1 or not np.issubdtype(wav_T.dtype, np.floating):
        raise UserError(f'the signal is {wav_T.dtype} of shape {wav_T.shape}; '
                        'give mono floats in [-1, 1]')
    if not np.isfinite(wav_T).all():
        raise UserError('the signal holds NaN or infinite samples; repair the recording')
    return wav_T


def _bucket(counts: Sequence[int]) -> int:
    longest = max(counts, default=0)
    return BUCKET * 2 ** max(0, -(-longest // BUCKET) - 1).bit_length()


def _mask(counts_B: jax.Array, length: int) -> jax.Array:
    return (jnp.arange(length)[None] < counts_B[:, None]).astype(jnp.float32)


@jax.jit
def _encode(codec: Codec, wav_BxT: jax.Array, counts_B: jax.Array) -> jax.Array:
    config = codec.config
    mask_BxU = _mask(counts_B, wav_BxT.shape[1] // config.samples)
    latent = codec.encoder(mel.log_mel(wav_BxT, config.mel), mask_BxU)
    return config.fsq.to_codes(config.fsq.quantise(latent))


@jax.jit
def _decode(codec: Codec, codes_BxTxK: jax.Array, counts_B: jax.Array) -> jax.Array:
    config = codec.config
    mask_BxU = _mask(counts_B, codes_BxTxK.shape[1])
    spectra, _ = codec.decoder(config.fsq.from_codes(codes_BxTxK), mask_BxU)
    mask_BxT = jnp.repeat(mask_BxU, STRIDE, axis=1)
    noise = vocoder.noise(jax.random.key(0), 0, mask_BxT.shape[1], config.vocoder.hop)
    noise = jnp.broadcast_to(noise, (len(mask_BxT), *noise.shape))
    wav, _ = vocoder.synthesise(spectra, mask_BxT, noise, jnp.zeros(len(mask_BxT)), config.vocoder)
    return wav
