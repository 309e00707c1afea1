"""Records to packed batches: lay out, shift by one frame, fill fixed rows with whole examples."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import NamedTuple

import grain
import numpy as np

from esi_jax.errors import UserError
from esi_jax.patterns import SILENT, SILENT_ID, Array, Pattern, layout


class Example(NamedTuple):
    """[prompt, BOS, f_0 … f_{L-2}] and what each position predicts; prompt targets are silent."""

    input_TxC: np.ndarray  # a position where every column is silent is audio
    audio_TxA: np.ndarray
    target_TxC: np.ndarray
    roles_TxC: np.ndarray


class Batch(NamedTuple):
    """Several examples a row; `seg_BxT` counts them from 1 and is 0 on padding."""

    input_BxTxC: Array
    audio_BxTxA: Array
    target_BxTxC: Array
    roles_BxTxC: Array
    pos_BxT: Array
    seg_BxT: Array


@dataclasses.dataclass(frozen=True)
class PackConfig:
    """Shape of a batch. Without fixed `rows` their number is rounded up: each count compiles once.

    Several processes need fixed rows, since their batches must have one shape.
    """

    examples: int = 16  # in one update, whatever the pattern
    length: int = 512  # positions in a row
    row_multiple: int = 2
    rows: int = 0


def stack_audio(features_NxA: Array, stack: int) -> Array:
    """features_NxA -> ceil(N / stack) rows of `stack` frames side by side, zero-padded."""
    xp = features_NxA.__array_namespace__()
    count, width = features_NxA.shape
    pad = -count % stack
    padded = xp.concat([features_NxA, xp.zeros((pad, width), features_NxA.dtype)])
    return padded.reshape(-1, stack * width)


def group_codes(codes_MxQ: np.ndarray, columns: int, eos: Sequence[int]) -> np.ndarray:
    """One code a frame as `columns` consecutive codes a frame; an open last group is ended by EOS.

    Codes that already come `columns` a frame (codebooks) stay as they are.
    """
    codes_MxQ = np.asarray(codes_MxQ, np.int32)
    if codes_MxQ.shape[1] == columns:
        return codes_MxQ
    if codes_MxQ.shape[1] != 1:
        raise UserError(f'the data holds {codes_MxQ.shape[1]} codes a frame and the model has '
                        f'{columns} speech columns; set model.speech_vocab to match')
    missing = -len(codes_MxQ) % columns
    codes_M = np.concatenate([codes_MxQ[:, 0], np.asarray(eos, np.int32)[columns - missing:]])
    return codes_M.reshape(-1, columns)


def make_example(pattern: Pattern, audio_stack: int, features_NxA: np.ndarray, text_N: np.ndarray,
                 codes_MxQ: np.ndarray) -> Example:
    """The training example of one spoken question and its answer."""
    vocab = pattern.vocab
    speech_MxK = group_codes(codes_MxQ, len(vocab.speech), vocab.eos)
    frames_TxC, roles_TxC = layout(pattern, text_N, speech_MxK)
    audio_PxA = stack_audio(features_NxA, audio_stack)
    prompt_PxC = np.full((len(audio_PxA), vocab.columns), SILENT_ID, np.int32)
    bos_1xC = np.full((1, vocab.columns), SILENT_ID, np.int32)
    bos_1xC[0, 0] = vocab.bos
    return Example(
        np.concatenate([prompt_PxC, bos_1xC, frames_TxC[:-1]]),
        np.concatenate([audio_PxA, np.zeros((len(frames_TxC), audio_PxA.shape[1]),
                                            audio_PxA.dtype)]),
        np.concatenate([prompt_PxC, frames_TxC]),
        np.concatenate([np.full_like(prompt_PxC, SILENT, np.int8), roles_TxC]))


def pack(examples: Sequence[Example], length: int, row_multiple: int = 1, fixed: int = 0) -> Batch:
    """First fit, longest first; no example is split or dropped.

    Raises UserError where one is longer than a row, or all need more than the `fixed` rows.
    """
    rows: list[list[Example]] = []
    for example in sorted(examples, key=lambda x: -len(x.input_TxC)):
        if len(example.input_TxC) > length:
            raise UserError(f'an example of {len(example.input_TxC)} positions does not fit a row; '
                            f'set pack.length (now {length}) to at least that')
        for row in rows:
            if sum(len(x.input_TxC) for x in row) + len(example.input_TxC) <= length:
                row.append(example)
                break
        else:
            rows.append([example])
    if fixed and len(rows) > fixed:
        raise UserError(f'{len(examples)} examples need {len(rows)} rows of {length} positions; '
                        f'set pack.rows (now {fixed}) to at least that')
    rows += [[] for _ in range(fixed - len(rows) if fixed else -len(rows) % row_multiple)]

    def fill(field: int, value: int) -> np.ndarray:
        like = examples[0][field]
        out = np.full((len(rows), length, *like.shape[1:]), value, like.dtype)
        for b, row in enumerate(rows):
            joined = np.concatenate([like[:0], *(x[field] for x in row)])
            out[b, :len(joined)] = joined
        return out

    pos_BxT, seg_BxT = np.zeros((2, len(rows), length), np.int32)
    for b, row in enumerate(rows):
        ends = np.cumsum([0, *[len(x.input_TxC) for x in row]])
        for s, (start, end) in enumerate(zip(ends, ends[1:])):
            pos_BxT[b, start:end] = np.arange(end - start)
            seg_BxT[b, start:end] = s + 1
    return Batch(fill(0, SILENT_ID), fill(1, 0), fill(2, SILENT_ID), fill(3, SILENT), pos_BxT,
                 seg_BxT)


def batches(source, pattern: Pattern, audio_stack: int, config: PackConfig, seed: int,
            process: int = 0, processes: int = 1) -> grain.MapDataset:
    """Endless packed batches; item i is a pure function of the seed and i, whatever the pattern
    does to lengths, so that arms of a comparison see the same examples in every update."""
    if processes > 1 and not config.rows:
        raise UserError('several processes need batches of one shape; set pack.rows')
    if config.rows % processes or config.examples % processes:
        raise UserError(f'pack.rows {config.rows} and pack.examples {config.examples} are shared '
                        f'out to {processes} processes; write multiples of that')
    if len(source) < config.examples:
        raise UserError(f'the data set holds {len(source)} records, fewer than pack.examples '
                        f'{config.examples}; build more or lower it')

    def example(record) -> Example:
        return make_example(pattern, audio_stack, record['features'], record['text'],
                            record['codes'])

    return (grain.MapDataset.source(source).shuffle(seed)[process::processes]
            .map(example).repeat()
            .batch(config.examples // processes,
                   batch_fn=functools.partial(pack, length=config.length,
                                              row_multiple=config.row_multiple,
                                              fixed=config.rows // processes)))
