"""The comparison from sound to numbers, its memory, its clock, and what its scores must satisfy."""

import json

import compared
import numpy as np
import pytest
from flax import nnx

from esi_jax.data import dataset
from esi_jax.errors import UserError
from esi_jax.eval import run, summary, timing
from esi_jax.eval.transcripts import transcribe
from esi_jax.model.audio_encoder import AudioEncoder, EncoderConfig


class Listener:
    """Hears how long a sound lasts; remembers what it was asked; tires after `patience` sounds."""

    def __init__(self, patience=10 ** 6):
        self.asked, self.patience = [], patience

    def transcribe(self, wav_T, rate=16_000):
        if len(self.asked) == self.patience:
            raise KeyboardInterrupt
        self.asked.append(wav_T)
        return f'{len(wav_T) / rate:.1f} seconds'


def write_data(folder, items):
    def records(items):
        return lambda: (dict(id=i.id, category=i.category, question=i.question, answer=i.answer,
                             aliases=list(i.aliases), voice='tone', question_audio=i.question_T,
                             answer_audio=i.answer_T) for i in items)
    dataset.write(folder, 'spoken_qa', dataset.spoken_qa(), {'test': records(items)}, {})


@pytest.fixture(scope='module')
def compare(tmp_path_factory):
    """Random models on five tones, each step real but for the recogniser's ears."""
    folder = tmp_path_factory.mktemp('compared')
    write_data(folder / 'data', compared.items(5))
    encoder = AudioEncoder(EncoderConfig(width=64, layers=1, mlp=64), nnx.Rngs(0))
    speakers = {name: compared.speaker(compared.SPECS[name], audio_dim=64)
                for name in ('interleaved', 'esi')}

    def run_with(listener):
        return run.compare(speakers, run.load_items(folder / 'data'), encoder, listener,
                           'listener', folder / 'cache', batch_size=2, singles=2, rounds=2)
    return run_with


@pytest.fixture(scope='module')
def comparison(compare):
    return compare(Listener())


def test_items_are_the_first_of_the_test_split(tmp_path):
    wanted = compared.items(5)
    write_data(tmp_path, wanted)
    for limit, count in ((0, 5), (3, 3), (9, 5)):
        items = run.load_items(tmp_path, limit)
        assert [item[:5] for item in items] == [item[:5] for item in wanted[:count]]
        np.testing.assert_array_equal(items[-1].answer_T, wanted[count - 1].answer_T)


def test_a_missing_data_set_is_told_with_its_remedy(tmp_path):
    with pytest.raises(UserError, match=r'launch\.curate'):
        run.load_items(tmp_path)


def test_every_question_is_answered_spoken_and_heard(comparison):
    for name, arm in comparison.arms.items():
        assert len(arm.answers) == len(arm.wavs) == len(arm.heard) == 5
        assert [load.rows for load in arm.batched.loads] == [[0, 1], [2, 3], [4, 0]]
        assert [load.rows for load in arm.single.loads] == [[0], [1]]
        assert (arm.batched.seconds_RxN > 0).all() and arm.batched.seconds_RxN.shape == (2, 3)
        for answer, wav, heard in zip(arm.answers, arm.wavs, arm.heard, strict=True):
            assert len(answer.frames_TxC) <= arm.batched.steps_N.max(), name
            assert len(wav) == 960 * len(answer.codes_TxK)
            assert heard == f'{len(wav) / 24_000:.1f} seconds'


def test_a_second_run_hears_nothing_anew_and_says_the_same(compare, comparison):
    again = compare(Listener(patience=0))
    assert again.reference.resynthesised == comparison.reference.resynthesised
    for name, arm in comparison.arms.items():
        assert again.arms[name].heard == arm.heard
        for one, other in zip(again.arms[name].answers, arm.answers, strict=True):
            np.testing.assert_array_equal(one.frames_TxC, other.frames_TxC)


