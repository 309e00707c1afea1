"""A comparison as numbers: scores with intervals, lengths, seconds, and what theory predicts."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from esi_jax.decode.answer import WAV_RATE
from esi_jax.eval import cost, timing
from esi_jax.eval.run import BASELINE, Arm, Comparison, Item, answer_lengths
from esi_jax.eval.score import Interval, bootstrap, correct, paired_bootstrap, wer, word_errors
from esi_jax.patterns import Pattern, steps

Json = dict[str, Any]

HOW = {
    'text_accuracy': 'an accepted answer stands in the text',
    'speech_accuracy': 'an accepted answer stands in what the ASR hears',
    'wer': "ASR of an arm's own speech against its own text",
    'frames_per_answer': 'decoding steps that an answer needs under its pattern',
    'executed_steps_per_answer': 'steps of the loop that answered the batch an answer was in; '
                                 'rows share them and the last cycle is run to its end',
    'decode_seconds': 'median over rounds of the wall-clock of prefill, loop and copy to the host '
                      'for each batch (compiled before), summed, over the answers',
    'decode_seconds_batch_1': 'the same one answer at a time, on the first items; median',
    'real_time_factor': 'decoding one by one and vocoding, over the seconds of speech made',
    'predicted': 'lengths of the reference answers through each pattern; a step reads the '
                 'backbone, the heads of its slot and the whole static cache of each row',
    'packed': 'an interleaved decoder that feeds its known pads and the next speech token in one '
              'forward',
}


def summarise(comparison: Comparison) -> Json:
    """All of results.json but the environment."""
    items, arms = comparison.items, comparison.arms
    others = [name for name in arms if name != BASELINE]
    lengths = {name: _reference_frames(comparison, name) for name in arms}
    patterns = {name: arm_scores(arm, items) for name, arm in arms.items()}
    frames = {name: scores['frames_per_answer'] for name, scores in patterns.items()}
    return {
        'n': len(items), 'patterns': patterns, 'floors': floors(comparison),
        **{f'{name}_over_{BASELINE}_frames': frames[name] / frames[BASELINE] for name in others},
        **{f'predicted_{name}_over_{BASELINE}_frames': float(sum(lengths[name])
                                                             / sum(lengths[BASELINE]))
           for name in others},
        'speedup': {name: speedups(comparison, name) for name in others},
        'packed_speedup': packed_speedups(comparison),
        'differences': {name: differences(arms[name], arms[BASELINE], items) for name in others},
        'how': HOW,
    }


def arm_scores(arm: Arm, items: Sequence[Item]) -> Json:
    parts = _parts(arm, items)
    intervals = {name: bootstrap(*part) for name, part in parts.items()}
    batch_size = len(arm.batched.loads[0].rows)
    executed_N = np.repeat(arm.batched.steps_N, batch_size)[:len(items)]
    audio_s = [len(wav) / WAV_RATE for wav in arm.wavs]
    single_s = np.median(arm.single.seconds_RxN, axis=0)
    spoken_s = sum(audio_s[:len(single_s)])
    return {
        'pattern': describe(arm.speaker.pattern), 'n': len(items),
        **{name: interval.value for name, interval in intervals.items()},
        'ci95': {name: [interval.low, interval.high] for name, interval in intervals.items()},
        'executed_steps_per_answer': float(executed_N.mean()),
        'decode_seconds': float(np.median(arm.batched.seconds_RxN, axis=0).sum()
                                / (batch_size * len(arm.batched.loads))),
        'batch_size': batch_size,
        'decode_seconds_batch_1': float(np.median(single_s)),
        'executed_steps_batch_1': float(arm.single.steps_N.mean()),
        'audio_seconds_per_answer': float(np.mean(audio_s)),
        'real_time_factor': float((single_s.sum() + arm.vocoder_seconds_N.sum()) / spoken_s)
        if spoken_s else None,
        'end_reasons': dict(Counter(answer.end_reason for answer in arm.answers)),
        'categories': _by_category(arm, items),
    }


def floors(comparison: Comparison) -> Json:
    """What the ASR makes of the reference answers: no arm can be expected to do better."""
    texts = [item.answer for item in comparison.items]
    aliases = [item.aliases for item in comparison.items]
    out: Json = {'ci95': {}}
    for name, heard in (('reference', comparison.reference.recorded),
                        ('resynthesis', comparison.reference.resynthesised)):
        for what, interval in ((f'{name}_wer', bootstrap(*word_errors(texts, heard))),
                               (f'{name}_speech_accuracy', bootstrap(correct(heard, aliases)))):
            out[what] = interval.value
            out['ci95'][what] = [interval.low, interval.high]
    return out


def differences(arm: Arm, base: Arm, items: Sequence[Item]) -> dict[str, Json]:
    """Each score of `arm` minus that of `base`, by a bootstrap over the same items."""
    ours, theirs = _parts(arm, items), _parts(base, items)
    return {name: _interval(paired_bootstrap(ours[name], theirs[name])) for name in ours}


def speedups(comparison: Comparison, name: str) -> Json:
    """Wall-clock of the baseline over the arm's, beside what steps and bytes predict."""
    out = {}
    for what in ('single', 'batched'):
        arm, base = (getattr(comparison.arms[n], what) for n in (name, BASELINE))
        measured, low, high = timing.ratio(base.seconds_RxN, arm.seconds_RxN)
        (own_steps, own_bytes), (base_steps, base_bytes), (_, packed_bytes) = (
            _predicted(comparison, name, what), _predicted(comparison, BASELINE, what),
            _predicted(comparison, BASELINE, what, pack=True))
        out[what] = {'measured': measured, 'quartiles': [low, high],
                     'predicted_by_steps': base_steps / own_steps,
                     'predicted_by_bytes': base_bytes / own_bytes,
                     'predicted_over_packed_by_bytes': packed_bytes / own_bytes}
    return out


