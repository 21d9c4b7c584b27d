import copy
import os
from fractions import Fraction

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback

from stable_embedding import StableAutoencoder
from stable_embedding.data.training_data import TrainingSet
from stable_embedding.losses import LossTerm
from stable_embedding.losses.neighbor import NeighborLoss
from stable_embedding.losses.reconstruction import ReconstructionLoss
from stable_embedding.training.checkpoint import training_fingerprint
from stable_embedding.training.plan import StoppingRule


class Crash(Callback):
    """Fails in an epoch, counted from one."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise RuntimeError("crashed")


class Epochs(Callback):
    """Records the epochs that begin, counted from one."""

    def initialize(self):
        self.seen = []
        return self

    def on_epoch_begin(self, net, **kwargs):
        self.seen.append(len(net.history))


class Recorder(Callback):
    """Records a value with each epoch, or with each batch."""

    def __init__(self, value, of_batches=False):
        self.value = value
        self.of_batches = of_batches

    def on_batch_end(self, net, **kwargs):
        if self.of_batches:
            net.history.record_batch("mine", self.value)

    def on_epoch_end(self, net, **kwargs):
        if not self.of_batches:
            net.history.record("mine", self.value)


class Scaled(LossTerm):
    """A term that learns a number."""

    name = "scaled"

    def __init__(self, factor=1.0):
        super().__init__(0.1)
        self.factor = torch.nn.Parameter(torch.tensor(factor))

    def forward(self, outputs, batch):
        errors = (self.factor * outputs.reconstruction - batch.samples).square()
        return errors.sum(-1).mean(-1)


@pytest.mark.parametrize("stops_early", [False, True])
@pytest.mark.parametrize("n_runs", [1, 2])
def test_a_training_is_resumed_where_it_was(
    n_runs, stops_early, samples, train, start, tmp_path
):
    def go(networks, **more):
        rule = StoppingRule(0.2, 2, 1e-2) if stops_early else None
        terms = [ReconstructionLoss(), Scaled()]
        plan = {"max_iter": 12, "stopping_rule": rule} | more
        return train(samples, networks, terms, fit={"alpha": 0.5}, **plan)

    starts = [start() for _ in range(n_runs)]
    whole, resumed = copy.deepcopy(starts), copy.deepcopy(starts)
    expected = go(whole)
    with pytest.raises(RuntimeError, match="crashed"):
        go(copy.deepcopy(starts), checkpoint=tmp_path, callbacks=(Crash(5),))
    assert len(os.listdir(tmp_path)) == 1
    epochs = Epochs()
    found = go(resumed, checkpoint=tmp_path, callbacks=(epochs,))
    assert epochs.seen[0] == 5
    # The same computation, whose first part was done before.
    assert found == expected
    for network, other in zip(resumed, whole):
        for weight, value in zip(network.parameters(), other.parameters()):
            assert torch.equal(weight, value)


class Unusual(torch.nn.Module):
    """Shared weights, a weight that is not contiguous, a buffer that is not saved."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(4, 6)
        self.second, self.third = torch.nn.Linear(6, 6), torch.nn.Linear(6, 6)
        self.third.weight = self.second.weight
        self.last = torch.nn.Linear(6, 2)
        self.last.weight = torch.nn.Parameter(torch.randn(6, 2).mul(0.1).T)
        self.register_buffer("mean", torch.zeros(6), persistent=False)

    def forward(self, inputs):
        hidden = torch.tanh(self.first(inputs))
        if self.training:
            with torch.no_grad():
                self.mean.lerp_(hidden.mean(0), 0.1)
        hidden = torch.tanh(self.second(hidden - self.mean))
        return self.last(torch.tanh(self.third(hidden)))


def test_a_training_of_unusual_modules_is_resumed_where_it_was(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 4))
    torch.manual_seed(0)
    settings = {"encoder": Unusual(), "n_init": 1, "alpha": 0.5, "random_state": 0}
    model = StableAutoencoder(max_iter=6, init="random", **settings)
    expected = clone(model).fit(X)
    with pytest.raises(RuntimeError, match="crashed"):
        clone(model).set_params(checkpoint=tmp_path, callbacks=[Crash(4)]).fit(X)
    found = clone(model).set_params(checkpoint=tmp_path).fit(X)
    assert found.n_iter_ == 6
    np.testing.assert_array_equal(found.transform(X), expected.transform(X))


class Fade(LossTerm):
    """A term that falls with the steps, which it counts in a buffer."""

    name = "fade"

    def begin(self, n_steps):
        self.n_steps = n_steps
        self.register_buffer("step", torch.zeros(()))

    def forward(self, outputs, batch):
        if self.training:
            self.step = self.step + 1
        return (1 - self.step / self.n_steps) * outputs.codes.abs().mean((-2, -1))


def test_a_term_that_counts_in_a_buffer_goes_on_counting(
    samples, train_one, start, tmp_path
):
    def go(**parts):
        return train_one(
            samples, start(), terms=[Fade(), ReconstructionLoss()], **parts
        )

    expected, _ = go()
    with pytest.raises(RuntimeError, match="crashed"):
        go(checkpoint=tmp_path, callbacks=(Crash(4),))
    found, _ = go(checkpoint=tmp_path)
    assert found == expected


