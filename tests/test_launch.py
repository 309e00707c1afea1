"""The commands on bad input: one sentence that names the file or key, exit code 2, nothing lost."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from esi_jax import weights_io
from esi_jax.data import dataset
from esi_jax.data.text import TextTokenizer

ROOT = Path(__file__).parent.parent
WEIGHTS = ROOT / 'esi_jax' / 'weights'

pytestmark = pytest.mark.slow


def launch(name, *arguments, cwd=ROOT):
    env = {**os.environ, 'PYTHONPATH': str(ROOT)}
    return subprocess.run([sys.executable, '-m', f'launch.{name}', *map(str, arguments)], cwd=cwd,
                          env=env, capture_output=True, text=True, timeout=600)


def assert_one_sentence(result, *names):
    assert result.returncode == 2
    assert 'Traceback' not in result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith('error: ')]
    for name in names:
        assert name in line


def tone(seconds, rate=16_000):
    return 0.1 * np.sin(np.arange(int(seconds * rate)) * 0.05)


def bad_wavs(folder):
    (folder / 'empty.wav').touch()
    soundfile.write(folder / 'good.wav', tone(2), 16_000)
    data = (folder / 'good.wav').read_bytes()
    (folder / 'corrupt.wav').write_bytes(data[:20] + b'\0' * 100)
    (folder / 'text.wav').write_text('this is not audio')
    soundfile.write(folder / 'nan.wav', np.full(16_000, np.nan), 16_000, subtype='FLOAT')
    soundfile.write(folder / 'long.wav', tone(600, 8_000), 8_000)
    return ('empty.wav', 'corrupt.wav', 'text.wav', 'nan.wav', 'long.wav', 'absent.wav')


def test_ask_refuses_wavs_it_cannot_hear(tmp_path):
    for name in bad_wavs(tmp_path):
        result = launch('ask', f'--wav={tmp_path / name}', f'--out={tmp_path / "answer.wav"}')
        assert_one_sentence(result, name)
        assert not (tmp_path / 'answer.wav').exists()


def test_ask_refuses_missing_and_truncated_weights(tmp_path):
    (tmp_path / 'cut.safetensors').write_bytes(
        (WEIGHTS / 'esi.safetensors').read_bytes()[:100_000])
    for name in ('cut.safetensors', 'absent.safetensors'):
        for flag in ('model', 'tokenizer'):
            result = launch('ask', '--text=What is two plus two?', f'--{flag}={tmp_path / name}',
                            f'--out={tmp_path / "answer.wav"}')
            assert_one_sentence(result, name)
    assert_one_sentence(launch('ask', '--text=Hello?', '--pattern=absent'), 'absent')


def test_an_unknown_config_key_is_refused(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text('from configs import tiny\ndef get_config():\n'
                      '    config = tiny.get_config().unlock()\n    config.modle = 3\n'
                      '    return config\n')
    result = launch('train', f'--config={config}', f'--workdir={tmp_path / "run"}')
    assert_one_sentence(result, 'config.modle')
    result = launch('train', '--config=configs/tiny.py', '--config.loop.udpates=3')
    assert result.returncode != 0 and 'udpates' in result.stderr
    result = launch('train', '--config=configs/tiny.py', f'--config.data.dir={tmp_path}')
    assert_one_sentence(result, 'launch.tokenize')


def token_data(folder):
    """Ten random records in the shape that launch.tokenize writes."""
    text = TextTokenizer.load(WEIGHTS / 'text.json')
    text.save(folder / 'text.json')
    rng = np.random.default_rng(0)
    records = [dict(id=str(i), category='c', question='How much is two?', answer='Two is two.',
                    aliases=['two'], voice='hibari', text=text.encode('Two is two.'),
                    features=rng.standard_normal((40, 384)).astype(np.float16),
                    codes=rng.integers(0, 1000, (20, 1)).astype(np.int32)) for i in range(10)]
    dataset.write(folder, 'spoken_qa_tokens', dataset.spoken_qa_tokens(1),
                  {split: lambda: records for split in ('train', 'test')},
                  {'speech_tokenizer_sha256': weights_io.digest(WEIGHTS / 'tokenizer.safetensors'),
                   'speech_sizes': '[1000]', 'text_vocab': str(text.vocab)})


def test_train_makes_a_model_that_ask_loads_and_guards_its_workdir(tmp_path):
    token_data(tmp_path)
    run = ['--config=configs/tiny.py', f'--config.data.dir={tmp_path}', '--config.model.layers=1',
           '--config.pack.examples=4', '--config.loop.updates=2', '--config.loop.eval_every=1',
           f'--workdir={tmp_path / "run"}']
    done = launch('train', *run)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / 'run' / 'log.jsonl').read_text().splitlines()) == 3
    assert launch('train', *run).returncode == 0  # nothing left to do
    assert_one_sentence(launch('train', *run, '--config.model.layers=2'), 'config.model')
    assert_one_sentence(launch('train', *run, '--config.model.speech_vocab=(7,)'), 'speech_vocab')
    model = tmp_path / 'run' / 'model.safetensors'
    asked = launch('ask', '--text=How much is two?', f'--model={model}', '--max_frames=20',
                   f'--out={tmp_path / "answer.wav"}')
    assert asked.returncode == 0, asked.stderr
    (tmp_path / 'other.json').write_text((WEIGHTS / 'text.json').read_text() + ' ')
    assert_one_sentence(launch('ask', '--text=Two?', f'--model={model}',
                               f'--vocabulary={tmp_path / "other.json"}'), 'other.json')


@pytest.fixture
def small_disk(tmp_path):
    """400 kB: too little for an answer's wav or a second checkpoint."""
    folder = tmp_path / 'full'
    folder.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip('cannot mount a tmpfs here')
    yield folder
    subprocess.run(['umount', str(folder)], check=True)


def test_a_full_disk_is_named_and_leaves_nothing_half_written(small_disk):
    (small_disk / 'filler').write_bytes(bytes(390_000))
    result = launch('ask', '--text=What is the capital of France?',
                    f'--out={small_disk / "answer.wav"}')
    assert_one_sentence(result, 'answer.wav')
    assert [file.name for file in small_disk.iterdir()] == ['filler']


def test_a_full_disk_ends_a_training_in_one_sentence(small_disk):
    program = ('import trainer; from pathlib import Path; from esi_jax import errors; '
               'from esi_jax.train.lm import train; data = trainer.records(9); '
               f'run = lambda _: train(Path({str(small_disk)!r}), '
               'trainer.experiment(9, save_every=2), data, data); errors.run(run)')
    result = subprocess.run([sys.executable, '-c', program], cwd=ROOT / 'tests', text=True,
                            env={**os.environ, 'PYTHONPATH': str(ROOT)}, capture_output=True)
    assert_one_sentence(result, 'checkpoints')


def test_questions_at_8_khz_and_in_stereo_are_answered(tmp_path):
    soundfile.write(tmp_path / 'stereo.wav', np.stack([tone(2, 8_000)] * 2, axis=1), 8_000)
    for pattern in ('esi', 'interleaved', 'parallel'):
        out = tmp_path / f'{pattern}.wav'
        result = launch('ask', f'--wav={tmp_path / "stereo.wav"}', f'--pattern={pattern}',
                        f'--out={out}')
        assert result.returncode == 0, result.stderr
        assert soundfile.info(out).samplerate == 24_000


@pytest.mark.parametrize('name', ['ask', 'compare', 'curate', 'tokenize', 'train',
                                  'train_tokenizer'])
def test_help_tells_flags_and_an_example(name):
    result = launch(name, '--help')
    assert f'python -m launch.{name}' in result.stdout
