import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.linalg import subspace_angles
from scipy.spatial.distance import pdist
from scipy.stats import ortho_group
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import trustworthiness
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from skorch.callbacks import Callback

from stable_embedding import StableAutoencoder, manifold_variance, stability
from stable_embedding.data.pca import principal_axes
from stable_embedding.estimators.autoencoder import (
    apply_rigid_map,
    auto_batch_size,
    auto_layer_sizes,
    auto_max_iter,
    kernel_scale,
    resolve_device,
)
from stable_embedding.losses.similarity import SIMILARITIES, distance
from stable_embedding.networks import Autoencoder
from stable_embedding.networks.frame import rigid_map_onto
from stable_embedding.quality import explained_variance
from tests.precision import assert_near, assert_same_map

N_SEEDS = 5

PLAIN = {"init": "random", "similarity_weight": 0, "learning_rate_init": 1e-3}


def quick(n_components=2, **parameters):
    """An estimator of few epochs, for what does not depend on how well it fits."""
    return StableAutoencoder(n_components, **({"max_iter": 20} | parameters))


def unexplained(estimator, X):
    X_reconstructed = estimator.inverse_transform(estimator.transform(X))
    return 1 - explained_variance(X, X_reconstructed)


def displacement(embeddings):
    """Mean over pairs of runs of the displacement between their codes."""
    return np.mean(
        [stability.displacement(*pair) for pair in combinations(embeddings, 2)]
    )


def assert_untouched(estimator, before):
    """Assert that every attribute is the very object that it was."""
    after = vars(estimator)
    assert after.keys() == before.keys()
    assert all(after[name] is value for name, value in before.items())


# ---------------------------------------------------------------- the promise


def taxicab(rows):
    """Sums of absolute differences: a similarity that a user might bring."""
    return (rows.unsqueeze(0) - rows.unsqueeze(1)).abs().sum(-1)


class Comparison:
    """Five trainings of the plain and of the stable autoencoder, on rows held out."""

    def __init__(self, X, y, n_components, scale=False):
        self.split = train_test_split(X, y, test_size=1 / 3, stratify=y, random_state=0)
        if scale:
            scaler = StandardScaler().fit(self.split[0])
            self.split[:2] = [scaler.transform(part) for part in self.split[:2]]
        X_train, self.X_test, y_train, y_test = self.split
        self.pca = PCA(n_components).fit(X_train)
        self.embeddings, self.r2, self.accuracy = {}, {}, {}
        for name, parameters in (("plain", PLAIN), ("stable", {})):
            models = [
                StableAutoencoder(n_components, random_state=seed, **parameters).fit(
                    X_train
                )
                for seed in range(N_SEEDS)
            ]
            codes = [model.transform(self.X_test) for model in models]
            assert np.isfinite(codes).all()
            self.embeddings[name] = codes
            self.r2[name] = [model.score(self.X_test) for model in models]
            self.accuracy[name] = [
                KNeighborsClassifier(5)
                .fit(model.transform(X_train), y_train)
                .score(of_model, y_test)
                for model, of_model in zip(models, codes)
            ]

    def reduction_of_variance(self):
        plain, stable = (
            manifold_variance(self.embeddings[n]) for n in ("plain", "stable")
        )
        return 1 - stable / plain


@pytest.fixture(scope="module", params=[2, pytest.param(10, marks=pytest.mark.slow)])
def on_digits(request, digits):
    return request.param, Comparison(*digits, request.param)


def test_digits_the_map_is_stable(on_digits):
    _, comparison = on_digits
    assert comparison.reduction_of_variance() > 0.95
    plain, stable = (np.std(comparison.r2[n], ddof=1) for n in ("plain", "stable"))
    assert stable < 0.2 * plain


def test_digits_raw_coordinates_stay(on_digits):
    _, comparison = on_digits
    assert displacement(comparison.embeddings["stable"]) < 0.02


def test_digits_reconstruction_gains(on_digits):
    n_components, comparison = on_digits
    plain, stable = (1 - np.mean(comparison.r2[n]) for n in ("plain", "stable"))
    assert stable < plain
    if n_components == 10:
        assert stable < 0.76 * plain


def test_digits_neighbors_are_no_worse(on_digits):
    _, comparison = on_digits
    plain, stable = (np.mean(comparison.accuracy[n]) for n in ("plain", "stable"))
    assert stable >= plain


@pytest.mark.parametrize(
    ("load", "n_components"),
    [
        (load_wine, 2),
        pytest.param(load_wine, 5, marks=pytest.mark.slow),
        pytest.param(load_breast_cancer, 2, marks=pytest.mark.slow),
        pytest.param(load_breast_cancer, 5, marks=pytest.mark.slow),
    ],
)
def test_small_data_are_as_stable_and_never_worse_than_pca(load, n_components):
    comparison = Comparison(*load(return_X_y=True), n_components, scale=True)
    assert comparison.reduction_of_variance() > 0.95
    of_pca = unexplained(comparison.pca, comparison.X_test)
    assert 1 - np.mean(comparison.r2["stable"]) <= of_pca


