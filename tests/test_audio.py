import struct
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from esi_jax.errors import UserError
from esi_jax.speech import audio


def tone(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)
            ).astype(np.float32)


def refused(path) -> str:
    with pytest.raises(UserError) as caught:
        audio.read_wav(path, 16_000)
    sentence = str(caught.value)
    assert str(path) in sentence and '\n' not in sentence
    return sentence


@settings(max_examples=25, deadline=None)
@given(source=st.sampled_from([8_000, 11_025, 16_000, 24_000, 44_100, 48_000]),
       target=st.sampled_from([16_000, 24_000]), channels=st.integers(1, 3))
def test_any_rate_and_channels_become_the_same_mono(tmp_path_factory, source, target, channels):
    path = tmp_path_factory.mktemp('wav') / 'a.wav'
    soundfile.write(path, np.stack([tone(source)] * channels, axis=1), source)
    wav_T = audio.read_wav(path, target)
    assert wav_T.dtype == np.float32 and wav_T.shape == (target,)
    middle = slice(target // 4, 3 * target // 4)
    np.testing.assert_allclose(wav_T[middle], tone(target)[middle], atol=0.01)


@settings(max_examples=25, deadline=None)
@given(samples=st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=200))
def test_written_wavs_read_back_clipped(tmp_path_factory, samples):
    path = tmp_path_factory.mktemp('wav') / 'deep' / 'a.wav'
    audio.write_wav(path, np.array(samples, np.float32), 24_000)
    np.testing.assert_allclose(audio.read_wav(path, 24_000), np.clip(samples, -1, 1), atol=1e-4)
    assert [file.name for file in path.parent.iterdir()] == ['a.wav']


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / 'a.wav'
    audio.write_wav(path, tone(16_000), 16_000)
    before = path.read_bytes()
    with pytest.raises(ValueError):
        audio.write_wav(path, np.array(['no samples']), 16_000)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_silence_and_loud_floats_are_read(tmp_path):
    soundfile.write(tmp_path / 'quiet.wav', np.full(1_600, 1e-6), 16_000, subtype='FLOAT')
    assert np.abs(audio.read_wav(tmp_path / 'quiet.wav', 16_000)).max() < 1e-5
    soundfile.write(tmp_path / 'loud.wav', 30_000 * tone(16_000), 16_000, subtype='FLOAT')
    np.testing.assert_allclose(audio.read_wav(tmp_path / 'loud.wav', 16_000),
                               2 * tone(16_000), atol=1e-3)


def test_what_is_not_audio_is_refused(tmp_path):
    assert 'No such file' in refused(tmp_path / 'missing.wav')
    assert 'directory' in refused(tmp_path)
    for name, data in {'text.wav': b'what is the capital of France?\n' * 90,
                       'picture.wav': b'\x89PNG\r\n\x1a\n' + bytes(5_000),
                       'noise.raw': bytes(range(256)) * 20}.items():
        (tmp_path / name).write_bytes(data)
        assert 'not audio' in refused(tmp_path / name)
    (tmp_path / 'empty.wav').touch()
    assert 'is empty' in refused(tmp_path / 'empty.wav')
    soundfile.write(tmp_path / 'none.wav', np.zeros(0), 16_000)
    assert 'no samples' in refused(tmp_path / 'none.wav')


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path, bad):
    wav_T = tone(16_000)
    wav_T[500] = bad
    soundfile.write(tmp_path / 'a.wav', wav_T, 16_000, subtype='FLOAT')
    assert 'NaN' in refused(tmp_path / 'a.wav')


@pytest.mark.parametrize('name', ['a.wav', 'a.flac', 'a.mp3', 'a.ogg'])
@pytest.mark.parametrize('part', [0.001, 0.3, 0.8])
def test_cut_off_files_are_refused(tmp_path, name, part):
    soundfile.write(tmp_path / name, tone(24_000, 3.0), 24_000)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[:int(len(whole) * part)])
    refused(tmp_path / name)


def test_a_streamed_header_without_a_length_is_read(tmp_path):
    path = tmp_path / 'a.wav'
    audio.write_wav(path, tone(16_000), 16_000)
    data = bytearray(path.read_bytes())
    at = data.index(b'data') + 4
    data[4:8] = data[at:at + 4] = struct.pack('<I', 0xFFFF_FFFF)
    path.write_bytes(data)
    assert audio.read_wav(path, 16_000).shape == (16_000,)


def test_ten_minutes_are_refused_from_the_header(tmp_path):
    path = tmp_path / 'long.wav'
    soundfile.write(path, np.zeros((1, 2), np.int16), 48_000)
    data = bytearray(path.read_bytes())
    at = data.index(b'data') + 4
    size = 600 * 48_000 * 4
    data[4:8], data[at:at + 4] = struct.pack('<I', size + at - 4), struct.pack('<I', size)
    with open(path, 'wb') as file:
        file.write(data[:at + 4])
        file.truncate(at + 4 + size)
    tracemalloc.start()
    assert '600.0 s' in refused(path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert audio.read_wav(tmp_path / 'long.wav', 8_000, max_seconds=600).size == 600 * 8_000
