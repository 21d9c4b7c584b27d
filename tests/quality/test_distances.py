import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist, pdist
from sklearn.preprocessing import StandardScaler

from stable_embedding import StableAutoencoder
from stable_embedding.quality import (
    distance_correlation,
    lipschitz_estimate,
    normalized_stress,
)


def test_stress_is_the_least_over_scales(pair):
    X, Z = pair
    scales = np.linspace(0.5, 3, 2_501)[:, None]
    errors = np.square(pdist(X) - scales * pdist(Z)).sum(axis=1)
    expected = np.sqrt(errors.min() / np.square(pdist(X)).sum())
    assert normalized_stress(X, Z) == pytest.approx(expected, rel=1e-6)


def test_a_collapsed_embedding_keeps_nothing(pair):
    X, _ = pair
    collapsed = np.ones((60, 2))
    assert normalized_stress(X, collapsed) == pytest.approx(1)
    assert np.isnan(distance_correlation(X, collapsed))
    assert np.isnan(distance_correlation(X, collapsed, method="spearman"))
    with pytest.raises(ValueError, match="all distances in X are zero"):
        normalized_stress(collapsed, X)


@pytest.mark.parametrize("method", ["pearson", "spearman"])
@pytest.mark.parametrize("n_samples", [3, 6, 300])
def test_distances_that_are_equal_up_to_rounding_have_no_order(method, n_samples, rng):
    one_hot, codes = np.eye(n_samples), rng.normal(size=(n_samples, 2))
    turned = one_hot @ np.linalg.qr(rng.normal(size=one_hot.shape))[0]
    for equal in (one_hot, turned, StandardScaler().fit_transform(one_hot)):
        for scale in (1e-9, 1e9):
            assert np.isnan(distance_correlation(scale * equal, codes, method=method))
            assert np.isnan(distance_correlation(codes, scale * equal, method=method))
    # A difference that is larger than rounding counts.
    stretched = turned * np.linspace(1, 1 + 1e-9, n_samples)[:, None]
    assert distance_correlation(stretched, stretched) == pytest.approx(1)


def test_only_known_correlations(pair):
    with pytest.raises(ValueError, match=r"method='kendall'.*'pearson', 'spearman'"):
        distance_correlation(*pair, method="kendall")
    with pytest.raises(ValueError, match=r"method=\['pearson'\] must be one of"):
        distance_correlation(*pair, method=["pearson"])


def test_spearman_sees_the_order_of_distances_alone():
    line = np.arange(10.0)[:, None]
    stretched = np.cbrt(np.arange(10.0) ** 2)[:, None]
    assert distance_correlation(line, line, method="spearman") == pytest.approx(1)
    assert distance_correlation(line, stretched, method="spearman") < 1
    three = [[0], [1], [3]], [[0], [1], [9]]
    assert distance_correlation(*three) < 0.99
    assert distance_correlation(*three, method="spearman") == pytest.approx(1)


def test_the_slope_is_the_same_in_any_unit_and_frame(rng):
    X, new = rng.normal(size=(80, 3)), rng.normal(size=(20, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    for quantile in (0.5, 1.0):
        found = lipschitz_estimate(
            X, 5 * X @ turn + 1, new, 5 * new @ turn + 1, quantile
        )
        assert found == pytest.approx(1)


def test_the_slope_is_that_of_the_nearest_sample(rng):
    X = np.array([[0.0], [10.0], [20.0]])
    new = np.array([[1.0], [18.0]])
    found = lipschitz_estimate(X, X, new, [[4.0], [18.0]], quantile=1)
    assert found == pytest.approx(4)
    assert lipschitz_estimate(X, X, X, X) == 0
    with pytest.raises(ValueError, match="nothing to compare"):
        lipschitz_estimate(X, 0 * X, new, new)


@pytest.mark.slow
def test_unseen_samples_stay_nearer_to_their_neighbors_than_in_a_plain_one(
    digits,
):
    plain = {"init": "random", "similarity_weight": 0}
    slopes = np.zeros(2)
    for seed in range(3):
        samples = np.random.default_rng(seed).permutation(digits[0])
        X, new = samples[:1_200], samples[1_200:]
        for at, kwargs in enumerate(({}, plain)):
            model = StableAutoencoder(2, n_init=1, random_state=seed, **kwargs).fit(X)
            codes = model.transform(X), model.transform(new)
            slopes[at] += lipschitz_estimate(X, codes[0], new, codes[1])
    assert slopes[0] < 0.9 * slopes[1]


def test_slopes_are_those_of_the_metric(rng):
    X = rng.normal(size=(40, 3)) + 3
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    euclidean = lipschitz_estimate(unit[:30], unit[:30], unit[30:], unit[30:])

    def chord(first, second):
        first, second = first / np.linalg.norm(first), second / np.linalg.norm(second)
        return np.linalg.norm(first - second)

    found = lipschitz_estimate(X[:30], unit[:30], X[30:], unit[30:], metric=chord)
    assert euclidean == pytest.approx(1)
    assert found == pytest.approx(1)
    for metric in ("minkowski", "cityblock", "chebyshev"):  # of one feature, Euclidean
        line = X[:, :1]
        found = lipschitz_estimate(
            line[:5], 2 * line[:5], line[5:], 2 * line[5:], metric=metric
        )
        assert found == pytest.approx(1)
    D = cdist(X[:3], X[:3])
    with pytest.raises(ValueError, match="metric='precomputed' cannot measure"):
        lipschitz_estimate(D, X[:3], D, X[:3], metric="precomputed")


@pytest.mark.parametrize("container", [np.array, csr_array])
def test_new_samples_suit_the_metric(container, rng):
    X, Z = rng.integers(2, size=(20, 5)), rng.normal(size=(20, 2))
    assert np.isfinite(lipschitz_estimate(X, Z, X[:9], Z[1:10], metric="jaccard"))
    with pytest.raises(ValueError, match="0 or 1, but X_new holds 7.5; pass X_new > 0"):
        lipschitz_estimate(X, Z, container(X * 7.5), Z, metric="jaccard")
    # One sample has no variance of its own, and needs none.
    assert lipschitz_estimate(X, Z, X[:1], Z[:1], metric="seuclidean") == 0
