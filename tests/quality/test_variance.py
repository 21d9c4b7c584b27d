import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import r2_score

from stable_embedding import StableAutoencoder
from stable_embedding.quality import (
    explained_variance,
    lipschitz_estimate,
)


def test_explained_variance_of_pca_is_its_own_ratio(iris):
    X, _ = iris
    pca = PCA(2).fit(X)
    reconstruction = pca.inverse_transform(pca.transform(X))
    expected = pca.explained_variance_ratio_.sum()
    assert explained_variance(X, reconstruction) == pytest.approx(expected)
    assert explained_variance(X, np.tile(X.mean(0), (150, 1))) == pytest.approx(0)


def test_explained_variance_is_scikit_learns_but_sees_constant_features(rng):
    X = rng.normal(size=(30, 3))
    wrong = X + rng.normal(size=X.shape)
    expected = r2_score(X, wrong, multioutput="variance_weighted")
    assert explained_variance(X, wrong) == pytest.approx(expected)
    assert explained_variance([[0, 1], [2, 1]], [[0, 5], [2, 5]]) == -15
    assert explained_variance([[1, 1], [1, 1]], [[1, 1], [1, 1]]) == 1
    assert explained_variance([[1, 1], [1, 1]], [[1, 2], [1, 1]]) == 0


def test_of_one_sample_nothing_is_explained_as_in_scikit_learn(iris):
    X, _ = iris
    model = StableAutoencoder(max_iter=2, n_init=1, random_state=0).fit(X)
    weights = np.arange(150) == 3
    for score in (
        lambda: r2_score([1.0], [2.0]),
        lambda: explained_variance(X[:1], X[:1]),
        lambda: model.score(X[:1]),
        lambda: model.score(X, sample_weight=weights),
    ):
        with pytest.warns(UndefinedMetricWarning, match="less than two samples"):
            assert np.isnan(score())


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e12])
@pytest.mark.parametrize("n_samples", [3, 7, 60])
def test_the_rounding_of_a_mean_is_no_variance(n_samples, value, rng):
    X = np.full((n_samples, 1), value)
    assert explained_variance(X, X) == 1
    assert explained_variance(X, X + 1) == 0
    varied = rng.normal(size=(n_samples, 1))
    for data, codes in ((X, varied), (varied, X)):
        with pytest.raises(ValueError, match="nothing to compare"):
            lipschitz_estimate(data, codes, varied + 1, varied)
