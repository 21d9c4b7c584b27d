import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from stable_embedding.data import limits
from stable_embedding.data.lazy_samples import (
    LazySamples,
    chunk_slices,
    exceeds_memory,
    samples_in_memory,
)
from stable_embedding.data.scaling import ScaledSamples


def plain(X):
    """Samples as they are."""
    return ScaledSamples(X, np.zeros(X.shape[1]), 1.0)


@pytest.fixture
def X(rng):
    return rng.normal(size=(500, 4)).astype(np.float32)


def test_large_is_an_array_of_numbers(X, monkeypatch):
    assert not exceeds_memory(X)
    monkeypatch.setattr(limits, "IN_MEMORY_BYTES", X.nbytes - 1)
    assert exceeds_memory(X)
    assert not exceeds_memory(csr_array(X))
    assert not exceeds_memory(X.astype(object))
    assert not exceeds_memory(X.tolist())
    assert not exceeds_memory(X.ravel())
    # Bytes of float32, whatever the array's type.
    assert exceeds_memory(X.astype(np.uint8))
    monkeypatch.setattr(limits, "IN_MEMORY_BYTES", X.nbytes)
    assert not exceeds_memory(X.astype(np.float64))


def test_samples_read_when_needed_are_the_samples(X, monkeypatch):
    monkeypatch.setattr(limits, "READ_BYTES", X.nbytes // 4)
    samples = LazySamples(plain(X))
    assert len(samples) == 500
    assert [chunk.stop for chunk in samples.chunks] == [125, 250, 375, 500]
    assert chunk_slices(samples) == samples.chunks
    for index in (slice(3, 9), torch.tensor([4, 1]), torch.tensor([[4, 1], [2, 0]])):
        np.testing.assert_array_equal(samples[index], X[index])


def test_samples_are_tensors_on_a_device(X):
    samples = LazySamples(plain(X)).to(torch.device("cpu"))
    assert isinstance(samples, LazySamples)
    assert samples.device == torch.device("cpu")
    assert samples[slice(0, 3)].dtype == torch.float32


def test_a_tensor_is_one_chunk(X):
    assert chunk_slices(torch.from_numpy(X)) == [slice(0, 500)]


def test_samples_in_memory_are_all_there(X):
    samples, hashes = torch.from_numpy(X), np.arange(500)
    assert samples_in_memory(samples, hashes) == (samples, hashes)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_of_lazy_samples_the_first_are_held(kind, X, monkeypatch):
    monkeypatch.setattr(limits, "READ_BYTES", 100 * 16)
    samples, hashes = samples_in_memory(LazySamples(plain(kind(X))), np.arange(500))
    np.testing.assert_array_equal(samples, X[:100])
    np.testing.assert_array_equal(hashes, np.arange(100))


def test_two_samples_are_held_at_least(X, monkeypatch):
    lazy = LazySamples(plain(X))
    monkeypatch.setattr(limits, "READ_BYTES", 1)
    assert samples_in_memory(lazy, np.arange(500))[0].shape == (2, 4)
