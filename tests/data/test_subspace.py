import numpy as np
import pytest
import torch

from stable_embedding.data.lazy_samples import LazySamples
from stable_embedding.data.scaling import ScaledSamples
from stable_embedding.data.subset import Subset
from stable_embedding.data.subspace import discarded_variance, training_inputs


def plain(X):
    """Samples as they are."""
    return ScaledSamples(X, np.zeros(X.shape[1]), 1.0)


def subset_of(X):
    return Subset(np.arange(len(X)), X, np.arange(len(X)), None)


@pytest.fixture
def X(rng):
    return rng.normal(size=(500, 4)).astype(np.float32)


def test_what_is_held_is_trained_on_as_it_is(X):
    found = training_inputs(plain(X), subset_of(X), None)
    np.testing.assert_array_equal(found, X)


@pytest.mark.parametrize("is_projected", [False, True])
def test_what_is_too_large_is_read_when_needed(is_projected, X, little_memory):
    basis = np.eye(2, 4, dtype=np.float32) if is_projected else None
    samples = training_inputs(plain(X), subset_of(X[:100]), basis)
    assert isinstance(samples, LazySamples)
    expected = X if basis is None else X[:, :2]
    np.testing.assert_array_equal(samples[slice(0, 500)], expected)


@pytest.mark.numeric
def test_discarded_variance_is_what_a_basis_lacks(X):
    X = X - X.mean(axis=0)
    X /= np.sqrt(np.square(X).sum(axis=1).mean())
    expected = np.square(X[:, 2:]).sum(axis=1).mean()
    found = discarded_variance(torch.from_numpy(X[:, :2]))
    assert found == pytest.approx(expected, rel=1e-5)
    assert discarded_variance(torch.from_numpy(X)) == pytest.approx(0, abs=1e-6)
    assert discarded_variance(torch.from_numpy(2 * X)) == 0
