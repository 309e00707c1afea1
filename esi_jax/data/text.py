"""Answer text as byte-level BPE ids: any string goes in and comes back exactly."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from esi_jax.errors import UserError
from esi_jax.weights_io import write_atomic


class TextTokenizer:
    """Ids are 0 .. vocab - 1, all ordinary: PAD, EOT and BOS are rows that `Vocab` adds."""

    def __init__(self, bpe: tokenizers.Tokenizer) -> None:
        self._bpe = bpe

    @classmethod
    def train(cls, texts: Iterable[str], vocab: int) -> 'TextTokenizer':
        """Learns at most `vocab` entries, 256 of them the bytes; fewer where text is scarce."""
        if vocab < 256:
            raise UserError(f'a byte-level vocabulary of {vocab} is too small; ask for 256 or more')
        bpe = tokenizers.Tokenizer(models.BPE())
        bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        bpe.decoder = decoders.ByteLevel()
        bpe.train_from_iterator(_spaced(texts), trainers.BpeTrainer(
            vocab_size=vocab, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=[], show_progress=False))
        return cls(bpe)

    @classmethod
    def load(cls, path: str | Path) -> 'TextTokenizer':
        if not Path(path).is_file():
            raise UserError(f'text vocabulary {path} does not exist; '
                            'make it with python -m launch.tokenize or name another one')
        try:
            return cls(tokenizers.Tokenizer.from_file(str(path)))
        except Exception as error:  # the Rust side raises a bare Exception
            raise UserError(f'text vocabulary {path} is damaged ({error}); make it again with '
                            'python -m launch.tokenize') from error

    def save(self, path: str | Path) -> None:
        write_atomic(path, self._bpe.to_str(pretty=True).encode())

    @property
    def vocab(self) -> int:
        return self._bpe.get_vocab_size()

    def encode(self, text: str) -> np.ndarray:
        """Text to ids_T int32."""
        return np.asarray(self._bpe.encode(f' {text}').ids, np.int32)

    def decode(self, ids_T: Sequence[int] | np.ndarray) -> str:
        """Ids to text; bytes that end inside a character show as U+FFFD."""
        return self._bpe.decode([int(i) for i in ids_T]).removeprefix(' ')


def _spaced(texts: Iterable[str]) -> Iterable[str]:
    """A word at the start of a sentence gets the entry it has inside one."""
    return (f' {text}' for text in texts)
