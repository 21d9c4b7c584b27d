import copy
import os
import signal

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from skorch.callbacks import Callback, Checkpoint, EarlyStopping
from torch import nn

from stable_embedding import StableAutoencoder
from stable_embedding.data.neighbors import neighbor_graph
from stable_embedding.data.scaling import ScaledSamples
from stable_embedding.data.training_data import TrainingSet
from stable_embedding.losses import LossTerm
from stable_embedding.losses.reconstruction import ReconstructionLoss
from stable_embedding.networks import Autoencoder, BaseAutoencoder, ModulePart
from stable_embedding.training.batches import validation_splits
from stable_embedding.training.plan import StoppingRule


@pytest.mark.numeric
def test_loss_falls_and_its_terms_add_up(samples, train_one):
    run, network = train_one(samples, max_iter=40)
    assert {len(values) for values in run.history.values()} == {40}
    # Rounding of float32, in another order of sums.
    np.testing.assert_allclose(
        run.history["loss"],
        np.add(run.history["reconstruction_loss"], run.history["similarity_loss"]),
        rtol=1e-5,
    )
    assert run.history["loss"][-1] < 0.9 * run.history["loss"][0]
    assert not network.training


@pytest.mark.numeric
def test_final_losses_are_those_of_the_trained_network(samples, train_one):
    run, network = train_one(samples)
    with torch.no_grad():
        expected = network.squared_errors(samples).mean().item()
    assert run.losses["reconstruction_loss"] == pytest.approx(expected, rel=1e-5)
    assert run.losses.keys() == run.history.keys()


def test_same_seed_same_bits_and_other_seed_other_order(samples, train_one):
    weights = [train_one(samples, seeds=[seed])[1].state_dict() for seed in (0, 0, 1)]
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name])
    assert any(
        not torch.equal(weights[0][name], weights[2][name]) for name in weights[0]
    )


def test_torchs_random_stream_is_left_alone(samples, train_one):
    before = torch.get_rng_state()
    train_one(samples)
    assert torch.equal(before, torch.get_rng_state())


def test_a_training_of_one_step_learns(samples, train_one, start):
    before = start()
    _, after = train_one(samples, copy.deepcopy(before), max_iter=1, batch_size=50)
    change = (after.encoder.last.weight - before.encoder.last.weight).abs().max()
    assert change > 1e-3


@pytest.mark.numeric
@pytest.mark.parametrize("n_runs", [1, 2])
def test_weights_are_interpolated_on_a_line(n_runs, samples, train, start):
    first, last, between = ([start() for _ in range(n_runs)] for _ in range(3))
    train(samples, last)
    runs = train(samples, between, fit={"weight_interpolation": 0.25})
    for networks in zip(first, last, between):
        for a, b, c in zip(*(network.parameters() for network in networks)):
            torch.testing.assert_close(c, 0.75 * a + 0.25 * b)
    with torch.no_grad():
        error = between[0].squared_errors(samples).mean().item()
    assert runs[0].losses["reconstruction_loss"] == pytest.approx(error, rel=1e-5)


def test_alpha_shrinks_the_perceptrons_and_not_the_linear_path(samples, train_one):
    def size(network):
        return sum(p.square().sum().item() for p in network.encoder.mlp.parameters())

    _, free = train_one(samples, max_iter=100, fit={"alpha": 0.0})
    _, shrunk = train_one(samples, max_iter=100, fit={"alpha": 100.0})
    assert size(shrunk) < 0.01 * size(free)
    path = shrunk.encoder.linear_path.weight
    assert torch.linalg.matrix_norm(path).item() > 1


class Doubled(LossTerm):
    """Half the reconstruction loss at twice the weight, for terms of one's own."""

    name = "doubled"

    def forward(self, outputs, batch):
        squares = (outputs.reconstruction - batch.samples).square()
        return 0.5 * squares.sum(-1).mean(-1)


@pytest.mark.numeric
def test_any_terms_are_minimized(samples, train_one):
    run, network = train_one(samples, terms=[ReconstructionLoss()], max_iter=20)
    same, other = train_one(samples, terms=[Doubled(2.0)], max_iter=20)
    assert same.history.keys() == {"loss", "doubled_loss"}
    # Factors of two are exact, but gradients are summed in another order.
    np.testing.assert_allclose(same.history["loss"], run.history["loss"], rtol=1e-4)
    np.testing.assert_allclose(
        np.multiply(same.history["doubled_loss"], 2), same.history["loss"], rtol=1e-6
    )
    found, expected = other.encode(samples), network.encode(samples)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


