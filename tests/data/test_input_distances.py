"""Distances by positions: of matrices, callables and coordinates, and neighbors."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn.preprocessing import normalize

from stable_embedding.data import limits
from stable_embedding.data.input_distances import (
    CallableDistances,
    ChordDistances,
    CoordinateDistances,
    MatrixDistances,
    SparseMatrixDistances,
    distances_of_metric,
    held_if_few,
    nearest,
)
from stable_embedding.data.metrics import PairMetric
from stable_embedding.data.scaling import mean_and_scale

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


def test_unknown_pairs_are_no_neighbors():
    chain = csr_array(([1.0] * 4, ([0, 1, 1, 2], [1, 0, 2, 1])), (4, 4))
    counts, positions = nearest(SparseMatrixDistances(chain), 2, slice(0, 4))
    np.testing.assert_array_equal(counts, [1, 2, 1, 0])
    np.testing.assert_array_equal(positions, [1, 0, 2, 1])


def test_few_samples_have_all_others_as_neighbors(D):
    counts, _ = nearest(MatrixDistances(D[:3, :3]), 15, slice(0, 3))
    np.testing.assert_array_equal(counts, 2)


def chords_of(X, weights=None):
    distances = distances_of_metric(X, PairMetric("cosine"), None, *mean_and_scale(X))
    return ChordDistances(distances, weights)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_chords_are_those_of_samples_of_unit_length(kind, is_weighted, offset, rng):
    X = rng.normal(size=(20, 4)) + offset
    weights = rng.integers(3, size=20).astype(float) if is_weighted else None
    chords, unit = chords_of(kind(X), weights), normalize(X)
    wanted, first, second = cdist(unit, unit), np.array([3, 1]), np.array([0, 9, 1])
    atol = 1e-5 * wanted.max()
    np.testing.assert_allclose(
        chords.between(first, second), wanted[np.ix_(first, second)], atol=atol
    )
    unit = unit - np.average(unit, axis=0, weights=weights)
    index = torch.from_numpy(rng.permutation(20)).reshape(2, 10)
    between, products = ~np.eye(10, dtype=bool), chords.products(index)
    for batch, found, at in zip(chords.among(index), products, index):
        expected = unit[at] @ unit[at].T
        # Of float32; offsets leave nearly one direction, and must not enlarge it.
        np.testing.assert_allclose(batch, wanted[np.ix_(at, at)], atol=100 * atol)
        np.testing.assert_allclose(
            found[between], expected[between], atol=1e-4 * np.abs(expected).max()
        )


def test_chords_of_one_direction_are_0_without_rounding():
    X = np.arange(1.0, 9)[:, None] * np.array([[0.1, 0.7]])
    everyone = np.arange(8)
    assert not chords_of(X).between(everyone, everyone).any()


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_centered_cosines_of_one_direction_are_0_without_rounding(kind):
    X = np.outer(np.arange(1, 51), [0.3, 1.7, -2.9])
    index = torch.arange(50)
    assert not chords_of(kind(X)).products(index).any()
    assert not chords_of(kind(X)).among(index).any()


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
@pytest.mark.parametrize("name", ["cosine", "correlation"])
@pytest.mark.parametrize("parameters", [None, {"n_jobs": 1}])
def test_samples_of_one_direction_have_the_distance_0(kind, name, parameters):
    X = np.outer(np.arange(1, 51), [0.3, 1.7, -2.9])
    metric, index = PairMetric(name, parameters), np.arange(50)
    mean = X.mean(axis=0)
    found = distances_of_metric(kind(X), metric, index, mean, 1.0)
    assert not found.between(index, index).any()
    assert not found.among(torch.from_numpy(index)).any()


@pytest.mark.parametrize("size", [1e-25, 1e-12, 1.0])
def test_stored_distances_keep_their_digits(size):
    stored = csr_array(([size, size, 0, 0], ([0, 1, 1, 2], [1, 0, 2, 1])), (3, 3))
    everyone = np.arange(3)
    found = SparseMatrixDistances(stored).between(everyone, everyone)
    np.testing.assert_array_equal(
        found, [[0, size, np.nan], [size, 0, 0], [np.nan, 0, 0]]
    )


def test_a_sample_of_zeros_has_the_cosine_0():
    X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])
    unit = normalize(X) - normalize(X).mean(axis=0)
    found = chords_of(X).products(torch.arange(4))[0, 1:]
    np.testing.assert_allclose(found, (unit @ unit.T)[0, 1:], atol=1e-6)
