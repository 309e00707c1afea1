"""What a recogniser hears, kept by sound: a run that is killed goes on with what is new."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from rich.progress import track

from esi_jax.speech.asr import Asr
from esi_jax.speech.audio import to_float
from esi_jax.weights_io import write_atomic


def transcribe(asr: Asr, asr_name: str, wavs: Sequence[np.ndarray], rate: int, folder: Path,
               label: str) -> list[str]:
    """The words of each int16 wav_T, one utterance a core; files in `folder` are its memory."""
    def one(wav_T: np.ndarray) -> str:
        path = folder / f'{_digest(asr_name, rate, wav_T)}.txt'
        if not path.exists():
            words = asr.transcribe(to_float(wav_T), rate)
            write_atomic(path, words.encode())
        return path.read_bytes().decode()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(track(pool.map(one, wavs), description=label, total=len(wavs)))


def _digest(asr_name: str, rate: int, wav_T: np.ndarray) -> str:
    return hashlib.sha256(f'{asr_name}\0{rate}\0'.encode() + wav_T.tobytes()).hexdigest()
