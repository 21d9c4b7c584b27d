"""Training on other devices than the CPU."""

import pickle

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group
from sklearn.base import clone

from stable_embedding import StableAutoencoder
from stable_embedding.estimators.base import BaseStableAutoencoder
from stable_embedding.estimators.registry import ESTIMATORS
from stable_embedding.networks import Autoencoder
from stable_embedding.networks.frame import apply_rigid_map, rigid_map_onto
from stable_embedding.stability import displacement

AUTOENCODERS = [
    kind for kind in ESTIMATORS.values() if issubclass(kind, BaseStableAutoencoder)
]

needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA device"
)


@pytest.mark.numeric
@needs_cuda
@pytest.mark.parametrize("parameters", [{}, {"n_init": 2}, {"early_stopping": True}])
def test_a_gpu_gives_the_map_of_the_cpu(parameters, digits):
    X, _ = digits
    wide = X @ ortho_group.rvs(300, random_state=0)[:64]
    for samples in (X, wide):
        maps = [
            StableAutoencoder(device=device, random_state=0, **parameters)
            .fit(samples)
            .transform(samples)
            for device in ("cpu", "cuda")
        ]
        assert displacement(*maps) < 0.01


@pytest.mark.parametrize("kind", AUTOENCODERS, ids=lambda kind: kind.__name__)
def test_a_device_of_torch_is_its_name(kind, iris):
    X, y = iris
    models = [
        clone(kind(n_init=1, max_iter=2, device=device, random_state=0)).fit(X, y)
        for device in (torch.device("cpu"), "cpu")
    ]
    # The same computation.
    np.testing.assert_array_equal(*(model.transform(X) for model in models))


@pytest.mark.parametrize("device", ["meta", torch.device("meta")])
def test_a_device_without_values_is_refused(device, iris):
    with pytest.raises(ValueError, match="device=.*meta.*'auto' and 'cpu' always can"):
        StableAutoencoder(device=device).fit(iris[0])


@pytest.mark.numeric
@needs_cuda
def test_trained_on_a_gpu_it_unpickles_on_the_cpu(quick, digits):
    X, _ = digits
    model = quick(device="cuda", random_state=0).fit(X)
    again = pickle.loads(pickle.dumps(model))
    assert again.network_.device.type == "cpu"
    np.testing.assert_allclose(
        again.transform(X), model.transform(X), rtol=1e-3, atol=1e-2
    )


def test_maps_are_absorbed_on_the_cpu_whatever_the_device(monkeypatch):
    # "meta" stands for a device without float64, in which maps are absorbed.
    network = Autoencoder(4, 2, (3,), "relu")
    monkeypatch.setattr(Autoencoder, "device", torch.device("meta"))
    absorbed = []
    monkeypatch.setattr(
        Autoencoder,
        "absorb_rigid_map",
        lambda self, *_: absorbed.append(self.encoder.last.weight.device.type),
    )
    laid = apply_rigid_map(network, rigid_map_onto(np.eye(3, 2), np.eye(3, 2)))
    assert absorbed == ["cpu"]
    assert laid.encoder.last.weight.device.type == "meta"
