import mmap

import numpy as np
import pytest
from scipy.sparse import csr_array

from stable_embedding.data import limits
from stable_embedding.data.chunks import backing_map, dense_samples, iterate_chunks


@pytest.fixture
def X(rng):
    return rng.normal(size=(50, 4))


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
@pytest.mark.parametrize("shuffled", [False, True])
def test_chunks_are_the_samples_in_their_order(kind, shuffled, X, rng, monkeypatch):
    monkeypatch.setattr(limits, "CHUNK_SAMPLES", 7)
    order = rng.permutation(50)[:30] if shuffled else None
    found = list(iterate_chunks(kind(X), order))
    expected = X if order is None else X[order]
    np.testing.assert_array_equal(
        np.concatenate([chunk for _, chunk in found]), expected
    )
    for steps, chunk in found:
        assert 0 < len(chunk) <= 7
        np.testing.assert_array_equal(chunk, expected[steps])


@pytest.mark.parametrize("width", [0, 6])
def test_a_chunk_holds_no_more_than_its_bytes(width, X, monkeypatch):
    monkeypatch.setattr(limits, "CHUNK_BYTES", 8 * (4 + width) * 9)
    assert max(len(chunk) for _, chunk in iterate_chunks(X, width=width)) == 9
    monkeypatch.setattr(limits, "CHUNK_BYTES", 1)
    assert all(len(chunk) == 1 for _, chunk in iterate_chunks(X, width=width))


def test_samples_are_dense(X):
    index = np.array([3, 1])
    for samples in (X, csr_array(X)):
        np.testing.assert_array_equal(dense_samples(samples, index), X[index])
        np.testing.assert_array_equal(dense_samples(samples, slice(2)), X[:2])


@pytest.fixture
def path(X, tmp_path):
    np.save(tmp_path / "X.npy", X)
    return tmp_path / "X.npy"


@pytest.mark.parametrize("mode", ["r", "r+"])
def test_pages_of_a_mapped_file_are_released_behind_views(mode, path, X):
    mapped = np.load(path, mmap_mode=mode)
    for view in (mapped, np.asarray(mapped), np.asarray(mapped)[::2, 1:]):
        assert isinstance(backing_map(view), mmap.mmap)
    if mode == "r+":
        mapped[3] = X[3] = 7
    for steps, chunk in iterate_chunks(np.asarray(mapped)):
        np.testing.assert_array_equal(chunk, X[steps])
    np.testing.assert_array_equal(mapped, X)


def test_a_private_map_keeps_what_was_written_to_it(path, X):
    mapped = np.load(path, mmap_mode="c")
    mapped[3] = X[3] = 7
    assert backing_map(mapped) is backing_map(np.asarray(mapped)) is None
    list(iterate_chunks(mapped))
    np.testing.assert_array_equal(mapped, X)


def test_arrays_in_memory_have_no_map(X):
    assert backing_map(X) is None
    assert backing_map(csr_array(X)) is None
