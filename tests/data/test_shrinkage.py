import numpy as np
import pytest
from sklearn.datasets import make_swiss_roll

from stable_embedding import StableAutoencoder
from stable_embedding.data import limits
from stable_embedding.data.pca import principal_axes
from stable_embedding.data.shrinkage import (
    Earlier,
    auto_alpha,
    auto_alpha_of_places,
    carried_alpha,
    predictable_fraction,
    weight_decay,
    weights_of_neighbors,
)
from stable_embedding.data.subset import Subset
from stable_embedding.training.plan import TrainingPlan


def fraction_and_alpha(X, n_components=2):
    samples = X - X.mean(axis=0)
    samples /= np.sqrt(np.square(samples).sum(axis=1).mean())
    axes, _ = principal_axes(samples, n_components)
    return predictable_fraction(samples, axes), auto_alpha(samples, axes, len(samples))


def factors(rng, n_samples, n_features):
    """Linear factors and noise, where PCA is the right model."""
    signal = rng.normal(size=(n_samples, 5)) @ rng.normal(size=(5, n_features))
    return signal + rng.normal(size=(n_samples, n_features))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [(100, 20), (1_000, 20), (1_000, 200)])
def test_noise_and_linear_factors_are_left_to_pca(shape, seed):
    rng = np.random.default_rng(seed)
    for X in (rng.normal(size=shape), factors(rng, *shape)):
        fraction, alpha = fraction_and_alpha(X)
        assert fraction < 0.03
        assert alpha > 10


def test_curved_data_are_left_to_the_network(digits):
    roll, _ = make_swiss_roll(1_000, random_state=0)
    for X in (roll, digits[0]):
        fraction, alpha = fraction_and_alpha(X)
        assert 0.1 < fraction < 1
        assert alpha == pytest.approx((1_000 / len(X)) ** 1.2)


def test_the_fraction_agrees_with_a_slow_loop(rng):
    samples = rng.normal(size=(40, 6)) ** 2
    samples -= samples.mean(axis=0)
    axes, _ = principal_axes(samples, 2)
    scores = samples @ axes.T
    residuals = samples - scores @ axes
    squares, left = np.square(residuals).sum(axis=1), np.zeros(40)
    for i in range(40):
        distances = np.linalg.norm(scores - scores[i], axis=1)
        nearest = np.argsort(distances)[1:10]
        # A thousandth more than the distance of the ninth neighbor.
        parts = 1 - (distances[nearest] / (1.001 * distances[nearest[-1]])) ** 2
        parts /= parts.sum()
        error = residuals[i] - parts @ residuals[nearest]
        left[i] = np.square(error).sum() / (1 + np.square(parts).sum())
    expected = 1 - left.sum() / squares.sum()
    off = [
        squares[i] - left[i] - expected * squares[i] for i in range(40)
    ]  # the standard error of a ratio of sums
    expected -= 0.75 * np.linalg.norm(off) / squares.sum()
    assert predictable_fraction(samples, axes) == pytest.approx(expected)


@pytest.mark.parametrize("distance", [0.0, 0.1, 3.0])
def test_neighbors_at_one_distance_have_equal_weights(distance):
    weights = weights_of_neighbors(np.full((3, 7), distance))
    np.testing.assert_allclose(weights, 1 / 7)


def test_weights_fall_to_about_zero_at_the_last_neighbor(rng):
    weights = weights_of_neighbors(np.sort(rng.uniform(1, 5, size=(50, 11)), axis=1))
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert (np.diff(weights, axis=1) <= 0).all()
    assert (weights[:, -1] > 0).all()
    assert (weights[:, -1] < 0.002 * weights.sum(axis=1)).all()


def test_the_fraction_does_not_jump_when_neighbors_change(rng):
    X = rng.normal(size=(60, 5))
    axes = np.eye(2, 5)
    found = []
    for place in np.linspace(-0.25, 0.25, 501):
        X[0, 0] = place
        found.append(predictable_fraction(X, axes))
    changes = np.abs(np.diff(found))
    assert np.ptp(found) > 0.002
    # Neighbors of equal weights make steps of more than 0.005.
    assert changes.max() < 0.001


def test_fewer_samples_are_shrunk_more(digits):
    X, _ = digits
    alphas = [fraction_and_alpha(X[::step])[1] for step in (1, 3, 10)]
    assert alphas == sorted(alphas)