@pytest.mark.parametrize(
    "value",
    [
        np.arange(3),
        np.float32(0.5),
        np.bool_(True),
        torch.ones(2, 2),
        Fraction(1, 2),
        {"a": [np.ones(2)]},
        "text",
        None,
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("of_batches", [False, True])
def test_what_a_callback_records_is_kept(
    value, of_batches, samples, train_one, start, tmp_path
):
    expected, _ = train_one(samples, start())
    recorder = Recorder(value, of_batches)
    crashes, goes_on = (recorder, Crash(4)), (recorder,)
    with pytest.raises(RuntimeError, match="crashed"):
        train_one(samples, start(), checkpoint=tmp_path, callbacks=crashes)
    found, _ = train_one(samples, start(), checkpoint=tmp_path, callbacks=goes_on)
    assert found == expected


@pytest.mark.parametrize(
    "value",
    [{1, 2}, 1j, object(), {(0, 1): 2}, [{3}]],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("of_batches", [False, True])
def test_what_a_checkpoint_cannot_hold_is_named(
    value, of_batches, samples, train_one, start, tmp_path
):
    callbacks = (Recorder(value, of_batches),)
    with pytest.raises(TypeError, match="net.history holds mine=.* numbers, text"):
        train_one(samples, start(), checkpoint=tmp_path, callbacks=callbacks)


def test_each_training_has_its_own_file(samples, train_one, start, tmp_path):
    changes = (
        {},
        {"max_iter": 6},
        {"batch_size": 17},
        {"seeds": [1]},
        {"identity": "another"},
        {"fit": {"alpha": 1.0}},
        {"fit": {"weight_interpolation": 0.5}},
        {"terms": [ReconstructionLoss()]},
        {"terms": [ReconstructionLoss(), Scaled()]},
        {"terms": [ReconstructionLoss(), Scaled(2.0)]},
        {"stopping_rule": StoppingRule(0.2, 2, 1e-2)},
    )
    for n_trainings, changed in enumerate(changes, 1):
        alone, _ = train_one(samples, start(), **copy.deepcopy(changed))
        found, _ = train_one(samples, start(), checkpoint=tmp_path, **changed)
        assert found == alone
        assert len(os.listdir(tmp_path)) == n_trainings


def test_a_file_that_was_renamed_is_refused(samples, train_one, start, tmp_path):
    train_one(samples, start(), checkpoint=tmp_path)
    (first,) = tmp_path.iterdir()
    train_one(samples, start(), checkpoint=tmp_path, max_iter=6)
    (second,) = set(tmp_path.iterdir()) - {first}
    first.replace(second)
    with pytest.raises(ValueError, match=f"{second} is the checkpoint of another"):
        train_one(samples, start(), checkpoint=tmp_path, max_iter=6)
    assert second.exists()


def test_a_file_that_is_no_checkpoint_is_left(samples, train_one, start, tmp_path):
    train_one(samples, start(), checkpoint=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text("my thesis")
    with pytest.raises(ValueError, match="is not a safetensors file"):
        train_one(samples, start(), checkpoint=tmp_path)
    assert file.read_text() == "my thesis"


def test_the_bar_goes_on_from_the_epoch_that_is_resumed(
    samples, train_one, start, tmp_path, capsys
):
    with pytest.raises(RuntimeError, match="crashed"):
        train_one(samples, start(), checkpoint=tmp_path, callbacks=(Crash(4),))
    capsys.readouterr()
    train_one(samples, start(), checkpoint=tmp_path, verbose=True)
    shown = capsys.readouterr().err
    assert "3/5" in shown
    assert "5/5" in shown
    assert "0/5" not in shown


@pytest.fixture
def training_set(samples, hashes_of):
    return TrainingSet(samples, hashes_of(50))


def test_a_fingerprint_depends_on_all_that_decides(training_set, start):
    network = start()
    fingerprint = training_fingerprint([network], training_set, None, (1,))
    assert training_fingerprint([start()], training_set, None, (1,)) == fingerprint
    other = start()
    other.encoder.last.bias.data += 1
    split = [np.arange(40)[None]], [np.arange(40, 50)[None]]
    reversed_set = training_set._replace(hashes=training_set.hashes[::-1].copy())
    labeled = training_set._replace(labels=torch.arange(50))
    in_another_unit = training_set._replace(inputs=2 * training_set.inputs)
    found = {
        fingerprint,
        training_fingerprint([other], training_set, None, (1,)),
        training_fingerprint([network, network], training_set, None, (1,)),
        training_fingerprint([network], training_set, split, (1,)),
        training_fingerprint([network], training_set, None, (2,)),
        training_fingerprint([network], reversed_set, None, (1,)),
        training_fingerprint([network], labeled, None, (1,)),
        training_fingerprint([network], in_another_unit, None, (1,)),
    }
    assert len(found) == 8


def test_a_learned_scale_of_neighbors_is_resumed(samples, train, start, tmp_path):
    from stable_embedding.data.neighbors import neighbor_graph
    from stable_embedding.data.scaling import ScaledSamples

    X = ScaledSamples(samples.numpy(), np.zeros(4), 1.0)
    graph = neighbor_graph("auto", 3, X, [slice(0, 50)])

    def go(**more):
        network = start()
        terms = [ReconstructionLoss(), NeighborLoss(1.0, torch.tensor(2.0))]
        (run,) = train(samples, [network], terms, graph=graph, max_iter=8, **more)
        return run, network.encoder.last.weight, terms[1].log_scale

    run, weight, log_scale = go()
    with pytest.raises(RuntimeError, match="crashed"):
        go(checkpoint=tmp_path, callbacks=(Crash(4),))
    again, same_weight, same_scale = go(checkpoint=tmp_path)
    assert again == run
    assert torch.equal(same_weight, weight)
    assert torch.equal(same_scale, log_scale)
    assert log_scale != torch.tensor(2.0).log()
