import copy

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Checkpoint, EarlyStopping

from stable_embedding.data.row_hash import canonical_order
from stable_embedding.losses.base import StableLoss
from stable_embedding.losses.similarity import distance
from stable_embedding.networks import Autoencoder
from stable_embedding.training.trainer import train

pytestmark = pytest.mark.numeric


@pytest.fixture
def rows():
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    x -= x.mean(0)
    return x / x.square().sum(1).mean().sqrt()


def run(rows, *, callbacks=(), network=None, **parameters):
    network = network or start()
    trainings = run_all(rows, [network], callbacks=callbacks, **parameters)
    return trainings[0], network


def start(**parameters):
    return Autoencoder(4, 2, (8,), "tanh", axes=torch.eye(4)[:2], **parameters)


def run_all(rows, networks, **parameters):
    defaults = {
        "alpha": 0.0,
        "batch_size": 16,
        "max_iter": 5,
        "learning_rate": 1e-2,
        "seeds": range(len(networks)),
        "device": "cpu",
    }
    loss = StableLoss(distance, 1.0, 2.0)
    return train(networks, rows, keys_of(len(rows)), loss, **(defaults | parameters))


def keys_of(n_rows):
    return canonical_order(np.arange(n_rows)[:, None])[1]


def validation_split(n_rows, n_held_out, seed):
    """A split of one run."""
    order = np.random.default_rng(seed).permutation(n_rows)
    return [order[None, n_held_out:]], [order[None, :n_held_out]]


def test_loss_falls_and_its_terms_add_up(rows):
    training, network = run(rows, max_iter=40)
    history = training.history
    assert {len(values) for values in history.values()} == {40}
    np.testing.assert_allclose(
        history["loss"],
        np.add(history["reconstruction_loss"], history["similarity_loss"]),
        rtol=1e-5,
    )
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    assert not network.training


def test_final_terms_are_those_of_the_trained_network(rows):
    training, network = run(rows)
    with torch.no_grad():
        expected = (network.reconstruct(rows) - rows).square().sum(1).mean().item()
    assert training.final["reconstruction_loss"] == pytest.approx(expected, rel=1e-5)


def test_same_seed_same_bits_and_other_seed_other_order(rows):
    weights = [run(rows, seeds=[seed])[1].state_dict() for seed in (0, 0, 1)]
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name])
    assert any(
        not torch.equal(weights[0][name], weights[2][name]) for name in weights[0]
    )


def test_torchs_random_stream_is_left_alone(rows):
    before = torch.get_rng_state()
    run(rows)
    assert torch.equal(before, torch.get_rng_state())


def test_learning_rate_rises_to_its_peak_and_falls_to_zero(rows):
    class Recorder(Callback):
        def initialize(self):
            self.rates = []
            return self

        def on_batch_begin(self, net, training=None, **kwargs):
            if training:
                self.rates.append(net.optimizer_.param_groups[0]["lr"])

    recorder = Recorder()
    run(rows, max_iter=50, callbacks=[recorder])
    rates = np.array(recorder.rates)
    assert rates.max() == pytest.approx(1e-2, rel=1e-3)
    assert np.argmax(rates) / len(rates) == pytest.approx(0.3, abs=0.02)
    assert rates[-1] < 1e-6


def test_a_training_of_one_step_learns(rows):
    before = start()
    _, after = run(rows, max_iter=1, batch_size=50, network=copy.deepcopy(before))
    change = (after.encoder.last.weight - before.encoder.last.weight).abs().max()
    assert change > 1e-3


@pytest.mark.parametrize("n_runs", [1, 2])
def test_pace_is_the_share_of_the_way_that_is_gone(n_runs, rows):
    first, last, between = ([start() for _ in range(n_runs)] for _ in range(3))
    run_all(rows, last)
    trainings = run_all(rows, between, pace=0.25)
    for networks in zip(first, last, between):
        for a, b, c in zip(*(network.parameters() for network in networks)):
            torch.testing.assert_close(c, 0.75 * a + 0.25 * b)
    with torch.no_grad():
        error = between[0].squared_errors(rows).mean().item()
    assert trainings[0].final["reconstruction_loss"] == pytest.approx(error, rel=1e-5)


def test_alpha_shrinks_the_perceptrons_and_not_the_linear_path(rows):
    def size(network):
        return sum(p.square().sum().item() for p in network.encoder.mlp.parameters())

    _, free = run(rows, max_iter=100, alpha=0.0)
    _, shrunk = run(rows, max_iter=100, alpha=100.0)
    assert size(shrunk) < 0.01 * size(free)
    path = shrunk.encoder.linear_path.weight
    assert torch.linalg.matrix_norm(path).item() > 1


