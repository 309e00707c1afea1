"""One decoding step, the same for the compiled loop, the stream and a plain Python loop.

A step is embed(f) -> backbone -> heads of the frame being written. Which heads exist is static;
a row whose turn needs a head that this slot lacks stalls: its frame, position, cursor and output
stay, and its cache write repeats the values that are there.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from esi_jax import sharding
from esi_jax.decode.sampling import NEVER, Sampler, sample
from esi_jax.model.cache import KVCache
from esi_jax.model.speech_lm import Logits, SpeechLM
from esi_jax.patterns import FORCED, SAMPLED, SILENT_ID, Cursor, Heads, Pattern, Vocab

END_REASONS = ('running', 'eos', 'eot', 'max_frames', 'repetition')
RUNNING, EOS, EOT, MAX_FRAMES, REPETITION = range(5)


class Repeats(NamedTuple):
    """The last id that each column sampled and how often in a row it did."""

    id_BxC: jax.Array
    count_BxC: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DecodeState:
    """Everything a batch of answers needs to go on; row b said `out_BxTxC[b, :length_B[b]]`.

    `f_BxC` is the last frame written, fed next at position `pos_B`. `executed` counts steps of the
    loop, which several rows share; `length_B` counts frames of a row.
    """

    f_BxC: jax.Array
    pos_B: jax.Array
    cursor: Cursor
    repeats: Repeats
    cache: KVCache
    out_BxTxC: jax.Array
    length_B: jax.Array
    end_reason_B: jax.Array
    request_id_B: jax.Array
    key: jax.Array
    executed: jax.Array

    @property
    def done_B(self) -> jax.Array:
        return self.end_reason_B != RUNNING

    @property
    def text_open(self) -> jax.Array:
        """Whether any running row still writes text: the loop's only choice of cycle."""
        return (self.cursor.text_open & ~self.done_B).any()


def init_state(pattern: Pattern, f_BxC: jax.Array, pos_B: jax.Array, cache: KVCache,
               request_id_B: jax.Array, key: jax.Array, max_frames: int) -> DecodeState:
    """The state before frame 0; `f_BxC` (BOS) is not in the cache yet, what precedes it is."""
    batch, columns = f_BxC.shape
    rows = sharding.reshard(
        dict(f_BxC=f_BxC, pos_B=pos_B, cursor=jax.tree.map(jnp.asarray, pattern.start(batch)),
             repeats=Repeats(jnp.full((batch, columns), SILENT_ID),
                             jnp.zeros((batch, columns), jnp.int32)),
             out_BxTxC=jnp.full((batch, max_frames, columns), SILENT_ID),
             length_B=jnp.zeros(batch, jnp.int32), end_reason_B=jnp.zeros(batch, jnp.int32),
             request_id_B=request_id_B), 'batch', None, None)
    return DecodeState(cache=cache, key=key, executed=jnp.zeros((), jnp.int32), **rows)


