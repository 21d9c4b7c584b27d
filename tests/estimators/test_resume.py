"""Training that resumes: warm starts and chunks."""

import pickle
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone

from stable_embedding import (
    SemanticHashing,
    SparseAutoencoder,
    StableAutoencoder,
    VariationalAutoencoder,
    load,
    save,
)
from stable_embedding.losses.similarity import cosine
from stable_embedding.stability import displacement


def test_warm_start_goes_on_and_keeps_the_frame(quick, digits):
    X = digits[0][:600]
    model = quick(warm_start=True, random_state=0).fit(X)
    codes, loss, mean = model.transform(X), model.loss_curve_[-1], model.mean_
    model.fit(X)
    assert model.loss_curve_[-1] < loss
    assert displacement(codes, model.transform(X)) < 0.5
    np.testing.assert_array_equal(mean, model.mean_)
    assert model.n_samples_seen_ == len(X)


def test_warm_start_refuses_another_network(quick, iris):
    X, _ = iris
    model = quick(warm_start=True).fit(X)
    with pytest.raises(ValueError, match=r"n_components.*warm_start=False"):
        model.set_params(n_components=3).fit(X)
    assert model.transform(X).shape == (150, 2)


@pytest.mark.parametrize("n_samples", [2, 3, 5])
@pytest.mark.parametrize("n_components", [2, 10])
def test_a_small_chunk_does_not_turn_the_map(n_components, n_samples, quick, digits):
    X = digits[0][:300]
    model = quick(n_components=n_components, max_iter=10).fit(X)
    codes = model.transform(X)
    moved = model.partial_fit(X[:n_samples]).transform(X)
    assert displacement(codes, moved) < 0.05


def test_a_small_chunk_does_not_permute_bits(digits):
    X = digits[0][:300]
    model = SemanticHashing(32, n_init=1, max_iter=10, random_state=0).fit(X)
    bits = model.transform(X)
    assert (bits != model.partial_fit(X[:2]).transform(X)).mean() < 0.05


def test_samples_of_an_align_decide_no_more_than_they_know(quick, digits):
    X = digits[0][:300]
    model = quick(n_components=10, max_iter=10).fit(X)
    codes = model.transform(X)
    # The same map, up to the rounding of float32.
    moved = model.align(X[:3], codes[:3]).transform(X)
    assert displacement(codes, moved) < 1e-6


def test_small_chunks_shrink_the_map_no_further(quick, digits):
    X = digits[0]
    model = quick(max_iter=5).fit(X[:600])
    before = model.alpha_
    model.partial_fit(X[600:606])
    assert before * 0.9 < model.alpha_ < before * 1.2
    assert quick(alpha=2.5).fit(X[:100]).alpha_ == 2.5


@pytest.mark.parametrize(("first", "second"), [("pca", "random"), ("random", "pca")])
def test_warm_start_refuses_another_start(quick, first, second, iris):
    X, _ = iris
    model = quick(init=first, warm_start=True).fit(X)
    with pytest.raises(ValueError, match=r"init.*warm_start=False"):
        model.set_params(init=second).fit(X)


def by_taxi(first, second, power=1):
    return np.abs(first - second).sum() ** power


FOLLOWED = {
    "euclidean": {},
    "cosine": {"similarity": "cosine"},
    "metric": {"metric": "cityblock"},
    "another metric": {"metric": "chebyshev"},
    "parameters": {"metric": "minkowski", "metric_params": {"p": 3}},
    "other parameters": {"metric": "minkowski", "metric_params": {"p": 4}},
    "callable": {"metric": by_taxi},
    "partial": {"metric": partial(by_taxi, power=1)},
    "another partial": {"metric": partial(by_taxi, power=0.5)},
    "array": {"metric": "minkowski", "metric_params": {"p": 3, "w": np.ones(4)}},
}
PLAIN = {"metric": "euclidean", "metric_params": None, "similarity": "distance"}


