"""Sizes of the model."""

import dataclasses

from esi_jax.patterns.base import Vocab


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A Llama-family decoder with one table and head per column, and an adapter for audio.

    text_vocab and speech_vocab count ordinary ids, without PAD, EOT, BOS and EOS.
    """

    text_vocab: int
    speech_vocab: tuple[int, ...]
    d_model: int = 192
    layers: int = 4
    heads: int = 6
    kv_heads: int = 2
    head_dim: int = 32
    d_ff: int = 512
    rope_theta: float = 10_000.0
    rotary_fraction: float = 1.0
    qkv_bias: bool = False
    norm_eps: float = 1e-5
    audio_dim: int = 384  # width of the audio encoder
    audio_stack: int = 4  # encoder frames in one prompt position
    table_multiple: int = 8  # tables are padded to this, so that a mesh axis divides them

    @property
    def vocab(self) -> Vocab:
        return Vocab(self.text_vocab, self.speech_vocab)

    @property
    def rows(self) -> tuple[int, ...]:
        """Ids of each column, end marks included."""
        return (self.vocab.text_rows, *self.vocab.speech_rows)
