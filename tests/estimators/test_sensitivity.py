"""What the map responds to."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from torch import nn

from stable_embedding import (
    SemanticHashing,
    SparseAutoencoder,
    StableAutoencoder,
    VariationalAutoencoder,
)
from stable_embedding.data import limits
from tests.precision import assert_near

pytestmark = pytest.mark.numeric

FAMILY = {
    "stable": StableAutoencoder(3, activation="tanh"),
    "relu": StableAutoencoder(3),
    "one run": StableAutoencoder(3, activation="tanh", n_init=1),
    "variational": VariationalAutoencoder(3, activation="tanh"),
    "k-sparse": SparseAutoencoder(3, penalty="k_sparse", activation="tanh"),
    "kl": SparseAutoencoder(3, penalty="kl", activation="tanh"),
    "bits": SemanticHashing(9, activation="tanh"),
    "packed": SemanticHashing(9, activation="tanh", packed=True),
}


def fitted(name, X):
    model = FAMILY[name]
    n_init = 1 if model.n_init == 1 else 2
    return model.__class__(
        **model.get_params() | {"n_init": n_init, "max_iter": 5, "random_state": 0}
    ).fit(X)


def codes_of(model, X):
    """Codes before they are cut."""
    if isinstance(model, SemanticHashing):
        return model.bit_probabilities(X)
    return model.transform(X)


@pytest.mark.parametrize("name", FAMILY)
def test_a_small_step_moves_codes_by_the_jacobian(name, iris, rng):
    X = iris[0] * [1, 10, 0.1, 1]  # units of their own
    model = fitted(name, X)
    found = model.jacobian(X)
    codes = codes_of(model, X).astype(np.float64)
    assert found.shape == (150, codes.shape[1], 4)
    assert found.dtype == np.float32
    step = 1e-3 * X.std(axis=0) * rng.normal(size=X.shape)
    moved = codes_of(model, X + step) - codes
    expected = np.einsum("ikj,ij->ik", found, step)
    # Codes are rounded to 1e-7 of their size, and steps are 1e-3; curvature. A few
    # samples lie at a kink or a change of what is kept.
    errors = np.abs(moved - expected).max(axis=1) / np.abs(expected).max()
    assert np.quantile(errors, 0.9) < 0.02


def test_a_linear_map_has_one_jacobian(iris):
    X, _ = iris
    model = StableAutoencoder(2, hidden_layer_sizes=(), n_init=2, max_iter=5).fit(X)
    found = model.jacobian(X)
    codes = model.transform(X) - model.transform(X[:1])
    assert_near(found, np.broadcast_to(found[:1], found.shape))
    assert_near((X - X[0]) @ found[0].T, codes)
    # A feature's share of a linear map.
    expected = np.abs(found[0]) * X.std(axis=0)
    assert_near(model.feature_sensitivity(X), expected)


def test_the_sensitivity_is_the_root_mean_square_of_the_jacobian(iris, monkeypatch):
    X, _ = iris
    model = fitted("stable", X)
    expected = np.sqrt(np.square(model.jacobian(X)).mean(axis=0)) * X.std(axis=0)
    assert_near(model.feature_sensitivity(X), expected)
    monkeypatch.setattr(limits, "CHUNK_SAMPLES", 11)
    assert_near(model.feature_sensitivity(X), expected)
    assert_near(model.jacobian(X), fitted("stable", X).jacobian(X))


def test_a_feature_in_another_unit_counts_the_same(iris):
    X, _ = iris
    model = fitted("stable", X)
    of_scaled = StableAutoencoder(**model.get_params()).fit(1_000 * X)
    # The units of codes are those of the data.
    expected = 1_000 * model.feature_sensitivity(X)
    # Rounding of two trainings.
    assert_near(of_scaled.feature_sensitivity(1_000 * X), expected, atol=1e-2)
    assert_near(of_scaled.jacobian(1_000 * X), model.jacobian(X), atol=1e-2)


def test_a_feature_that_never_varies_makes_nothing(iris):
    X = np.column_stack([iris[0], np.full(150, 3.0)])
    sensitivity = fitted("stable", X).feature_sensitivity(X)
    assert (sensitivity[:, 4] == 0).all()
    assert (np.linalg.norm(sensitivity[:, :4], axis=0) > 0).all()


def test_turning_the_map_keeps_the_total(iris):
    X, _ = iris
    model = fitted("stable", X)
    turned = pickle.loads(pickle.dumps(model))
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turned.align(X, model.transform(X) @ rotation)
    totals = [
        np.linalg.norm(one.feature_sensitivity(X), axis=0) for one in (model, turned)
    ]
    assert_near(*totals)
    assert np.abs(turned.jacobian(X) - model.jacobian(X)).max() > 0.01


@pytest.mark.parametrize(
    "container", [csr_array, pd.DataFrame, np.float32], ids=["sparse", "frame", "32"]
)
def test_any_container_gives_the_same(container, iris):
    X = iris[0].astype(np.float32)
    held = container(X)
    model = fitted("stable", held)
    expected = StableAutoencoder(**model.get_params()).fit(X)
    assert_near(model.jacobian(held), expected.jacobian(X), atol=1e-2)
    for method in ("jacobian", "feature_sensitivity"):
        found = getattr(model, method)(held)
        assert type(found) is np.ndarray
        assert np.isfinite(found).all()


def test_wide_samples_are_differentiated_by_their_features(digits):
    X = np.repeat(digits[0][:200], 3, axis=1)
    model = StableAutoencoder(2, n_init=2, max_iter=3, random_state=0).fit(X)
    assert model.jacobian(X[:5]).shape == (5, 2, 192)
    assert model.feature_sensitivity(X).shape == (2, 192)


def test_what_cannot_be_is_said(iris):
    X, _ = iris
    with pytest.raises(NotFittedError):
        StableAutoencoder().jacobian(X)
    model = fitted("stable", X)
    with pytest.raises(ValueError, match="minimum of 2"):
        model.feature_sensitivity(X[:1])
    with pytest.raises(ValueError, match="expecting 4 features"):
        model.jacobian(X[:, :3])
    with pytest.raises(ValueError, match="contains NaN in column 1"):
        model.jacobian(np.where(np.eye(1, 4, 1), np.nan, 1.0))
    for name in ("stable", "relu"):
        with pytest.raises(ValueError, match="X holds values so far"):
            fitted(name, X).jacobian(np.full((2, 4), 1e300))


class Keeps(nn.Module):
    """An encoder that keeps its hidden layer, to look at."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x):
        self.hidden = self.first(x).tanh()
        return self.last(self.hidden)


class Codebook(nn.Module):
    """An encoder that takes one of a few codes, and has no slope."""

    def __init__(self):
        super().__init__()
        self.choice = nn.Linear(4, 3)
        self.codes = nn.Parameter(torch.empty(3, 2))
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.eye_(self.codes)

    def forward(self, x):
        return self.codes[self.choice(x).argmax(-1)]


@pytest.mark.parametrize("n_init", [1, 2])
def test_a_module_that_keeps_a_layer_keeps_none_of_the_graph(n_init, iris):
    X, _ = iris
    model = StableAutoencoder(encoder=Keeps(), n_init=n_init, max_iter=2).fit(X)
    score = model.score(X)
    model.feature_sensitivity(X)
    model.jacobian(X[:3])
    assert model.score(X) == score
    assert pickle.loads(pickle.dumps(model)).score(X) == score


def test_an_encoder_without_a_slope_has_derivatives_of_zero(iris):
    X, _ = iris
    model = StableAutoencoder(encoder=Codebook(), init="random", max_iter=2).fit(X)
    assert not model.jacobian(X[:5]).any()
