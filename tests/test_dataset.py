"""What is written is what is read, by TFDS itself and without TensorFlow."""

import subprocess
import sys

import grain
import numpy as np
import pytest
import tensorflow_datasets as tfds

from esi_jax.data import dataset
from esi_jax.data.array_cache import cached
from esi_jax.errors import UserError


def sound(seed: int) -> dict:
    rng = np.random.default_rng(seed)
    return {'id': f'capital/{seed}', 'category': 'capital', 'question': 'Où?', 'answer': 'Là.',
            'aliases': ['là', 'there'][:seed % 3], 'voice': 'hibari',
            'question_audio': rng.integers(-2**15, 2**15, 50 + seed, np.int16),
            'answer_audio': rng.integers(-2**15, 2**15, 70 + seed, np.int16)}


def tokens(seed: int, columns: int) -> dict:
    rng = np.random.default_rng(seed)
    kept = {name: value for name, value in sound(seed).items() if not name.endswith('_audio')}
    return kept | {'features': rng.standard_normal((9 + seed, 384)).astype(np.float16),
                   'text': rng.integers(0, 800, 5 + seed, np.int32),
                   'codes': rng.integers(0, 1000, (11 + seed, columns), np.int32)}


def assert_same(got: dict, want: dict) -> None:
    assert got.keys() == want.keys()
    for name, value in want.items():
        if isinstance(value, np.ndarray):
            assert got[name].dtype == value.dtype, name
            np.testing.assert_array_equal(got[name], value, err_msg=name)
        else:
            assert got[name] == value, name


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    dataset.write(folder, 'spoken_qa', dataset.spoken_qa(),
                  {'train': lambda: map(sound, range(7)), 'test': lambda: map(sound, (8, 9))},
                  {'config': '{"a": 1}'}, shard=3)
    return folder


def test_sound_comes_back_bit_for_bit_and_in_order(folder):
    for split, seeds in (('train', range(7)), ('test', (8, 9))):
        records = dataset.load_records(folder, 'spoken_qa', split)
        assert len(records) == len(seeds)
        for got, seed in zip(records, seeds, strict=True):
            assert_same(got, sound(seed))
    assert dataset.read_metadata(folder, 'spoken_qa') == {'config': '{"a": 1}'}
    assert 'tensorflow' not in sys.modules


@pytest.mark.parametrize('columns', [1, 3])
def test_tokens_come_back_bit_for_bit(tmp_path, columns):
    dataset.write(tmp_path, 'spoken_qa_tokens', dataset.spoken_qa_tokens(columns),
                  {'train': lambda: (tokens(seed, columns) for seed in range(4))}, {})
    for seed, got in enumerate(dataset.load_records(tmp_path, 'spoken_qa_tokens', 'train')):
        assert_same(got, tokens(seed, columns))


def test_tfds_alone_reads_it(folder):
    source = tfds.data_source('spoken_qa', data_dir=folder, split='train')
    np.testing.assert_array_equal(source[3]['answer_audio'], sound(3)['answer_audio'])
    info = tfds.builder_from_directory(folder / 'spoken_qa' / dataset.VERSION).info
    assert info.features['question_audio'].sample_rate == 16_000
    assert info.features['answer_audio'].sample_rate == 24_000
    assert info.splits['train'].num_examples == 7 and info.splits['train'].num_shards == 3


def test_grain_shuffles_and_reads_it(folder):
    pipeline = grain.MapDataset.source(dataset.load_records(folder, 'spoken_qa', 'train'))
    ids = [record['id'] for record in pipeline.shuffle(seed=1)]
    assert sorted(ids) == [f'capital/{seed}' for seed in range(7)]


def test_a_write_that_fails_leaves_the_older_data(tmp_path):
    def broken():
        yield sound(5)
        raise KeyboardInterrupt

    def build(records):
        dataset.write(tmp_path, 'spoken_qa', dataset.spoken_qa(), {'test': records}, {})

    with pytest.raises(KeyboardInterrupt):
        build(broken)
    assert not dataset.exists(tmp_path, 'spoken_qa')
    build(lambda: [sound(1)])
    with pytest.raises(KeyboardInterrupt):
        build(broken)
    assert dataset.load_records(tmp_path, 'spoken_qa', 'test')[0]['id'] == 'capital/1'
    build(lambda: [sound(2)])
    assert dataset.load_records(tmp_path, 'spoken_qa', 'test')[0]['id'] == 'capital/2'
    assert [path.name for path in tmp_path.iterdir()] == ['spoken_qa']


def test_errors_name_the_command(folder, tmp_path):
    with pytest.raises(UserError, match=r'python -m launch\.curate --data_dir='):
        dataset.load_records(tmp_path, 'spoken_qa', 'train')
    with pytest.raises(UserError, match=r'python -m launch\.tokenize'):
        dataset.load_records(folder, 'spoken_qa_tokens', 'train')
    with pytest.raises(UserError, match="no examples in split 'dev', only"):
        dataset.load_records(folder, 'spoken_qa', 'dev')
    with pytest.raises(UserError, match="unknown data set 'squad'"):
        dataset.load_records(folder, 'squad', 'train')


def test_a_damaged_data_set_is_named(tmp_path):
    dataset.write(tmp_path, 'spoken_qa', dataset.spoken_qa(), {'test': lambda: [sound(1)]}, {})
    features = tmp_path / 'spoken_qa' / dataset.VERSION / 'features.json'
    features.write_text(features.read_text()[:200])
    with pytest.raises(UserError, match='is damaged'):
        dataset.load_records(tmp_path, 'spoken_qa', 'test')


def test_cached_computes_once(tmp_path):
    calls = []

    def make():
        calls.append(1)
        return np.arange(3)

    for _ in range(2):
        assert cached(tmp_path / 'a' / 'x.npy', make).tolist() == [0, 1, 2]
    assert len(calls) == 1


def curate(folder, *more):
    return subprocess.run(
        [sys.executable, '-m', 'launch.curate', f'--data_dir={folder}', '--splits=test',
         '--limit=3', '--workers=1', *more], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_curate_with_pip_voices_only_then_again(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', '/nowhere')
    done = curate(tmp_path, '--config=configs/data.py:demo')
    assert done.returncode == 0, done.stderr
    assert {r['voice'] for r in dataset.load_records(tmp_path, 'spoken_qa', 'test')} == {'hibari'}
    assert 'is complete' in curate(tmp_path, '--config=configs/data.py:demo').stdout


@pytest.mark.slow
def test_curate_names_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', '/nowhere')
    failed = curate(tmp_path, '--config=configs/data.py:unseen')
    assert failed.returncode == 2
    assert failed.stderr.strip().splitlines()[-1].startswith("error: voice 'flite/awb' needs")
    assert not (tmp_path / 'spoken_qa').exists()
