"""What a random start is, and what the similarity loss makes of it."""

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from stable_embedding import (
    SemanticHashing,
    SparseAutoencoder,
    StableAutoencoder,
    VariationalAutoencoder,
    manifold_variance,
)

FEW = {"init": "random", "n_init": 1, "max_iter": 3, "random_state": 0}

# As many separate trainings, from as many random starts.
RUNS = {"init": "random", "n_init": 3, "consensus_weight": 0, "random_state": 0}


def variance_of_runs(X, X_unseen, **parameters):
    model = StableAutoencoder(**RUNS | parameters).fit(X)
    return manifold_variance(model.transform_runs(X_unseen))


@pytest.fixture(scope="module")
def wine():
    X = StandardScaler().fit_transform(load_wine().data)
    return np.random.default_rng(0).permutation(X)


@pytest.mark.slow
def test_the_similarity_loss_halves_the_variance_over_random_starts(wine):
    small = {"hidden_layer_sizes": 32}
    found = variance_of_runs(wine[:120], wine[120:], **small)
    plain = variance_of_runs(wine[:120], wine[120:], similarity_weight=0, **small)
    assert found < 0.504 * plain  # 49.6 % less


@pytest.mark.slow
@pytest.mark.parametrize(("n_components", "learning_rate"), [(2, 5e-3), (10, 1e-3)])
def test_at_other_learning_rates_as_well(wine, n_components, learning_rate):
    common = {"n_components": n_components, "learning_rate_init": learning_rate}
    found = variance_of_runs(wine[:120], wine[120:], **common)
    plain = variance_of_runs(wine[:120], wine[120:], similarity_weight=0, **common)
    assert found < 0.504 * plain


@pytest.mark.slow
@pytest.mark.parametrize("n_components", [2, 10])
def test_on_digits_as_well(digits, n_components):
    samples = np.random.default_rng(0).permutation(digits[0])
    X, X_unseen = samples[:1_200], samples[1_200:]
    common = {"n_components": n_components, "learning_rate_init": 1e-3}
    found = variance_of_runs(X, X_unseen, **common)
    plain = variance_of_runs(X, X_unseen, similarity_weight=0, **common)
    assert found < 0.504 * plain


@pytest.mark.parametrize("similarity", ["distance", "inner_product", "rbf"])
def test_a_random_start_is_guided_for_a_while(iris, similarity):
    model = StableAutoencoder(similarity=similarity, **FEW).fit(iris[0])
    first, *_, last = model.history_["guide_loss"]
    assert first > 0
    assert last < first
    assert model.losses_["guide_loss"] == 0


@pytest.mark.parametrize("parameters", [{"similarity_weight": 0}, {"init": "pca"}])
def test_without_the_loss_or_with_pca_nothing_guides(iris, parameters):
    model = StableAutoencoder(**FEW | parameters).fit(iris[0])
    assert "guide_loss" not in model.history_


def test_a_training_that_goes_on_is_not_guided_again(iris):
    model = StableAutoencoder(warm_start=True, **FEW).fit(iris[0])
    assert "guide_loss" not in model.fit(iris[0]).history_
    assert "guide_loss" not in model.partial_fit(iris[0]).history_


@pytest.mark.parametrize("cls", [SparseAutoencoder, SemanticHashing])
def test_codes_that_may_not_lie_anywhere_are_not_guided(iris, cls):
    assert "guide_loss" not in cls(2, **FEW).fit(iris[0]).history_


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_probabilities_are_learned_without_a_guide(iris, likelihood):
    X = iris[0] / iris[0].max()
    model = VariationalAutoencoder(likelihood=likelihood, **FEW).fit(X)
    assert ("guide_loss" in model.history_) == (likelihood == "gaussian")


def test_distances_of_a_metric_have_places_to_guide_to(iris):
    model = StableAutoencoder(metric="manhattan", **FEW).fit(iris[0])
    plain = StableAutoencoder(metric="manhattan", **FEW, similarity_weight=0)
    assert model.losses_["guide_loss"] == 0
    assert "guide_loss" not in plain.fit(iris[0]).history_


def test_a_reference_decides_without_a_guide(iris):
    X, _ = iris
    model = StableAutoencoder(**FEW).fit(X, reference=X[:, :2])
    assert "guide_loss" not in model.history_
