"""Distances by a metric: cosines, chords and samples of one direction."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn.preprocessing import normalize

from stable_embedding.data.metric_distances import ChordDistances, distances_of_metric
from stable_embedding.data.metrics import PairMetric
from stable_embedding.data.scaling import mean_and_scale

pytestmark = pytest.mark.numeric


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


def test_a_sample_of_zeros_has_the_cosine_0():
    X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])
    unit = normalize(X) - normalize(X).mean(axis=0)
    found = chords_of(X).products(torch.arange(4))[0, 1:]
    np.testing.assert_allclose(found, (unit @ unit.T)[0, 1:], atol=1e-6)