@pytest.mark.parametrize("first", FOLLOWED)
@pytest.mark.parametrize("second", FOLLOWED)
def test_a_training_resumes_with_what_its_codes_follow_alone(first, second, iris):
    X = iris[0][::5]
    model = StableAutoencoder(n_init=1, max_iter=1, **FOLLOWED[first]).fit(X)
    model = pickle.loads(pickle.dumps(model)).set_params(**PLAIN | FOLLOWED[second])
    before = model.transform(X)
    for resume in (model.partial_fit, model.set_params(warm_start=True).fit):
        if first == second:
            resume(X)
        else:
            with pytest.raises(ValueError, match="training cannot resume with"):
                resume(X)
            np.testing.assert_array_equal(model.transform(X), before)


@pytest.mark.parametrize(
    ("estimator", "changed"),
    [
        (SemanticHashing(12), {"n_bits": 20}),
        (SparseAutoencoder(4, penalty="k_sparse", sparsity=0.25), {"sparsity": 0.5}),
    ],
    ids=["bits", "sparse"],
)
def test_what_keeps_a_training_from_resuming_has_the_parameters_name(
    estimator, changed, iris
):
    [name] = changed
    estimator = clone(estimator).set_params(n_init=1, max_iter=1).fit(iris[0])
    estimator.set_params(**changed)
    with pytest.raises(ValueError, match=f"cannot resume with .*{name}.*: (20|2)"):
        estimator.partial_fit(iris[0])


def test_distances_of_the_user_are_followed_to_the_end(iris):
    X = iris[0][::5]
    D = np.abs(X[:, None] - X).sum(axis=-1)
    model = StableAutoencoder(n_init=1, max_iter=1, warm_start=True)
    given = clone(model).fit(X, distances=D).fit(X, distances=2 * D)
    with pytest.raises(ValueError, match="cannot resume with metric='cityblock'"):
        given.set_params(metric="cityblock").fit(X)
    for parameters in ({}, {"similarity": "cosine"}, {"metric": "cityblock"}):
        model = clone(model).set_params(**parameters).fit(X)
        with pytest.raises(ValueError, match="training cannot resume with distances"):
            model.set_params(**PLAIN).fit(X, distances=D)


def test_the_same_may_be_said_in_other_words(iris, tmp_path):
    X = iris[0][::5]
    same = [
        [{"metric": "l2"}, {"metric": "euclidean"}],
        [{"similarity": "cosine"}, {"similarity": cosine, "metric": "cosine"}],
        [
            {"metric": "minkowski", "metric_params": {"p": 3}},
            {"metric": "minkowski", "metric_params": {"p": np.float64(3)}},
        ],
        [
            {"metric": "minkowski", "metric_params": {"w": [1, 2, 1, 1]}},
            {"metric": "minkowski", "metric_params": {"p": 2, "w": (1, 2.0, 1, 1)}},
        ],
        [
            {"metric": "l1"},
            {"metric": "manhattan", "metric_params": {"n_jobs": 1}},
        ],
        [{"similarity": "rbf"}, {"similarity": "inner_product"}],
    ]
    for first, second in same:
        model = StableAutoencoder(n_init=1, max_iter=1, **first).fit(X)
        save(model, tmp_path / "model.safetensors")
        load(tmp_path / "model.safetensors").set_params(**second).partial_fit(X)


def test_what_an_earlier_version_saved_resumes(iris):
    X = iris[0][::5]
    model = StableAutoencoder(n_init=1, max_iter=1, metric="cityblock").fit(X)
    state = model.__getstate__()
    del state["distance_source_"]
    model.__setstate__(state)
    assert model.distance_source_ is None
    assert model.partial_fit(X).distance_source_ == "metric='cityblock'"


@pytest.mark.numeric
def test_without_warm_start_a_fit_starts_anew(quick, iris):
    X, _ = iris
    model = quick(random_state=0).fit(X + 5)
    once = clone(model).fit(X).transform(X)
    np.testing.assert_array_equal(model.fit(X).transform(X), once)


