import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from stable_embedding.data import training_data as sources
from stable_embedding.data.scaling import ScaledSamples
from stable_embedding.data.training_data import (
    LazySamples,
    chunk_slices,
    exceeds_memory,
    order_and_hashes,
    representative_samples,
    samples_in_memory,
    training_inputs,
)


def plain(X):
    """Rows as they are."""
    return ScaledSamples(X, np.zeros(X.shape[1]), 1.0)


@pytest.fixture
def X(rng):
    return rng.normal(size=(500, 4)).astype(np.float32)


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(sources, "_HELD_BYTES", 1)
    monkeypatch.setattr(sources, "_SAMPLE_BYTES", 1)
    monkeypatch.setattr(sources, "_SPARSE_SAMPLE_BYTES", 1)
    monkeypatch.setattr(sources, "_SAMPLE_ROWS", 50)


def test_large_is_an_array_of_numbers(X, little_memory):
    assert exceeds_memory(X)
    assert not exceeds_memory(csr_array(X))
    assert not exceeds_memory(X.astype(object))
    assert not exceeds_memory(X.tolist())


def test_small_data_are_their_own_sample(X):
    keys = order_and_hashes(X)[1]
    np.testing.assert_array_equal(representative_samples(plain(X), keys, 2), X)
    assert isinstance(training_inputs(plain(X), X, None), torch.Tensor)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_a_sample_is_drawn_by_content(kind, X, rng, little_memory):
    def sampled(rows):
        order, keys = order_and_hashes(kind(rows))
        rows = ScaledSamples(kind(rows), np.zeros(4), 1.0, order)
        return {tuple(row) for row in representative_samples(rows, keys, 2).tolist()}

    sample = sampled(X)
    assert len(sample) == 50
    assert sampled(rng.permutation(X)) == sample
    assert len(sampled(X[1:]) & sample) >= 49


def test_a_sample_has_rows_enough_for_a_frame(X, little_memory):
    keys = order_and_hashes(X)[1]
    assert len(representative_samples(plain(X), keys, 2)) == 50
    assert len(representative_samples(plain(X), keys, 20)) == 200


def test_copies_in_large_data_have_keys_of_their_own(little_memory):
    _, keys = order_and_hashes(np.ones((300, 3), dtype=np.float32))
    assert len(np.unique(keys)) == 300


def test_keys_of_large_data_are_those_of_their_rows(X, rng, little_memory):
    shuffled = rng.permutation(500)
    _, keys = order_and_hashes(X)
    np.testing.assert_array_equal(order_and_hashes(X[shuffled])[1], keys[shuffled])


def test_rows_on_demand_are_the_rows(X, monkeypatch):
    monkeypatch.setattr(sources, "_CHUNK_BYTES", X.nbytes // 4)
    rows = LazySamples(plain(X))
    assert len(rows) == 500
    assert [chunk.stop for chunk in rows.chunks] == [125, 250, 375, 500]
    assert chunk_slices(rows) == rows.chunks
    for index in (slice(3, 9), torch.tensor([4, 1]), torch.tensor([[4, 1], [2, 0]])):
        np.testing.assert_array_equal(rows[index], X[index])


@pytest.mark.parametrize("project_networks", [False, True])
def test_what_is_too_large_is_read_when_needed(project_networks, X, little_memory):
    basis = np.eye(2, 4, dtype=np.float32) if project_networks else None
    rows = training_inputs(plain(X), X[:100], basis)
    assert isinstance(rows, LazySamples)
    expected = X if basis is None else X[:, :2]
    np.testing.assert_array_equal(rows[slice(0, 500)], expected)


def test_rows_that_are_held_are_all_there(X):
    rows, keys = torch.from_numpy(X), np.arange(500)
    assert samples_in_memory(rows, keys) == (rows, keys)


def test_of_rows_on_demand_the_first_are_held(X, monkeypatch):
    monkeypatch.setattr(sources, "_CHUNK_BYTES", 100 * 16)
    for kind in (np.asarray, csr_array):
        rows, keys = samples_in_memory(LazySamples(plain(kind(X))), np.arange(500))
        np.testing.assert_allclose(rows, X[:100])
        np.testing.assert_array_equal(keys, np.arange(100))
