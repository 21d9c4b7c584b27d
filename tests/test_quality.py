import numpy as np
import pytest
from sklearn.decomposition import PCA

from stable_embedding.quality import distance_correlation, explained_variance


def test_explained_variance_of_pca_is_its_own_figure(iris):
    X, _ = iris
    pca = PCA(2).fit(X)
    reconstruction = pca.inverse_transform(pca.transform(X))
    expected = pca.explained_variance_ratio_.sum()
    assert explained_variance(X, reconstruction) == pytest.approx(expected)
    assert explained_variance(X, np.tile(X.mean(0), (150, 1))) == pytest.approx(0)


def test_distance_correlation_does_not_see_scale_or_rigid_maps(rng):
    X = rng.normal(size=(30, 3))
    assert distance_correlation(X, -3 * X[:, ::-1] + 1) == pytest.approx(1)
    assert abs(distance_correlation(X, rng.normal(size=(30, 3)))) < 0.2


def test_distance_correlation_needs_the_same_rows(rng):
    with pytest.raises(ValueError, match=r"\[3, 4\]"):
        distance_correlation(np.eye(3), np.eye(4))
