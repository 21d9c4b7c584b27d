"""Metrics by their names, and what they refuse."""

import re

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.metrics import pairwise_distances

from stable_embedding.data import limits
from stable_embedding.data.input_distances import MatrixDistances, held_if_few
from stable_embedding.data.metric_distances import (
    ChordDistances,
    CosineDistances,
    TorchDistances,
    distances_of_metric,
)
from stable_embedding.data.metrics import BOOLEAN, METRICS, PairMetric, check_metric
from stable_embedding.data.scaling import mean_and_scale

# Of sums of a few dozen float32 values, and of their differences.
FLOAT32 = 1e-5

PARAMETERS = {"minkowski": {"p": 3}}


def samples_for(metric, rng, n_samples=40):
    """Samples that a metric is for; two are alike, and one is all zeros."""
    X = rng.normal(size=(n_samples, 6)) + 0.5
    if metric in BOOLEAN | {"hamming"}:
        X = (X > 0.5).astype(float)
        X[0, 0] = 1
    X[3] = X[4]
    X[7] = 0
    return X


def expected(X, metric):
    X = X != 0 if metric in BOOLEAN else X
    with np.errstate(invalid="ignore"):
        found = pairwise_distances(X, metric=metric, **PARAMETERS.get(metric, {}))
    # Of samples without entries it is 0 / 0.
    found[np.isnan(found)] = 1.0 if metric == "correlation" else 0.0
    return found * (1 - np.eye(len(X)))


def distances_of(X, metric, order=None):
    check_metric(metric, PARAMETERS.get(metric), X)
    pairs = PairMetric(metric, PARAMETERS.get(metric), X)
    return distances_of_metric(X, pairs, order, *mean_and_scale(X))


@pytest.mark.numeric
@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize("kind", [np.asarray, csr_array])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_values_are_those_of_scikit_learn(metric, kind, offset, rng):
    X = samples_for(metric, rng)
    if metric not in BOOLEAN | {"hamming"}:
        X = X + offset
    order = rng.permutation(len(X))
    wanted = expected(X, metric)[np.ix_(order, order)]
    distances = distances_of(kind(X), metric, order)
    index = rng.integers(len(X), size=(2, 3, 9))
    found = distances.among(torch.from_numpy(index))
    assert found.dtype == torch.float32
    atol = FLOAT32 * wanted.max()
    for at in np.ndindex(2, 3):
        block = wanted[np.ix_(index[at], index[at])]
        np.testing.assert_allclose(found[at], block, atol=atol, rtol=FLOAT32)
    first, second = np.arange(7), np.arange(3, 12)
    np.testing.assert_allclose(
        distances.between(first, second), wanted[:7, 3:12], atol=atol, rtol=FLOAT32
    )


