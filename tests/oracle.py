"""A decoder in plain Python: one row, one frame at a time, over scripted or model logits."""

import numpy as np

from esi_jax.patterns import FORCED, SAMPLED, SILENT_ID


def decode(pattern, choose, max_frames):
    """Frames that `pattern` writes where `choose(role column, frame)` says what is sampled."""
    cursor, frames = pattern.start(1), []
    while not pattern.done(cursor)[0] and len(frames) < max_frames:
        roles_C = pattern.roles(cursor)[0]
        f_C = np.full(pattern.vocab.columns, SILENT_ID, np.int32)
        for column, role in enumerate(roles_C):
            if role == SAMPLED:
                f_C[column] = choose(column, frames)
            if role == FORCED:
                f_C[column] = pattern.vocab.pad
        f_1xC = pattern.close(f_C[None])
        frames.append(f_1xC[0])
        cursor = pattern.advance(cursor, f_1xC)
    return np.stack(frames)


def scripted(text_N, speech_MxK, vocab):
    """A `choose` that says two known streams and their end marks."""
    columns = [[*text_N, vocab.eot]]
    columns += [[*column, eos] for column, eos in zip(np.transpose(speech_MxK), vocab.eos)]

    def choose(column, frames):
        said = sum(frame[column] not in (SILENT_ID, vocab.pad if column == 0 else SILENT_ID)
                   for frame in frames)
        return columns[column][said]

    return choose
