import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.decomposition import PCA

from stable_embedding import StableAutoencoder
from stable_embedding.data.metrics import PairMetric
from stable_embedding.data.pca import flip_signs, principal_axes
from stable_embedding.data.sample_weights import (
    check_weights,
    normalized,
    weighted_percentile,
)
from stable_embedding.data.scaling import mean_and_scale
from stable_embedding.data.shrinkage import auto_alpha, predictable_fraction
from stable_embedding.networks.frame import axis_map_onto, rigid_map_onto


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 1], r"sample_weight has shape \(2,\).*\(3,\)"),
        ([[1], [1], [1]], r"sample_weight has shape \(3, 1\)"),
        ([1, -1, 1], "sample_weight holds -1.0"),
        ([1, np.nan, 1], "sample_weight contains NaN"),
        ([1, np.inf, 1], "sample_weight contains infinity"),
        ([0, 0, 0], "sample_weight is zero for all but 0 of 3"),
        ([0, 3, 0], "sample_weight is zero for all but 1 of 3.*2 or more"),
        ([1e308, 1e308, 1e308], "sample_weight has an infinite sum"),
        (["a", "b", "c"], "could not convert string"),
    ],
)
def test_bad_weights_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        check_weights(weights, 3)


@pytest.mark.parametrize("kind", [list, np.array, pd.Series, tuple])
def test_weights_may_be_of_any_kind(kind):
    np.testing.assert_array_equal(check_weights(kind([1, 0, 2]), 3), [1, 0, 2])
    np.testing.assert_array_equal(check_weights(2, 3), [2, 2, 2])
    assert check_weights(None, 3) is None


def test_equal_weights_are_none():
    assert normalized(np.full(7, 0.1)) == (None, 0.1)
    weights, mean = normalized(np.array([1.0, 3.0]))
    assert weights.tolist() == [0.5, 1.5]
    assert mean == 2


@pytest.mark.numeric
@pytest.mark.parametrize("percent", [0, 3, 10, 50, 99, 100])
def test_percentiles_are_those_of_repeated_values(percent, rng):
    values, weights = rng.normal(size=30), rng.integers(0, 4, size=30)
    expected = np.percentile(values.repeat(weights), percent)
    found = weighted_percentile(values, percent, weights.astype(float))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert weighted_percentile(values, percent) == np.percentile(values, percent)


@pytest.fixture
def weights(rng):
    return rng.integers(0, 4, size=200).astype(float)


@pytest.mark.numeric
@pytest.mark.parametrize("n_features", [6, 150, 1_100])
@pytest.mark.parametrize("container", [np.asarray, csr_array])
def test_axes_are_those_of_repeated_samples(n_features, container, weights, rng):
    X = rng.normal(size=(200, n_features)) * np.r_[9, 5, 3, np.ones(n_features - 3)]
    if container is np.asarray:
        X -= np.average(X, axis=0, weights=weights)
    axes, ratios = principal_axes(container(X), 3, weights)
    pca = PCA(3, svd_solver="full").fit(X.repeat(weights.astype(int), axis=0))
    np.testing.assert_allclose(np.abs(np.sum(axes * pca.components_, 1)), 1, rtol=1e-5)
    np.testing.assert_allclose(ratios, pca.explained_variance_ratio_, rtol=1e-5)


@pytest.mark.numeric
def test_more_axes_than_samples_have_weight(rng):
    X = rng.normal(size=(5, 1_100))
    weights = np.array([1.0, 2.0, 0.0, 1.0, 1.0])
    axes, ratios = principal_axes(X - np.average(X, 0, weights), 8, weights)
    assert np.isfinite(axes).all()
    np.testing.assert_allclose(ratios.sum(), 1)


@pytest.mark.numeric
def test_reductions_are_those_of_repeated_samples(weights, rng):
    X, target = rng.normal(size=(200, 4)), rng.normal(size=(200, 4))
    count, normal = weights.astype(int), weights / weights.mean()
    index = np.arange(200).repeat(count)
    mean, scale = mean_and_scale(X, np.arange(200), normal)
    expected = mean_and_scale(X[index])
    np.testing.assert_allclose(mean, expected[0], atol=1e-12)
    np.testing.assert_allclose(scale, expected[1])
    for find in (rigid_map_onto, axis_map_onto):
        found, repeated = (
            find(X, target, weights=weights),
            find(X[index], target[index]),
        )
        np.testing.assert_allclose(found.rotation, repeated.rotation, atol=1e-10)
        np.testing.assert_allclose(found.shift, repeated.shift, atol=1e-10)
    skewed = np.exp(X)
    axes = np.eye(4)
    np.testing.assert_array_equal(
        flip_signs(axes, skewed, weights), flip_signs(axes, skewed[index])
    )


@pytest.mark.numeric
def test_a_sample_of_weight_0_decides_on_no_rule(rng):
    X = rng.normal(size=(200, 3))
    X[:, 2] = X[:, 0] ** 2
    X -= X.mean(axis=0)
    axes = np.eye(3)[:1]
    ones = np.ones(200)
    for rule in (predictable_fraction, lambda *a: auto_alpha(*a[:2], 200, *a[2:])):
        np.testing.assert_allclose(rule(X, axes, ones), rule(X, axes))
    # Far away, where it is nobody's neighbor.
    odd, without = X.copy(), ones.copy()
    odd[0], without[0] = [1_000, 50, 50], 0
    expected = predictable_fraction(X[1:], axes)
    np.testing.assert_allclose(predictable_fraction(odd, axes, without), expected)
    assert predictable_fraction(odd, axes) < expected - 0.1


@pytest.mark.numeric
@pytest.mark.parametrize(("name", "of"), [("seuclidean", "V"), ("mahalanobis", "VI")])
def test_metrics_are_those_of_weighted_samples(name, of, rng):
    X, weights = rng.normal(size=(50, 3)), np.ones(50)
    expected = PairMetric(name, X=X).parameters[of]
    found = PairMetric(name, X=X, weights=weights).parameters[of]
    np.testing.assert_allclose(found, expected)
    weights[0] = 0
    X[0] = 100
    found = PairMetric(name, X=X, weights=weights).parameters[of]
    np.testing.assert_allclose(found, PairMetric(name, X=X[1:]).parameters[of])


def test_small_weights_are_no_fractions_of_one_sample(rng):
    values = rng.normal(size=100)
    found = weighted_percentile(values, 10, np.full(100, 0.01))
    assert found == pytest.approx(np.percentile(values, 10))


def test_weights_that_add_up_to_one_sample_are_warned_of(iris):
    X, weights = iris[0], np.full(150, 1 / 150)
    model = StableAutoencoder(n_init=1, max_iter=1)
    with pytest.warns(UserWarning, match="adds up to 1, so the") as caught:
        model.fit(X, sample_weight=weights)
    assert caught[0].filename == __file__
    model.fit(X, sample_weight=weights / weights.mean())