@pytest.mark.parametrize("n_components", [2, 5])
def test_unseen_rows_are_never_worse_than_pca(n_components):
    for split in range(2):
        X = load_diabetes(return_X_y=True)[0]
        X_train, X_test = train_test_split(X, test_size=1 / 3, random_state=split)
        scaler = StandardScaler().fit(X_train)
        X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
        pca = unexplained(PCA(n_components).fit(X_train), X_test)
        ours = unexplained(StableAutoencoder(n_components).fit(X_train), X_test)
        assert ours <= 1.01 * pca


def test_distances_follow_the_data(iris):
    X, _ = iris
    codes = StableAutoencoder().fit_transform(X)
    assert np.corrcoef(pdist(codes), pdist(X))[0, 1] > 0.99
    assert pdist(codes).mean() == pytest.approx(pdist(X).mean(), rel=0.05)


@pytest.mark.parametrize("n_components", [1, 3])
def test_a_linear_network_is_pca(n_components, iris):
    X, _ = iris
    model = StableAutoencoder(
        n_components,
        activation="identity",
        hidden_layer_sizes=(),
        similarity_weight=0,
        random_state=0,
    ).fit(X)
    pca = PCA(n_components).fit(X)
    assert unexplained(model, X) == pytest.approx(unexplained(pca, X), rel=1e-3)
    decoder = model.network_.decoder
    axes = (decoder.linear_path.weight + decoder.gain * decoder.last.weight).detach()
    assert subspace_angles(axes.numpy(), pca.components_.T).max() < 1e-3


@pytest.mark.parametrize("alpha", [300.0, 1e3, 1e6])
def test_a_large_alpha_gives_pca(alpha, iris):
    X, _ = iris
    model = StableAutoencoder(alpha=alpha).fit(X)
    pca = PCA(2).fit(X)
    assert unexplained(model, X) == pytest.approx(unexplained(pca, X), rel=0.02)
    codes = model.transform(X)
    assert (
        displacement(
            [codes, pca.transform(X) * np.sign(np.sum(codes * pca.transform(X), 0))]
        )
        < 1e-3
    )


# --------------------------------------------------------------- several runs


@pytest.mark.numeric
@pytest.mark.parametrize("parameters", [{}, PLAIN, {"early_stopping": True}])
def test_runs_are_the_fits_of_their_seeds(parameters, digits):
    X, _ = digits
    runs = quick(n_init=3, max_iter=2, random_state=0, **parameters).fit(X)
    # The seeds of the runs are those that fits draw one after another.
    seeds = np.random.RandomState(0)
    for run in range(3):
        alone = quick(max_iter=2, random_state=seeds, **parameters).fit(X)
        assert_same_map(runs.transform_runs(X)[run], alone.transform(X))
        if run == runs.best_index_:
            for name, losses in alone.history_.items():
                np.testing.assert_allclose(runs.history_[name], losses, rtol=1e-4)
            assert runs.reconstruction_loss_ == pytest.approx(
                alone.reconstruction_loss_, rel=1e-4
            )


@pytest.mark.numeric
def test_the_model_is_the_run_nearest_to_the_consensus(digits):
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
def test_one_run_is_the_map_itself(iris):
    X, _ = iris
    model = quick(random_state=0).fit(X)
    np.testing.assert_array_equal(model.transform_runs(X), [model.transform(X)])


@pytest.mark.numeric
def test_all_runs_lie_in_one_frame(digits):
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
def test_the_consensus_of_runs_is_stabler_than_one(digits):
    X, _ = digits
    variance = {}
    for n_init in (1, 5):
        runs = [
            quick(n_init=n_init, init="random", random_state=seed).fit_transform(X)
            for seed in range(10)
        ]
        variance[n_init] = manifold_variance(runs)
    assert variance[5] < 0.9 * variance[1]


def test_runs_go_on_and_the_model_stays_the_same_one(digits):
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


def centered_product(rows):
    """A similarity of one batch, which mixes the runs of a stack."""
    centered = rows - rows.mean(0)
    return centered @ centered.T / len(rows)


@pytest.mark.numeric
def test_a_users_similarity_sees_one_run_at_a_time(iris):
    X, _ = iris
    parameters = {"max_iter": 2, "similarity": centered_product}
    runs = quick(n_init=2, random_state=0, **parameters).fit(X).transform_runs(X)
    seeds = np.random.RandomState(0)
    for run in runs:
        alone = quick(random_state=seeds, **parameters).fit_transform(X)
        assert_same_map(run, alone)


def test_runs_survive_a_pickle(iris):
    X, _ = iris
    model = quick(n_init=2, random_state=0).fit(X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform_runs(X), model.transform_runs(X))
    assert again.network_ is again.networks_[again.best_index_]