def test_order_does_not_matter(digits, rng):
    X, _ = digits
    fraction, alpha = fraction_and_alpha(X)
    other = fraction_and_alpha(X[rng.permutation(len(X))])
    assert other == pytest.approx((fraction, alpha), rel=1e-3)


@pytest.mark.parametrize("n_components", [3, 5])
def test_nothing_is_predictable_where_pca_keeps_everything(n_components, rng):
    assert fraction_and_alpha(rng.normal(size=(50, 3)), n_components) == (0, 100)


@pytest.mark.parametrize("X", [np.zeros((5, 2)), np.array([[0.0, 1.0], [2.0, 0.0]])])
def test_the_smallest_data(X):
    axes, _ = principal_axes(X - X.mean(axis=0), 1)
    assert auto_alpha(X - X.mean(axis=0), axes, len(X)) == 100


def test_of_many_samples_a_subset_is_used(digits, monkeypatch):
    monkeypatch.setattr(limits, "SHRINKAGE_SAMPLES", 500)
    fraction, _ = fraction_and_alpha(digits[0])
    assert 0.1 < fraction < 0.3


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_places_that_are_all_alike_leave_a_finite_alpha(size):
    scores = size * np.random.default_rng(0).normal(size=(20, 2))
    alpha = auto_alpha_of_places(np.zeros((20, 2)), scores, np.zeros((20, 20)), 20)
    assert 0 < alpha <= 100


def test_weight_decay_is_given_or_suits_the_data(rng):
    X = rng.normal(size=(500, 4)).astype(np.float32)
    axes = np.eye(2, 4, dtype=np.float32)
    subset = Subset(np.arange(500), X, np.arange(500), None)

    def found(earlier=None, **parameters):
        plan = TrainingPlan.from_estimator(StableAutoencoder(**parameters))
        return weight_decay(plan, subset, axes, 500, 500, earlier)

    assert found(alpha=0.25) == 0.25
    assert found(init="random") == 0
    assert found() == auto_alpha(X, axes, 500)
    before = Earlier(0.5, 500)
    assert found(before, alpha=0.25) == 0.25
    assert found(before) == pytest.approx((0.5 * found()) ** 0.5)


def test_the_weight_decay_of_a_chunk_counts_by_its_samples():
    # As much doubt, so less decay for more samples.
    first, both = auto_alpha_of(1_000), auto_alpha_of(2_000)
    earlier = Earlier(first, 1_000)
    assert carried_alpha(both, earlier, 1_000, 2_000) == pytest.approx(both)
    few = carried_alpha(100.0, earlier, 10, 1_010)
    assert first * 0.98 < few < first * 1.1
    many = carried_alpha(100.0, Earlier(first, 10), 9_990, 10_000)
    assert 95 < many < 100
    half = carried_alpha(100.0, earlier, 1_000, 2_000)
    assert half == pytest.approx((100 * both) ** 0.5)


def test_the_weight_decay_of_a_retraining_lies_halfway_for_as_many_samples():
    assert carried_alpha(4.0, Earlier(100.0, 500), 500, 500) == pytest.approx(20)
    # Of ten times as many samples, it is nearly their own.
    by_themselves = auto_alpha_of(5_000)
    carried = carried_alpha(by_themselves, Earlier(100.0, 500), 5_000, 5_000)
    assert by_themselves < carried < 1.5 * by_themselves
    # Of fewer, that of the earlier training increases to the largest alone.
    assert carried_alpha(100.0, Earlier(100.0, 500), 50, 50) == pytest.approx(100)


@pytest.mark.parametrize("before", [None, 0.0])
def test_without_an_earlier_weight_decay_that_of_the_data_counts(before):
    assert carried_alpha(3.0, Earlier(before, 100), 100, 200) == 3


def auto_alpha_of(n_samples):
    return (1_000 / n_samples) ** 1.2


@pytest.mark.parametrize("seed", range(3))
def test_samples_of_nearly_no_weight_predict_nothing(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(300, 3)) * [1, 1, 0.3]
    X[:, 2] += X[:, 0] ** 2 - 1
    X[270:, 2] = 50 * rng.normal(size=30)
    weights = np.where(np.arange(300) < 270, 1.0, 1e-9)
    axes = np.eye(3)[:2]
    found = predictable_fraction(X, axes, weights / weights.mean())
    # Other samples have light ones among their eight neighbors.
    assert found == pytest.approx(predictable_fraction(X[:270], axes), abs=0.1)
    assert found > 0.5
