"""Distances by positions: of matrices, callables and coordinates, and neighbors."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist

from stable_embedding.data import limits
from stable_embedding.data.input_distances import (
    CallableDistances,
    CoordinateDistances,
    MatrixDistances,
    SparseMatrixDistances,
    held_if_few,
    nearest,
)

pytestmark = pytest.mark.numeric


@pytest.fixture
def D(rng):
    points = rng.normal(size=(25, 3))
    return cdist(points, points)


def sources(D, order):
    yield MatrixDistances(D, order)
    yield MatrixDistances(D[np.ix_(order, order)].astype(np.float32))
    yield CallableDistances(lambda i, j: D[np.ix_(i, j)], len(D), order)
    yield held_if_few(MatrixDistances(D, order))
    yield SparseMatrixDistances(csr_array(D), order)


def test_positions_are_those_of_the_order(D, rng):
    order = rng.permutation(len(D))
    wanted = D[np.ix_(order, order)]
    index = torch.from_numpy(rng.integers(len(D), size=(2, 7)))
    for distances in sources(D, order):
        first, second = np.array([3, 1]), np.array([0, 9, 1])
        np.testing.assert_allclose(
            distances.between(first, second), wanted[np.ix_(first, second)], rtol=1e-6
        )
        found = distances.among(index)
        for batch, at in zip(found, index):
            np.testing.assert_allclose(batch, wanted[np.ix_(at, at)], rtol=1e-6)


def test_coordinates_stand_for_distances(rng):
    points = rng.normal(size=(10, 2))
    distances = CoordinateDistances(points)
    wanted = cdist(points, points)
    everyone = np.arange(10)
    np.testing.assert_allclose(distances.between(everyone, everyone), wanted)
    found = distances.among(torch.arange(10))
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_entries_that_are_not_stored_are_unknown():
    matrix = csr_array(([2.0, 2.0, 0.0, 0.0], ([0, 1, 1, 2], [1, 0, 2, 1])), (3, 3))
    distances = SparseMatrixDistances(matrix)
    assert distances.has_unknown
    wanted = [[0, 2, np.nan], [2, 0, 0], [np.nan, 0, 0]]
    np.testing.assert_array_equal(distances.between(*[np.arange(3)] * 2), wanted)
    np.testing.assert_array_equal(distances.among(torch.arange(3)), wanted)


def test_a_callable_returns_a_distance_for_each_pair(D):
    with pytest.raises(ValueError, match=r"returned shape \(2,\) for 2 and 3"):
        CallableDistances(lambda i, j: D[0, i], 25).between(np.arange(2), np.arange(3))
    with pytest.raises(ValueError, match="finite numbers of 0 or more"):
        CallableDistances(lambda i, j: -D[np.ix_(i, j)], 25).between(
            np.arange(2), np.arange(3)
        )


@pytest.mark.parametrize("at_once", [1, 40, 10_000])
def test_the_nearest_come_first(D, at_once, monkeypatch):
    monkeypatch.setattr(limits, "PAIRS_AT_ONCE", at_once)
    counts, positions = nearest(MatrixDistances(D), 4, slice(5, 20))
    part = D[5:20, 5:20] + np.diag(np.full(15, np.inf))
    wanted = 5 + part.argsort(axis=1)[:, :4]
    np.testing.assert_array_equal(counts, 4)
    np.testing.assert_array_equal(positions.reshape(15, 4), wanted)


@pytest.mark.parametrize("n_neighbors", [1, 4, 9])
def test_of_samples_at_equal_distances_the_first_are_nearest(n_neighbors, rng):
    D = rng.integers(1, 4, size=(60, 60)).astype(float)
    D = np.minimum(D, D.T)
    _, positions = nearest(MatrixDistances(D), n_neighbors, slice(0, 60))
    np.fill_diagonal(D, np.inf)
    wanted = D.argsort(axis=1, kind="stable")[:, :n_neighbors]
    np.testing.assert_array_equal(positions.reshape(60, n_neighbors), wanted)


def test_unknown_pairs_are_no_neighbors():
    chain = csr_array(([1.0] * 4, ([0, 1, 1, 2], [1, 0, 2, 1])), (4, 4))
    counts, positions = nearest(SparseMatrixDistances(chain), 2, slice(0, 4))
    np.testing.assert_array_equal(counts, [1, 2, 1, 0])
    np.testing.assert_array_equal(positions, [1, 0, 2, 1])


def test_few_samples_have_all_others_as_neighbors(D):
    counts, _ = nearest(MatrixDistances(D[:3, :3]), 15, slice(0, 3))
    np.testing.assert_array_equal(counts, 2)


@pytest.mark.parametrize("size", [1e-25, 1e-12, 1.0])
def test_stored_distances_keep_their_digits(size):
    stored = csr_array(([size, size, 0, 0], ([0, 1, 1, 2], [1, 0, 2, 1])), (3, 3))
    everyone = np.arange(3)
    found = SparseMatrixDistances(stored).between(everyone, everyone)
    np.testing.assert_array_equal(
        found, [[0, size, np.nan], [size, 0, 0], [np.nan, 0, 0]]
    )
