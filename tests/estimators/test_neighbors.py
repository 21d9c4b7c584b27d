"""The term that draws neighbors together."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.model_selection import train_test_split
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsTransformer,
    kneighbors_graph,
)
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from stable_embedding import StableAutoencoder, manifold_variance
from stable_embedding.networks.frame import rigid_map_onto
from stable_embedding.quality import explained_variance
from stable_embedding.stability import displacement
from tests.precision import assert_same_map

PLAIN = {"init": "random", "similarity_weight": 0, "learning_rate_init": 1e-3}


def unexplained(estimator, X):
    X_reconstructed = estimator.inverse_transform(estimator.transform(X))
    return 1 - explained_variance(X, X_reconstructed)


@pytest.fixture(scope="module")
def with_neighbors(digits):
    """Digits in two halves, and models of two components with the term and without."""
    split = train_test_split(*digits, test_size=1 / 3, random_state=0)
    X = split[0]
    models = {
        weight: [
            StableAutoencoder(neighbor_weight=weight, n_init=1, random_state=seed).fit(
                X
            )
            for seed in range(2)
        ]
        for weight in (0.0, 1.0)
    }
    return split, models


@pytest.mark.slow
def test_neighbors_in_the_data_become_neighbors_in_the_map(with_neighbors):
    (X, X_unseen, y, y_unseen), models = with_neighbors
    accuracy, trust = {}, {}
    for weight, of_weight in models.items():
        codes = [model.transform(X_unseen) for model in of_weight]
        assert np.isfinite(codes).all()
        accuracy[weight] = np.mean(
            [
                KNeighborsClassifier()
                .fit(model.transform(X), y)
                .score(unseen, y_unseen)
                for model, unseen in zip(of_weight, codes)
            ]
        )
        trust[weight] = np.mean([trustworthiness(X_unseen, one) for one in codes])
    assert accuracy[1] > accuracy[0] + 0.03
    assert trust[1] > trust[0] + 0.01


@pytest.mark.slow
def test_with_the_term_the_map_stays_stable_and_inverts(with_neighbors):
    (X, X_unseen, _, _), models = with_neighbors
    assert manifold_variance([m.transform(X_unseen) for m in models[1]]) < 0.02
    plain = [StableAutoencoder(random_state=seed, **PLAIN).fit(X) for seed in range(2)]
    lost = [
        np.mean([unexplained(m, X_unseen) for m in of]) for of in (models[1], plain)
    ]
    assert lost[0] < 0.95 * lost[1]


@pytest.mark.slow
def test_with_the_term_the_map_lies_on_the_pca_scores(with_neighbors):
    (X, *_), models = with_neighbors
    codes = models[1][0].transform(X)
    rotation, shift = rigid_map_onto(codes, PCA(2).fit_transform(X))
    aligned = codes @ rotation + shift
    assert_same_map(codes, aligned)


@pytest.mark.slow
def test_the_neighbor_loss_falls_and_is_recorded(with_neighbors):
    _, models = with_neighbors
    model = models[1][0]
    history = model.history_
    terms = [history[f"{name}_loss"] for name in ("reconstruction", "similarity")]
    assert history["neighbor_loss"][-1] < 0.8 * history["neighbor_loss"][0]
    np.testing.assert_allclose(
        history["loss"], np.sum([*terms, history["neighbor_loss"]], axis=0), rtol=1e-5
    )
    assert 0 < model.neighbor_loss_ < 1
    assert models[0][0].neighbor_loss_ == 0


@pytest.mark.slow
def test_the_reconstruction_loss_is_that_of_the_samples_alone(with_neighbors):
    (X, *_), models = with_neighbors
    model = models[1][0]
    assert model.reconstruction_loss_ == pytest.approx(1 - model.score(X), rel=1e-4)


@pytest.mark.numeric
def test_the_order_of_the_samples_does_not_count_for_neighbors(quick, digits):
    X = digits[0][:500]
    model = quick(neighbor_weight=1.0, random_state=0)
    codes, turned = model.fit(X).transform(X), model.fit(X[::-1]).transform(X)
    np.testing.assert_array_equal(codes, turned)


@pytest.mark.numeric
def test_the_order_of_the_samples_does_not_count_for_a_graph(quick, digits):
    def search(samples):
        found = kneighbors_graph(samples, 5)
        found.sort_indices()  # by the places of samples in X
        return found

    X = digits[0][:200]
    neighbors = FunctionTransformer(search)
    model = quick(neighbor_weight=1.0, neighbors=neighbors, max_iter=3, random_state=0)
    codes, turned = model.fit(X).transform(X), model.fit(X[::-1]).transform(X)
    np.testing.assert_array_equal(codes, turned)


@pytest.mark.numeric
@pytest.mark.parametrize("early_stopping", [False, True])
def test_runs_with_neighbors_are_the_fits_of_their_seeds(quick, early_stopping, digits):
    X = digits[0][:400]
    parameters = {"neighbor_weight": 1.0, "early_stopping": early_stopping}
    # Rounding grows over a training, so there are few steps.
    parameters |= {"max_iter": 2, "hidden_layer_sizes": 16, "consensus_weight": 0}
    runs = quick(**parameters, n_init=2, random_state=0).fit(X)
    assert runs.history_.keys() >= {"neighbor_loss"}
    alone = quick(**parameters, n_init=1, random_state=0).fit(X)
    assert_same_map(alone.transform(X), runs.transform_runs(X)[0])


@pytest.mark.slow
def test_training_goes_on_with_neighbors(quick, digits):
    X = digits[0]
    model = quick(neighbor_weight=1.0, random_state=0).fit(X[:900])
    before = model.transform(X)
    model.partial_fit(X[900:])
    assert np.isfinite(model.transform(X)).all()
    assert displacement(before, model.transform(X)) < 0.5
    loss = model.set_params(warm_start=True).fit(X).neighbor_loss_
    assert loss < quick(neighbor_weight=1.0, random_state=0).fit(X).neighbor_loss_


def test_a_map_with_neighbors_survives_a_pickle(quick, iris):
    model = quick(neighbor_weight=1.0, random_state=0).fit(iris[0])
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(iris[0]), model.transform(iris[0]))


@pytest.mark.numeric
def test_neighbors_may_come_from_a_transformer(quick, iris):
    X, _ = iris
    found = quick(neighbor_weight=1.0, random_state=0).fit(X)
    for neighbors in (KNeighborsTransformer(n_neighbors=15), "auto"):
        model = clone(found).set_params(neighbors=neighbors).fit(X)
        difference = displacement(found.transform(X), model.transform(X))
        assert difference < 1e-3  # of neighbors at one distance any may be taken
    with pytest.raises(TypeError, match="returned a ndarray; it must return a sparse"):
        clone(found).set_params(neighbors=StandardScaler()).fit(X)


def test_what_overflows_with_neighbors_says_what_to_lower(quick, iris):
    with pytest.raises(ValueError, match="learning_rate_init"):
        quick(neighbor_weight=1.0, learning_rate_init=1e30).fit(iris[0])


@pytest.mark.parametrize("shape", [(2, 1), (2, 5), (3, 2), (40, 1)])
def test_the_smallest_data_have_neighbors(quick, shape, rng):
    X = rng.normal(size=shape)
    for samples in (X, np.ones(shape)):
        codes = quick(neighbor_weight=1.0).fit_transform(samples)
        assert np.isfinite(codes).all()


def test_a_neighbor_of_all_does_not_make_the_runs_diverge(rng):
    corners = np.eye(60) + 0.01 * rng.normal(size=(60, 60))
    X = np.vstack([corners, np.zeros(60)])
    model = StableAutoencoder(
        neighbor_weight=1, n_neighbors=1, n_init=4, max_iter=60, random_state=0
    )
    # Codes have the scale of the data; without bounds their means grow beyond any.
    assert model.fit(X).consensus_loss_ < 0.1
