import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esi_jax.errors import UserError
from esi_jax.speech import losses, rows, vocoder
from esi_jax.speech.codec import CHARACTERS, STRIDE, Codec, CodecConfig
from esi_jax.speech.fsq import FSQ
from esi_jax.speech.mel import magnitude
from esi_jax.speech.tokenizer import FSQTokenizer
from esi_jax.train import tokenizer as training
from esi_jax.train.loop import LoopConfig
from esi_jax.train.optim import OptimConfig, optimizer

TINY = CodecConfig(fine=16, fine_blocks=1, coarse=24, coarse_blocks=1, trunk_blocks=2, out=16,
                   out_blocks=2, kernel=5)


@pytest.fixture(scope='module')
def tokenizer() -> FSQTokenizer:
    return FSQTokenizer(Codec(TINY, jax.random.key(0)))


def _wav(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def _codes(length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1000, (length, 1)).astype(np.int32)


@pytest.mark.parametrize('samples', [0, 1, 959, 960, 961, 30_000, 70_000])
def test_lengths(tokenizer, samples):
    codes = tokenizer.encode(_wav(samples))
    assert codes.shape == (-(-samples // 960), 1) and codes.dtype == np.int32
    wav = tokenizer.decode(codes)
    assert wav.shape == (len(codes) * 960,) and wav.dtype == np.float32


def test_a_signal_does_not_feel_its_batch(tokenizer):
    wavs = [_wav(5000, 1), _wav(80_000, 2), _wav(33_333, 3)]
    together = tokenizer.encode_batch(wavs)
    for wav, codes in zip(wavs, together, strict=True):
        np.testing.assert_array_equal(tokenizer.encode(wav), codes)
    for codes, made in zip(together, tokenizer.decode_batch(together), strict=True):
        np.testing.assert_allclose(tokenizer.decode(codes), made, atol=1e-3)


def test_columns():
    grouped = FSQTokenizer(Codec(dataclasses.replace(TINY, fsq=FSQ((4, 4), 3)), jax.random.key(0)))
    codes = grouped.encode(_wav(9600))
    assert grouped.sizes == (16, 16, 16) and codes.shape == (10, 3)
    assert grouped.decode(codes).shape == (9600,)


def test_decoder_looks_no_further_than_it_says(tokenizer):
    codes = _codes(60)
    other = codes.copy()
    changed, ahead = 40, TINY.look_ahead
    other[changed:] = _codes(20, seed=5)
    a, b = tokenizer.decode(codes), tokenizer.decode(other)
    border = (changed - ahead) * 960
    np.testing.assert_allclose(a[:border], b[:border], atol=1e-6)
    assert np.abs(a[border + 960:] - b[border + 960:]).max() > 1e-3


def test_bad_input(tokenizer):
    with pytest.raises(UserError, match='NaN'):
        tokenizer.encode(np.array([0.0, np.nan], np.float32))
    with pytest.raises(UserError, match='mono'):
        tokenizer.encode(np.zeros((2, 100), np.float32))
    with pytest.raises(UserError, match='float'):
        tokenizer.encode(np.zeros(100, np.int16))
    with pytest.raises(UserError, match='999'):
        tokenizer.decode(np.array([[1000]]))
    with pytest.raises(UserError, match='shape'):
        tokenizer.decode(np.array([1, 2]))


def test_weights_file(tokenizer, tmp_path):
    path = tmp_path / 'tokenizer.safetensors'
    tokenizer.save(path)
    wav = _wav(9600)
    loaded = FSQTokenizer.load(path)
    assert loaded.codec.config == TINY
    assert np.mean(loaded.encode(wav) == tokenizer.encode(wav)) > 0.8  # float16 moves a few
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match='truncated'):
        FSQTokenizer.load(path)


def test_vocoder_sings_the_pitch_it_is_told():
    config = vocoder.VocoderConfig()
    flat = jnp.zeros((1, 200, config.bins))
    spectra = vocoder.Spectra(flat, flat - 20, jnp.full((1, 200), 200.0))
    silence = jnp.zeros((1, 200, config.hop))
    wav, phase = vocoder.synthesise(spectra, jnp.ones((1, 200)), silence, jnp.zeros(1), config)
    spectrum = np.asarray(magnitude(wav, 2400, 240))[0, 100]  # 10 Hz a bin
    harmonics = np.arange(20, 1100, 20)
    assert spectrum[harmonics].min() > 20 * spectrum[harmonics + 10].max()
    np.testing.assert_allclose(phase[0], 0.0, atol=1e-3)  # 2 cycles a frame
    np.testing.assert_allclose(jnp.std(wav), 1.0, rtol=0.1)


def test_vocoder_passes_white_noise_through_a_flat_spectrum():
    config = vocoder.VocoderConfig()
    flat = jnp.zeros((1, 50, config.bins))
    noise = vocoder.noise(jax.random.key(0), 0, 50, config.hop)
    spectra = vocoder.Spectra(flat - 20, flat, jnp.full((1, 50), 200.0))
    wav, _ = vocoder.synthesise(spectra, jnp.ones((1, 50)), noise[None], jnp.zeros(1), config)
    np.testing.assert_allclose(wav[0, 240:-240], noise.reshape(-1)[240:-240], atol=1e-4)
    later = vocoder.noise(jax.random.key(0), 20, 10, config.hop)
    np.testing.assert_array_equal(noise[20:30], later)


def test_rows_hold_whole_utterances():
    config = rows.RowConfig(codes=20, labels=30, batch=2, bins=4)
    source = [{'answer': 'ab' * (1 + i % 4),
               'answer_audio': np.full(3000 + 500 * i, i + 1, np.int16)} for i in range(7)]
    seen, batches = [], iter(rows.batches([source[:3], source[3:]], config, 960, seed=0))
    for _ in range(8):
        batch = next(batches)
        for wav_T, frames, labels_N in zip(*batch, strict=True):
            values, counts = np.unique(wav_T[wav_T > 0], return_counts=True)
            assert not np.any(counts % (2500 + 500 * values))
            text = ''.join(CHARACTERS[x - 1] for x in labels_N if x)
            assert len(text.split()) == sum(counts // (2500 + 500 * values))
            assert frames == -(-counts.sum() // 960)
            seen += list(values)
    assert set(seen) == set(range(1, 8))


def _tones() -> list[dict]:
    time = np.arange(9600) / 24_000
    waves = [8000 * np.sin(2 * np.pi * hz * time) for hz in (110, 150, 200, 260)]
    return [{'answer': 'a b', 'answer_audio': wave_T.astype(np.int16)} for wave_T in waves]


ROWS = rows.RowConfig(codes=20, labels=16, batch=2, bins=2)
LOSS = losses.LossConfig(windows=(480,), mel_bins=(40,))
LOOP = LoopConfig(6, log_every=1, eval_every=3, eval_batches=1, save_every=3)
CONFIG = training.TrainConfig(LOOP, TINY, ROWS, LOSS)


def test_loss_falls_and_padding_does_not_count():
    tx = optimizer(OptimConfig(peak=0.01, warmup=1), 40, mask=None)
    state = training.init_state(TINY, tx, 0)
    batch = next(iter(rows.batches([_tones()], ROWS, 960, 0)))
    first = training.eval_step(LOSS, state.model, batch)
    padded = losses.Batch(np.pad(batch.wav_BxT, ((0, 0), (0, 9600))), batch.frames_B,
                          batch.labels_BxN)
    for name in ('mel', 'magnitude', 'convergence', 'ctc', 'pitch'):
        other = training.eval_step(LOSS, state.model, padded)[name]
        np.testing.assert_allclose(other, first[name], rtol=0.05)  # the noise differs
    for _ in range(40):
        state, metrics = training.train_step(tx, LOSS, state, batch)
    assert metrics['loss'] < 0.8 * first['loss']
    assert np.isfinite(list(map(float, metrics.values()))).all()


@pytest.mark.slow
def test_killed_and_started_again_ends_the_same(tmp_path):
    def train(folder, on_eval=lambda *_: None):
        return training.train(tmp_path / folder, CONFIG, [_tones()], [_tones()], on_eval)

    def die(codec, step, log):
        raise KeyboardInterrupt

    straight = train('straight')
    with pytest.raises(KeyboardInterrupt):
        train('killed', die)
    again = train('killed')
    for a, b in zip(jax.tree.leaves(straight), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(a, b)


def test_stride():
    assert STRIDE * TINY.mel.hop == TINY.samples and TINY.rate == 25
