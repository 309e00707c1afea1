"""Text to speech, offline: hibari (a pip package) and flite's voices (a system program)."""

import functools
import io
import shutil
import subprocess

import numpy as np
import soundfile

from esi_jax.errors import UserError

VOICES = ('hibari', 'flite/slt', 'flite/rms', 'flite/awb', 'flite/kal16')


def available_voices() -> tuple[str, ...]:
    """The voices that this machine can speak with."""
    flite = shutil.which('flite') is not None
    return tuple(voice for voice in VOICES if flite or not voice.startswith('flite/'))


def check_voices(voices: tuple[str, ...]) -> None:
    """Raises UserError for a voice that is unknown or needs a program that is not installed."""
    for voice in voices:
        if voice not in VOICES:
            raise UserError(f'unknown voice {voice!r}; the voices are {", ".join(VOICES)}')
        if voice not in available_voices():
            raise UserError(f'voice {voice!r} needs the program flite, which is not installed; '
                            'install it (apt-get install flite) or name only the voice hibari')


def speak(text: str, voice: str = 'hibari', *, speed: float = 1.0, seed: int = 0
          ) -> tuple[np.ndarray, int]:
    """Speaks one sentence: (wav_T float32 in [-1, 1], rate in Hz). The same call, the same wav.

    `speed` 1 is the voice's own pace, 1.2 a fifth faster. `seed` drives hibari's noise; flite has
    none. Raises UserError for an unknown or missing voice, and where nothing can be pronounced.
    """
    check_voices((voice,))
    if voice == 'hibari':
        wav_T, rate = _hibari()(text, speed=speed, seed=seed), 24_000
    else:
        wav_T, rate = _flite(text, voice.removeprefix('flite/'), speed)
    if len(wav_T) == 0:
        raise UserError(f'voice {voice!r} finds nothing to pronounce in {text!r}; use plain words')
    return np.clip(wav_T, -1.0, 1.0).astype(np.float32), rate


@functools.cache
def _hibari():
    import hibari  # loads onnxruntime
    return hibari.Hibari()


def _flite(text: str, name: str, speed: float) -> tuple[np.ndarray, int]:
    command = ['flite', '-voice', name, '--setf', f'duration_stretch={1 / speed:.3f}',
               '-t', text, '-o', '/dev/stdout']
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode or not done.stdout:
        raise UserError(f'flite could not speak {text!r} with voice {name!r}: '
                        f'{done.stderr.decode(errors="replace").strip() or "no sound"}')
    return soundfile.read(io.BytesIO(done.stdout), dtype='float32')
