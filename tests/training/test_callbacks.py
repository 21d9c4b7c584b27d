import signal
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from skorch.callbacks import Callback
from torch import nn

from stable_embedding import StableAutoencoder, stability_report
from stable_embedding.training.callbacks import (
    WARMUP_FRACTION,
    Interrupts,
    RunsEarlyStopping,
    one_cycle,
)


class Recorder(Callback):
    """Records the learning rate of each step."""

    def initialize(self):
        self.rates = []
        return self

    def on_batch_begin(self, net, training=None, **kwargs):
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])


def test_learning_rate_rises_to_its_peak_and_falls_to_zero(samples, train_one):
    recorder = Recorder()
    train_one(samples, max_iter=50, callbacks=(recorder,))
    rates = np.array(recorder.rates)
    assert rates.max() == pytest.approx(1e-2, rel=1e-3)
    assert np.argmax(rates) / len(rates) == pytest.approx(WARMUP_FRACTION, abs=0.02)
    assert rates[-1] < 1e-6


@pytest.mark.parametrize("n_steps", [1, 2, 10, 1_000])
def test_one_cycle_has_one_peak_and_no_step_of_zero(n_steps):
    rates = np.array([one_cycle(step, n_steps) for step in range(n_steps)])
    assert 0 < rates.min() <= rates.max() <= 1
    peak = np.argmax(rates)
    assert (np.diff(rates[: peak + 1]) > 0).all()
    assert (np.diff(rates[peak:]) < 0).all()


class Epochs:
    """A net whose validation losses are known."""

    def __init__(self, losses, max_epochs):
        self.losses = torch.tensor(losses)
        self.max_epochs = max_epochs
        self.module_ = nn.Linear(1, 1, bias=False)
        self.module_.weight = nn.Parameter(torch.zeros(self.losses.shape[1], 1, 1))
        self.criterion_ = nn.ParameterList([torch.zeros(self.losses.shape[1])])
        self.history = self
        self.n_epochs = 0

    def __len__(self):
        return self.n_epochs

    def __getitem__(self, at):
        assert at == (-1, "valid_runs")
        return [self.losses[self.n_epochs - 1].tolist()]

    def run(self, stopping):
        stopping.on_train_begin(self)
        try:
            for _ in self.losses:
                self.n_epochs += 1
                self.module_.weight.data[:] = self.n_epochs
                self.criterion_[0].data[:] = self.n_epochs
                stopping.on_epoch_end(self)
        except KeyboardInterrupt:
            pass
        finally:
            stopping.on_train_end(self)
        weights = self.module_.weight.detach().flatten().tolist()
        assert self.criterion_[0].tolist() == weights
        return weights


def test_each_run_returns_to_its_best_epoch():
    losses = [[5.0, 9.0], [4.0, 8.0], [4.5, 7.0], [4.6, 6.0], [4.7, 6.1], [4.8, 6.2]]
    net, stopping = Epochs(losses, max_epochs=3), RunsEarlyStopping(2, 2, 0.0)
    assert net.run(stopping) == [2, 4]
    assert stopping.n_iter_.tolist() == [4, 6]
    assert not stopping.running.any()


def test_a_run_that_has_stopped_keeps_its_weights():
    losses = [[5.0, 9.0], [5.0, 8.0], [5.0, 7.0], [1.0, 6.0], [1.0, 5.0]]
    net, stopping = Epochs(losses, max_epochs=3), RunsEarlyStopping(2, 2, 0.0)
    assert net.run(stopping) == [1, 5]
    assert stopping.n_iter_.tolist() == [3, 5]


def test_a_decrease_must_be_larger_than_the_tolerance():
    losses = [[5.0], [4.95], [4.9], [4.85]]
    net, stopping = Epochs(losses, max_epochs=3), RunsEarlyStopping(1, 2, 0.1)
    assert net.run(stopping) == [1]
    assert net.n_epochs == 3


def test_epochs_before_the_peak_of_the_learning_rate_do_not_count():
    losses = [[1.0], [2.0], [3.0], [4.0], [3.5], [3.6], [3.7], [3.8]]
    net, stopping = Epochs(losses, max_epochs=10), RunsEarlyStopping(1, 2, 0.0)
    assert net.run(stopping) == [5]
    assert net.n_epochs == 7


def test_without_a_best_epoch_the_last_weights_stay():
    net, stopping = Epochs([[3.0, 3.0]] * 2, max_epochs=10), RunsEarlyStopping(2, 1, 0)
    stopping.on_train_begin(net)
    stopping.state(net)  # as a checkpoint asks for it
    assert net.run(stopping) == [2, 2]


def test_an_interrupt_after_the_last_batch_is_not_lost():
    with pytest.raises(KeyboardInterrupt), Interrupts():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_interrupts_wait_for_the_end_of_a_batch():
    interrupts = Interrupts()
    interrupts.__enter__()
    signal.raise_signal(signal.SIGINT)
    assert interrupts.asked
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)  # the second does not wait
    with pytest.raises(KeyboardInterrupt) as raised:
        interrupts.on_batch_end(SimpleNamespace())
    interrupts.__exit__(raised.type, raised.value, raised.tb)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_handler_of_interrupts_is_left():
    def handler(number, frame):
        """Do nothing."""

    earlier = signal.signal(signal.SIGINT, handler)
    try:
        with Interrupts():
            assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, earlier)


def test_without_an_interrupt_a_batch_ends():
    Interrupts().on_batch_end(SimpleNamespace())


def test_progress_bar_shows_the_terms(samples, train_one, capsys):
    train_one(samples, verbose=True)
    shown = capsys.readouterr().err
    assert "5/5" in shown
    assert "reconstruction_loss=" in shown
    train_one(samples)
    assert capsys.readouterr().err == ""


def test_without_a_stream_for_errors_no_bar_is_shown(monkeypatch, capsys, iris):
    monkeypatch.setattr(sys, "stderr", None)
    parameters = {"n_init": 1, "max_iter": 2, "neighbor_weight": 1.0, "verbose": 1}
    model = StableAutoencoder(**parameters).fit(iris[0])
    assert len(model.loss_curve_) == 2
    stability_report({"PCA": PCA(2)}, iris[0], perturbations=["seed"], verbose=1)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("alpha", "held"), [(1e300, True), (100.0, True), (1.0, False)]
)
def test_a_large_weight_decay_holds_the_linear_path(samples, start, train, alpha, held):
    networks = [start(seed=seed) for seed in range(2)]
    starts = [network.encoder.linear_path.weight.clone() for network in networks]
    train(samples, networks, fit={"alpha": alpha}, max_iter=50)
    for begin, network in zip(starts, networks):
        way = (network.encoder.linear_path.weight - begin).abs().max()
        # Where a full step of Adam and the pull are equal, it is 1 / alpha away.
        assert (way < 0.015) == held