# ------------------------------------------------------------ transform and back


@pytest.mark.numeric
@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_rows_are_embedded_one_by_one(n_components, digits):
    X, _ = digits
    model = quick(n_components, random_state=0).fit(X[:300])
    codes = model.transform(X)
    # To the rounding of float32: a sample alone is multiplied by another kernel than a
    # batch, and the first of a batch by another than its last.
    alone = np.vstack([model.transform(X[i : i + 1]) for i in range(50)])
    assert_near(alone, codes[:50])
    order = np.random.default_rng(0).permutation(len(X))
    assert_near(model.transform(X[order]), codes[order])


def test_codes_are_float32_and_reconstructions_float64(iris):
    X, _ = iris
    model = quick().fit(X)
    codes = model.transform(X.astype(np.float64))
    assert codes.dtype == np.float32
    assert model.inverse_transform(codes).dtype == np.float64


def test_enough_components_keep_everything(iris):
    X, _ = iris
    model = StableAutoencoder(4, random_state=0).fit(X)
    assert model.score(X) > 0.9999
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), X, atol=0.1)


@pytest.mark.numeric
def test_the_fold_changes_no_reconstruction(digits, monkeypatch):
    X, _ = digits
    monkeypatch.setattr(
        "stable_embedding.estimators.autoencoder.apply_rigid_map",
        lambda network, _: network,
    )
    loose = quick(3, random_state=0).fit(X)
    monkeypatch.undo()
    laid = quick(3, random_state=0).fit(X)
    before, after = (m.inverse_transform(m.transform(X)) for m in (loose, laid))
    assert np.linalg.norm(after - before) < 1e-5 * np.linalg.norm(before)
    np.testing.assert_allclose(
        pdist(laid.transform(X[:50])), pdist(loose.transform(X[:50])), rtol=1e-3
    )


@pytest.mark.numeric
def test_the_map_lies_on_the_pca_scores(iris):
    X, _ = iris
    model = StableAutoencoder(random_state=0).fit(X)
    codes = model.transform(X)
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-5)
    axes, _ = principal_axes((X - model.mean_) / model.scale_, 2)
    axes *= np.sign(np.sum(((X - model.mean_) @ axes.T) * codes, axis=0))[:, None]
    cross = codes.T @ ((X - model.mean_) @ axes.T)
    # At the Procrustes optimum the cross-covariance is symmetric.
    np.testing.assert_allclose(cross, cross.T, atol=1e-3 * np.abs(cross).max())


@pytest.mark.numeric
def test_score_is_the_explained_variance_and_score_samples_its_parts(digits):
    X, _ = digits
    model = quick(5, random_state=0).fit(X)
    assert model.score(X) == pytest.approx(1 - unexplained(model, X), abs=1e-5)
    errors = np.square(X - model.inverse_transform(model.transform(X))).sum(axis=1)
    np.testing.assert_allclose(model.score_samples(X), -errors, rtol=1e-3)
    far = X[:1] + 100
    assert model.score_samples(far) < model.score_samples(X).min()


@pytest.mark.numeric
def test_align_brings_a_turned_map_home(iris):
    X, _ = iris
    model = quick(3, random_state=0).fit(X)
    codes = model.transform(X)
    before = model.inverse_transform(codes)
    turned = codes @ ortho_group.rvs(3, random_state=0) + [1, 2, 3]
    assert model.align(X, turned) is model
    scale = np.abs(codes).max()
    np.testing.assert_allclose(model.transform(X), turned, atol=1e-4 * scale)
    after = model.inverse_transform(model.transform(X))
    np.testing.assert_allclose(after, before, atol=1e-4 * np.abs(before).max())


def test_align_brings_a_retrained_map_to_its_predecessor(digits):
    X, _ = digits
    old = StableAutoencoder(**PLAIN, random_state=0).fit(X[:500]).transform(X[:500])
    new = StableAutoencoder(**PLAIN, random_state=1).fit(X)
    before = displacement([old, new.transform(X[:500])])
    after = displacement([old, new.align(X[:500], old).transform(X[:500])])
    assert after < 0.5 * before


# ---------------------------------------------------------------------- training


@pytest.mark.parametrize("similarity", [*SIMILARITIES, distance, taxicab])
def test_every_similarity_trains(similarity, iris):
    X, _ = iris
    model = quick(3, similarity=similarity, random_state=0).fit(X)
    assert np.isfinite(model.transform(X)).all()
    assert 0 <= model.similarity_loss_ < 1


@pytest.mark.numeric
def test_a_callable_is_its_name(iris):
    X, _ = iris
    named, called = (
        quick(similarity=s, random_state=0).fit_transform(X)
        for s in ("rbf", SIMILARITIES["rbf"])
    )
    np.testing.assert_array_equal(named, called)


