"""Prefill and the compiled decode loop; a stream takes the same steps a cycle at a time.

The loop runs the pattern's open cycle while any row writes text, its tail cycle after, so that
which heads a slot computes is known at trace time and only one predicate a cycle is data-dependent.
"""

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from esi_jax import sharding
from esi_jax.data.pack import stack_audio
from esi_jax.decode.sampling import Sampler
from esi_jax.decode.step import DecodeState, decode_step, init_state
from esi_jax.errors import UserError
from esi_jax.model.cache import init_cache
from esi_jax.model.speech_lm import SpeechLM
from esi_jax.patterns import SILENT_ID, Array, Heads, Pattern

BUCKETS = (32, 64, 128, 256, 512, 1024, 2048, 4096)  # prompt lengths that are compiled


class Prompt(NamedTuple):
    """What precedes BOS, right-padded: frames, and audio where a position's columns are silent."""

    f_BxPxC: Array
    audio_BxPxA: Array
    length_B: Array


class Generation(NamedTuple):
    """`frames_BxTxC[b, :lengths_B[b]]` is the answer of row b; END_REASONS names why it ended."""

    frames_BxTxC: np.ndarray
    lengths_B: np.ndarray
    end_reason_B: np.ndarray
    executed_steps: int


def audio_prompt(model: SpeechLM, features: Sequence[np.ndarray]) -> Prompt:
    """A batch of encoder outputs (each NxA, any lengths) as a prompt of bucketed length."""
    config = model.config
    stacked = [stack_audio(np.asarray(x, np.float32), config.audio_stack) for x in features]
    longest = max(len(x) for x in stacked)
    length = next((bucket for bucket in BUCKETS if bucket >= longest), None)
    if length is None:
        raise UserError(f'a prompt of {longest} positions is longer than {BUCKETS[-1]}; '
                        'shorten the question')
    audio = np.stack([np.pad(x, ((0, length - len(x)), (0, 0))) for x in stacked])
    silent = np.full((len(stacked), length, config.vocab.columns), SILENT_ID, np.int32)
    return Prompt(silent, audio, np.asarray([len(x) for x in stacked], np.int32))


@functools.partial(jax.jit, static_argnames=('pattern', 'max_frames'))
def prefill(model: SpeechLM, pattern: Pattern, prompt: Prompt, request_id_B: jax.Array,
            key: jax.Array, *, max_frames: int) -> DecodeState:
    """Runs everything before BOS through the model; the state's next input is BOS."""
    f_BxPxC, audio_BxPxA, length_B = sharding.reshard(prompt, 'batch', None, None)
    batch, length, columns = f_BxPxC.shape
    dtype = model.embeds_VxD[0].dtype
    cache = init_cache(model.config, batch, length + max_frames + 1, dtype)
    pos_BxP = jnp.broadcast_to(jnp.arange(length)[None], (batch, length))
    x_BxPxD = model.embed_inputs(f_BxPxC, audio_BxPxA)
    _, cache = model(x_BxPxD, sharding.reshard(pos_BxP, 'batch', None), None, cache)
    bos_C = jnp.full(columns, SILENT_ID).at[0].set(pattern.vocab.bos)
    bos_BxC = jnp.broadcast_to(bos_C[None], (batch, columns))
    return init_state(pattern, bos_BxC, length_B, cache, request_id_B, key, max_frames)


def run_cycle(model: SpeechLM, pattern: Pattern, sampler: Sampler, cycle: tuple[Heads, ...],
              state: DecodeState) -> DecodeState:
    """The slots of one cycle; neighbours with equal heads share one scan of static length."""
    for which, slots in itertools.groupby(cycle):
        def step(state, _, which=which):
            return decode_step(model, pattern, sampler, which, state), None
        state, _ = jax.lax.scan(step, state, length=len(list(slots)))
    return state


@functools.partial(jax.jit, static_argnames=('pattern', 'sampler'), donate_argnames='state')
def decode(model: SpeechLM, pattern: Pattern, sampler: Sampler, state: DecodeState) -> DecodeState:
    """Decodes until every row has ended. The state is donated: the cache stays in place."""
    cycle = functools.partial(run_cycle, model, pattern, sampler)
    state = jax.lax.while_loop(lambda state: state.text_open,
                               functools.partial(cycle, pattern.open_cycle), state)
    if pattern.tail_cycle:
        state = jax.lax.while_loop(lambda state: ~state.done_B.all(),
                                   functools.partial(cycle, pattern.tail_cycle), state)
    return state


@functools.partial(jax.jit, static_argnames=('pattern', 'sampler', 'tail'),
                   donate_argnames='state')
def decode_cycle(model: SpeechLM, pattern: Pattern, sampler: Sampler, state: DecodeState, *,
                 tail: bool) -> DecodeState:
    """One cycle of `decode`."""
    return run_cycle(model, pattern, sampler, pattern.tail_cycle if tail else pattern.open_cycle,
                     state)


def generate(model: SpeechLM, pattern: Pattern, sampler: Sampler, prompt: Prompt, *,
             max_frames: int, key: jax.Array, request_ids: Sequence[int] | None = None
             ) -> Generation:
    """Answers a batch of prompts. `model` has unrolled layers (`backbone.unroll`).

    A row depends on its prompt, its request id (its index by default) and `key` only.
    """
    state = _start(model, pattern, prompt, request_ids, key, max_frames)
    return to_generation(decode(model, pattern, sampler, state), len(prompt.length_B))


def stream(model: SpeechLM, pattern: Pattern, sampler: Sampler, prompt: Prompt, *,
           max_frames: int, key: jax.Array, request_ids: Sequence[int] | None = None
           ) -> Iterator[Generation]:
    """Yields the answers so far after each cycle; the last one equals `generate`'s."""
    state = _start(model, pattern, prompt, request_ids, key, max_frames)
    while not state.done_B.all():
        state = decode_cycle(model, pattern, sampler, state, tail=not state.text_open)
        yield to_generation(state, len(prompt.length_B))


def _start(model: SpeechLM, pattern: Pattern, prompt: Prompt, request_ids: Sequence[int] | None,
           key: jax.Array, max_frames: int) -> DecodeState:
    """Prefills; the last row is repeated until the mesh divides the batch.

    On a mesh it is so at least once: a batch of 1 broadcasts, and broadcasting drops shardings.
    """
    batch = len(prompt.length_B)
    if max_frames < 1:
        raise UserError(f'max_frames is {max_frames}; an answer needs at least one frame')
    ids_B = np.asarray(range(batch) if request_ids is None else request_ids, np.int32)
    least = batch if sharding.out() is None else max(batch, 2)
    rows = np.minimum(np.arange(least + -least % sharding.batch_shards()), batch - 1)
    return prefill(model, pattern, Prompt(*(x[rows] for x in prompt)), ids_B[rows], key,
                   max_frames=max_frames)


def to_generation(state: DecodeState, batch: int) -> Generation:
    """The first `batch` rows, in one transfer from the device."""
    frames, lengths, reasons, executed = jax.device_get(
        (state.out_BxTxC, state.length_B, state.end_reason_B, state.executed))
    return Generation(frames[:batch], lengths[:batch], reasons[:batch], int(executed))
