"""What decoding must read from memory, counted from sizes and from the loop's static schedule.

Small-batch decoding streams weights, so a ratio of bytes predicts a ratio of seconds. A step reads
the backbone, the heads of its slot, and the keys and values of every row. Left out: the embedding
rows looked up, activations and logits.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from esi_jax import tree
from esi_jax.data.pack import group_codes
from esi_jax.model.config import ModelConfig
from esi_jax.model.speech_lm import SpeechLM
from esi_jax.patterns import SAMPLED, Heads, Pattern, Vocab, layout


class Schedule(NamedTuple):
    """The forwards that the loop executes for a batch of answers of known lengths."""

    heads_Sx2: np.ndarray  # bool: the text head, the speech heads
    fed_SxB: np.ndarray  # frames that each row feeds; 0 where it stalls or has ended
    samples_S: np.ndarray  # bool: some row chooses an id


class Weights(NamedTuple):
    """Parameters that a step may read; embedding tables and the audio adapter are not among them.

    Tables count with the rows that pad them, since a head's product runs over those too.
    """

    backbone: int
    text_head: int
    speech_heads: int


@functools.lru_cache
def weights(config: ModelConfig) -> Weights:
    like = jax.eval_shape(lambda: SpeechLM(config, jax.random.key(0)))
    sizes = {name: x.size for name, x in tree.flatten(like).items()}

    def total(prefix: str) -> int:
        return sum(size for name, size in sizes.items() if name.startswith(prefix))

    return Weights(total('backbone.'), total('heads_VxD.0'),
                   total('heads_VxD.') - total('heads_VxD.0'))


def weight_bytes(config: ModelConfig, which: Heads, itemsize: int = 4) -> int:
    """Bytes of the parameters that a step with the heads `which` reads."""
    w = weights(config)
    return itemsize * (w.backbone + which.text * w.text_head + which.speech * w.speech_heads)


def kv_bytes(config: ModelConfig, positions: int, itemsize: int = 4) -> int:
    """Bytes of the keys and values of one row at so many positions."""
    return itemsize * positions * 2 * config.layers * config.kv_heads * config.head_dim


def step_bytes(config: ModelConfig, which: Heads, positions: int, *, batch: int = 1,
               itemsize: int = 4) -> int:
    """Bytes of one step whose `batch` rows each attend to `positions` positions."""
    return weight_bytes(config, which, itemsize) + batch * kv_bytes(config, positions, itemsize)


def lengths(vocab: Vocab, text_N: np.ndarray, codes_MxQ: np.ndarray) -> tuple[int, int]:
    """(text ids, speech frames) of an answer before its end marks, under the model's grouping."""
    speech_MxK = group_codes(codes_MxQ, len(vocab.speech), vocab.eos)
    ended = len(speech_MxK) > 0 and bool((speech_MxK[-1] == vocab.eos).any())
    return len(text_N), len(speech_MxK) - ended


def schedule(pattern: Pattern, answers: Sequence[tuple[int, int]]) -> Schedule:
    """Replays the decode loop on a batch of answers, each (text ids, speech frames) long.

    Open cycles run while a row writes text, tail cycles until all rows have ended; a row whose
    turn needs a head that the slot lacks stalls.
    """
    says_by_row = [_says(pattern, *answer) for answer in answers]
    frames_B = np.asarray([len(says_Tx2) for says_Tx2 in says_by_row])
    text_B = np.asarray([says_Tx2[:, 0].sum() and says_Tx2[:, 0].nonzero()[0][-1] + 1
                         for says_Tx2 in says_by_row])
    at_B = np.zeros(len(answers), int)
    steps: list[tuple[Heads, np.ndarray, bool]] = []

    def run(cycle: tuple[Heads, ...]) -> None:
        for which in cycle:
            turn_Bx2 = np.stack([says_Tx2[min(at, len(says_Tx2) - 1)]
                                 for says_Tx2, at in zip(says_by_row, at_B, strict=True)])
            acts_B = (at_B < frames_B) & ~(turn_Bx2 & ~np.asarray(which)[None]).any(axis=1)
            steps.append((which, acts_B, bool((turn_Bx2[acts_B]).any())))
            at_B[:] += acts_B

    while (at_B < text_B).any():
        run(pattern.open_cycle)
    while (at_B < frames_B).any():
        run(pattern.tail_cycle)
    heads, fed, samples = zip(*steps, strict=True)
    return Schedule(np.asarray(heads, bool), np.asarray(fed, int), np.asarray(samples, bool))


def packed(plan: Schedule) -> Schedule:
    """The same answers where steps that only feed pads join the next one's forward.

    Pads after the end of text are known beforehand, so n pads and the next speech token can be one
    forward of n + 1 positions. This is the honest baseline for any gain in steps.
    """
    joins_S = ~plan.samples_S & plan.fed_SxB.any(axis=1)
    joins_S[-1] = False
    starts = np.flatnonzero(~np.append(False, joins_S[:-1]))
    ends = np.flatnonzero(~joins_S)
    return Schedule(plan.heads_Sx2[ends], np.add.reduceat(plan.fed_SxB, starts, axis=0),
                    plan.samples_S[ends])


def answer_bytes(config: ModelConfig, plan: Schedule, prompt_B: Sequence[int] | np.ndarray,
                 cache_length: int | None = None, itemsize: int = 4) -> int:
    """Bytes of all steps of a batch, after prompts of `prompt_B` positions and BOS.

    A decoder whose cache has a fixed length reads all of it, masked: give `cache_length`. Without
    it each row reads the positions that it has filled.
    """
    filled_SxB = np.asarray(prompt_B)[None] + np.cumsum(plan.fed_SxB, axis=0)
    positions = filled_SxB.sum() if cache_length is None else plan.fed_SxB.size * cache_length
    text, speech = plan.heads_Sx2.sum(axis=0)
    w = weights(config)
    parameters = len(plan.heads_Sx2) * w.backbone + text * w.text_head + speech * w.speech_heads
    return int(itemsize * parameters) + kv_bytes(config, int(positions), itemsize)


def _says(pattern: Pattern, text_N: int, speech_M: int) -> np.ndarray:
    """bool_Tx2: whether each frame samples its text column, its speech columns."""
    speech_MxK = np.zeros((speech_M, len(pattern.vocab.speech)), np.int32)
    _, roles_TxC = layout(pattern, np.zeros(text_N, np.int32), speech_MxK)
    return roles_TxC[:, :2] == SAMPLED