def test_the_weight_buys_distances(digits):
    X, _ = digits
    kept = [
        StableAutoencoder(similarity_weight=weight, random_state=0)
        .fit(X[:600])
        .similarity_loss_
        for weight in (0.01, 10.0)
    ]
    assert kept[1] < kept[0]


@pytest.mark.numeric
def test_losses_are_recorded_term_by_term(iris):
    X, _ = iris
    model = quick(random_state=0).fit(X)
    assert model.n_iter_ == len(model.loss_curve_) == 20
    assert model.loss_curve_ == model.history_["loss"]
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.reconstruction_loss_ == pytest.approx(1 - model.score(X), abs=1e-5)


@pytest.mark.numeric
@pytest.mark.parametrize("parameters", [{}, PLAIN, {"early_stopping": True}])
def test_the_order_of_the_rows_does_not_count(parameters, digits):
    X = digits[0][:600]
    model = quick(random_state=0, **parameters).fit(X)
    shuffled = np.random.default_rng(0).permutation(X)
    again = quick(random_state=0, **parameters).fit(shuffled.astype(np.float32))
    np.testing.assert_array_equal(model.transform(X), again.transform(X))
    assert model.loss_curve_ == again.loss_curve_


@pytest.mark.numeric
@pytest.mark.parametrize("parameters", [{}, PLAIN])
def test_the_same_seed_gives_the_same_bits(parameters, iris):
    X, _ = iris
    first, second = (quick(random_state=3, **parameters).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.transform(X), second.transform(X))
    assert first.loss_curve_ == second.loss_curve_


def test_the_users_random_streams_are_untouched(iris):
    X, _ = iris
    of_numpy = check_random_state(None)  # the global stream itself
    before = pickle.dumps(of_numpy.get_state()), torch.get_rng_state()
    quick(random_state=0, early_stopping=True).fit(X)
    assert pickle.dumps(of_numpy.get_state()) == before[0]
    assert torch.equal(before[1], torch.get_rng_state())


def test_early_stopping_holds_out_rows_and_stops(digits):
    X, _ = digits
    model = StableAutoencoder(
        early_stopping=True, n_iter_no_change=3, tol=0.05, random_state=0
    ).fit(X)
    assert 14 < model.n_iter_ < 47
    assert len(model.history_["validation_loss"]) == model.n_iter_


def test_early_stopping_does_not_take_slow_first_steps_for_the_end():
    X = StandardScaler().fit_transform(load_wine(return_X_y=True)[0])
    of_pca = explained_variance(
        X, (pca := PCA(2).fit(X)).inverse_transform(pca.transform(X))
    )
    model = StableAutoencoder(early_stopping=True, random_state=0).fit(X)
    assert model.score(X) > of_pca + 0.01


