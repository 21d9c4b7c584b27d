"""Several processes that train one model together."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from stable_embedding import StableAutoencoder
from stable_embedding.losses import LossTerm
from stable_embedding.losses.base import TotalLoss
from stable_embedding.networks import Autoencoder
from stable_embedding.stability import displacement
from stable_embedding.training.net import DistributedNet

accelerate = pytest.importorskip("accelerate")

PARAMETERS = {
    "consensus_weight": 0,
    "max_iter": 10,
    "batch_size": 256,
    "random_state": 0,
}

# What every process runs.
SCRIPT = """
import sys
import numpy as np
import torch
from accelerate import Accelerator
from sklearn.datasets import load_digits
from stable_embedding import StableAutoencoder

torch.set_num_threads(1)
accelerator = Accelerator(cpu=True)
X, _ = load_digits(return_X_y=True)
model = StableAutoencoder(accelerator=accelerator, **eval(sys.argv[1])).fit(X)
np.savez(
    f"{sys.argv[2]}/{accelerator.process_index}.npz",
    codes=model.transform_runs(X),
    loss=model.loss_curve_,
    n_processes=accelerator.num_processes,
    reconstruction_loss=model.reconstruction_loss_,
)
"""


def train_in_two_processes(parameters, folder):
    script = folder / "script.py"
    script.write_text(SCRIPT)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"]
    done = subprocess.run(
        [
            *launcher,
            "--master_port=0",
            "--standalone",
            script,
            repr(parameters),
            folder,
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [np.load(folder / f"{process}.npz") for process in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "more", [{}, {"n_init": 3, "early_stopping": True}, {"alpha": 90.0}]
)
def test_two_processes_end_with_the_model_of_one(more, digits, tmp_path):
    first, second = train_in_two_processes(PARAMETERS | more, tmp_path)
    assert first["n_processes"] == 2
    np.testing.assert_array_equal(first["codes"], second["codes"])
    np.testing.assert_array_equal(first["loss"], second["loss"])
    alone = StableAutoencoder(**PARAMETERS, **more).fit(digits[0])
    np.testing.assert_allclose(first["loss"], alone.loss_curve_, rtol=1e-3)
    assert first["reconstruction_loss"] == pytest.approx(
        alone.reconstruction_loss_, rel=1e-3
    )
    for codes, expected in zip(first["codes"], alone.transform_runs(digits[0])):
        assert displacement(codes, expected) < 1e-4


@pytest.mark.slow
def test_without_a_seed_two_processes_agree_on_one(tmp_path):
    parameters = {"max_iter": 3, "batch_size": 256, "early_stopping": True}
    first, second = train_in_two_processes(parameters, tmp_path)
    np.testing.assert_array_equal(first["codes"], second["codes"])


@pytest.fixture
def accelerator():
    return accelerate.Accelerator(cpu=True)


def test_in_one_process_an_accelerator_changes_nothing(accelerator, iris):
    X, _ = iris
    plain = StableAutoencoder(max_iter=5, random_state=0)
    shared = clone(plain).set_params(accelerator=accelerator)
    np.testing.assert_array_equal(shared.fit_transform(X), plain.fit_transform(X))
    clone(shared).fit(X)
    again = pickle.loads(pickle.dumps(shared))
    assert again.accelerator is None
    assert shared.accelerator is accelerator
    np.testing.assert_array_equal(again.transform(X), shared.transform(X))


def test_an_accelerator_decides_on_the_device(accelerator, iris):
    with pytest.raises(ValueError, match="device='cpu' must be 'auto'"):
        StableAutoencoder(accelerator=accelerator, device="cpu").fit(iris[0])


class Learned(LossTerm):
    """A term that learns a number."""

    def __init__(self, name, weight):
        super().__init__(weight)
        self.name = name
        self.number = nn.Parameter(torch.zeros(()))
        self.register_buffer("constant", torch.zeros(()))


class Moved(TotalLoss):
    """A loss that notes where it is moved."""

    def to(self, device):
        self.moved_to = device
        return super().to(device)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_processes_wait_for_no_weights_of_terms_that_are_absent(weight, accelerator):
    loss = Moved([Learned("one", weight), Learned("other", 0.0)])
    net = DistributedNet(
        Autoencoder(4, 2, (3,), "tanh"),
        criterion=loss,
        optimizer=torch.optim.AdamW,
        accelerator=accelerator,
        train_split=None,
    ).initialize()
    one, other = net.criterion_.terms
    assert one.number.requires_grad == bool(weight)
    assert not other.number.requires_grad
    if not weight:
        assert net.criterion_.moved_to == accelerator.device


@pytest.mark.slow
def test_processes_agree_on_neighbors_and_on_the_scale_of_their_kernel(tmp_path):
    parameters = {"max_iter": 3, "batch_size": 256, "neighbor_weight": 1.0}
    first, second = train_in_two_processes(parameters, tmp_path)
    assert np.isfinite(first["codes"]).all()
    np.testing.assert_array_equal(first["codes"], second["codes"])
    np.testing.assert_array_equal(first["loss"], second["loss"])