def test_inputs_are_transformed_in_training_alone(samples, train_one, start):
    class Counting(LossTerm):
        name = "reconstruction"

        def forward(self, outputs, batch):
            targets.append(batch.samples)
            return (outputs.reconstruction - batch.samples).square().sum(-1).mean(-1)

    seen, targets = [], []

    def transform(inputs, numbers):
        assert numbers.shape == inputs.shape[:-1]
        seen.append(inputs)
        return 0 * inputs

    network = start()
    train_one(
        samples,
        network,
        terms=[Counting()],
        max_iter=2,
        fit={"input_transform": transform},
    )
    n_batches = len(seen) // 3
    n_evaluated = -(-len(samples) // 16)
    # Batches of the first epoch are seen before the first step as well.
    assert len(targets) == 3 * n_batches + n_evaluated
    assert sum(map(len, seen)) == 3 * 16 * (len(samples) // 16)
    for inputs, target in zip(seen, targets):
        assert torch.equal(inputs, target)
    assert all(target.any() for target in targets)


def stopping_rule(n_iter_no_change, tol=1e-2, validation_fraction=0.2):
    return StoppingRule(validation_fraction, n_iter_no_change, tol)


def test_without_a_rule_nothing_stops_early(samples, train_one):
    run, _ = train_one(samples, max_iter=7)
    assert len(run.history["loss"]) == 7


@pytest.mark.numeric
def test_early_stopping_returns_the_best_epoch(samples, train_one, hashes_of):
    rule = stopping_rule(2)
    run, network = train_one(samples, stopping_rule=rule, max_iter=300)
    losses = run.history["validation_loss"]
    assert len(losses) == len(run.history["loss"]) < 300
    best = len(losses) - 3  # two epochs without improvement followed
    training_set = TrainingSet(samples, hashes_of(50))
    (training,), (validation,) = validation_splits(training_set, 0.2, [0])
    assert (training.shape, validation.shape) == ((1, 40), (1, 10))
    for index, loss in (
        (validation[0], run.history["validation_reconstruction_loss"][best]),
        (training[0], run.losses["reconstruction_loss"]),
    ):
        with torch.no_grad():
            error = network.squared_errors(samples[index]).mean()
        assert error.item() == pytest.approx(loss, rel=1e-5)


class Watching(LossTerm):
    """A term that remembers which samples it was evaluated on."""

    name = "watching"
    uses_positives = True

    def __init__(self):
        super().__init__()
        self.index = []

    def forward(self, outputs, batch):
        if not self.training:
            self.index.append(batch.index)
        return outputs.codes.square().mean((-2, -1))


def test_validation_compares_the_same_pairs_in_every_epoch(samples, train_one):
    X = ScaledSamples(samples.numpy(), np.zeros(4), 1.0)
    graph = neighbor_graph("auto", 5, X, [slice(0, 50)])
    watching, rule = Watching(), stopping_rule(100, validation_fraction=0.5)
    terms, n_epochs = [ReconstructionLoss(), watching], 4
    train_one(samples, terms=terms, graph=graph, stopping_rule=rule, max_iter=n_epochs)
    n_batches = 2  # of 25 samples, with their positives
    n_passes = n_epochs + 1  # and the last evaluation, on other samples
    # Before them comes the look at the first batches of the training.
    index = watching.index[-n_passes * n_batches :]
    passes = torch.stack([torch.cat(pair) for pair in zip(*[iter(index)] * 2)])
    assert passes.shape == (n_passes, n_batches * 25)
    assert (passes[1:n_epochs] == passes[0]).all()
    assert not torch.equal(passes[-1], passes[0])


def assert_same_weights(first, second, **tolerance):
    for name, value in first.state_dict().items():
        torch.testing.assert_close(value, second.state_dict()[name], **tolerance)


@pytest.mark.numeric
@pytest.mark.parametrize("with_path", [True, False])
def test_a_stacked_run_ends_where_it_would_alone(with_path, samples, train, start):
    samples = samples.double()  # in which rounding does not grow over a training
    if with_path:
        starts = [start().double() for _ in range(3)]
    else:
        starts = [Autoencoder(4, 2, (8,), "tanh", seed=i).double() for i in range(3)]
    stacked = copy.deepcopy(starts)
    decay = {"alpha": 1.0}
    together = train(samples, stacked, max_iter=40, fit=decay)
    for seed, (network, run) in enumerate(zip(starts, together)):
        (alone,) = train(samples, [network], max_iter=40, fit=decay, seeds=[seed])
        assert_same_weights(network, stacked[seed], rtol=0, atol=1e-9)
        assert run.losses == pytest.approx(alone.losses, rel=1e-9)
        for name, losses in alone.history.items():
            np.testing.assert_allclose(run.history[name], losses, rtol=1e-9)
        assert not stacked[seed].training


@pytest.mark.numeric
def test_stacked_runs_stop_early_each_for_itself(samples, train):
    samples = samples.double()
    parts = {"stopping_rule": stopping_rule(2), "max_iter": 100}
    networks = [Autoencoder(4, 2, (8,), "tanh", seed=i).double() for i in range(5)]
    starts = copy.deepcopy(networks)
    together = train(samples, networks, **parts)
    assert len({len(run.history["loss"]) for run in together}) > 2
    for seed, alone in enumerate(starts):
        (run,) = train(samples, [alone], seeds=[seed], **parts)
        assert_same_weights(alone, networks[seed], rtol=0, atol=1e-9)
        assert run.losses == pytest.approx(together[seed].losses, rel=1e-9)
        for name, losses in run.history.items():
            np.testing.assert_allclose(together[seed].history[name], losses, rtol=1e-9)


@pytest.mark.numeric
@pytest.mark.parametrize("load_best", [False, True])
def test_a_users_checkpoint_follows_the_best_epoch(
    load_best, samples, train_one, tmp_path
):
    checkpoint = Checkpoint(
        monitor="train_loss_best", dirname=tmp_path, load_best=load_best
    )
    run, network = train_one(samples, callbacks=(checkpoint,))
    assert (tmp_path / "params.pt").exists()
    error = network.squared_errors(samples).mean().item()
    assert run.losses["reconstruction_loss"] == pytest.approx(error, rel=1e-5)


def test_a_users_checkpoint_holds_only_what_torch_loads_safely(tmp_path):
    checkpoint = Checkpoint(monitor="train_loss_best", dirname=tmp_path, load_best=True)
    model = StableAutoencoder(n_init=1, max_iter=2, callbacks=[checkpoint])
    model.fit(load_iris().data)
    assert type(model.alpha_) is float
    assert len(torch.load(tmp_path / "optimizer.pt", weights_only=True)["state"]) > 0


def test_a_term_with_a_negative_weight_does_not_stop_the_training(samples, train_one):
    class Spread(LossTerm):
        name = "spread"

        def forward(self, outputs, batch):
            return torch.tanh(outputs.codes.square().sum(-1).mean(-1))

    terms = [ReconstructionLoss(), Spread(-3.0)]
    run, _ = train_one(samples, terms=terms, max_iter=20)
    assert run.history["loss"][-1] < run.history["loss"][0] - 0.01


def test_a_users_early_stopping_stops(samples, train_one):
    stopper = EarlyStopping(monitor="train_loss", patience=2, threshold=10.0)
    run, _ = train_one(samples, max_iter=50, callbacks=(("mine", stopper),))
    assert len(run.history["loss"]) < 50


class Ends(Callback):
    """Ends a training at a moment of an epoch, counted from one."""

    def __init__(self, moment, epoch):
        self.moment = moment
        self.epoch = epoch

    def on_epoch_begin(self, net, **kwargs):
        self.end("epoch_begin", net)

    def on_batch_begin(self, net, **kwargs):
        self.end("batch_begin", net)

    def on_batch_end(self, net, training=None, **kwargs):
        self.end("batch_end" if training else "validation_batch_end", net)

    def on_epoch_end(self, net, **kwargs):
        self.end("epoch_end", net)

    def end(self, moment, net):
        if (moment, self.epoch) == (self.moment, len(net.history)):
            raise KeyboardInterrupt


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize(
    ("moment", "n_epochs"),
    [("epoch_end", 3), ("batch_end", 2), ("batch_begin", 2), ("epoch_begin", 2)],
)
def test_a_callback_ends_a_training_that_is_kept(
    moment, n_epochs, early, samples, train_one
):
    parts = {"max_iter": 20, "stopping_rule": stopping_rule(100) if early else None}
    whole, _ = train_one(samples, **parts)
    run, network = train_one(samples, callbacks=(Ends(moment, 3),), **parts)
    assert run.history == {
        name: losses[:n_epochs] for name, losses in whole.history.items()
    }
    assert np.isfinite(list(run.losses.values())).all()
    assert not network.training
    assert network.reconstruct(samples).isfinite().all()


class EndsFrom(Callback):
    """Ends a training after some batches, and whenever it is asked again."""

    n_batches = 0

    def on_batch_end(self, net, **kwargs):
        self.n_batches += 1
        if self.n_batches >= 10:
            raise KeyboardInterrupt


def test_a_callback_that_ends_every_batch_is_not_asked_again(samples, train_one):
    callback = EndsFrom()
    run, _ = train_one(samples, callbacks=(callback,), batch_size=12)
    assert callback.n_batches == 10
    assert len(run.history["loss"]) == 2


@pytest.mark.parametrize("n_runs", [1, 2])
def test_an_epoch_whose_validation_was_ended_is_dropped(n_runs, samples, train, start):
    runs = train(
        samples,
        [start() for _ in range(n_runs)],
        max_iter=20,
        callbacks=(Ends("validation_batch_end", 3),),
        stopping_rule=stopping_rule(100),
    )
    for run in runs:
        assert {len(values) for values in run.history.values()} == {2}


@pytest.mark.parametrize(
    "moment", ["batch_end", "batch_begin", "epoch_begin", "validation_batch_end"]
)
def test_a_callback_must_not_end_the_first_epoch(moment, samples, train_one):
    early = moment == "validation_batch_end"
    rule = stopping_rule(100) if early else None
    with pytest.raises(ValueError, match="before its first epoch was over; let it"):
        train_one(samples, callbacks=(Ends(moment, 1),), stopping_rule=rule)


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}, {"n_init": 2}])
def test_an_estimator_keeps_a_fit_that_a_callback_ended(parameters, iris):
    X, _ = iris
    for moment, n_epochs in (("epoch_end", 4), ("batch_end", 3)):
        model = StableAutoencoder(
            max_iter=15, callbacks=[Ends(moment, 4)], random_state=0, **parameters
        ).fit(X)
        assert model.n_iter_ == len(model.loss_curve_) == n_epochs
        assert {len(values) for values in model.history_.values()} == {n_epochs}
        assert np.isfinite(model.transform(X)).all()
        assert model.score(X) > 0.9


