"""A small random model whose answers end soon, and prompts of several lengths."""

import jax
import numpy as np

from esi_jax.decode.generate import audio_prompt
from esi_jax.decode.sampling import Sampler, Sampling
from esi_jax.model.backbone import unroll
from esi_jax.model.config import ModelConfig
from esi_jax.model.speech_lm import SpeechLM

SPECS = ['interleaved:n=2,m=3', 'esi:n=2,m=3', 'parallel:delay=2', 'sequential', 'text_only']

SAMPLED = Sampler(Sampling(1.0, top_k=15, repeats=10 ** 6),
                  Sampling(1.0, top_p=0.95, repeats=10 ** 6))


def config(k: int = 1, **changes) -> ModelConfig:
    return ModelConfig(**{**dict(text_vocab=13, speech_vocab=(11, 7, 9)[:k], d_model=32, layers=2,
                                 heads=4, kv_heads=2, head_dim=8, d_ff=48, audio_dim=6,
                                 audio_stack=2), **changes})


def model(k: int = 1, seed: int = 0) -> SpeechLM:
    return SpeechLM(config(k), jax.random.key(seed))


def features(count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((rng.integers(3, 40), 6)).astype(np.float32) for _ in range(count)]


def decoder_and_prompt(k: int = 1, count: int = 5):
    lm = unroll(model(k))
    return lm, audio_prompt(lm, features(count))
