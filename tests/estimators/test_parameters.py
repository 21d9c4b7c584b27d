"""What parameters may be, and what is chosen where they are left open."""

import copy

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from skorch.callbacks import Callback
from torch import nn

from stable_embedding import StableAutoencoder
from stable_embedding.losses import LossTerm
from stable_embedding.losses.neighbor import initial_kernel_scale
from stable_embedding.training.plan import resolve_device, resolve_layer_sizes
from stable_embedding.training.schedule import auto_batch_size, auto_n_steps


class Named(LossTerm):
    """A term of any name."""

    def __init__(self, name):
        super().__init__()
        self.name = name


BAD_PARAMETERS = {
    "n_components": [0, -1, 1.5, "2", None],
    "hidden_layer_sizes": [0, (8, 0), (8, -1), (8.5,), "8", ((8,),), ("a",), None],
    "activation": ["swish", None],
    "encoder": ["linear", nn.Linear, nn.Linear(4, 3), nn.Linear(3, 2)],
    "decoder": ["linear", nn.Linear, nn.Linear(2, 3), nn.Linear(3, 4)],
    "metric": [
        "haversine",
        "nan_euclidean",
        "precomputed",
        "jaccard",
        3,
        None,
        lambda a, b: float("nan"),
        lambda a, b: a[0] - b[0],
        lambda a, b: a[:2],
    ],
    "metric_params": [3, "p", {"p": 3}],
    "similarity": [
        "euclidean",
        3,
        torch.corrcoef,
        lambda x: (x[:, None] - x[None]).square().sum(-1).sqrt(),
        lambda x: (x @ x.T).log(),
        lambda x: x,
        lambda x: x.numpy() @ x.numpy().T,
    ],
    "similarity_weight": [-1, "1", None],
    "neighbor_weight": [-1, "1", None],
    "n_neighbors": [0, 1.5, "auto", None],
    "neighbors": ["brute", 15, None, KNeighborsClassifier()],
    "label_weight": [-1, "1", None],
    "target_type": ["binary", None],
    "extra_losses": [
        None,
        "correlation",
        Named("one"),
        [3],
        [Named],
        [LossTerm()],
        [Named("no identifier")],
        [Named("similarity")],
        [Named("one"), Named("one")],
    ],
    "init": ["kmeans", None],
    "layerwise_pretraining": ["yes", 2],
    "n_init": [0, 1.5, "many"],
    "consensus_weight": [-1, "strong"],
    "batch_size": [0, 1, 2.5, "all"],
    "learning_rate_init": [0, -1e-3, "fast"],
    "max_iter": [0, 1.5, "all"],
    "alpha": [-1, "none"],
    "early_stopping": ["yes", 2],
    "validation_fraction": [0, 1, -0.1],
    "n_iter_no_change": [0, 1.5],
    "tol": [-1e-4, "low"],
    "warm_start": ["yes"],
    "checkpoint": [3, ["a"]],
    "callbacks": [Callback(), "print", [3], ["print"], [("a", 3)]],
    "device": ["gpu", "cuda:99", 0, torch.device("cuda:99")],
    "accelerator": [3, "cuda", object()],
    "random_state": ["seed", -1],
    "verbose": [-1, "loud"],
}


def test_every_parameter_is_tried():
    assert BAD_PARAMETERS.keys() == StableAutoencoder().get_params().keys()


@pytest.fixture(scope="module")
def fitted(quick, iris):
    """A model to be copied, since a test changes it."""
    return quick(random_state=0).fit(iris[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_PARAMETERS.items() for value in values],
)
def test_bad_parameters_are_named_and_an_earlier_fit_survives(
    name, value, fitted, iris
):
    X, _ = iris
    model = copy.deepcopy(fitted)
    codes = model.transform(X)
    with pytest.raises((ValueError, TypeError), match=name):
        model.set_params(**{name: value}).fit(X)
    np.testing.assert_array_equal(model.transform(X), codes)


def test_what_auto_chooses():
    assert [auto_batch_size(n, 0.0) for n in (100, 1_000, 60_000)] == [100, 128, 256]
    assert auto_batch_size(60_000, 1.0) == 512
    assert resolve_layer_sizes("auto", 0.0) == (128, 32)
    assert resolve_layer_sizes("auto", 0.1) == (128, 128, 128)
    assert auto_n_steps(150) == 600
    assert auto_n_steps(60_000) == 2_349
    assert auto_n_steps(1_024_000) == 20_000
    assert resolve_device("cpu", None) == "cpu"
    assert resolve_device("auto", None) in {"cpu", "cuda", "mps"}


def test_a_kernel_starts_finite_whatever_the_codes(rng):
    codes = rng.normal(size=(50, 2))
    assert initial_kernel_scale(codes, codes) == 1e3
    assert initial_kernel_scale(codes, codes + 1e9) == 1
    assert initial_kernel_scale(codes, codes + np.array([0.3, 0.4])) == pytest.approx(6)