def decode_step(model: SpeechLM, pattern: Pattern, sampler: Sampler, which: Heads,
                state: DecodeState) -> DecodeState:
    """Writes one frame in every row whose turn the heads in `which` can serve."""
    vocab = pattern.vocab
    x_Bx1xD = model.embed(state.f_BxC[:, None])
    h_Bx1xD, cache = model(x_Bx1xD, state.pos_B[:, None], None, state.cache)
    roles_BxC = pattern.roles(state.cursor)
    sampled_BxC = _sample_columns(vocab, sampler, state, model.heads(h_Bx1xD, which))
    is_text_1xC = (jnp.arange(vocab.columns) == 0)[None]
    f_BxC = jnp.where(roles_BxC == SAMPLED, sampled_BxC,
                      jnp.where((roles_BxC == FORCED) & is_text_1xC, vocab.pad, SILENT_ID))
    f_BxC = pattern.close(f_BxC)

    has_head_1xC = jnp.where(is_text_1xC, which.text, which.speech)
    served_B = ((roles_BxC != SAMPLED) | has_head_1xC).all(axis=1)
    act_B = served_B & ~state.done_B
    repeats = _count_repeats(state.repeats, f_BxC, roles_BxC == SAMPLED)
    limit_1xC = jnp.where(is_text_1xC, sampler.text.repeats, sampler.speech.repeats)
    cursor = pattern.advance(state.cursor, f_BxC)
    length_B = state.length_B + 1
    reason_B = jnp.where(
        pattern.done(cursor), EOS if pattern.start(1).speech_open[0] else EOT,
        jnp.where((repeats.count_BxC >= limit_1xC).any(axis=1), REPETITION,
                  jnp.where(length_B >= state.out_BxTxC.shape[1], MAX_FRAMES, RUNNING)))

    def keep(new, old):
        return jnp.where(act_B.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    new = dict(f_BxC=f_BxC, pos_B=state.pos_B + 1, cursor=cursor, repeats=repeats,
               length_B=length_B, end_reason_B=reason_B)
    old = {name: getattr(state, name) for name in new}
    return dataclasses.replace(state, cache=cache, executed=state.executed + 1,
                               out_BxTxC=_write(state.out_BxTxC, f_BxC, state.length_B, act_B),
                               **jax.tree.map(keep, new, old))


def _sample_columns(vocab: Vocab, sampler: Sampler, state: DecodeState, logits: Logits
                    ) -> jax.Array:
    """int32_BxC, SILENT where a column's head is absent. PAD and BOS are never sampled."""
    columns = []
    for c in range(vocab.columns):
        logits_BxV = None
        if c == 0 and logits.text_BxTxV is not None:
            logits_BxV = logits.text_BxTxV[:, 0]
            ids_1xV = jnp.arange(logits_BxV.shape[-1])[None]
            logits_BxV = jnp.where((ids_1xV == vocab.pad) | (ids_1xV == vocab.bos), NEVER,
                                   logits_BxV)
        if c > 0 and logits.speech_BxTxV is not None:
            logits_BxV = logits.speech_BxTxV[c - 1][:, 0]
        if logits_BxV is None:
            columns.append(jnp.full_like(state.pos_B, SILENT_ID))
        else:
            sampling = sampler.text if c == 0 else sampler.speech
            columns.append(sample(sampling, _keys(state, c), logits_BxV))
    return jnp.stack(columns, axis=1)


def _keys(state: DecodeState, column: int) -> jax.Array:
    """A key per row that depends on request, frame and column, not on the batch or the slot."""
    def one(request_id, frame):
        key = jax.random.fold_in(jax.random.fold_in(state.key, request_id), frame)
        return jax.random.fold_in(key, column)
    return jax.vmap(one)(*sharding.reshard((state.request_id_B, state.cursor.frame), 'batch'))


def _count_repeats(repeats: Repeats, f_BxC: jax.Array, sampled_BxC: jax.Array) -> Repeats:
    count_BxC = jnp.where(f_BxC == repeats.id_BxC, repeats.count_BxC + 1, 1)
    return Repeats(jnp.where(sampled_BxC, f_BxC, repeats.id_BxC),
                   jnp.where(sampled_BxC, count_BxC, repeats.count_BxC))


def _write(out_BxTxC: jax.Array, f_BxC: jax.Array, at_B: jax.Array, act_B: jax.Array) -> jax.Array:
    """`f_BxC` at `at_B` of the rows that act; the others rewrite what is there."""
    def one(out_TxC, f_C, at, act):
        old_1xC = jax.lax.dynamic_slice_in_dim(out_TxC, at, 1)
        return jax.lax.dynamic_update_slice_in_dim(out_TxC, jnp.where(act, f_C[None], old_1xC), at,
                                                   0)
    return jax.vmap(one)(*sharding.reshard((out_BxTxC, f_BxC, at_B, act_B), 'batch', None, None))
