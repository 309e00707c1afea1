"""The page holds all it shows: sounds that play, one cell a frame, no text that acts as markup."""

import base64
import io
from collections import Counter
from html.parser import HTMLParser

import compared
import numpy as np
import pytest
import soundfile
from rich.console import Console

from esi_jax.eval import plots, report, summary
from esi_jax.patterns import steps


class Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.text, self.open = [], '', []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, wanted):
        return [attributes for tag, attributes in self.tags if tag == wanted]


@pytest.fixture(scope='module')
def comparison():
    return compared.faithful()


@pytest.fixture(scope='module')
def results(comparison):
    return summary.summarise(comparison) | {'environment': {'cpu': 'some <cpu>', 'cores': 2}}


@pytest.fixture(scope='module')
def page(comparison, results):
    return Page(report.page(comparison, results))


def test_every_sound_is_inside_and_plays(comparison, page):
    sources = [attributes['src'] for attributes in page.all('audio')]
    assert len(sources) == len(comparison.items) * (2 + len(comparison.arms))
    for source, item in zip(sources[::5], comparison.items, strict=True):
        data = base64.b64decode(source.removeprefix('data:audio/mpeg;base64,'))
        wav_T, rate = soundfile.read(io.BytesIO(data))
        assert rate == 16_000
        assert len(wav_T) / rate == pytest.approx(len(item.question_T) / rate, abs=0.15)


def test_the_page_needs_no_other_file(page):
    for tag, attributes in page.tags:
        assert tag not in ('link', 'script', 'iframe')
        for name in ('src', 'href', 'xlink:href'):
            assert attributes.get(name, '#').startswith(('data:', '#'))
    assert len(page.all('svg')) == 3


def test_what_was_said_stands_there_as_text(comparison, page):
    for item in comparison.items:
        assert item.question in page.text and item.answer in page.text
    assert not page.all('zero') and 'some <cpu>' not in str(page.tags)


def test_a_timeline_has_a_column_a_frame_and_the_end_marks_once(comparison, page):
    classes = [attributes.get('class') for attributes in page.all('i')][6:]  # after the legend
    texts, speeches = classes[::2], classes[1::2]
    for arm in comparison.arms.values():
        (text_N, speech_M), *_ = ((len(ids), len(codes)) for ids, codes in
                                  zip(comparison.reference.text_ids, comparison.reference.codes,
                                      strict=True))
        frames = steps(arm.speaker.pattern, text_N, speech_M)
        text, speech = Counter(texts[:frames]), Counter(speeches[:frames])
        assert (text['text'], text['eot']) == (text_N, 1)
        assert (speech['speech'], speech['eos']) == (speech_M, 1)
        texts, speeches = texts[frames:], speeches[frames:]
    assert not texts and not speeches


def test_the_terminal_table_fits_eighty_columns_uncut(results):
    console = Console(width=80, record=True)
    console.print(report.table(results))
    printed = console.export_text()
    assert '…' not in printed
    for name in compared.SPECS:
        assert name in printed
    assert printed.count('100–100') == 6


def test_the_verdict_names_the_honest_baseline(results):
    said = ' '.join(report.verdicts(results))
    packed = results['packed_speedup']['single']
    assert f'{results["esi_over_interleaved_frames"]:.3f}' in said
    assert f'run {packed:.2f} times as fast' in said


def test_a_comparison_of_two_arms_without_esi_has_a_page(results):
    specs = {'interleaved': 'interleaved', 'mine': 'sequential'}
    two = compared.faithful(2, specs)
    numbers = summary.summarise(two) | {'environment': {}}
    assert Page(report.page(two, numbers)).all('audio')


def test_lead_is_the_text_written_before_its_speech():
    text_first = np.asarray([[1, -1]] * 4 + [[-1, 1]] * 8)
    lead = plots.lead(text_first, ordinary=10)
    assert lead[0] == 0 and lead[-1] == 0
    assert lead.max() == pytest.approx(4, abs=0.2)
    together = np.asarray([[1, 1]] * 6)
    np.testing.assert_allclose(plots.lead(together, ordinary=10), 0, atol=1e-9)
    assert plots.lead(text_first[:4], ordinary=10) is None
