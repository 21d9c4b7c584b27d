"""Data of which a few samples, or a feature, hold nearly all variance."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.decomposition import PCA
from sklearn.preprocessing import scale

from stable_embedding import StableAutoencoder
from stable_embedding.quality import explained_variance

pytestmark = pytest.mark.filterwarnings(
    "ignore::stable_embedding.exceptions.DominatedVarianceWarning"
)

DATA = {"wine": load_wine, "breast cancer": load_breast_cancer}


def multiply_sample(X, factor):
    X = X.copy()
    X[7] *= factor
    return X, np.arange(len(X)) != 7


def put_sentinels(X, value, features):
    X, odd = X.copy(), np.arange(len(X)) % 50 == 0
    X[odd, features] = value
    return X, ~odd


DISTURBANCES = {
    "a sample in another unit": lambda X: multiply_sample(X, 1e7),
    "an outlier": lambda X: multiply_sample(X, 1e3),
    "a sentinel in a column": lambda X: put_sentinels(X, -999, slice(1, 2)),
    "a sentinel for samples": lambda X: put_sentinels(X, 1e6, slice(None)),
}


@pytest.mark.slow
@pytest.mark.parametrize("n_components", [2, 5])
@pytest.mark.parametrize("disturb", DISTURBANCES.values(), ids=DISTURBANCES)
@pytest.mark.parametrize("load", DATA.values(), ids=DATA)
def test_the_other_samples_are_explained_as_by_pca(load, disturb, n_components):
    X, ordinary = disturb(scale(load().data))
    unexplained = [
        1 - explained_variance(X[ordinary], through(model.fit(X), X[ordinary]))
        for model in (
            quick(n_components),
            PCA(n_components),
        )
    ]
    assert unexplained[0] <= 1.01 * unexplained[1]


@pytest.mark.slow
@pytest.mark.parametrize("load", DATA.values(), ids=DATA)
def test_the_other_features_are_explained_as_by_pca(load):
    X = scale(load().data)
    X[:, 1] *= 1e5
    errors = [
        np.square(X - through(model.fit(X), X)).mean(axis=0) / X.var(axis=0)
        for model in (quick(2), PCA(2))
    ]
    np.testing.assert_array_less(errors[0], errors[1] + 0.05)


def quick(n_components):
    return StableAutoencoder(n_components, n_init=1, max_iter=100, random_state=0)


def through(model, X):
    return model.inverse_transform(model.transform(X))
