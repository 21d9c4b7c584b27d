"""Coordinates from distances."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from stable_embedding import StableAutoencoder
from stable_embedding.data.classical_scaling import (
    classical_scaling,
    leading_eigenvectors,
    place_by_landmarks,
)
from stable_embedding.data.input_distances import MatrixDistances

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize("n_landmarks", [5, 12, 40])
def test_euclidean_distances_are_kept_exactly(n_landmarks, rng):
    points = rng.normal(size=(40, 3))
    D = cdist(points, points)
    landmarks = rng.permutation(40)[:n_landmarks]
    scaling = classical_scaling(D[np.ix_(landmarks, landmarks)], 3)
    found = place_by_landmarks(MatrixDistances(D), landmarks, scaling)
    np.testing.assert_allclose(cdist(found, found), D, atol=1e-9)


def test_coordinates_are_principal_components(rng):
    points = rng.normal(size=(30, 3)) * [4, 2, 1]
    D = cdist(points, points)
    found = classical_scaling(D, 2)(D)
    _, variances, axes = np.linalg.svd(points - points.mean(axis=0))
    scores = (points - points.mean(axis=0)) @ axes[:2].T
    np.testing.assert_allclose(np.abs(found), np.abs(scores), atol=1e-9)
    np.testing.assert_allclose((found**2).sum(axis=0), variances[:2] ** 2)


def test_coordinates_beyond_the_dimension_are_zero(rng):
    points = rng.normal(size=(6, 1))
    D = cdist(points, points)
    found = classical_scaling(D, 8)(D)
    assert found.shape == (6, 8)
    np.testing.assert_array_equal(found[:, 1:], 0)
    np.testing.assert_allclose(cdist(found, found), D, atol=1e-9)
    np.testing.assert_array_equal(classical_scaling(np.zeros((4, 4)), 2)(D[:, :4]), 0)


def test_a_weight_counts_as_so_many_landmarks(rng):
    D = cdist(*[rng.normal(size=(12, 4)) * [4, 3, 2, 1]] * 2, metric="cityblock")
    weights = rng.integers(1, 4, size=12)
    copies = np.arange(12).repeat(weights)
    of_copies = classical_scaling(D[copies][:, copies], 3)
    weighted = classical_scaling(D, 3, weights=weights / weights.mean())
    expected, found = of_copies(D[:, copies]), weighted(D)
    signs = np.sign((expected * found).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, atol=1e-9)


def test_as_many_coordinates_are_taken_as_are_known(rng):
    points = rng.normal(size=(50, 4))
    D = cdist(points, points)
    assert classical_scaling(D, 1, at_most=20).axes.shape[0] >= 4
    noisy = D + rng.normal(size=D.shape).clip(-0.1, 0.1)
    noisy = np.abs(noisy + noisy.T) / 2 * (1 - np.eye(50))
    assert 4 <= classical_scaling(noisy, 1, at_most=40).axes.shape[0] < 25
    assert classical_scaling(D, 1, at_most=2).axes.shape[0] == 2


def test_equal_eigenvalues_are_found():
    n = 60
    gram = 0.5 * (np.eye(n) - 1 / n)
    values, vectors = leading_eigenvectors(gram, 2)
    np.testing.assert_allclose(values, 0.5, rtol=1e-12)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(2), atol=1e-12)


@pytest.mark.parametrize(
    "parameters",
    [{"similarity": "cosine"}, {"metric": "cosine"}, {"metric": "manhattan"}],
)
@pytest.mark.parametrize("n_samples", [10, 60])
def test_samples_that_are_all_equally_far_are_embedded(parameters, n_samples):
    model = StableAutoencoder(max_iter=2, n_init=1, random_state=0, **parameters)
    assert np.isfinite(model.fit_transform(np.eye(n_samples))).all()