@pytest.mark.numeric
def test_fits_in_threads_are_those_in_series(iris):
    X, _ = iris
    serial = [quick(random_state=seed, **PLAIN).fit_transform(X) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        parallel = list(
            pool.map(
                lambda seed: quick(random_state=seed, **PLAIN).fit_transform(X),
                range(4),
            )
        )
    # A thread's first products may be computed by more threads than torch has been set.
    for codes, expected in zip(parallel, serial, strict=True):
        assert_same_map(codes, expected)


def test_early_stopping_needs_rows_to_hold_out(rng):
    with pytest.raises(ValueError, match=r"validation_fraction=0.1 of 10 rows"):
        quick(early_stopping=True).fit(rng.normal(size=(10, 3)))


def test_callbacks_are_called(iris):
    class Count(Callback):
        epochs = 0

        def on_epoch_end(self, net, **kwargs):
            self.epochs += 1

    X, _ = iris
    count = Count()
    quick(callbacks=[count]).fit(X)
    assert count.epochs == 20


def test_verbose_shows_progress(iris, capsys):
    X, _ = iris
    quick().fit(X)
    assert capsys.readouterr().err == ""
    quick(verbose=1).fit(X)
    assert "20/20" in capsys.readouterr().err


def test_warm_start_goes_on_and_keeps_the_frame(digits):
    X, _ = digits
    model = quick(warm_start=True, random_state=0).fit(X)
    codes, loss, mean = model.transform(X), model.loss_curve_[-1], model.mean_
    model.fit(X)
    assert model.loss_curve_[-1] < loss
    assert displacement([codes, model.transform(X)]) < 0.5
    np.testing.assert_array_equal(mean, model.mean_)
    assert model.n_samples_seen_ == len(X)


def test_warm_start_refuses_another_network(iris):
    X, _ = iris
    model = quick(warm_start=True).fit(X)
    with pytest.raises(ValueError, match=r"n_components.*warm_start=False"):
        model.set_params(n_components=3).fit(X)
    assert model.transform(X).shape == (150, 2)


@pytest.mark.parametrize(("first", "second"), [("pca", "random"), ("random", "pca")])
def test_warm_start_refuses_another_start(first, second, iris):
    X, _ = iris
    model = quick(init=first, warm_start=True).fit(X)
    with pytest.raises(ValueError, match=r"init.*warm_start=False"):
        model.set_params(init=second).fit(X)


@pytest.mark.numeric
def test_without_warm_start_a_fit_starts_anew(iris):
    X, _ = iris
    model = quick(random_state=0).fit(X + 5)
    once = clone(model).fit(X).transform(X)
    np.testing.assert_array_equal(model.fit(X).transform(X), once)


def test_partial_fit_learns_from_chunks(digits):
    X = np.random.default_rng(0).permutation(digits[0])
    X_test, chunks = X[:300], np.array_split(X[300:], 5)
    model = StableAutoencoder(random_state=0).partial_fit(chunks[0])
    mean, codes, scores = model.mean_, model.transform(X_test), [model.score(X_test)]
    for chunk in chunks[1:]:
        scores.append(model.partial_fit(chunk).score(X_test))
    assert np.diff(scores).min() > -0.01  # what was learnt is not forgotten
    assert scores[-1] > scores[0] + 0.05
    assert model.n_samples_seen_ == len(X) - 300
    np.testing.assert_array_equal(mean, model.mean_)
    assert displacement([codes, model.transform(X_test)]) < 0.3


@pytest.mark.numeric
def test_the_first_partial_fit_is_a_fit(iris):
    X, _ = iris
    chunk, whole = quick(random_state=0).partial_fit(X), quick(random_state=0).fit(X)
    np.testing.assert_array_equal(chunk.transform(X), whole.transform(X))


# ------------------------------------------------------------------------ neighbors


@pytest.fixture(scope="module")
def with_neighbors(digits):
    """Digits in two halves, and models of two components with the term and without."""
    split = train_test_split(*digits, test_size=1 / 3, random_state=0)
    X = split[0]
    models = {
        weight: [
            StableAutoencoder(neighbor_weight=weight, random_state=seed).fit(X)
            for seed in range(3)
        ]
        for weight in (0.0, 1.0)
    }
    return split, models


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


def test_a_kernel_starts_finite_whatever_the_codes(rng):
    codes = rng.normal(size=(50, 2))
    assert kernel_scale(codes, codes) == 1e3
    assert kernel_scale(codes, codes + 1e9) == 1
    assert kernel_scale(codes, codes + np.array([0.3, 0.4])) == pytest.approx(6)


def test_with_the_term_the_map_stays_stable_and_inverts(with_neighbors):
    (X, X_unseen, _, _), models = with_neighbors
    assert manifold_variance([m.transform(X_unseen) for m in models[1]]) < 0.02
    plain = [StableAutoencoder(random_state=seed, **PLAIN).fit(X) for seed in range(3)]
    lost = [
        np.mean([unexplained(m, X_unseen) for m in of]) for of in (models[1], plain)
    ]
    assert lost[0] < 0.95 * lost[1]


@pytest.mark.numeric
def test_with_the_term_the_map_lies_on_the_pca_scores(with_neighbors):
    (X, *_), models = with_neighbors
    codes = models[1][0].transform(X)
    rotation, shift = rigid_map_onto(codes, PCA(2).fit_transform(X))
    aligned = codes @ rotation + shift
    assert_same_map(codes, aligned)


@pytest.mark.numeric
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


@pytest.mark.numeric
def test_the_reconstruction_loss_is_that_of_the_rows_alone(with_neighbors):
    (X, *_), models = with_neighbors
    model = models[1][0]
    assert model.reconstruction_loss_ == pytest.approx(1 - model.score(X), rel=1e-4)


@pytest.mark.numeric
def test_the_order_of_the_rows_does_not_count_for_neighbors(digits):
    X = digits[0][:500]
    model = quick(neighbor_weight=1.0, random_state=0)
    codes, turned = model.fit(X).transform(X), model.fit(X[::-1]).transform(X)
    np.testing.assert_array_equal(codes, turned)


@pytest.mark.numeric
@pytest.mark.parametrize("early_stopping", [False, True])
def test_runs_with_neighbors_are_the_fits_of_their_seeds(early_stopping, digits):
    X = digits[0][:400]
    parameters = {"neighbor_weight": 1.0, "early_stopping": early_stopping}
    # Rounding grows over a training, so there are few steps.
    parameters |= {"max_iter": 2, "hidden_layer_sizes": 16}
    runs = quick(**parameters, n_init=2, random_state=0).fit(X)
    assert runs.history_.keys() >= {"neighbor_loss"}
    alone = quick(**parameters, random_state=0).fit(X)
    assert_same_map(alone.transform(X), runs.transform_runs(X)[0])


def test_training_goes_on_with_neighbors(digits):
    X = digits[0]
    model = quick(neighbor_weight=1.0, random_state=0).fit(X[:900])
    before = model.transform(X)
    model.partial_fit(X[900:])
    assert np.isfinite(model.transform(X)).all()
    assert stability.displacement(before, model.transform(X)) < 0.5
    loss = model.set_params(warm_start=True).fit(X).neighbor_loss_
    assert loss < quick(neighbor_weight=1.0, random_state=0).fit(X).neighbor_loss_


def test_a_map_with_neighbors_survives_a_pickle(iris):
    model = quick(neighbor_weight=1.0, random_state=0).fit(iris[0])
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(iris[0]), model.transform(iris[0]))