def test_an_estimator_is_as_it_was_if_a_callback_ends_the_first_epoch(iris):
    X, _ = iris
    model = StableAutoencoder(max_iter=3, random_state=0).fit(X)
    codes = model.transform(X)
    model.set_params(callbacks=[Ends("batch_end", 1)], n_components=3)
    with pytest.raises(ValueError, match="before its first epoch was over"):
        model.fit(X)
    np.testing.assert_array_equal(model.transform(X), codes)
    unfitted = StableAutoencoder(callbacks=[Ends("batch_end", 1)])
    with pytest.raises(ValueError, match="before its first epoch was over"):
        unfitted.fit(X)
    assert not hasattr(unfitted, "network_")


class PressesCtrlC(Callback):
    """Presses Ctrl-C in the midst of an epoch."""

    def on_batch_begin(self, net, **kwargs):
        if len(net.history) == 3:
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_raised_and_leaves_the_estimator_as_it_was(iris):
    X, _ = iris
    model = StableAutoencoder(max_iter=3, random_state=0).fit(X)
    before, codes = dict(vars(model)), model.transform(X)
    callbacks = [PressesCtrlC()]
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=callbacks, max_iter=10).fit(X)
    np.testing.assert_array_equal(model.transform(X), codes)
    changed = before | {"callbacks": callbacks, "max_iter": 10}
    assert vars(model).keys() == changed.keys()
    assert all(vars(model)[name] is value for name, value in changed.items())


