"""The report's figures as inline SVG."""

import io
import itertools
import re
from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from esi_jax.eval.run import Arm, Comparison
from esi_jax.eval.summary import Json
from esi_jax.patterns import SILENT_ID

COLOURS = ('#7a869a', '#c2410c', '#0f766e', '#6d28d9', '#a16207')
GRID = np.linspace(0, 1, 51)


def figures(comparison: Comparison, results: Json) -> list[tuple[str, str]]:
    """(title, svg) of each figure."""
    return [
        ('Frames of each answer', frames_of_answers(comparison)),
        ('Lead of the text over the voice', text_lead(comparison.arms)),
        ('Accuracy by category (bar: heard in the speech; dot: found in the text)',
         accuracy_by_category(results['patterns'])),
    ]


def frames_of_answers(comparison: Comparison) -> str:
    counts = {name: [len(a.frames_TxC) for a in arm.answers]
              for name, arm in comparison.arms.items()}
    figure, axes = _axes(4.6)
    joined = [count for arm in counts.values() for count in arm]
    bins = np.linspace(min(joined) - 0.5, max(joined) + 0.5, min(24, max(joined) - min(joined) + 2))
    for colour, (name, arm) in zip(itertools.cycle(COLOURS), counts.items(), strict=False):
        axes.hist(arm, bins=bins.tolist(), histtype='step', linewidth=1.6, color=colour, label=name)
        axes.axvline(float(np.mean(arm)), color=colour, linewidth=1, linestyle=':')
    axes.set(xlabel='frames (dotted: mean)', ylabel='answers')
    return _svg(figure)


def text_lead(arms: Mapping[str, Arm]) -> str:
    figure, axes = _axes(4.6)
    for colour, (name, arm) in zip(itertools.cycle(COLOURS), arms.items(), strict=False):
        all_leads = (lead(a.frames_TxC, arm.speaker.pattern.vocab.text) for a in arm.answers)
        if leads := [x for x in all_leads if x is not None]:
            axes.plot(GRID, np.mean(leads, axis=0), color=colour, linewidth=1.6, label=name)
    axes.axhline(0, color='#999', linewidth=0.8)
    axes.set(xlabel='share of the frames decoded', ylabel='text ids ahead of the voice')
    return _svg(figure)


def lead(frames_TxC: np.ndarray, ordinary: int) -> np.ndarray | None:
    """Text ids written minus those that the speech so far needs, over GRID; None without speech.

    The voice is taken to say text ids at an even pace.
    """
    wrote_T = np.cumsum((frames_TxC[:, 0] >= 0) & (frames_TxC[:, 0] < ordinary))
    spoke_T = np.cumsum(frames_TxC[:, 1] != SILENT_ID)
    if not len(frames_TxC) or not spoke_T[-1]:
        return None
    ahead_T = wrote_T - wrote_T[-1] * spoke_T / spoke_T[-1]
    return np.interp(GRID, np.linspace(0, 1, len(ahead_T) + 1), np.concatenate([[0], ahead_T]))


def accuracy_by_category(patterns: Mapping[str, Json]) -> str:
    categories = list(next(iter(patterns.values()))['categories'])
    figure, axes = _axes(9.6)
    width = 0.8 / len(patterns)
    at = np.arange(len(categories))
    coloured = zip(itertools.cycle(COLOURS), patterns.items(), strict=False)
    for i, (colour, (name, scores)) in enumerate(coloured):
        speech, text = ([100 * scores['categories'][c][f'{what}_accuracy'] for c in categories]
                        for what in ('speech', 'text'))
        place = at + (i - (len(patterns) - 1) / 2) * width
        axes.bar(place, speech, width * 0.9, color=colour, label=name)
        axes.plot(place, text, 'o', color='#111', markersize=3)
    counts = [scores['n'] for scores in next(iter(patterns.values()))['categories'].values()]
    axes.set_xticks(at, [f'{category.replace("_", " ")}\nn = {n}'
                         for category, n in zip(categories, counts, strict=True)])
    axes.set(ylabel='%', ylim=(0, 105))
    return _svg(figure)


def _axes(width: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, 2.9), layout='constrained')
    axes = figure.subplots()
    axes.spines[['top', 'right']].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    """The figure with text as text, and without what a page has already."""
    figure.legend(loc='outside upper left', ncols=len(COLOURS), frameon=False)
    out = io.StringIO()
    with matplotlib.rc_context({'svg.fonttype': 'none', 'font.family': 'sans-serif',
                                'svg.hashsalt': 'report'}):
        figure.savefig(out, format='svg', metadata={'Date': None})
    return re.sub(r'^.*?(?=<svg)', '', out.getvalue(), flags=re.DOTALL)
