"""The comparison as one self-contained web page and as a table in the terminal."""

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import rich.box
import soundfile
from rich.table import Table

from esi_jax.decode.answer import WAV_RATE
from esi_jax.eval import plots
from esi_jax.eval.run import BASELINE, Arm, Comparison
from esi_jax.eval.summary import Json
from esi_jax.model.audio_encoder import RATE
from esi_jax.patterns import SILENT_ID, Vocab

SHOWN = 12  # items that can be listened to


def page(comparison: Comparison, results: Json) -> str:
    """HTML with sounds, figures and styles inside."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True,
                                     undefined=jinja2.StrictUndefined)
    environment.filters |= {'percent': percent, 'ci': _ci}
    template = environment.from_string(Path(__file__).with_suffix('.html').read_text())
    return template.render(
        results=results, baseline=BASELINE, verdicts=verdicts(results),
        figures=plots.figures(comparison, results), timeline=timelines(comparison),
        shown=[shown(comparison, i) for i in range(min(SHOWN, len(comparison.items)))])


def verdicts(results: Json) -> list[str]:
    """What the numbers say, one sentence each."""
    out = []
    for name, speedup in results['speedup'].items():
        frames = results[f'{name}_over_{BASELINE}_frames']
        predicted = results[f'predicted_{name}_over_{BASELINE}_frames']
        single = speedup['single']
        out.append(
            f'{name} needs {frames:.3f} times the frames of {BASELINE} ({predicted:.3f} from the '
            f'lengths of the reference answers) and decodes {single["measured"]:.2f} times as fast '
            f'one by one ({single["predicted_by_bytes"]:.2f} from the bytes read).')
        wers = results['differences'][name]['wer']
        settled = wers['low'] > 0 or wers['high'] < 0
        out.append(
            f'The word error rate of {name} differs from that of {BASELINE} by '
            f'{100 * wers["value"]:+.1f} points (95 % interval '
            f'{100 * wers["low"]:+.1f} to {100 * wers["high"]:+.1f}), '
            f'{"more than chance explains" if settled else "which chance could explain"}.')
    if 'esi' in results['speedup']:
        against = results['speedup']['esi']['single']['predicted_over_packed_by_bytes']
        out.append(
            f'Pads after the end of text are known beforehand: an {BASELINE} decoder that feeds '
            'them and the next speech token in one forward would by the bytes read run '
            f'{results["packed_speedup"]["single"]:.2f} times as fast as this one at batch 1, and '
            f'esi {against:.2f} times as fast as that one, which is its gain over a baseline '
            'implemented well.')
    return out


def table(results: Json) -> Table:
    """The paper's table for a terminal of 80 columns."""
    out = Table(title=f'{results["n"]} held-out spoken questions', box=rich.box.SIMPLE,
                padding=(0, 1, 0, 0), pad_edge=False,
                caption='%, with 95 % intervals; s: an answer alone, in a batch; '
                        'speed over interleaved alone: measured, by bytes')
    for column in ('', 'text-out', 'speech-out', 'WER', 'frames', 'steps', 's', 'speed'):
        out.add_column(column, justify='right' if column else 'left', no_wrap=True)
    for name, scores in results['patterns'].items():
        speedup = results['speedup'].get(name, {}).get('single')
        out.add_row(
            name, *(f'{percent(scores[what])}\n[dim]{_ci(scores, what, 0)}[/]'
                    for what in ('text_accuracy', 'speech_accuracy', 'wer')),
            f'{scores["frames_per_answer"]:.1f}', f'{scores["executed_steps_per_answer"]:.1f}',
            f'{scores["decode_seconds_batch_1"]:.3f}\n{scores["decode_seconds"]:.4f}',
            f'{speedup["measured"]:.2f}\n{speedup["predicted_by_bytes"]:.2f}' if speedup else '1')
    for name, what in (('reference', 'speech'), ('resynthesis', 'codes')):
        out.add_row(f'floor: {what}', '', percent(results['floors'][f'{name}_speech_accuracy']),
                    percent(results['floors'][f'{name}_wer']), *[''] * 4, style='dim')
    return out


def shown(comparison: Comparison, i: int) -> Json:
    """One item with its sounds, for the page."""
    item, reference = comparison.items[i], comparison.reference
    return {'question': item.question, 'category': item.category,
            'aliases': ', '.join(item.aliases), 'answer': item.answer,
            'question_sound': sound(item.question_T, RATE),
            'answer_sound': sound(item.answer_T, WAV_RATE),
            'answer_heard': reference.recorded[i],
            'arms': {name: {'text': arm.answers[i].text, 'heard': arm.heard[i],
                            'end': arm.answers[i].end_reason,
                            'frames': len(arm.answers[i].frames_TxC),
                            'sound': sound(arm.wavs[i], WAV_RATE)}
                     for name, arm in comparison.arms.items()}}


def sound(wav_T: np.ndarray, rate: int) -> str:
    """int16 mono as a data URI (MP3, a tenth of the size); '' where there is none."""
    if not len(wav_T):
        return ''
    data = io.BytesIO()
    soundfile.write(data, wav_T, rate, format='MP3')
    return f'data:audio/mpeg;base64,{base64.b64encode(data.getvalue()).decode()}'


def timelines(comparison: Comparison) -> Json:
    """Cells of each arm's frames for the first item that all arms ended by themselves."""
    def ended(i: int) -> bool:
        return all(arm.answers[i].end_reason in ('eos', 'eot') for arm in comparison.arms.values())

    i = next(filter(ended, range(len(comparison.items))), 0)
    return {'question': comparison.items[i].question,
            'arms': {name: cells(arm, i) for name, arm in comparison.arms.items()}}


def cells(arm: Arm, i: int) -> list[dict[str, Any]]:
    """One entry a frame: kind and tooltip of its text cell and of its speech cell."""
    vocab, text = arm.speaker.pattern.vocab, arm.speaker.text
    return [{'text': _text_kind(vocab, f_C[0]), 'speech': _speech_kind(vocab, f_C[1:]),
             'says': text.decode([f_C[0]]) if 0 <= f_C[0] < vocab.text else '',
             'codes': ' '.join(str(code) for code in f_C[1:] if code != SILENT_ID)}
            for f_C in arm.answers[i].frames_TxC]


def percent(share: float, digits: int = 1) -> str:
    return f'{100 * share:.{digits}f}'


def _text_kind(vocab: Vocab, id_: int) -> str:
    return {SILENT_ID: 'silent', vocab.pad: 'pad', vocab.eot: 'eot'}.get(int(id_), 'text')


def _speech_kind(vocab: Vocab, codes_K: np.ndarray) -> str:
    if (codes_K == SILENT_ID).all():
        return 'silent'
    return 'eos' if (codes_K == vocab.eos).any() else 'speech'


def _ci(scores: Json, what: str, digits: int = 1) -> str:
    low, high = scores['ci95'][what]
    return f'{percent(low, digits)}–{percent(high, digits)}'