@pytest.mark.numeric
def test_neighbors_may_come_from_a_transformer(iris):
    X, _ = iris
    found = quick(neighbor_weight=1.0, random_state=0).fit(X)
    for neighbors in (KNeighborsTransformer(n_neighbors=15), "auto"):
        model = clone(found).set_params(neighbors=neighbors).fit(X)
        difference = stability.displacement(found.transform(X), model.transform(X))
        assert difference < 1e-3  # of neighbors at one distance any may be taken
    with pytest.raises(TypeError, match="returned a ndarray; it must return a sparse"):
        clone(found).set_params(neighbors=StandardScaler()).fit(X)


def test_what_overflows_with_neighbors_says_what_to_lower(iris):
    with pytest.raises(ValueError, match="learning_rate_init"):
        quick(neighbor_weight=1.0, learning_rate_init=1e30).fit(iris[0])


@pytest.mark.parametrize("shape", [(2, 1), (2, 5), (3, 2), (40, 1)])
def test_the_smallest_data_have_neighbors(shape, rng):
    X = rng.normal(size=shape)
    for rows in (X, np.ones(shape)):
        codes = quick(neighbor_weight=1.0).fit_transform(rows)
        assert np.isfinite(codes).all()


# ----------------------------------------------------------------- unusual data


@pytest.mark.parametrize(
    ("shape", "n_components"),
    [((2, 5), 2), ((3, 2), 5), ((10, 1), 1), ((10, 1), 3), ((5, 40), 8), ((130, 3), 4)],
)
def test_more_components_than_the_data_have(shape, n_components, rng):
    X = rng.normal(size=shape)
    model = quick(n_components, random_state=0).fit(X)
    codes = model.transform(X)
    assert codes.shape == (shape[0], n_components)
    assert np.isfinite(codes).all()
    assert np.isfinite(model.inverse_transform(codes)).all()


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6, 1e20])
def test_constant_data_embed_in_one_point(value):
    X = np.full((20, 3), value)
    model = quick(random_state=0).fit(X)
    assert model.scale_ == 1
    np.testing.assert_allclose(model.transform(X), 0, atol=1e-3)
    np.testing.assert_allclose(
        model.inverse_transform(model.transform(X)), X, atol=1e-2
    )


def test_constant_features_and_duplicated_rows(rng):
    X = np.repeat(rng.normal(size=(10, 4)), 5, axis=0)
    X[:, 2] = 7
    model = StableAutoencoder(random_state=0).fit(X)
    assert np.isfinite(model.transform(X)).all()
    np.testing.assert_allclose(
        model.inverse_transform(model.transform(X))[:, 2], 7, atol=1e-2
    )


@pytest.mark.numeric
@pytest.mark.parametrize("scale", [1e-20, 1e-6, 1e6, 1e20])
def test_the_unit_of_the_data_is_that_of_the_codes(scale, iris):
    X, _ = iris
    one, other = (quick(random_state=0).fit(X * s).transform(X * s) for s in (1, scale))
    np.testing.assert_allclose(other / scale, one, rtol=1e-2, atol=1e-3)


@pytest.mark.numeric
def test_an_offset_does_not_count(iris):
    X, _ = iris
    one, other = (quick(random_state=0).fit(X + s).transform(X + s) for s in (0, 1e6))
    np.testing.assert_allclose(other, one, rtol=1e-2, atol=1e-2)


def test_the_inverse_keeps_an_offset(iris):
    X = iris[0] + 1e8
    model = quick(4, random_state=0).fit(X)
    np.testing.assert_allclose(
        model.inverse_transform(model.transform(X)), X, atol=0.1, rtol=0
    )


@pytest.mark.parametrize(
    "method", ["transform", "score", "score_samples", "inverse_transform"]
)
def test_what_overflows_is_refused(method, iris):
    X, _ = iris
    model = quick().fit(X)
    far = np.full((3, 2 if method == "inverse_transform" else 4), 1e200)
    with pytest.raises(ValueError, match=r"float\d\d overflows"):
        getattr(model, method)(far)


@pytest.mark.parametrize("scale", [1e-40, 1e40, 1e200, 1e308 / 8])
def test_scales_beyond_float32_are_refused(scale, iris):
    with pytest.raises(ValueError, match="rescale X"):
        quick().fit(iris[0] * scale)


# -------------------------------------------------------------------- bad input


@pytest.fixture(scope="module")
def fitted(iris):
    """A model to be copied, since a test changes it."""
    return quick(random_state=0).fit(iris[0])


