"""Neighbors of many samples, found by pynndescent.

The tests stand together, so that one process runs them: each would compile pynndescent
anew, which takes minutes.
"""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.neighbors import kneighbors_graph

from stable_embedding import StableAutoencoder
from stable_embedding.data import limits
from stable_embedding.data.neighbors import neighbor_graph
from stable_embedding.data.scaling import ScaledSamples
from tests.test_thresholds import FAR, N_SAMPLES, moved_by_the_last_sample

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _pynndescent():
    pytest.importorskip("pynndescent")  # not while tests are collected: it is slow


def approximate_graph(X, n_neighbors):
    samples = ScaledSamples(X, 0.0, 1.0, None)
    return neighbor_graph("auto", n_neighbors, samples, [slice(0, len(X))])


@pytest.fixture
def approximate(monkeypatch):
    monkeypatch.setattr(limits, "EXACT_NEIGHBOR_SAMPLES", 0)


def test_most_neighbors_are_found_and_the_same_ones_again(approximate, rng):
    X = rng.normal(size=(2_000, 5)).astype(np.float32)
    n_threads = torch.get_num_threads() + 1
    torch.set_num_threads(n_threads)
    graph = approximate_graph(X, 15)
    assert torch.get_num_threads() == n_threads  # numba sets its own number
    again = approximate_graph(X, 15)
    np.testing.assert_array_equal(graph.indptr, again.indptr)
    np.testing.assert_array_equal(graph.indices, again.indices)
    assert not graph.diagonal().any()
    assert np.diff(graph.indptr).max() == 15
    expected = kneighbors_graph(X, 15)
    assert graph.astype(bool).multiply(expected).sum() > 0.95 * expected.nnz


def test_duplicates_are_found(approximate, rng):
    X = np.repeat(rng.normal(size=(50, 3)), 30, axis=0).astype(np.float32)
    graph = approximate_graph(X, 5)
    assert not graph.diagonal().any()
    assert np.diff(graph.indptr).max() == 5
    sources = np.repeat(np.arange(len(X)), np.diff(graph.indptr))
    assert np.mean(sources // 30 == graph.indices // 30) > 0.95
    assert graph.nnz > 0.95 * 5 * len(X)


def test_sparse_samples_are_searched_by_another_metric(digits, monkeypatch):
    monkeypatch.setattr(limits, "EXACT_NEIGHBOR_SAMPLES", 100)
    X = csr_array(digits[0][:400])
    model = StableAutoencoder(
        metric="cosine", neighbor_weight=1.0, n_init=2, max_iter=3, random_state=0
    )
    assert np.isfinite(model.fit(X).transform(X)).all()


def test_a_sample_too_many_for_an_exact_search_moves_no_map_far(digits, monkeypatch):
    X = digits[0].astype(np.float32)
    monkeypatch.setattr(limits, "EXACT_NEIGHBOR_SAMPLES", N_SAMPLES - 1)
    far = moved_by_the_last_sample(X[:N_SAMPLES], X[N_SAMPLES:], neighbor_weight=1.0)
    assert far < FAR
