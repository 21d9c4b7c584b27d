"""Several trainings at once, and the one that becomes the model."""

import pickle

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import ortho_group

from stable_embedding import manifold_variance
from stable_embedding.data.pca import principal_axes
from stable_embedding.networks.frame import rigid_map_onto
from stable_embedding.stability import displacement

PLAIN = {"init": "random", "similarity_weight": 0, "learning_rate_init": 1e-3}


@pytest.mark.numeric
@pytest.mark.parametrize("parameters", [{}, PLAIN, {"early_stopping": True}])
def test_runs_are_the_fits_of_their_seeds(quick, parameters, digits):
    X, _ = digits
    runs = quick(n_init=3, max_iter=2, random_state=0, **parameters).fit(X)
    # The seeds of the runs are those that fits draw one after another.
    seeds = np.random.RandomState(0)
    for run in range(3):
        alone = quick(max_iter=2, random_state=seeds, **parameters).fit(X)
        moved = displacement(runs.transform_runs(X)[run], alone.transform(X))
        assert moved < 1e-7  # rounding; other runs are 1e-4 and more away
        if run == runs.best_index_:
            for name, losses in alone.history_.items():
                np.testing.assert_allclose(runs.history_[name], losses, rtol=1e-4)
            assert runs.reconstruction_loss_ == pytest.approx(
                alone.reconstruction_loss_, rel=1e-4
            )


@pytest.mark.numeric
def test_the_model_is_the_run_nearest_to_the_consensus(quick, digits):
    X, _ = digits
    model = quick(n_init=4, random_state=0, **PLAIN).fit(X[:500])
    codes = model.transform_runs(X[:500])
    assert codes.shape == (4, 500, 2)
    assert codes.dtype == np.float32
    np.testing.assert_array_equal(codes[model.best_index_], model.transform(X[:500]))
    distances = np.array([pdist(run) / pdist(run).mean() for run in codes])
    far = np.square(distances - distances.mean(axis=0)).sum(axis=1)
    assert np.argmin(far) == model.best_index_


@pytest.mark.numeric
def test_one_run_is_the_map_itself(quick, iris):
    X, _ = iris
    model = quick(random_state=0).fit(X)
    np.testing.assert_array_equal(model.transform_runs(X), [model.transform(X)])


def test_all_runs_lie_in_one_frame(quick, digits):
    X, _ = digits
    model = quick(3, n_init=3, random_state=0, **PLAIN).fit(X)
    axes, _ = principal_axes((X - model.mean_) / model.scale_, 3)
    scores = (X - model.mean_) @ axes.T
    scores *= np.sign(np.sum(scores * model.transform(X), axis=0))
    for codes in model.transform_runs(X):
        cross = codes.T @ scores  # symmetric at the Procrustes optimum
        np.testing.assert_allclose(cross, cross.T, atol=1e-3 * np.abs(cross).max())
    turned = model.transform(X) @ ortho_group.rvs(3, random_state=0) + 1
    model.align(X, turned)
    scale = np.abs(turned).max()
    np.testing.assert_allclose(model.transform(X), turned, atol=1e-4 * scale)
    for codes in model.transform_runs(X):
        aligned = rigid_map_onto(codes, turned)
        np.testing.assert_allclose(aligned.rotation, np.eye(3), atol=1e-3)


@pytest.mark.slow
def test_the_consensus_of_runs_is_stabler_than_one(quick, digits):
    X, _ = digits
    variance = {}
    for n_init in (1, 5):
        runs = [
            quick(n_init=n_init, init="random", random_state=seed).fit_transform(X)
            for seed in range(10)
        ]
        variance[n_init] = manifold_variance(runs)
    assert variance[5] < 0.9 * variance[1]


def test_runs_go_on_and_the_model_stays_the_same_one(quick, digits):
    X, _ = digits
    model = quick(n_init=3, warm_start=True, random_state=0).fit(X[:900])
    chosen, loss = model.best_index_, model.loss_curve_[-1]
    model.fit(X[:900])
    assert model.best_index_ == chosen
    assert model.loss_curve_[-1] < loss
    model.partial_fit(X[900:])
    assert model.best_index_ == chosen
    with pytest.raises(ValueError, match=r"n_init.*warm_start=False"):
        model.set_params(n_init=2).fit(X)
    assert len(model.networks_) == 3


def centered_product(samples):
    """A similarity of one batch, which mixes the runs of a stack."""
    centered = samples - samples.mean(0)
    return centered @ centered.T / len(samples)


@pytest.mark.numeric
def test_a_users_similarity_sees_one_run_at_a_time(quick, iris):
    X, _ = iris
    parameters = {"max_iter": 2, "similarity": centered_product}
    runs = quick(n_init=2, random_state=0, **parameters).fit(X).transform_runs(X)
    seeds = np.random.RandomState(0)
    for run in runs:
        alone = quick(random_state=seeds, **parameters).fit_transform(X)
        assert displacement(run, alone) < 1e-8


def test_runs_survive_a_pickle(quick, iris):
    X, _ = iris
    model = quick(n_init=2, random_state=0).fit(X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform_runs(X), model.transform_runs(X))
    assert again.network_ is again.networks_[again.best_index_]