BAD_X = [
    (np.array([[np.nan, 1, 2, 3], [1, 2, 3, 4]]), ValueError, "NaN"),
    (np.array([[np.inf, 1, 2, 3], [1, 2, 3, 4]]), ValueError, "infinity"),
    (np.array([[1 + 1j, 1], [1, 2]]), ValueError, "[Cc]omplex"),
    (np.array([["a", "b"], ["c", "d"]]), ValueError, "'a'"),
    (np.array([[{}, 1], [1, 2]], dtype=object), TypeError, "dict"),
    (np.arange(4.0), ValueError, "1D array"),
    (np.empty((0, 3)), ValueError, r"0 sample"),
    (np.ones((1, 3)), ValueError, r"1 sample"),
    (np.empty((3, 0)), ValueError, r"0 feature"),
]


@pytest.mark.parametrize(("X", "error", "message"), BAD_X)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_data_are_refused_and_an_earlier_fit_survives(
    method, X, error, message, fitted
):
    model = copy.deepcopy(fitted)
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        getattr(model, method)(X)
    assert_untouched(model, before)


BAD_PARAMETERS = {
    "n_components": [0, -1, 1.5, "2", None],
    "hidden_layer_sizes": [0, (8, 0), (8, -1), (8.5,), "8", ((8,),), ("a",), None],
    "activation": ["swish", None],
    "similarity": [
        "euclidean",
        3,
        torch.corrcoef,
        lambda x: (x[:, None] - x[None]).square().sum(-1).sqrt(),
        lambda x: (x @ x.T).log(),
        lambda x: x,
        lambda x: x.numpy() @ x.numpy().T,
    ],
    "similarity_weight": [-1, "1", None],
    "neighbor_weight": [-1, "1", None],
    "n_neighbors": [0, 1.5, "auto", None],
    "neighbors": ["brute", 15, None, KNeighborsClassifier()],
    "init": ["kmeans", None],
    "layerwise_pretraining": ["yes", 2],
    "n_init": [0, 1.5, "auto"],
    "batch_size": [0, 1, 2.5, "all"],
    "learning_rate_init": [0, -1e-3, "fast"],
    "max_iter": [0, 1.5, "all"],
    "alpha": [-1, "none"],
    "early_stopping": ["yes", 2],
    "validation_fraction": [0, 1, -0.1],
    "n_iter_no_change": [0, 1.5],
    "tol": [-1e-4, "low"],
    "warm_start": ["yes"],
    "checkpoint": [3, ["a"]],
    "callbacks": [Callback(), "print", [3], ["print"], [("a", 3)]],
    "device": ["gpu", "cuda:99", 0],
    "accelerator": [3, "cuda", object()],
    "random_state": ["seed", -1],
    "verbose": [-1, "loud"],
}


def test_every_parameter_is_tried():
    assert BAD_PARAMETERS.keys() == StableAutoencoder().get_params().keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_PARAMETERS.items() for value in values],
)
def test_bad_parameters_are_named_and_an_earlier_fit_survives(
    name, value, fitted, iris
):
    X, _ = iris
    model = copy.deepcopy(fitted)
    codes = model.transform(X)
    with pytest.raises((ValueError, TypeError), match=name):
        model.set_params(**{name: value}).fit(X)
    np.testing.assert_array_equal(model.transform(X), codes)


def test_a_loss_that_is_not_finite_says_what_to_lower(iris):
    X, _ = iris
    model = quick(random_state=0).fit(X)
    codes = model.transform(X)
    with pytest.raises(ValueError, match="lower learning_rate_init"):
        model.set_params(learning_rate_init=1e30).fit(X)
    np.testing.assert_array_equal(model.transform(X), codes)


def test_an_interrupted_fit_leaves_the_earlier_one(iris):
    class Interrupt(Callback):
        def on_batch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    X, _ = iris
    model = quick(random_state=0).fit(X).set_params(callbacks=[Interrupt()])
    before, codes = dict(vars(model)), model.transform(X)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:50])
    assert_untouched(model, before)
    np.testing.assert_array_equal(model.transform(X), codes)


@pytest.mark.parametrize(
    "method", ["transform", "inverse_transform", "score", "score_samples"]
)
def test_unfitted_is_said(method, iris):
    with pytest.raises(NotFittedError):
        getattr(StableAutoencoder(), method)(iris[0])


def test_unfitted_align_is_said(iris):
    with pytest.raises(NotFittedError):
        StableAutoencoder().align(iris[0], np.zeros((150, 2)))


def test_wrong_shapes_are_named(iris):
    X, _ = iris
    model = quick().fit(X)
    with pytest.raises(ValueError, match="X has 3 features"):
        model.transform(X[:, :3])
    with pytest.raises(ValueError, match="X has shape .* have 2 columns"):
        model.inverse_transform(X[:, :3])
    with pytest.raises(ValueError, match=r"reference has shape \(150, 3\)"):
        model.align(X, X[:, :3])
    with pytest.raises(ValueError, match="reference has 149 rows, but X has 150"):
        model.align(X, X[1:, :2])
    with pytest.raises(ValueError, match="reference contains NaN"):
        model.align(X, np.full((150, 2), np.nan))