def packed_speedups(comparison: Comparison) -> Json:
    """What packing its pads would gain the baseline, by bytes; it is not implemented here."""
    return {what: _predicted(comparison, BASELINE, what)[1]
            / _predicted(comparison, BASELINE, what, pack=True)[1]
            for what in ('single', 'batched')}


def describe(pattern: Pattern) -> str:
    """`EarlyStop(n=5, m=10)`"""
    parameters = [f'{field.name}={getattr(pattern, field.name)}'
                  for field in dataclasses.fields(pattern) if field.name != 'vocab']
    return f'{type(pattern).__name__}({", ".join(parameters)})'


def rows(comparison: Comparison) -> Iterator[Json]:
    """What every arm answered to each question, for the reader who wants to check."""
    for i, item in enumerate(comparison.items):
        yield {'id': item.id, 'question': item.question, 'answer': item.answer,
               'aliases': item.aliases, 'recorded_heard': comparison.reference.recorded[i],
               'resynthesised_heard': comparison.reference.resynthesised[i],
               **{name: {'text': arm.answers[i].text, 'heard': arm.heard[i],
                         'frames': len(arm.answers[i].frames_TxC),
                         'end_reason': arm.answers[i].end_reason}
                  for name, arm in comparison.arms.items()}}


def _parts(arm: Arm, items: Sequence[Item]) -> dict[str, tuple[np.ndarray, ...]]:
    """Numerators, and denominators where they are not counts of items, by score."""
    aliases, texts = [item.aliases for item in items], [answer.text for answer in arm.answers]
    return {'text_accuracy': (correct(texts, aliases),),
            'speech_accuracy': (correct(arm.heard, aliases),),
            'wer': word_errors(texts, arm.heard),
            'frames_per_answer': (np.asarray([len(a.frames_TxC) for a in arm.answers]),)}


def _by_category(arm: Arm, items: Sequence[Item]) -> dict[str, Json]:
    texts = [answer.text for answer in arm.answers]
    out = {}
    for category in sorted({item.category for item in items}):
        rows = [i for i, item in enumerate(items) if item.category == category]
        said, heard = ([source[i] for i in rows] for source in (texts, arm.heard))
        aliases = [items[i].aliases for i in rows]
        out[category] = {'n': len(rows), 'text_accuracy': float(correct(said, aliases).mean()),
                         'speech_accuracy': float(correct(heard, aliases).mean()),
                         'wer': wer(said, heard)}
    return out


def _predicted(comparison: Comparison, name: str, what: str, pack: bool = False
               ) -> tuple[int, int]:
    """(executed steps, bytes) of the timed batches, had the answers their reference lengths."""
    speaker = comparison.arms[name].speaker
    lengths = answer_lengths(speaker, comparison.reference)
    total_steps = total_bytes = 0
    for load in getattr(comparison.arms[name], what).loads:
        plan = cost.schedule(speaker.pattern, [lengths[i] for i in load.rows])
        plan = cost.packed(plan) if pack else plan
        total_steps += len(plan.samples_S)
        total_bytes += cost.answer_bytes(speaker.model.config, plan, [0] * len(load.rows),
                                         load.cache_length,
                                         speaker.model.embeds_VxD[0].dtype.itemsize)
    return total_steps, total_bytes


def _reference_frames(comparison: Comparison, name: str) -> list[int]:
    speaker = comparison.arms[name].speaker
    return [steps(speaker.pattern, *lengths)
            for lengths in answer_lengths(speaker, comparison.reference)]


def _interval(interval: Interval) -> Json:
    return {'value': interval.value, 'low': interval.low, 'high': interval.high}
