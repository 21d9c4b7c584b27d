"""Several trainings at once, and their consensus, which is the model."""

import pickle
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from stable_embedding import (
    DenoisingAutoencoder,
    SemanticHashing,
    StableAutoencoder,
    VariationalAutoencoder,
)
from stable_embedding.data.pca import principal_axes
from stable_embedding.networks.frame import rigid_map_onto
from stable_embedding.stability import displacement
from stable_embedding.training.plan import AUTO_N_INIT
from stable_embedding.training.runs import Run, mean_run
from tests.precision import assert_near

PLAIN = {"init": "random", "similarity_weight": 0, "learning_rate_init": 1e-3}


@pytest.mark.numeric
@pytest.mark.parametrize("parameters", [{}, PLAIN, {"early_stopping": True}])
def test_runs_that_are_not_coupled_are_the_fits_of_their_seeds(
    quick, parameters, digits
):
    X, _ = digits
    parameters = parameters | {"max_iter": 2, "consensus_weight": 0}
    model = quick(n_init=3, random_state=0, **parameters).fit(X)
    assert model.consensus_loss_ == 0
    # The seeds of the runs are those that fits draw one after another.
    seeds = np.random.RandomState(0)
    alone = [quick(n_init=1, random_state=seeds, **parameters).fit(X) for _ in range(3)]
    for run, one in zip(model.transform_runs(X), alone):
        # Rounding; other runs are 1e-4 and more away.
        assert displacement(run, one.transform(X)) < 1e-7
    for name, losses in model.history_.items():
        expected = np.mean([one.history_[name] for one in alone], axis=0)
        np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for name, loss in model.losses_.items():
        expected = np.mean([one.losses_[name] for one in alone])
        assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.numeric
@pytest.mark.parametrize("parameters", [{}, PLAIN])
def test_the_model_is_the_mean_of_its_runs(quick, parameters, digits):
    X, _ = digits
    model = quick(n_init=4, random_state=0, **parameters).fit(X[:500])
    runs = model.transform_runs(X)
    assert runs.shape == (4, len(X), 2)
    assert runs.dtype == np.float32
    codes, std = model.transform(X, return_std=True)
    assert_near(codes, runs.mean(axis=0))
    assert_near(model.transform(X), codes)
    assert_near(std, np.sqrt(runs.var(axis=0, ddof=1).sum(axis=1)))
    assert std.shape == (len(X),)
    assert std.dtype == np.float32
    decoded = [decode_alone(model, network, codes) for network in model.networks_]
    assert_near(model.inverse_transform(codes), np.mean(decoded, axis=0))


def decode_alone(model, network, codes):
    """Reconstruct by the network of one run."""
    with torch.no_grad():
        samples = network.decode(torch.from_numpy(codes / np.float32(model.scale_)))
    return samples.numpy() * model.scale_ + model.mean_


def test_deviations_are_written_where_codes_are(quick, iris):
    X, _ = iris
    model = quick(n_init=2, random_state=0).fit(X)
    out = np.empty((len(X), 2))
    codes, std = model.transform(X, out, return_std=True)
    assert codes is out
    expected, expected_std = model.transform(X, return_std=True)
    np.testing.assert_array_equal(codes, expected)
    np.testing.assert_array_equal(std, expected_std)
    with pytest.raises(ValueError, match="one run has no deviation"):
        quick(n_init=1).fit(X).transform(X, return_std=True)


def test_deviations_of_lazy_samples_are_refused(quick, iris):
    array = pytest.importorskip("dask.array")
    model = quick(n_init=2, random_state=0).fit(iris[0])
    with pytest.raises(ValueError, match="dask"):
        model.transform(array.from_array(iris[0]), return_std=True)


def test_coupled_runs_stay_nearer_to_each_other(quick, digits):
    X = digits[0][:900]
    apart = []
    for weight in (0, 1):
        model = quick(n_init=4, consensus_weight=weight, random_state=0).fit(X)
        apart.append(model.transform_runs(X).var(axis=0).mean())
    assert apart[1] < 0.7 * apart[0]
    assert model.consensus_loss_ > 0
    np.testing.assert_allclose(
        model.loss_curve_,
        np.add(model.history_["reconstruction_loss"], model.history_["similarity_loss"])
        + model.history_["consensus_loss"],
        rtol=1e-5,
    )


def test_runs_from_a_random_start_are_not_coupled(quick, iris):
    X, _ = iris
    free, coupled = (
        quick(n_init=2, init="random", consensus_weight=weight, random_state=0).fit(X)
        for weight in (0, 1)
    )
    np.testing.assert_array_equal(coupled.transform_runs(X), free.transform_runs(X))
    assert coupled.consensus_loss_ == 0