def test_results_are_plain_numbers_and_whole(comparison):
    results = json.loads(json.dumps(summary.summarise(comparison)))
    assert list(results['patterns']) == ['interleaved', 'esi']
    for scores in results['patterns'].values():
        assert scores['n'] == 5 == sum(scores['end_reasons'].values())
        assert sum(category['n'] for category in scores['categories'].values()) == 5
        for what in ('text_accuracy', 'speech_accuracy', 'wer', 'frames_per_answer'):
            low, high = scores['ci95'][what]
            assert low <= scores[what] <= high
        assert scores['executed_steps_per_answer'] >= scores['frames_per_answer']
        assert scores['decode_seconds'] > 0 and scores['decode_seconds_batch_1'] > 0
    assert set(results['floors']) == {
        'reference_wer', 'resynthesis_wer', 'reference_speech_accuracy',
        'resynthesis_speech_accuracy', 'ci95'}
    assert len(list(summary.rows(comparison))) == 5


def test_faithful_arms_score_fully_and_take_what_is_predicted():
    comparison = compared.faithful()
    results = summary.summarise(comparison)
    for name, scores in results['patterns'].items():
        assert (scores['text_accuracy'], scores['speech_accuracy'], scores['wer']) == (1, 1, 0)
        assert scores['decode_seconds_batch_1'] == pytest.approx(
            0.01 * scores['executed_steps_batch_1'])
        if name != 'interleaved':
            assert (results[f'{name}_over_interleaved_frames']
                    == results[f'predicted_{name}_over_interleaved_frames'])
            for what in ('text_accuracy', 'speech_accuracy', 'wer'):
                assert results['differences'][name][what] == dict(value=0, low=0, high=0)
            for load in results['speedup'][name].values():
                low, high = load['quartiles']
                assert low <= load['measured'] <= high
                assert load['predicted_over_packed_by_bytes'] <= load['predicted_by_bytes']
            # one batch, so that the ratio of totals is the ratio of its calls
            batched = results['speedup'][name]['batched']
            assert batched['measured'] == pytest.approx(batched['predicted_by_steps'])
    assert results['esi_over_interleaved_frames'] < 1
    assert results['packed_speedup']['single'] > 1


def test_a_silent_arm_is_scored_and_not_refused():
    comparison = compared.faithful(2)
    arm = comparison.arms['esi']
    silent = arm._replace(wavs=[np.zeros(0, np.int16)] * 2, heard=['', ''])
    scores = summary.arm_scores(silent, comparison.items)
    assert scores['real_time_factor'] is None
    assert (scores['speech_accuracy'], scores['wer']) == (0, 1)


def test_a_sound_is_heard_once_even_after_a_kill(tmp_path):
    wavs = [compared.tone(0.1 * (1 + i % 4), 24_000) for i in range(7)]  # four of them differ
    tired = Listener(patience=2)
    with pytest.raises(KeyboardInterrupt):
        transcribe(tired, 'ears', wavs, 24_000, tmp_path, 'hearing')
    rested = Listener()
    texts = transcribe(rested, 'ears', wavs, 24_000, tmp_path, 'hearing')
    assert texts == [f'{len(wav) / 24_000:.1f} seconds' for wav in wavs]
    assert transcribe(Listener(patience=0), 'ears', wavs, 24_000, tmp_path, 'hearing') == texts
    again = Listener()
    transcribe(again, 'other ears', wavs[:1], 24_000, tmp_path, 'hearing')
    assert len(again.asked) == 1


def test_an_arm_is_called_once_more_than_it_is_timed_and_all_take_turns():
    calls = []
    arms = {name: lambda batch, name=name: calls.append((name, batch)) or (name, batch)
            for name in 'abc'}
    result = timing.race(arms, [0, 1], 3, 'racing')
    assert len(calls) == 3 * 2 * (1 + 3)
    assert all(result.outputs[name] == [(name, 0), (name, 1)] for name in 'abc')
    assert all(result.seconds_RxN[name].shape == (3, 2) for name in 'abc')
    assert {name for name, _ in calls[::3]} == set('abc')  # each begins now and then


@pytest.mark.parametrize('count, size', [(7, 3), (6, 3), (2, 5), (1, 1)])
def test_batches_have_one_size_and_hold_all_items_in_order(count, size):
    batches = timing.wrap(range(count), size)
    assert {len(batch) for batch in batches} == {min(size, count)}
    assert [i for batch in batches for i in batch][:count] == list(range(count))


def test_an_empty_test_split_is_named_with_its_remedy(tmp_path):
    write_data(tmp_path, [])
    with pytest.raises(UserError, match=r'launch\.curate'):
        run.load_items(tmp_path)
