"""A decoding pattern is an automaton over frames: whose turn it is, and what an end mark changes.

A frame `f_C` (int32, C = 1 + K) is one decoding step: column 0 a text id, columns 1..K the speech
codes of that step, SILENT where a column says nothing. Patterns are written once for NumPy and JAX
arrays alike; layout, lengths and masks all follow by replaying the automaton.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import numpy as np

from esi_jax.errors import UserError

SILENT_ID = -1

SILENT, SAMPLED, FORCED = 0, 1, 2  # roles of a column; FORCED is fed without being sampled

LONGEST_WAIT = 1000  # frames an id; a pattern that needs more is taken to hang

Array = Any  # np.ndarray or jax.Array


@dataclasses.dataclass(frozen=True)
class Vocab:
    """Ordinary ids: `text` of them, `speech[k]` in speech column k. The end marks follow them."""

    text: int
    speech: tuple[int, ...]

    @property
    def columns(self) -> int:
        return 1 + len(self.speech)

    @property
    def pad(self) -> int:
        return self.text

    @property
    def eot(self) -> int:
        return self.text + 1

    @property
    def bos(self) -> int:
        return self.text + 2

    @property
    def text_rows(self) -> int:
        """Rows of the text table: ordinary ids, PAD, EOT, BOS."""
        return self.text + 3

    @property
    def speech_rows(self) -> tuple[int, ...]:
        """Rows of each speech table: codes, EOS."""
        return tuple(size + 1 for size in self.speech)

    @property
    def eos(self) -> tuple[int, ...]:
        return self.speech


class Cursor(NamedTuple):
    """Where each row stands: slot of the cycle, streams still open, frames written."""

    slot: Array  # int32_B
    text_open: Array  # bool_B
    speech_open: Array  # bool_B
    frame: Array  # int32_B


class Heads(NamedTuple):
    """The heads that a slot of the static schedule computes."""

    text: bool
    speech: bool


BOTH, TEXT = Heads(True, True), Heads(True, False)
SPEECH, NEITHER = Heads(False, True), Heads(False, False)

CYCLE = 10  # steps between two looks at whether any row is still running


@dataclasses.dataclass(frozen=True)
class Pattern:
    """What all patterns share; a new one defines `turns`, and, where its turns go round in slots,
    `next_slot` and the two cycles.
    """

    vocab: Vocab

    def start(self, batch: int) -> Cursor:
        return Cursor(np.zeros(batch, np.int32), np.ones(batch, bool), np.ones(batch, bool),
                      np.zeros(batch, np.int32))

    def turns(self, cursor: Cursor) -> tuple[Array, Array]:
        """Roles of the text column and of the speech columns, int_B each."""
        raise NotImplementedError

    def next_slot(self, cursor: Cursor, text_open: Array, speech_open: Array) -> Array:
        """The slot after this one, int32_B, given which streams are still open."""
        return cursor.slot

    @property
    def open_cycle(self) -> tuple[Heads, ...]:
        """Heads that the slots of one cycle can need while any row's text is open."""
        return (BOTH,) * CYCLE

    @property
    def tail_cycle(self) -> tuple[Heads, ...]:
        """The same once every row's text has ended."""
        return (SPEECH,) * CYCLE

    def roles(self, cursor: Cursor) -> Array:
        """Roles of the frame about to be written, int8_BxC."""
        xp = cursor.slot.__array_namespace__()
        text_B, speech_B = self.turns(cursor)
        columns = [text_B] + [speech_B] * len(self.vocab.speech)
        return xp.stack(columns, axis=1).astype(xp.int8)

    def close(self, f_BxC: Array) -> Array:
        """Columns of a speech group after its first EOS become EOS."""
        xp = f_BxC.__array_namespace__()
        closed_BxK = closed_columns(self.vocab, f_BxC)
        columns = [xp.where(closed_BxK[:, k], eos, f_BxC[:, k + 1])
                   for k, eos in enumerate(self.vocab.eos)]
        return xp.stack([f_BxC[:, 0], *columns], axis=1)

    def advance(self, cursor: Cursor, f_BxC: Array) -> Cursor:
        """The cursor after writing `f_BxC`; sees EOT and EOS."""
        xp = f_BxC.__array_namespace__()
        eos_1xK = xp.asarray(self.vocab.eos, dtype=f_BxC.dtype)[None]
        text_open = cursor.text_open & (f_BxC[:, 0] != self.vocab.eot)
        speech_open = cursor.speech_open & ~(f_BxC[:, 1:] == eos_1xK).any(axis=1)
        slot = self.next_slot(cursor, text_open, speech_open)
        return Cursor(slot, text_open, speech_open, cursor.frame + 1)

    def done(self, cursor: Cursor) -> Array:
        return ~cursor.text_open & ~cursor.speech_open


