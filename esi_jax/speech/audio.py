"""Audio files in and out: mono float32 in [-1, 1] at the rate the caller wants."""

import io
import re
from pathlib import Path

import librosa
import numpy as np
import soundfile

from esi_jax import weights_io
from esi_jax.errors import UserError

FULL_SCALE = 32_767

# Writers that cannot seek back (pipes) leave a length near 2^31 or 2^32 in a WAV header.
_STREAMED = 0x7FFF_0000


def read_wav(path: str | Path, rate: int, max_seconds: float = 30.0) -> np.ndarray:
    """Reads any format libsndfile knows: wav_T, channels averaged, resampled to `rate`.

    Floats beyond [-1, 1] are scaled down by their peak. Raises UserError where the file cannot be
    read, is no audio, is damaged or cut off, has no samples, has NaN or infinite ones, or lasts
    longer than `max_seconds`, which is told from the header before the samples are read.
    """
    try:
        with open(path, 'rb') as file:
            if not file.peek(1):
                raise UserError(f'audio file {path} is empty; record it again')
            with soundfile.SoundFile(file) as sound:
                wav_TxC, source_rate = _read(sound, path, max_seconds), sound.samplerate
    except OSError as error:
        raise UserError(f'cannot open audio file {path}: {error.strerror}') from error
    except (soundfile.SoundFileError, TypeError) as error:
        raise UserError(f'{path} is damaged or not audio ({_reason(error)}); '
                        'give a WAV or FLAC file') from error
    if not np.isfinite(wav_TxC).all():
        raise UserError(f'audio file {path} has NaN or infinite samples; export it again')
    length = -(-len(wav_TxC) * rate // source_rate)  # librosa's own, in floats, can be one more
    wav_T = librosa.resample(wav_TxC.mean(axis=1), orig_sr=source_rate, target_sr=rate)[:length]
    return wav_T / max(1.0, np.abs(wav_T).max())


def _read(sound: soundfile.SoundFile, path: str | Path, max_seconds: float) -> np.ndarray:
    if sound.frames == 0:
        raise UserError(f'audio file {path} has no samples; record it again')
    if sound.frames > max_seconds * sound.samplerate:
        raise UserError(f'audio file {path} lasts {sound.frames / sound.samplerate:.1f} s, longer '
                        f'than the {max_seconds:g} s allowed; cut it')
    wav_TxC = sound.read(dtype='float32', always_2d=True)
    told = re.search(r'data : (\d+) \(should be', sound.extra_info)
    if len(wav_TxC) < sound.frames or (told and int(told[1]) < _STREAMED):
        raise UserError(f'audio file {path} is cut off before the end that its header tells; '
                        'copy or record it again')
    return wav_TxC


def _reason(error: Exception) -> str:
    return str(getattr(error, 'error_string', error)).strip().rstrip('.')


def to_int16(wav_T: np.ndarray) -> np.ndarray:
    """Floats in [-1, 1] to 16-bit samples; louder is clipped."""
    return np.round(np.clip(wav_T, -1.0, 1.0) * FULL_SCALE).astype(np.int16)


def to_float(samples_T: np.ndarray) -> np.ndarray:
    """16-bit samples to float32 in [-1, 1]."""
    return samples_T.astype(np.float32) / FULL_SCALE


def write_wav(path: str | Path, wav_T: np.ndarray, rate: int) -> None:
    """Writes 16-bit mono, clipped to [-1, 1]; all of the file or nothing of it."""
    data = io.BytesIO()
    soundfile.write(data, wav_T, rate, format='WAV', subtype='PCM_16')
    weights_io.write_atomic(path, data.getvalue())
