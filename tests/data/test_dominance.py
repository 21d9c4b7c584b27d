import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn import datasets
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import OneHotEncoder, minmax_scale, robust_scale, scale

from stable_embedding import StableAutoencoder
from stable_embedding.data import limits
from stable_embedding.data.dominance import squared_deviations, warn_of_dominance
from stable_embedding.exceptions import DominatedVarianceWarning


def words(seed=0, n_samples=500):
    """Counts of words, which Zipf's law makes uneven."""
    rng = np.random.default_rng(seed)
    return csr_array(rng.poisson(5 / np.arange(1, 400), size=(n_samples, 399)))


def images(seed=0):
    rng = np.random.default_rng(seed)
    corners = (rng.random((300, 28, 28)) < 0.1).cumsum(1).cumsum(2) % 7 == 0
    return 255.0 * corners.reshape(300, -1)


ORDINARY = {
    "iris": lambda: datasets.load_iris().data,
    "iris, 15 samples": lambda: datasets.load_iris().data[::10],
    "wine, scaled": lambda: scale(datasets.load_wine().data),
    "wine, from 0 to 1": lambda: minmax_scale(datasets.load_wine().data),
    "breast cancer, scaled": lambda: scale(datasets.load_breast_cancer().data),
    "breast cancer, robust": lambda: robust_scale(datasets.load_breast_cancer().data),
    "digits": lambda: datasets.load_digits().data,
    "diabetes": lambda: datasets.load_diabetes().data,
    "linnerud": lambda: datasets.load_linnerud().data,
    "images": images,
    "counts": words,
    "tf-idf": lambda: TfidfTransformer().fit_transform(words()),
    "one-hot": lambda: OneHotEncoder().fit_transform(np.arange(90).reshape(-1, 3) % 7),
    "blobs": lambda: datasets.make_blobs(random_state=0)[0],
    "moons": lambda: datasets.make_moons(random_state=0)[0],
    "swiss roll": lambda: datasets.make_swiss_roll(300, random_state=0)[0],
    "s-curve": lambda: datasets.make_s_curve(300, random_state=0)[0],
    "classification": lambda: datasets.make_classification(random_state=0)[0],
    "low rank": lambda: datasets.make_low_rank_matrix(random_state=0),
    "friedman": lambda: datasets.make_friedman1(random_state=0)[0],
    "sparse": lambda: datasets.make_sparse_uncorrelated(random_state=0)[0],
    "log-normal": lambda: np.random.default_rng(0).lognormal(size=(400, 8)),
    "few": lambda: np.random.default_rng(0).normal(size=(5, 3)),
    "two": lambda: np.random.default_rng(0).normal(size=(2, 3)),
    "one feature": lambda: np.random.default_rng(0).normal(size=(50, 1)),
    "one that varies": lambda: np.eye(40)[:, :1] * [1, 0, 0] + np.arange(40)[:, None],
    "constant": lambda: np.ones((30, 3)),
}


def one_epoch():
    return StableAutoencoder(max_iter=1, n_init=1, random_state=0)


@pytest.mark.parametrize("make", ORDINARY.values(), ids=ORDINARY)
def test_ordinary_data_raise_no_warning(make):
    X = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_dominance(X, np.asarray(X.mean(axis=0)).ravel())


@pytest.mark.parametrize("container", [np.asarray, csr_array, pd.DataFrame])
def test_a_sample_is_named_with_its_fraction(container, iris):
    X = iris[0].copy()
    X[7] *= 1e4
    with pytest.warns(DominatedVarianceWarning) as caught:
        one_epoch().fit(container(X))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    message = str(caught[0].message)
    assert "sample 7 of X" in message
    assert "99." in message
    assert "log1p" in message


def test_a_feature_is_named_with_its_fraction():
    X, _ = datasets.load_wine(return_X_y=True, as_frame=True)
    with pytest.warns(DominatedVarianceWarning, match="'proline' of X holds 99.77"):
        one_epoch().fit(X)
    with pytest.warns(DominatedVarianceWarning, match="feature 12 of X.*Scaler"):
        one_epoch().fit(X.to_numpy())


@pytest.mark.parametrize("factor", [1e3, 1e6, 1e9])
def test_the_larger_the_unit_the_more_it_is_told(factor, rng):
    with pytest.warns(DominatedVarianceWarning, match="feature 1 of X holds .*99.99"):
        one_epoch().fit(rng.normal(size=(50, 3)) * [1, factor, 1])


def test_constants_are_no_features(rng):
    X = np.full((50, 3), 0.1)
    X[:, 1] = rng.normal(size=50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one_epoch().fit(X)


@pytest.mark.parametrize("value", [1e-160, 1e100, 2e169, 1e300])
def test_a_constant_of_any_size_is_no_feature(value):
    X = np.full((4, 2), value)
    X[:, 0] = [0, 1, 0, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_dominance(X, X.mean(axis=0))


def test_every_fit_tells(iris):
    X = iris[0].copy()
    X[7] *= 1e4
    model = one_epoch()
    for fit in (model.fit, model.partial_fit, model.fit_transform):
        with pytest.warns(DominatedVarianceWarning):
            fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.transform(X)


def test_as_an_error_it_leaves_the_estimator_as_it_was(iris):
    X = iris[0].copy()
    X[7] *= 1e4
    model = one_epoch().fit(iris[0])
    before = dict(vars(model))
    with warnings.catch_warnings():
        warnings.simplefilter("error", DominatedVarianceWarning)
        with pytest.raises(DominatedVarianceWarning):
            model.fit(X)
    assert vars(model) == before


def test_deviations_are_summed_over_chunks(rng, monkeypatch):
    X = rng.normal(size=(50, 4))
    squares = np.square(X - X.mean(axis=0))
    monkeypatch.setattr(limits, "CHUNK_SAMPLES", 7)
    for samples in (X, csr_array(X)):
        of_samples, of_features = squared_deviations(
            samples, X.mean(axis=0), np.ones(50)
        )
        np.testing.assert_allclose(of_samples, squares.sum(axis=1))
        np.testing.assert_allclose(of_features, squares.sum(axis=0))


def test_a_weight_stands_for_samples_of_which_none_dominates(rng):
    X = rng.normal(1, 0.01, size=(41, 2))
    X[0] = 0
    weights = np.ones(len(X))
    weights[0] = 35
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for samples, of_samples in (
            (X, weights),
            (np.repeat(X, weights.astype(int), axis=0), None),
        ):
            mean = np.average(samples, axis=0, weights=of_samples)
            warn_of_dominance(samples, mean, weights=of_samples)
    for weight in (1e-3, 1, 1e3):  # of all, which changes nothing
        weights = np.full(len(X), weight)
        with pytest.warns(DominatedVarianceWarning, match="sample 0 of X"):
            warn_of_dominance(X, X.mean(axis=0), weights=weights)