def closed_columns(vocab: Vocab, f_BxC: Array) -> Array:
    """bool_BxK: speech columns that follow an EOS of their own frame."""
    xp = f_BxC.__array_namespace__()
    eos_1xK = xp.asarray(vocab.eos, dtype=f_BxC.dtype)[None]
    ends_BxK = (f_BxC[:, 1:] == eos_1xK).astype(xp.int32)
    return xp.cumulative_sum(ends_BxK, axis=1) - ends_BxK > 0


@functools.lru_cache(maxsize=1 << 16)
def _replay(pattern: Pattern, text_N: int, speech_M: int) -> tuple[np.ndarray, np.ndarray]:
    """(index_Tx2 into the two streams, roles_TxC) for N text ids and M speech frames."""
    vocab, cursor = pattern.vocab, pattern.start(1)
    indices: list[np.ndarray] = []
    roles: list[np.ndarray] = []
    at = np.zeros(2, int)
    while not pattern.done(cursor)[0]:
        roles_1xC = pattern.roles(cursor)
        if len(roles) > LONGEST_WAIT * (text_N + speech_M + 2) or not roles_1xC.any():
            raise UserError(f'{pattern} never ends, or writes a frame in which no column speaks')
        says = roles_1xC[0, :2] == SAMPLED
        f_1xC = np.full((1, vocab.columns), SILENT_ID, np.int32)
        if says[0]:
            f_1xC[0, 0] = vocab.eot if at[0] == text_N else 0
        if says[1]:
            f_1xC[0, 1:] = vocab.eos if at[1] == speech_M else 0
        indices.append(np.where(says, at, -1))
        roles.append(roles_1xC[0])
        at += says
        cursor = pattern.advance(cursor, f_1xC)
    return np.stack(indices), np.stack(roles)


def steps(pattern: Pattern, text_N: int, speech_M: int) -> int:
    """Frames of an answer with N text ids and M speech frames before their end marks."""
    return len(_replay(pattern, text_N, speech_M)[0])


def layout(pattern: Pattern, text_N: np.ndarray, speech_MxK: np.ndarray
           ) -> tuple[np.ndarray, np.ndarray]:
    """(frames_TxC int32, roles_TxC int8) of an answer, end marks added.

    A last speech row that already holds EOS (a group that the codes did not fill) is the end frame.
    Columns that `close` fills count as FORCED.
    """
    vocab = pattern.vocab
    text = np.append(np.asarray(text_N, np.int32), np.int32(vocab.eot))
    speech = np.asarray(speech_MxK, np.int32).reshape(-1, len(vocab.speech))
    if not (len(speech) and (speech[-1] == vocab.eos).any()):
        speech = np.concatenate([speech, np.asarray([vocab.eos], np.int32)])
    index_Tx2, roles_TxC = _replay(pattern, len(text) - 1, len(speech) - 1)
    says_text, says_speech = (index_Tx2 >= 0).T
    frames_TxC = np.full(roles_TxC.shape, SILENT_ID, np.int32)
    frames_TxC[roles_TxC == FORCED] = vocab.pad
    frames_TxC[says_text, 0] = text[index_Tx2[says_text, 0]]
    frames_TxC[says_speech, 1:] = speech[index_Tx2[says_speech, 1]]
    frames_TxC = pattern.close(frames_TxC)
    roles_TxC = roles_TxC.copy()
    roles_TxC[:, 1:][closed_columns(vocab, frames_TxC)] = FORCED
    return frames_TxC, roles_TxC


def streams(vocab: Vocab, frames_TxC: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(text_N, speech_MxK) that `frames_TxC` says: the inverse of `layout`, end marks removed.

    A last group that holds codes before its EOS is kept with it, as `layout` takes it.
    """
    frames_TxC = np.asarray(frames_TxC)
    text = frames_TxC[:, 0]
    speech = frames_TxC[frames_TxC[:, 1] != SILENT_ID, 1:]
    ended = speech[:, 0] == vocab.eos[0] if len(speech) else np.zeros(0, bool)
    return text[(text >= 0) & (text < vocab.text)], speech[~ended]
