import copy

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

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


class Scaled(LossTerm):
    """A term that learns a number."""

    name = "scaled"

    def __init__(self):
        super().__init__(0.1)
        self.factor = torch.nn.Parameter(torch.ones(()))

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

    path = tmp_path / "checkpoint"
    starts = [start() for _ in range(n_runs)]
    whole, resumed = copy.deepcopy(starts), copy.deepcopy(starts)
    expected = go(whole)
    with pytest.raises(RuntimeError, match="crashed"):
        go(copy.deepcopy(starts), checkpoint=path, callbacks=(Crash(5),))
    assert path.exists()
    found = go(resumed, checkpoint=path)
    # The same computation, whose first part was done before.
    assert found == expected
    for network, other in zip(resumed, whole):
        for weight, value in zip(network.parameters(), other.parameters()):
            assert torch.equal(weight, value)


def test_another_training_is_refused(samples, train_one, start, tmp_path):
    path = tmp_path / "checkpoint"
    train_one(samples, start(), checkpoint=path)
    for changed in (
        {"max_iter": 6},
        {"batch_size": 17},
        {"seeds": [1]},
        {"identity": "another"},
        {"fit": {"alpha": 1.0}},
        {"fit": {"weight_interpolation": 0.5}},
        {"terms": [ReconstructionLoss()]},
        {"stopping_rule": StoppingRule(0.2, 2, 1e-2)},
    ):
        with pytest.raises(ValueError, match="is of another training"):
            train_one(samples, start(), checkpoint=path, **changed)


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
    found = {
        fingerprint,
        training_fingerprint([other], training_set, None, (1,)),
        training_fingerprint([network, network], training_set, None, (1,)),
        training_fingerprint([network], training_set, split, (1,)),
        training_fingerprint([network], training_set, None, (2,)),
        training_fingerprint([network], reversed_set, None, (1,)),
        training_fingerprint([network], labeled, None, (1,)),
    }
    assert len(found) == 7


def test_a_learned_scale_of_neighbors_is_resumed(samples, train, start, tmp_path):
    from stable_embedding.data.neighbors import neighbor_graph
    from stable_embedding.data.scaling import ScaledSamples

    path = tmp_path / "checkpoint"
    X = ScaledSamples(samples.numpy(), np.zeros(4), 1.0)
    graph = neighbor_graph("auto", 3, X, [slice(0, 50)])

    def go(**more):
        network = start()
        terms = [ReconstructionLoss(), NeighborLoss(1.0, torch.tensor(2.0))]
        (run,) = train(samples, [network], terms, graph=graph, max_iter=8, **more)
        return run, network.encoder.last.weight, terms[1].log_scale

    run, weight, log_scale = go()
    with pytest.raises(RuntimeError, match="crashed"):
        go(checkpoint=path, callbacks=(Crash(4),))
    again, same_weight, same_scale = go(checkpoint=path)
    assert again == run
    assert torch.equal(same_weight, weight)
    assert torch.equal(same_scale, log_scale)
    assert log_scale != torch.tensor(2.0).log()
