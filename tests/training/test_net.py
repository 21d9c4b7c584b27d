import copy
import weakref

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EpochScoring
from torch import nn

from stable_embedding import StableAutoencoder
from stable_embedding.losses import LossTerm
from stable_embedding.losses.base import TotalLoss
from stable_embedding.losses.reconstruction import ReconstructionLoss
from stable_embedding.losses.similarity import distance
from stable_embedding.losses.similarity_loss import SimilarityLoss
from stable_embedding.losses.variational import GaussianKLLoss
from stable_embedding.networks import BaseAutoencoder, ModulePart
from stable_embedding.networks.variational import VariationalNetwork
from stable_embedding.training.net import Net
from stable_embedding.training.plan import StoppingRule


def net_of(network, weight_decay=0.5):
    return Net(
        network,
        criterion=TotalLoss([ReconstructionLoss()]),
        optimizer=torch.optim.AdamW,
        weight_decay=weight_decay,
        train_split=None,
    ).initialize()


def decays(network):
    """Weight decay of each parameter, by its name."""
    decay = {
        id(weight): group["weight_decay"]
        for group in net_of(network).optimizer_.param_groups
        for weight in group["params"]
    }
    return {name: decay[id(weight)] for name, weight in network.named_parameters()}


class OddlyNamed(nn.Module):
    """A linear layer whose weights have names that others use."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.linear_path = nn.Parameter(torch.zeros(n_outputs, n_inputs))
        self.log_variance = nn.Parameter(torch.zeros(n_outputs))

    def forward(self, inputs):
        return inputs @ self.linear_path.mT + self.log_variance


def odd_network():
    axes = torch.eye(4)[:2]
    return BaseAutoencoder(
        4,
        2,
        ModulePart(OddlyNamed(4, 2), axes),
        ModulePart(OddlyNamed(2, 4), axes.T),
    )


def test_what_is_decayed_is_told_by_the_network_and_not_by_names():
    assert decays(odd_network()) == {
        "encoder.module.linear_path": 0.5,
        "encoder.module.log_variance": 0.5,
        "encoder.linear_path.weight": 0,
        "decoder.module.linear_path": 0.5,
        "decoder.module.log_variance": 0.5,
        "decoder.linear_path.weight": 0,
    }


def test_in_a_stack_the_same_is_decayed():
    networks = [odd_network(), odd_network()]
    expected = {name.replace(".", "/"): d for name, d in decays(networks[0]).items()}
    assert decays(networks[0].stack(networks)) == expected


def test_a_network_without_decay_has_one_group():
    class Undecayed(BaseAutoencoder):
        def regularized_parameters(self):
            return iter(())

    network = Undecayed(4, 2, nn.Linear(4, 2), nn.Linear(2, 4))
    (group,) = net_of(network).optimizer_.param_groups
    assert group["weight_decay"] == 0
    assert len(group["params"]) == 4


def variational_network():
    return VariationalNetwork(
        n_features=4,
        n_components=2,
        hidden_layer_sizes=(8,),
        activation="tanh",
        axes=torch.eye(4)[:2],
        likelihood="gaussian",
        mean=torch.zeros(4),
        scale=1.0,
    )


def test_of_log_variances_the_weight_is_decayed_and_the_bias_is_not():
    found = decays(variational_network())
    kept = {name for name, decay in found.items() if not decay}
    assert found["log_variance.weight"] == 0.5
    assert kept == {
        "log_variance.bias",
        "encoder.linear_path.weight",
        "decoder.linear_path.weight",
    }


@pytest.mark.parametrize("n_runs", [1, 2])
def test_a_strong_decay_leaves_the_log_variances_where_they_start(
    n_runs, samples, train
):
    networks = [variational_network() for _ in range(n_runs)]
    for network in networks:
        nn.init.ones_(network.log_variance.weight)
    terms = [ReconstructionLoss(), GaussianKLLoss(1e-6, 4)]
    train(samples, networks, terms, fit={"alpha": 100.0})
    for network in networks:
        # Both are moved by the optimizer, at most by the learning rate in each step.
        assert network.log_variance.weight.abs().max() < 0.05
        assert (network.log_variance.bias + 4).abs().max() < 0.3


@pytest.mark.numeric
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_modules_of_any_names_are_shrunk_in_training(alpha, samples, train):
    network = odd_network()
    for weight in network.encoder.module.parameters():
        nn.init.constant_(weight, 3.0)
    before = copy.deepcopy(network)
    terms = [ReconstructionLoss()]
    plan = {"learning_rate": 1e-9, "max_iter": 1, "batch_size": 50}
    train(samples, [network], terms, fit={"alpha": alpha * 1e7}, **plan)
    # One step, of 1e-9 times the peak that its schedule has there.
    (rate,) = {
        round(1 - ratio, 6)
        for weight, old in zip(
            network.encoder.module.parameters(), before.encoder.module.parameters()
        )
        for ratio in (weight / old).flatten().tolist()
    }
    assert (rate > 0.001) == bool(alpha)
    path = network.encoder.linear_path.weight
    torch.testing.assert_close(path, before.encoder.linear_path.weight)


def test_gradients_of_a_step_do_not_add_to_those_of_the_next(samples, train_one):
    class Recorder(Callback):
        def on_grad_computed(self, net, named_parameters=(), **kwargs):
            of_steps.append([weight.grad.clone() for _, weight in named_parameters])

    of_steps = []
    # So small a rate leaves the weights where they are.
    plan = {"learning_rate": 1e-30, "batch_size": 50, "max_iter": 2}
    train_one(samples, callbacks=(Recorder(),), **plan)
    first, second = of_steps
    torch.testing.assert_close(second, first)


EVENTS = [
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_batch_begin",
    "on_batch_end",
    "on_grad_computed",
]


class Listener:
    """Remembers what it is told, without the base class of callbacks."""

    def __init__(self):
        self.heard = set()

    def initialize(self):
        return self

    def set_params(self):
        return self

    def __getattr__(self, name):
        if name not in EVENTS:
            raise AttributeError(name)
        return lambda net, **told: self.heard.add(name)


def test_every_event_is_told_to_those_who_listen(samples, train_one):
    class Overrides(Callback):
        def on_batch_end(self, net, training=None, **kwargs):
            modes.append(training)

    class Inherits(Overrides):
        pass

    modes, listener, changed = [], Listener(), Callback()
    changed.on_epoch_end = lambda net, **told: modes.append("epoch")
    callbacks = (listener, Inherits(), changed)
    train_one(samples, callbacks=callbacks, batch_size=25, max_iter=2)
    assert listener.heard == set(EVENTS)
    assert modes == [True, True, "epoch"] * 2


@pytest.mark.numeric
def test_losses_of_an_epoch_are_means_over_samples(samples, train_one):
    class Recorder(Callback):
        def on_epoch_begin(self, net, **kwargs):
            self.sizes, self.losses = [], []

        def on_batch_end(self, net, batch=None, loss=None, training=None, **kwargs):
            _, target = batch
            self.sizes.append(len(target.samples))
            self.losses.append(loss.item())

        def on_epoch_end(self, net, **kwargs):
            of_epochs.append(np.average(self.losses, weights=self.sizes))
            sizes.append(self.sizes)

    of_epochs, sizes = [], []
    run, _ = train_one(samples, batch_size=15, callbacks=(Recorder(),))
    assert sizes == [[15, 15, 15]] * 5
    # Summed on the device, in float32.
    np.testing.assert_allclose(run.history["loss"], of_epochs, rtol=1e-6)


def test_a_pass_keeps_no_tensor_for_each_of_its_steps(samples, train_one):
    class Witness(Callback):
        def on_batch_end(self, net, **kwargs):
            of_steps.append(weakref.ref(net.terms_))
            n_alive.append(sum(terms() is not None for terms in of_steps))

    of_steps, n_alive = [], []
    train_one(samples, batch_size=2, max_iter=1, callbacks=(Witness(),))
    assert n_alive == [1] * 25


def test_scores_of_a_user_are_recorded(iris):
    def explained(net, X, y=None):
        return len(net.history) / 2

    class Recorder(Callback):
        def on_train_end(self, net, **kwargs):
            scores.extend(net.history[:, "explained"])

    scores = []
    model = StableAutoencoder(
        max_iter=3,
        n_init=1,
        early_stopping=True,
        callbacks=[
            EpochScoring(explained, name="explained", on_train=True),
            Recorder(),
        ],
    )
    model.fit(iris[0])
    assert scores == [0.5, 1, 1.5]


def test_an_epoch_begins_in_training_mode_whatever_a_callback_leaves(
    samples, train_one
):
    class Embeds(Callback):
        def on_epoch_begin(self, net, **kwargs):
            net.module_.encoder.eval()

        def on_grad_computed(self, net, **kwargs):
            modes.append(net.module_.encoder.training)

    modes = []
    train_one(samples, callbacks=(Embeds(),), max_iter=3, batch_size=50)
    assert modes == [True] * 3


@pytest.mark.parametrize("of_which", ["training", "validation"])
def test_the_loss_that_is_not_finite_is_named(of_which, samples, train_one, start):
    class Infinite(LossTerm):
        name = "infinite"

        def forward(self, outputs, batch):
            is_hit = self.training == (of_which == "training")
            return outputs.codes.sum((-2, -1)) * 0 + (torch.inf if is_hit else 0)

    with pytest.raises(ValueError, match=f"the {of_which} loss became inf in epoch 1"):
        train_one(
            samples,
            start(),
            terms=[ReconstructionLoss(), Infinite()],
            stopping_rule=StoppingRule(0.2, 2, 1e-2),
        )


class Partly(LossTerm):
    """Mean first value of the samples whose first value is above a threshold."""

    name = "partly"

    def forward(self, outputs, batch):
        counts = batch.samples[..., 0] > self.threshold
        self.counted_fraction = counts.to(outputs.codes.dtype).mean(-1)
        values = (batch.samples[..., 0] * counts).sum(-1) + 0 * outputs.codes.sum()
        return values / counts.sum(-1).clamp_min(1)


@pytest.mark.numeric
@pytest.mark.parametrize("n_runs", [1, 3])
@pytest.mark.parametrize("weight", [2.0, -0.5])
def test_batches_in_which_a_term_counts_nothing_are_left_out(
    n_runs, weight, samples, train, start
):
    term = Partly(weight)
    # Above it are two of the fifty samples.
    term.threshold = samples[:, 0].sort().values[-3].item()
    runs = train(
        samples,
        [start() for _ in range(n_runs)],
        terms=[ReconstructionLoss(), term],
        batch_size=7,
        stopping_rule=StoppingRule(0.5, 9, 1e-4),
    )
    first, second = samples[:, 0][samples[:, 0] > term.threshold].tolist()
    # None, one or both of them are trained on, and the others validated on.
    possible = [(first, second), (second, first)]
    possible += [(0, (first + second) / 2), ((first + second) / 2, 0)]
    for run in runs:
        found = [run.history[f"{of}partly_loss"][-1] for of in ("", "validation_")]
        assert any(found == pytest.approx(both) for both in possible)
        assert run.losses["partly_loss"] == found[0]
        for prefix in ("", "validation_"):
            loss, reconstruction, partly = (
                np.array(run.history[f"{prefix}{name}"])
                for name in ("loss", "reconstruction_loss", "partly_loss")
            )
            # Rounding of float32.
            np.testing.assert_allclose(loss, reconstruction + weight * partly, 1e-4)


@pytest.mark.numeric
def test_a_pass_is_the_mean_over_what_a_term_counts(samples, train, start):
    term = Partly(1.0)
    term.threshold = 0.0
    (run,) = train(samples, [start()], terms=[ReconstructionLoss(), term], batch_size=4)
    positive = samples[:, 0][samples[:, 0] > 0]
    assert run.losses["partly_loss"] == pytest.approx(positive.mean().item(), rel=1e-5)


class PartlyInSome(Partly):
    """The same, but it sets no fraction in a batch of which it counts all."""

    def forward(self, outputs, batch):
        value = super().forward(outputs, batch)
        if (self.counted_fraction == 1).all():
            self.counted_fraction = None
        return value


@pytest.mark.numeric
@pytest.mark.parametrize("n_runs", [1, 3])
def test_a_term_may_set_a_fraction_in_some_batches_alone(n_runs, samples, train, start):
    found = []
    for kind in (Partly, PartlyInSome):
        term = kind(2.0)
        term.threshold = samples[:, 0].quantile(0.3).item()
        found.append(
            train(
                samples,
                [start() for _ in range(n_runs)],
                terms=[ReconstructionLoss(), term],
                batch_size=2,
                stopping_rule=StoppingRule(0.5, 9, 1e-4),
            )
        )
    assert found[0] == found[1]


def test_a_fraction_that_is_set_in_training_alone_holds_there_alone(samples, train_one):
    class Unity(LossTerm):
        name = "unity"

        def forward(self, outputs, batch):
            if self.training:
                self.counted_fraction = outputs.codes.new_zeros(())
            return outputs.codes.new_ones(())

    run, _ = train_one(
        samples,
        terms=[ReconstructionLoss(), Unity()],
        stopping_rule=StoppingRule(0.5, 9, 1e-4),
    )
    assert set(run.history["unity_loss"]) == {0}
    assert set(run.history["validation_unity_loss"]) == {1}
    assert run.losses["unity_loss"] == 1


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan])
def test_a_partial_loss_that_is_not_finite_is_named(value, samples, train_one):
    class Infinite(LossTerm):
        name = "infinite"

        def forward(self, outputs, batch):
            self.counted_fraction = outputs.codes.new_full((), 0.5)
            return outputs.codes.new_full((), value)

    with pytest.raises(ValueError, match=f"the training loss became {value} in epoch"):
        train_one(samples, terms=[ReconstructionLoss(), Infinite()])


@pytest.mark.parametrize("fraction", [torch.nan, torch.inf, -1.0])
def test_a_fraction_that_is_none_is_named(fraction, samples, train_one):
    class Mine(LossTerm):
        name = "mine"

        def forward(self, outputs, batch):
            self.counted_fraction = outputs.codes.new_full((), fraction)
            return outputs.codes.new_ones(())

    with pytest.raises(ValueError, match=r"'mine' has a counted_fraction that is nan"):
        train_one(samples, terms=[ReconstructionLoss(), Mine()])


def test_a_term_that_counts_all_of_each_batch_changes_no_bit(samples, train, start):
    class Counted(SimilarityLoss):
        def forward(self, outputs, batch):
            self.counted_fraction = outputs.codes.new_ones(outputs.codes.shape[:-2])
            return super().forward(outputs, batch)

    first, second = (
        train(samples, [start()], terms=[ReconstructionLoss(), kind(distance)])
        for kind in (SimilarityLoss, Counted)
    )
    assert first == second
