"""The compiled loop against plain Python, itself alone, a stream, and eight devices."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest
import small

from esi_jax import sharding
from esi_jax.decode import generate as gen
from esi_jax.decode.sampling import Sampler, Sampling, sample
from esi_jax.decode.step import END_REASONS, MAX_FRAMES, RUNNING, decode_step
from esi_jax.model.backbone import unroll
from esi_jax.patterns import SILENT_ID, Heads, Interleaved, Parallel, layout, parse, streams

MAX = 60
KEY = jax.random.key(7)


def rows(generation):
    return [frames[:n] for frames, n in zip(generation.frames_BxTxC, generation.lengths_B)]


def assert_same_rows(a, b):
    for x, y in zip(rows(a), rows(b), strict=True):
        np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(a.end_reason_B, b.end_reason_B)


@jax.jit
def full_logits(lm, f_BxTxC, audio_BxTxA):
    pos_BxT = jnp.arange(f_BxTxC.shape[1])[None]
    h_BxTxD, _ = lm(lm.embed_inputs(f_BxTxC, audio_BxTxA), pos_BxT)
    return lm.heads(h_BxTxD, Heads(True, True))


def uncached_chooser(lm, pattern, audio_PxA, request_id, sampler):
    """What an oracle samples: one full forward of everything so far, no cache, no batch."""
    vocab = pattern.vocab
    total = len(audio_PxA) + 1 + MAX
    audio_1xTxA = np.zeros((1, total, audio_PxA.shape[1]), np.float32)
    audio_1xTxA[0, :len(audio_PxA)] = audio_PxA

    def choose(column, frames):
        f_1xTxC = np.full((1, total, vocab.columns), -1, np.int32)
        f_1xTxC[0, len(audio_PxA), 0] = vocab.bos
        at = len(audio_PxA) + len(frames)
        if frames:
            f_1xTxC[0, len(audio_PxA) + 1:at + 1] = frames
        logits = full_logits(lm, f_1xTxC, audio_1xTxA)
        logits_1xV = (logits.text_BxTxV if column == 0 else logits.speech_BxTxV[column - 1])[:, at]
        if column == 0:
            logits_1xV = logits_1xV.at[:, np.array([vocab.pad, vocab.bos])].set(-jnp.inf)
        key = KEY
        for part in (request_id, len(frames), column):
            key = jax.random.fold_in(key, part)
        sampling = sampler.text if column == 0 else sampler.speech
        return int(sample(sampling, key[None], logits_1xV)[0])

    return choose


@pytest.mark.parametrize('k', [1, 3])
@pytest.mark.parametrize('spec', small.SPECS)
def test_loop_equals_plain_python_without_a_cache(spec, k):
    lm, prompt = small.decoder_and_prompt(k)
    pattern = parse(spec, lm.config.vocab)
    batch = gen.generate(lm, pattern, small.SAMPLED, prompt, max_frames=MAX, key=KEY)
    assert len(set(batch.lengths_B)) > 1  # rows are in different phases
    for b, frames in enumerate(rows(batch)[:2]):
        audio = prompt.audio_BxPxA[b, :prompt.length_B[b]]
        choose = uncached_chooser(lm, pattern, audio, b, small.SAMPLED)
        np.testing.assert_array_equal(frames, oracle.decode(pattern, choose, MAX))


@pytest.mark.parametrize('k', [1, 3])
@pytest.mark.parametrize('spec', small.SPECS)
def test_finished_rows_are_the_layout_of_what_they_say(spec, k):
    lm, prompt = small.decoder_and_prompt(k)
    pattern = parse(spec, lm.config.vocab)
    batch = gen.generate(lm, pattern, small.SAMPLED, prompt, max_frames=4 * MAX, key=KEY)
    finished = [frames for frames, reason in zip(rows(batch), batch.end_reason_B)
                if END_REASONS[reason] in ('eos', 'eot')]
    assert len(finished) == len(prompt.length_B)
    for frames in finished:
        np.testing.assert_array_equal(frames, layout(pattern, *streams(pattern.vocab, frames))[0])


@pytest.mark.parametrize('spec', small.SPECS)
def test_a_row_does_not_know_its_neighbours(spec):
    lm, prompt = small.decoder_and_prompt(count=6)
    pattern = parse(spec, lm.config.vocab)
    together = gen.generate(lm, pattern, small.SAMPLED, prompt, max_frames=MAX, key=KEY)
    for b in range(6):
        alone = gen.generate(lm, pattern, small.SAMPLED, jax.tree.map(lambda x: x[b:b + 1], prompt),
                             max_frames=MAX, key=KEY, request_ids=[b])
        assert_same_rows(gen.Generation(*[x[b:b + 1] for x in together[:3]], 0), alone)


@pytest.mark.parametrize('spec', small.SPECS)
def test_stream_ends_where_generate_does_and_never_takes_a_frame_back(spec):
    lm, prompt = small.decoder_and_prompt()
    pattern = parse(spec, lm.config.vocab)
    whole = gen.generate(lm, pattern, small.SAMPLED, prompt, max_frames=MAX, key=KEY)
    seen = list(gen.stream(lm, pattern, small.SAMPLED, prompt, max_frames=MAX, key=KEY))
    assert_same_rows(seen[-1], whole)
    assert seen[-1].executed_steps == whole.executed_steps
    for part in seen:
        for frames, final in zip(rows(part), rows(whole)):
            np.testing.assert_array_equal(frames, final[:len(frames)])


@dataclasses.dataclass(frozen=True)
class Shuffled(Interleaved):
    """Interleaved under a schedule that makes rows stall most of the time."""

    @property
    def open_cycle(self):
        return (Heads(False, True), Heads(True, False), Heads(False, False))

    tail_cycle = open_cycle


def test_the_schedule_changes_speed_and_never_tokens():
    lm, prompt = small.decoder_and_prompt()
    vocab = lm.config.vocab
    plain = gen.generate(lm, Interleaved(vocab, 2, 3), small.SAMPLED, prompt, max_frames=MAX,
                         key=KEY)
    stalled = gen.generate(lm, Shuffled(vocab, 2, 3), small.SAMPLED, prompt, max_frames=MAX,
                           key=KEY)
    assert_same_rows(plain, stalled)
    assert stalled.executed_steps > plain.executed_steps


def test_a_stalled_row_stays_as_it_is():
    lm, prompt = small.decoder_and_prompt()
    pattern = parse('esi:n=2,m=3', lm.config.vocab)
    state = gen.prefill(lm, pattern, prompt, np.arange(5, dtype=np.int32), KEY, max_frames=MAX)
    step = jax.jit(decode_step, static_argnums=(1, 2, 3))
    state = step(lm, pattern, small.SAMPLED, Heads(False, True), state)  # text's turn: cache only
    again = step(lm, pattern, small.SAMPLED, Heads(False, True), state)
    assert again.executed == 2
    for a, b in zip(jax.tree.leaves(dataclasses.replace(again, executed=state.executed)),
                    jax.tree.leaves(state)):
        np.testing.assert_array_equal(jax.random.key_data(a) if a.dtype == KEY.dtype else a,
                                      jax.random.key_data(b) if b.dtype == KEY.dtype else b)


@pytest.mark.parametrize('spec', ['interleaved:n=2,m=3', 'parallel', 'sequential', 'text_only'])
def test_a_lone_row_wastes_less_than_a_cycle(spec):
    lm, prompt = small.decoder_and_prompt(count=1)
    pattern = parse(spec, lm.config.vocab)
    out = gen.generate(lm, pattern, small.SAMPLED, prompt, max_frames=4 * MAX, key=KEY)
    assert out.lengths_B[0] <= out.executed_steps < out.lengths_B[0] + 2 * len(pattern.open_cycle)


@pytest.mark.parametrize('spec', small.SPECS)
def test_steps_equal_one_full_forward(spec):
    """Teacher forcing through the cache gives the logits of the uncached model."""
    lm, prompt = small.decoder_and_prompt(count=3)
    pattern = parse(spec, lm.config.vocab)
    out = gen.generate(lm, pattern, small.SAMPLED, prompt, max_frames=MAX, key=KEY)
    state = gen.prefill(lm, pattern, prompt, np.arange(3, dtype=np.int32), KEY, max_frames=MAX)
    length = prompt.audio_BxPxA.shape[1] + MAX + 1
    f_BxTxC = np.full((3, length, 2), -1, np.int32)
    audio_BxTxA = np.zeros((3, length, prompt.audio_BxPxA.shape[2]), np.float32)
    for b, frames in enumerate(rows(out)):
        n = prompt.length_B[b]
        audio_BxTxA[b, :n] = prompt.audio_BxPxA[b, :n]
        f_BxTxC[b, n] = [pattern.vocab.bos, -1]
        f_BxTxC[b, n + 1:n + 1 + len(frames)] = frames
    whole = full_logits(lm, f_BxTxC, audio_BxTxA)
    cache = state.cache
    for t in range(min(out.lengths_B)):
        pos_Bx1 = (prompt.length_B + t)[:, None]
        x_Bx1xD = lm.embed(np.take_along_axis(f_BxTxC, pos_Bx1[..., None], axis=1))
        h_Bx1xD, cache = lm(x_Bx1xD, jnp.asarray(pos_Bx1), None, cache)
        step = lm.heads(h_Bx1xD, Heads(True, True))
        for ours, theirs in ((step.text_BxTxV, whole.text_BxTxV),
                             (step.speech_BxTxV[0], whole.speech_BxTxV[0])):
            want = np.take_along_axis(np.asarray(theirs), pos_Bx1[..., None], axis=1)
            rows_of_ids = want > -1e30
            np.testing.assert_allclose(np.asarray(ours)[rows_of_ids], want[rows_of_ids], atol=1e-4)


def test_a_second_call_compiles_nothing_and_asks_for_nothing():
    lm, prompt = small.decoder_and_prompt()
    pattern = parse('esi:n=2,m=3', lm.config.vocab)
    gen.generate(lm, pattern, small.SAMPLED, prompt, max_frames=MAX, key=KEY)
    before = gen.prefill._cache_size(), gen.decode._cache_size()
    state = gen.prefill(lm, pattern, prompt, np.arange(5, dtype=np.int32), KEY, max_frames=MAX)
    with jax.transfer_guard('disallow'):
        jax.block_until_ready(gen.decode(lm, pattern, small.SAMPLED, state))
    assert (gen.prefill._cache_size(), gen.decode._cache_size()) == before


def test_the_loop_keeps_its_cache_in_place():
    lm, prompt = small.decoder_and_prompt()
    pattern = parse('esi:n=2,m=3', lm.config.vocab)
    state = gen.prefill(lm, pattern, prompt, np.arange(5, dtype=np.int32), KEY, max_frames=MAX)
    memory = gen.decode.lower(lm, pattern, small.SAMPLED, state).compile().memory_analysis()
    cache_bytes = sum(x.nbytes for x in jax.tree.leaves(state.cache))
    assert memory.alias_size_in_bytes >= cache_bytes


def test_end_reasons():
    lm, prompt = small.decoder_and_prompt()
    vocab = lm.config.vocab
    sequential = parse('sequential', vocab)
    short = gen.generate(lm, sequential, small.SAMPLED, prompt, max_frames=2, key=KEY)
    assert MAX_FRAMES in short.end_reason_B and (short.lengths_B <= 2).all()
    greedy = Sampler(Sampling(repeats=4), Sampling(repeats=3))
    looped = gen.generate(lm, Parallel(vocab), greedy, prompt, max_frames=400, key=KEY)
    assert RUNNING not in looped.end_reason_B
    for frames, reason in zip(rows(looped), looped.end_reason_B):
        same = [len(frames) >= n and len(set(frames[-n:, c])) == 1
                and frames[-1, c] not in (SILENT_ID, vocab.pad if c == 0 else SILENT_ID)
                for c, n in ((0, 4), (1, 3))]
        assert (END_REASONS[reason] == 'repetition') == any(same)


@pytest.mark.parametrize('spec', ['esi:n=2,m=3', 'parallel'])
def test_eight_devices_decode_what_one_does(spec):
    prompt = small.decoder_and_prompt(count=8)[1]
    pattern = parse(spec, small.config().vocab)
    results = []
    for shape in ((1, 1, 1), (2, 2, 2)):
        mesh = sharding.make_mesh(*shape)
        with jax.set_mesh(mesh):
            shardings = sharding.of_params(jax.eval_shape(small.model), mesh)
            lm = unroll(jax.jit(small.model, out_shardings=shardings)())
            results.append(gen.generate(lm, pattern, small.SAMPLED, prompt, max_frames=MAX,
                                        key=KEY))
    assert_same_rows(*results)


def test_half_precision_decodes_whole_answers():
    lm, prompt = small.decoder_and_prompt()
    lm = jax.tree.map(lambda x: x.astype(jnp.bfloat16), lm)
    pattern = parse('esi:n=2,m=3', lm.config.vocab)
    out = gen.generate(lm, pattern, small.SAMPLED, prompt, max_frames=4 * MAX, key=KEY)
    for frames in rows(out):
        np.testing.assert_array_equal(frames, layout(pattern, *streams(pattern.vocab, frames))[0])


@pytest.mark.parametrize('k', [1, 3])
@pytest.mark.parametrize('sampler', [Sampler(), small.SAMPLED])
@pytest.mark.parametrize('shape', [(1, 1, 1), (2, 2, 2)])
def test_one_row_decodes_on_any_mesh(k, sampler, shape):
    lm, prompt = small.decoder_and_prompt(k, count=1)
    pattern = parse('esi:n=2,m=3', lm.config.vocab)
    plain = gen.generate(lm, pattern, sampler, prompt, max_frames=MAX, key=KEY)
    mesh = sharding.make_mesh(*shape)
    with jax.set_mesh(mesh):
        shardings = sharding.of_params(jax.eval_shape(lambda: lm), mesh)
        placed = jax.device_put(lm, shardings)
        meshed = gen.generate(placed, pattern, sampler, prompt, max_frames=MAX, key=KEY)
    assert_same_rows(plain, meshed)


@pytest.mark.parametrize('sampling', [Sampling(0.7, top_k=4), Sampling(1.3, top_p=0.6)])
def test_sampling_follows_the_truncated_distribution(sampling):
    logits_V = jax.random.normal(jax.random.key(1), (12,)) * 2
    keys = jax.random.split(jax.random.key(2), 20_000)
    ids = sample(sampling, keys, jnp.broadcast_to(logits_V[None], (20_000, 12)))
    probs_V = np.asarray(jax.nn.softmax(logits_V / sampling.temperature))
    order = np.argsort(-probs_V)
    if sampling.top_k:
        kept = order[:sampling.top_k]
    else:
        kept = order[:np.searchsorted(np.cumsum(probs_V[order]), sampling.top_p) + 1]
    want_V = np.zeros(12)
    want_V[kept] = probs_V[kept] / probs_V[kept].sum()
    np.testing.assert_allclose(np.bincount(ids, minlength=12) / 20_000, want_V, atol=0.02)