@pytest.mark.slow
def test_partial_fit_learns_from_chunks(digits):
    X = np.random.default_rng(0).permutation(digits[0])
    X_test, chunks = X[:300], np.array_split(X[300:], 5)
    model = StableAutoencoder(n_init=2, random_state=0).partial_fit(chunks[0])
    mean, codes, scores = model.mean_, model.transform(X_test), [model.score(X_test)]
    for chunk in chunks[1:]:
        scores.append(model.partial_fit(chunk).score(X_test))
    assert np.diff(scores).min() > -0.01  # what was learnt is not forgotten
    assert scores[-1] > scores[0] + 0.05
    assert model.n_samples_seen_ == len(X) - 300
    np.testing.assert_array_equal(mean, model.mean_)
    assert displacement(codes, model.transform(X_test)) < 0.3


@pytest.mark.numeric
def test_the_first_partial_fit_is_a_fit(quick, iris):
    X, _ = iris
    chunk, whole = quick(random_state=0).partial_fit(X), quick(random_state=0).fit(X)
    np.testing.assert_array_equal(chunk.transform(X), whole.transform(X))


@pytest.mark.numeric
@pytest.mark.parametrize("kind", [StableAutoencoder, VariationalAutoencoder])
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_a_constant_chunk_says_nothing_about_later_ones(kind, value, iris):
    X = iris[0] * 1e3
    parameters = {"n_init": 1, "max_iter": 3, "random_state": 0}
    model, expected = kind(**parameters), kind(**parameters)
    for n_chunks in (1, 2):
        model.partial_fit(np.full((10, 4), value))
        assert model.is_constant_
        assert model.n_samples_seen_ == 10 * n_chunks
    for part in (X[::2], X[1::2]):
        model.partial_fit(part)
        assert not model.is_constant_
    model.partial_fit(np.full((10, 4), value))
    assert model.n_samples_seen_ == 180
    assert model.scale_ == expected.partial_fit(X[::2]).scale_ > 1e3
    np.testing.assert_array_equal(model.mean_, expected.mean_)


@pytest.mark.numeric
def test_after_a_constant_chunk_a_chunk_is_the_first(quick, iris):
    X, _ = iris
    model = quick(n_init=1, random_state=0).partial_fit(np.ones((10, 4)))
    model.partial_fit(X)
    expected = quick(n_init=1, random_state=0).partial_fit(X)
    # The same computation.
    np.testing.assert_array_equal(model.transform(X), expected.transform(X))
    assert model.n_samples_seen_ == 160


def test_after_a_constant_chunk_features_are_the_same(quick):
    model = quick(n_init=1, max_iter=1).partial_fit(np.ones((10, 4)))
    with pytest.raises(ValueError, match="X has 3 features, but"):
        model.partial_fit(np.eye(3))
    assert model.n_features_in_ == 4


@pytest.mark.numeric
def test_a_warm_start_on_constant_data_starts_anew(quick, iris):
    X, _ = iris
    parameters = {"n_init": 1, "random_state": 0}
    model = quick(warm_start=True, **parameters).fit(np.ones((10, 3))).fit(X)
    expected = quick(**parameters).fit(X)
    np.testing.assert_array_equal(model.transform(X), expected.transform(X))


@pytest.mark.parametrize("size", [1e16, 1e20, 9.96921e36])
def test_a_chunk_that_float32_cannot_hold_is_refused(size, quick, iris):
    chunk = iris[0].copy()
    model = quick(n_init=1, max_iter=1).fit(chunk)
    chunk[3, 2] = size
    message = "times the scale of the training data, with which float32 cannot compute"
    for resume in (model.partial_fit, model.set_params(warm_start=True).fit):
        with pytest.raises(ValueError, match=message):
            resume(chunk)