def test_auto_is_one_run_from_a_random_start(digits, iris):
    for (X, _), n_runs in ((digits, AUTO_N_INIT), (iris, 2)):
        assert len(StableAutoencoder(max_iter=1).fit(X).networks_) == n_runs
        model = StableAutoencoder(init="random", max_iter=1).fit(X)
        assert len(model.networks_) == 1


@pytest.mark.parametrize(
    ("noisy", "noiseless"),
    [
        (VariationalAutoencoder(), None),
        (DenoisingAutoencoder(), DenoisingAutoencoder(corruption_level=0)),
        (SemanticHashing(4), SemanticHashing(4, noise=0)),
    ],
)
def test_noise_needs_all_runs(noisy, noiseless, iris):
    X, _ = iris
    assert len(noisy.set_params(max_iter=1).fit(X).networks_) == AUTO_N_INIT
    if noiseless is not None:
        assert len(noiseless.set_params(max_iter=1).fit(X).networks_) == 2


def test_a_training_resumes_with_the_runs_that_it_has(iris):
    X, _ = iris
    model = StableAutoencoder(max_iter=1, warm_start=True, random_state=0).fit(X)
    assert len(model.fit(X).networks_) == 2
    assert len(model.partial_fit(X[::2]).networks_) == 2
    # More samples may come.
    of_chunks = StableAutoencoder(max_iter=1, random_state=0).partial_fit(X)
    assert len(of_chunks.partial_fit(X).networks_) == AUTO_N_INIT


@pytest.mark.numeric
def test_one_run_is_the_map_itself(quick, iris):
    X, _ = iris
    model = quick(n_init=1, random_state=0).fit(X)
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
    before = model.transform_runs(X)
    model.align(X, turned)
    scale = np.abs(turned).max()
    np.testing.assert_allclose(model.transform(X), turned, atol=1e-4 * scale)
    # All runs are moved alike, so that the shape of their mean stays.
    for codes, earlier in zip(model.transform_runs(X), before):
        moved = rigid_map_onto(before.mean(axis=0), turned)(earlier)
        np.testing.assert_allclose(codes, moved, atol=1e-4 * scale)


@pytest.mark.slow
def test_a_consensus_moves_less_than_a_run(digits):
    X = digits[0][:900]
    moved = {}
    for n_init in (1, 8):
        fits = [
            StableAutoencoder(n_init=n_init, random_state=seed).fit_transform(X)
            for seed in range(3)
        ]
        moved[n_init] = np.mean([displacement(*two) for two in combinations(fits, 2)])
    assert moved[8] < 0.4 * moved[1]


def test_runs_resume(quick, digits):
    X = digits[0][:600]
    model = quick(n_init=3, warm_start=True, random_state=0).fit(X[:400])
    loss = model.loss_curve_[-1]
    model.fit(X[:400])
    assert model.loss_curve_[-1] < loss
    model.partial_fit(X[400:])
    with pytest.raises(ValueError, match=r"n_init.*warm_start=False"):
        model.set_params(n_init=2).fit(X)
    assert len(model.networks_) == 3


def test_the_mean_course_is_that_of_runs_that_have_not_stopped():
    runs = [
        Run({"loss": [4.0, 2.0, 1.0]}, {"loss": 1.0}),
        Run({"loss": [2.0]}, {"loss": 3.0}),
    ]
    assert mean_run(runs) == ({"loss": [3.0, 2.0, 1.0]}, {"loss": 2.0})


def centered_product(samples):
    """A similarity of one batch, which mixes the runs of a stack."""
    centered = samples - samples.mean(0)
    return centered @ centered.T / len(samples)


@pytest.mark.numeric
def test_a_users_similarity_sees_one_run_at_a_time(quick, iris):
    X, _ = iris
    parameters = {"max_iter": 2, "similarity": centered_product, "consensus_weight": 0}
    runs = quick(n_init=2, random_state=0, **parameters).fit(X).transform_runs(X)
    seeds = np.random.RandomState(0)
    for run in runs:
        alone = quick(n_init=1, random_state=seeds, **parameters).fit_transform(X)
        assert displacement(run, alone) < 1e-8


def test_a_fit_that_fails_draws_no_seeds(quick):
    generator = np.random.RandomState(0)
    model = quick(n_init=2, random_state=generator)
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match="contains NaN"):
            getattr(model, method)(np.full((20, 4), np.nan))
    expected = np.random.RandomState(0).randint(100, size=10)
    np.testing.assert_array_equal(generator.randint(100, size=10), expected)


def test_runs_survive_a_pickle(quick, iris):
    X, _ = iris
    model = quick(n_init=2, random_state=0).fit(X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform_runs(X), model.transform_runs(X))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    assert list(again.network_) == again.networks_