@pytest.mark.numeric
@pytest.mark.parametrize("metric", ["cosine", "correlation"])
@pytest.mark.parametrize("kind", [np.asarray, csr_array])
@pytest.mark.parametrize("unit", [1e-30, 1e-16, 1e16])
def test_lengths_of_samples_do_not_count_in_directions(metric, kind, unit, rng):
    X, index = samples_for(metric, rng), torch.arange(40)
    found, expected = (distances_of(kind(samples), metric) for samples in (unit * X, X))
    np.testing.assert_allclose(found.among(index), expected.among(index), atol=FLOAT32)
    chords, of_ones = ChordDistances(found), ChordDistances(expected)
    np.testing.assert_allclose(
        chords.products(index), of_ones.products(index), atol=FLOAT32
    )
    between = PairMetric(metric).between
    np.testing.assert_allclose(between(kind(unit * X)), between(kind(X)), atol=1e-12)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_what_is_computed_by_batches_is_what_is_held(metric, rng, monkeypatch):
    X = samples_for(metric, rng)
    monkeypatch.setattr(limits, "ALL_PAIRS_SAMPLES", 10)
    monkeypatch.setattr(limits, "IN_MEMORY_BYTES", 1)
    distances = distances_of(X, metric)
    assert not isinstance(distances, MatrixDistances)
    monkeypatch.setattr(limits, "ALL_PAIRS_SAMPLES", 1_000)
    held = held_if_few(distances)
    assert isinstance(held, MatrixDistances)
    index = torch.arange(30).reshape(2, 15)
    torch.testing.assert_close(
        distances.among(index), held.among(index), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_a_sample_is_never_apart_from_itself(metric, kind, rng, monkeypatch):
    X = samples_for(metric, rng)
    distances = distances_of(kind(X), metric)
    first, second = np.arange(10), np.arange(5, 15)
    assert not distances.between(first, second)[first[:, None] == second].any()
    whole = held_if_few(distances_of(kind(X), metric)).matrix
    monkeypatch.setattr(limits, "PAIRS_AT_ONCE", 7 * len(X))
    parts = held_if_few(distances_of(kind(X), metric)).matrix
    np.testing.assert_allclose(parts, whole, atol=FLOAT32 * whole.max())


@pytest.mark.numeric
def test_large_codes_that_differ_little_are_told_apart(rng):
    X = rng.integers(0, 50, size=(40, 3)) + np.array([1e9, 0, 0])
    X[:4, 1] = -999999999.0  # far from the others, as their mean then is
    X[0, 2], X[1, 2] = 0.0, -0.0
    found = distances_of(X, "hamming").among(torch.arange(40))
    np.testing.assert_allclose(found, expected(X, "hamming"), rtol=FLOAT32)


def test_common_metrics_are_computed_by_torch(rng):
    X = samples_for("jaccard", rng)
    for metric in ("manhattan", "chebyshev", "cosine", "correlation", "hamming"):
        assert isinstance(distances_of(X, metric), TorchDistances)
    assert isinstance(distances_of(X, "jaccard"), TorchDistances)
    assert isinstance(distances_of(csr_array(X), "cosine"), CosineDistances)


def test_a_callable_is_called_as_scikit_learn_calls_it(rng):
    X = rng.normal(size=(12, 3))

    def farthest(first, second, power=1):
        return np.abs(first - second).max() ** power

    pairs = PairMetric(farthest, {"power": 2})
    wanted = pairwise_distances(X, metric="chebyshev") ** 2
    np.testing.assert_allclose(pairs.between(X), wanted)
    np.testing.assert_allclose(pairs.between(X[:2], X[3:]), wanted[:2, 3:])
    check_metric(farthest, {"power": 2}, X)


@pytest.mark.parametrize("metric", sorted(BOOLEAN))
@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_metrics_of_booleans_refuse_numbers(metric, kind):
    X = np.array([[0.0, 1.0], [1.0, 0.3]])
    with pytest.raises(ValueError, match=rf"metric='{metric}'.*X holds 0\.3"):
        check_metric(metric, None, kind(X))


@pytest.mark.parametrize("metric", ["cosine", "manhattan", "minkowski"])
def test_parameters_that_a_metric_does_not_have_are_named(metric, rng):
    with pytest.raises((ValueError, TypeError), match="metric_params={'q': 2}"):
        check_metric(metric, {"q": 2}, rng.normal(size=(3, 2)))


@pytest.mark.parametrize(
    ("metric", "parameters", "message"),
    [
        ("mahalanobis", {"VI": np.eye(4)}, r"VI has shape (4, 4), but X has 3 feat"),
        ("mahalanobis", {"VI": np.ones(3)}, r"VI has shape (3,), but X has 3 feat"),
        ("minkowski", {"p": -1}, "p=-1 must be more than 0"),
        ("minkowski", {"p": np.nan}, "p=nan must be more than 0"),
    ],
)
def test_parameters_that_scipy_does_not_check_are_checked(
    metric, parameters, message, rng
):
    with pytest.raises(ValueError, match=re.escape(message)):
        check_metric(metric, parameters, rng.normal(size=(5, 3)))


@pytest.mark.parametrize("metric", ["euclidean", "geodesic"])
def test_metrics_without_parameters_take_none(metric, rng):
    with pytest.raises(ValueError, match=r"metric_params=.* must be None"):
        check_metric(metric, {"p": 2}, rng.normal(size=(3, 2)))


def test_a_metric_must_be_symmetric(rng):
    with pytest.raises(ValueError, match="must be symmetric"):
        check_metric(lambda a, b: abs(a[0] - 2 * b[0]), None, rng.normal(size=(3, 2)))


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_a_metric_must_be_a_number_of_0_or_more(value, rng):
    pairs = PairMetric(lambda a, b: value)
    with pytest.raises(ValueError, match=r"metric=.*finite numbers of 0 or more"):
        pairs.between(rng.normal(size=(3, 2)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, None])
def test_a_metric_must_return_distances(value, rng):
    with pytest.raises(ValueError, match="must be finite numbers of 0 or more"):
        check_metric(lambda a, b: value, None, rng.normal(size=(5, 3)))