# ----------------------------------------------------------- in company with others


@pytest.mark.numeric
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames_in_and_out(frame, iris):
    X, _ = iris
    names = ["a", "b", "c", "d"]
    data = frame(dict(zip(names, X.T)))
    library = frame.__module__.split(".")[0]
    model = quick(random_state=0).set_output(transform=library)
    codes = model.fit_transform(data)
    assert isinstance(codes, frame)
    assert list(codes.columns) == ["stableautoencoder0", "stableautoencoder1"]
    assert list(model.feature_names_in_) == names
    # Its columns lie apart in memory, and sums of them may be taken in another order.
    array = clone(model).set_output(transform="default").fit_transform(X)
    assert_same_map(codes.to_numpy(), array)
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(frame(dict(zip("wxyz", X.T))))


def test_in_a_pipeline_before_a_classifier(iris):
    X, y = iris
    pipeline = make_pipeline(
        StandardScaler(), StableAutoencoder(), LogisticRegression()
    )
    assert cross_val_score(pipeline, X, y, cv=3, n_jobs=2).mean() > 0.85


def test_grid_search_of_the_weight_in_a_pipeline(iris):
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), quick(), LogisticRegression())
    search = GridSearchCV(
        pipeline, {"stableautoencoder__similarity_weight": [0.1, 1.0]}, cv=2, n_jobs=2
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert np.isfinite(search.best_estimator_[:-1].transform(X)).all()


def test_grid_search_without_scoring_uses_explained_variance(iris):
    X, _ = iris
    search = GridSearchCV(quick(), {"n_components": [1, 3]}, cv=2).fit(X)
    assert search.best_params_ == {"n_components": 3}


def test_pickle_gives_the_same_map_and_holds_no_data(digits):
    X, _ = digits
    model = quick(random_state=0).fit(X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    weights = sum(p.nbytes for p in model.network_.parameters())
    assert len(pickle.dumps(model)) < weights + 20_000
    assert len(pickle.dumps(model)) < X.nbytes


needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA device"
)


@needs_cuda
@pytest.mark.parametrize("parameters", [{}, {"n_init": 2}, {"early_stopping": True}])
def test_a_gpu_gives_the_map_of_the_cpu(parameters, digits):
    X, _ = digits
    wide = X @ ortho_group.rvs(300, random_state=0)[:64]
    for rows in (X, wide):
        maps = [
            StableAutoencoder(device=device, random_state=0, **parameters)
            .fit(rows)
            .transform(rows)
            for device in ("cpu", "cuda")
        ]
        assert displacement(maps) < 0.01


@needs_cuda
def test_trained_on_a_gpu_it_unpickles_on_the_cpu(digits):
    X, _ = digits
    model = quick(device="cuda", random_state=0).fit(X)
    again = pickle.loads(pickle.dumps(model))
    assert again.network_.device.type == "cpu"
    np.testing.assert_allclose(
        again.transform(X), model.transform(X), rtol=1e-3, atol=1e-2
    )


# ------------------------------------------------------------------ the arithmetic


def test_maps_are_folded_on_the_cpu_whatever_the_device(monkeypatch):
    # "meta" stands for a device that the fold's float64 arithmetic cannot be done on.
    network = Autoencoder(4, 2, (3,), "relu")
    monkeypatch.setattr(Autoencoder, "device", torch.device("meta"))
    folded = []
    monkeypatch.setattr(
        Autoencoder,
        "fold",
        lambda self, *_: folded.append(self.encoder.last.weight.device.type),
    )
    laid = apply_rigid_map(network, rigid_map_onto(np.eye(3, 2), np.eye(3, 2)))
    assert folded == ["cpu"]
    assert laid.encoder.last.weight.device.type == "meta"


def test_what_auto_chooses():
    assert auto_batch_size(9_999, 0.0) == auto_batch_size(9_999, 1.0) == 128
    assert auto_batch_size(10_000, 0.0) == 256
    assert auto_batch_size(10_000, 1.0) == 512
    assert auto_layer_sizes(0.0) == (128, 32)
    assert auto_layer_sizes(0.1) == (128, 128, 128)
    assert auto_max_iter(1) == 600
    assert auto_max_iter(10_000) == 20
    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") in {"cpu", "cuda", "mps"}


def test_a_bounded_number_of_rows_is_in_memory(digits, monkeypatch):
    X, _ = digits
    model = quick().fit(X)
    seen = []
    monkeypatch.setattr(
        model, "_scale_rows", lambda rows: seen.append(len(rows)) or rows
    )
    model.transform(np.tile(X, (10, 1)))
    assert max(seen) <= 4_096 < sum(seen)
