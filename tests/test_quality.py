import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score

from stable_embedding.quality import distance_correlation, explained_variance


def test_explained_variance_of_pca_is_its_own_figure(iris):
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
    assert explained_variance([[1, 1]], [[1, 1]]) == 1
    assert explained_variance([[1, 1]], [[1, 2]]) == 0


def test_distance_correlation_does_not_see_scale_or_rigid_maps(rng):
    X = rng.normal(size=(30, 3))
    assert distance_correlation(X, -3 * X[:, ::-1] + 1) == pytest.approx(1)
    assert abs(distance_correlation(X, rng.normal(size=(30, 3)))) < 0.2


def test_distance_correlation_needs_the_same_rows(rng):
    with pytest.raises(ValueError, match=r"\[3, 4\]"):
        distance_correlation(np.eye(3), np.eye(4))