def test_without_validation_rows_nothing_stops_early(rows):
    training, _ = run(rows, n_iter_no_change=1, tol=10.0, max_iter=7)
    assert len(training.history["loss"]) == 7


def test_early_stopping_returns_the_best_epoch(rows):
    split = validation_split(50, 10, seed=0)
    training, network = run(
        rows, split=split, n_iter_no_change=2, max_iter=300, tol=1e-2
    )
    held_out = training.history["validation_loss"]
    assert len(held_out) == len(training.history["loss"]) < 300
    best = len(held_out) - 3  # two epochs without improvement followed
    for index, losses in (
        (split[1][0][0], training.history["validation_reconstruction_loss"][best]),
        (split[0][0][0], training.final["reconstruction_loss"]),
    ):
        with torch.no_grad():
            error = network.squared_errors(rows[index]).mean()
        assert error.item() == pytest.approx(losses, rel=1e-5)


def assert_same_weights(first, second, **tolerance):
    for name, value in first.state_dict().items():
        torch.testing.assert_close(value, second.state_dict()[name], **tolerance)


@pytest.mark.parametrize("with_path", [True, False])
def test_a_stacked_run_ends_where_it_would_alone(rows, with_path):
    rows = rows.double()  # in which rounding does not grow over a training
    if with_path:
        starts = [start().double() for _ in range(3)]
    else:
        starts = [Autoencoder(4, 2, (8,), "tanh", seed=i).double() for i in range(3)]
    stacked = copy.deepcopy(starts)
    together = run_all(rows, stacked, max_iter=100, alpha=1.0)
    for seed, (network, training) in enumerate(zip(starts, together)):
        alone = run_all(rows, [network], max_iter=100, alpha=1.0, seeds=[seed])[0]
        assert_same_weights(network, stacked[seed], rtol=0, atol=1e-9)
        assert training.final == pytest.approx(alone.final, rel=1e-9)
        for name, losses in alone.history.items():
            np.testing.assert_allclose(training.history[name], losses, rtol=1e-9)
        assert not stacked[seed].training


def test_stacked_runs_stop_early_each_for_itself(rows):
    rows = rows.double()
    parameters = {"n_iter_no_change": 2, "tol": 1e-2, "max_iter": 100}
    splits = [validation_split(50, 10, seed) for seed in range(5)]
    networks = [Autoencoder(4, 2, (8,), "tanh", seed=i).double() for i in range(5)]
    starts = copy.deepcopy(networks)
    merged = [[part for (part,) in parts] for parts in zip(*splits)]
    together = run_all(
        rows, networks, split=[[np.concatenate(s)] for s in merged], **parameters
    )
    assert len({len(training.history["loss"]) for training in together}) > 2
    for seed, alone in enumerate(starts):
        training = run_all(
            rows, [alone], split=splits[seed], seeds=[seed], **parameters
        )[0]
        assert_same_weights(alone, networks[seed], rtol=0, atol=1e-9)
        assert training.final == pytest.approx(together[seed].final, rel=1e-9)
        for name, losses in training.history.items():
            np.testing.assert_allclose(together[seed].history[name], losses, rtol=1e-9)


@pytest.mark.parametrize("load_best", [False, True])
def test_a_users_checkpoint_follows_the_best_epoch(load_best, rows, tmp_path):
    checkpoint = Checkpoint(
        monitor="train_loss_best", dirname=tmp_path, load_best=load_best
    )
    training, network = run(rows, callbacks=[checkpoint])
    assert (tmp_path / "params.pt").exists()
    error = network.squared_errors(rows).mean().item()
    assert training.final["reconstruction_loss"] == pytest.approx(error, rel=1e-5)


class Interrupt(Callback):
    def on_batch_end(self, net, **kwargs):
        raise KeyboardInterrupt


def test_an_interrupt_is_raised(rows):
    with pytest.raises(KeyboardInterrupt):
        run(rows, callbacks=[Interrupt()])


def test_a_users_early_stopping_stops(rows):
    stopper = EarlyStopping(monitor="train_loss", patience=2, threshold=10.0)
    training, _ = run(rows, max_iter=50, callbacks=[("mine", stopper)])
    assert len(training.history["loss"]) < 50


def test_a_loss_that_is_not_finite_names_what_to_lower(rows):
    with pytest.raises(ValueError, match=r"learning_rate_init \(it is 1e\+30\)"):
        run(rows, learning_rate=1e30, max_iter=20)


def test_progress_bar_shows_the_terms(rows, capsys):
    run(rows, verbose=True)
    shown = capsys.readouterr().err
    assert "5/5" in shown
    assert "reconstruction_loss=" in shown
    run(rows)
    assert capsys.readouterr().err == ""
