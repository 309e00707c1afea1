"""Training: resumed = uninterrupted, eight devices = one, overfitted = decoded back exactly."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
import small
import trainer

from esi_jax import sharding, tree
from esi_jax.data.pack import PackConfig, batches, make_example, pack
from esi_jax.decode import generate as gen
from esi_jax.decode.sampling import Sampler
from esi_jax.decode.step import END_REASONS
from esi_jax.errors import UserError
from esi_jax.model.backbone import unroll
from esi_jax.patterns import FORCED, SAMPLED, layout, parse
from esi_jax.train.checkpoint import Checkpoints
from esi_jax.train.lm import MeshConfig, put, train
from esi_jax.train.loss import LossConfig, loss_fn
from esi_jax.train.optim import OptimConfig, optimizer
from esi_jax.train.state import init_state
from esi_jax.train.step import train_step


def batch_of(spec, count=8):
    pattern = parse(spec, small.config().vocab)
    return batches(trainer.records(count), pattern, 2, PackConfig(count, 64, rows=8), 0)[0]


def test_loss_counts_what_was_sampled_and_weighs_modalities_apart():
    lm, batch = small.model(), batch_of('interleaved:n=2,m=3')
    total, metrics = loss_fn(lm, LossConfig(text=2.0, speech=0.5), batch)
    np.testing.assert_allclose(total, 2 * metrics['text_loss'] + 0.5 * metrics['speech_loss'],
                               rtol=1e-6)
    assert metrics['text_ids'] == (batch.roles_BxTxC[..., 0] == SAMPLED).sum()
    assert metrics['speech_ids'] == (batch.roles_BxTxC[..., 1] == SAMPLED).sum()
    padded = loss_fn(lm, LossConfig(pad=1.0), batch)[1]
    forced = (batch.roles_BxTxC[..., 0] == FORCED).sum()
    assert forced and padded['text_ids'] == metrics['text_ids'] + forced


def test_targets_that_do_not_count_do_not_matter():
    lm, batch = small.model(), batch_of('interleaved:n=2,m=3')
    other = batch._replace(target_BxTxC=np.where(batch.roles_BxTxC == SAMPLED, batch.target_BxTxC,
                                                 (batch.target_BxTxC + 3) % 7))
    assert loss_fn(lm, LossConfig(), batch)[0] == loss_fn(lm, LossConfig(), other)[0]


@pytest.mark.parametrize('shape', [(8, 1, 1), (2, 2, 2)])
def test_eight_devices_take_the_step_that_one_takes(shape):
    models = []
    for sizes in ((1, 1, 1), shape):
        mesh = sharding.make_mesh(*sizes)
        with jax.set_mesh(mesh):
            tx = optax.sgd(0.1)
            state = init_state(small.config(), tx, jax.random.key(0), mesh)
            for _ in range(3):
                state, metrics = train_step(tx, LossConfig(), state, put(batch_of('esi'), mesh))
            models.append((state.model, metrics['loss']))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), *models)


def test_arms_of_a_comparison_start_from_equal_weights(tmp_path):
    models = []
    for pattern in ('esi:n=2,m=3', 'parallel'):
        config = dataclasses.replace(trainer.experiment(1), pattern=pattern,
                                     optim=OptimConfig(peak=0.0))
        data = trainer.records(8)
        models.append(train(tmp_path / pattern[:3], config, data, data))
    jax.tree.map(np.testing.assert_array_equal, *models)


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
def test_training_and_evaluation_run_on_a_mesh_that_splits_everything(tmp_path, dtype):
    config = dataclasses.replace(trainer.experiment(2), mesh=MeshConfig(2, 2, 2), dtype=dtype)
    data = trainer.records(8)
    train(tmp_path, config, data, data)
    lines = [json.loads(line) for line in (tmp_path / 'log.jsonl').read_text().splitlines()]
    assert [line['step'] for line in lines] == [1, 1, 2, 2]
    assert all(np.isfinite(line.get('loss', line.get('test_loss'))) for line in lines)
    with pytest.raises(UserError, match='mesh'):
        train(tmp_path / 'big', dataclasses.replace(config, mesh=MeshConfig(16)), data, data)


def test_weight_decay_spares_norms_and_biases():
    lm = small.model()
    tx = optimizer(OptimConfig(peak=1.0, warmup=0, weight_decay=0.5), 10)
    zeros = jax.tree.map(np.zeros_like, lm)
    updates, _ = tx.update(zeros, tx.init(lm), lm)
    moved = {name for name, x in tree.flatten(updates).items() if np.abs(x).max() > 0}
    assert moved == {name for name in tree.flatten(lm) if 'norm' not in name and 'bias' not in name}


def run_trainer(*arguments):
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parent)])
    return subprocess.run([sys.executable, here / 'trainer.py', *map(str, arguments)],
                          env={**os.environ, 'PYTHONPATH': paths}, capture_output=True, text=True)


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path):
    assert run_trainer(tmp_path / 'whole', 9).returncode == 0
    assert run_trainer(tmp_path / 'killed', 9, 5).returncode == -9
    assert run_trainer(tmp_path / 'killed', 9, 8).returncode == -9  # before the save of 8
    with (tmp_path / 'killed' / 'log.jsonl').open('a') as file:
        file.write('{"step": 7, "torn')
    assert run_trainer(tmp_path / 'killed', 9).returncode == 0
    states = []
    for name in ('whole', 'killed'):
        folder = tmp_path / name / 'checkpoints'
        with ocp.CheckpointManager(folder) as manager:
            assert manager.latest_step() == 9
            states.append(manager.restore(9, args=ocp.args.Composite(
                state=ocp.args.StandardRestore(), cursor=ocp.args.JsonRestore())))
    jax.tree.map(np.testing.assert_array_equal, states[0]['state'], states[1]['state'])
    assert states[0]['cursor'] == states[1]['cursor']
    logs = [[{k: v for k, v in json.loads(line).items() if k != 'seconds'} for line in
             (tmp_path / name / 'log.jsonl').read_text().splitlines()]
            for name in ('whole', 'killed')]
    assert logs[0] == logs[1]


def test_a_checkpoint_moves_between_meshes_and_a_damaged_one_is_named(tmp_path):
    tx = optimizer(OptimConfig(), 9)
    mesh = sharding.make_mesh(2, 2, 2)
    with jax.set_mesh(mesh):
        state = init_state(small.config(), tx, jax.random.key(0), mesh)
        checkpoints = Checkpoints(tmp_path)
        checkpoints.save(3, state, {'next_index': 3})
        checkpoints.close()
    mesh = sharding.make_mesh(2)
    with jax.set_mesh(mesh):
        like = init_state(small.config(), tx, jax.random.key(1), mesh)
        back, cursor = Checkpoints(tmp_path).restore(like)
    assert cursor == {'next_index': 3}
    jax.tree.map(np.testing.assert_array_equal, tree.flatten(back), tree.flatten(state))
    for file in (tmp_path / '3' / 'state').rglob('*'):
        if file.is_file() and file.stat().st_size > 1000:
            file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(UserError, match=r'3.*delete that folder'), jax.set_mesh(mesh):
        Checkpoints(tmp_path).restore(like)


@pytest.mark.slow
@pytest.mark.parametrize('k', [1, 3])
@pytest.mark.parametrize('spec', ['interleaved:n=2,m=3', 'esi:n=2,m=3', 'parallel:delay=1'])
def test_eight_examples_are_learnt_and_decoded_back_exactly(spec, k):
    config = small.config(k, d_model=64, d_ff=128)
    pattern = parse(spec, config.vocab)
    rng = np.random.default_rng(5)
    records = [(rng.standard_normal((10, 6)).astype(np.float32), rng.integers(0, 13, n),
                rng.integers(0, 7, (2 * n + 3, k))) for n in (1, 2, 3, 4, 5, 6, 7, 8)]
    batch = pack([make_example(pattern, 2, *record) for record in records], 64)
    mesh = sharding.make_mesh()
    with jax.set_mesh(mesh):
        tx = optimizer(OptimConfig(peak=5e-3, warmup=20, weight_decay=0.0), 300)
        state = init_state(config, tx, jax.random.key(0), mesh)
        batch = put(batch, mesh)
        for _ in range(300):
            state, metrics = train_step(tx, LossConfig(), state, batch)
        assert metrics['text_accuracy'] == metrics['speech_accuracy'] == 1
        lm = unroll(state.model)
        out = gen.generate(lm, pattern, Sampler(), gen.audio_prompt(lm, [r[0] for r in records]),
                           max_frames=100, key=jax.random.key(0))
    for frames, length, reason, (_, text_N, codes_MxK) in zip(
            out.frames_BxTxC, out.lengths_B, out.end_reason_B, records):
        assert END_REASONS[reason] == 'eos'
        np.testing.assert_array_equal(frames[:length], layout(pattern, text_N, codes_MxK)[0])


def test_the_loop_lowers_the_loss_and_compiles_a_step_once_a_shape(tmp_path):
    before = train_step._cache_size()
    config = trainer.experiment(30)
    train(tmp_path, config, trainer.records(4), trainer.records(4))
    lines = [json.loads(line) for line in (tmp_path / 'log.jsonl').read_text().splitlines()]
    losses = [line['loss'] for line in lines if 'loss' in line]
    assert losses[-1] < 0.8 * losses[0]
    assert train_step._cache_size() - before == 1