class Fails(LossTerm):
    """A term that is interrupted while it is computed."""

    name = "interrupted"

    def forward(self, outputs, batch):
        raise KeyboardInterrupt


def test_an_interrupt_from_elsewhere_is_raised(samples, train_one):
    with pytest.raises(KeyboardInterrupt):
        train_one(samples, terms=[ReconstructionLoss(), Fails()])


def test_a_loss_that_is_not_finite_names_what_to_lower(samples, train_one):
    with pytest.raises(ValueError, match=r"learning_rate_init \(it is 1e\+30\)"):
        train_one(samples, learning_rate=1e30, max_iter=20)


@pytest.mark.parametrize("n_epochs", [50, 400])
def test_decay_ends_at_zero_and_not_in_denormal_numbers(n_epochs, samples, train_one):
    # Fifty samples of noise, for which the strongest decay is chosen.
    _, network = train_one(
        samples, max_iter=n_epochs, fit={"alpha": 100.0}, learning_rate=5e-3
    )
    smallest = torch.finfo(torch.float32).tiny
    for weight in network.regularized_parameters():
        sizes = weight.detach().abs()
        assert not ((sizes > 0) & (sizes < smallest)).any()


def test_a_frozen_layer_is_not_shrunk_however_small_its_weights(samples, train):
    encoder = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    tiny = nn.init.constant_(encoder[0].weight.requires_grad_(False), 1e-9).clone()
    network = BaseAutoencoder(4, 2, ModulePart(encoder), ModulePart(nn.Linear(2, 4)))
    train(samples, [network], fit={"alpha": 100.0}, max_iter=20)
    torch.testing.assert_close(encoder[0].weight, tiny, rtol=0, atol=0)
