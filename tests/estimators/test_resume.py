"""Training that resumes: warm starts and chunks."""

import numpy as np
import pytest
from sklearn.base import clone

from stable_embedding import StableAutoencoder, VariationalAutoencoder
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


@pytest.mark.parametrize(("first", "second"), [("pca", "random"), ("random", "pca")])
def test_warm_start_refuses_another_start(quick, first, second, iris):
    X, _ = iris
    model = quick(init=first, warm_start=True).fit(X)
    with pytest.raises(ValueError, match=r"init.*warm_start=False"):
        model.set_params(init=second).fit(X)


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
