"""Data with too few samples, features or values, and data that are none."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from stable_embedding import StableAutoencoder
from stable_embedding.exceptions import DominatedVarianceWarning


def assert_untouched(estimator, before):
    """Assert that every attribute is the very object that it was."""
    after = vars(estimator)
    assert after.keys() == before.keys()
    assert all(after[name] is value for name, value in before.items())


@pytest.mark.parametrize(
    ("shape", "n_components"),
    [((2, 5), 2), ((3, 2), 5), ((10, 1), 1), ((10, 1), 3), ((5, 40), 8), ((130, 3), 4)],
)
def test_more_components_than_the_data_have(quick, shape, n_components, rng):
    X = rng.normal(size=shape)
    model = quick(n_components, random_state=0).fit(X)
    codes = model.transform(X)
    assert codes.shape == (shape[0], n_components)
    assert np.isfinite(codes).all()
    assert np.isfinite(model.inverse_transform(codes)).all()


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6, 1e20])
def test_constant_data_embed_in_one_point(quick, value):
    X = np.full((20, 3), value)
    model = quick(random_state=0).fit(X)
    assert model.scale_ == 1
    np.testing.assert_allclose(model.transform(X), 0, atol=1e-3)
    np.testing.assert_allclose(
        model.inverse_transform(model.transform(X)), X, atol=1e-2
    )


def test_a_constant_of_any_size_hides_no_other_feature(quick, rng):
    X = np.hstack([rng.normal(size=(60, 3)), np.full((60, 1), 1e15)])
    model = quick(random_state=0).partial_fit(X[:30]).partial_fit(X[30:])
    assert not model.is_constant_
    assert model.n_samples_seen_ == 60
    assert model.transform(X).std() > 0.1


def test_constant_features_and_duplicated_samples(rng):
    X = np.repeat(rng.normal(size=(10, 4)), 5, axis=0)
    X[:, 2] = 7
    model = StableAutoencoder(max_iter=50, random_state=0).fit(X)
    assert np.isfinite(model.transform(X)).all()
    np.testing.assert_allclose(
        model.inverse_transform(model.transform(X))[:, 2], 7, atol=1e-2
    )


@pytest.mark.parametrize("scale", [1e-40, 1e40, 1e200, 1e308 / 8])
def test_scales_beyond_float32_are_refused(quick, scale, iris):
    with pytest.raises(ValueError, match="rescale X"):
        quick().fit(iris[0] * scale)


BAD_X = [
    (np.array([[np.nan, 1, 2, 3], [1, 2, 3, 4]]), ValueError, "NaN"),
    (np.array([[np.inf, 1, 2, 3], [1, 2, 3, 4]]), ValueError, "infinity"),
    (np.array([[1 + 1j, 1], [1, 2]]), ValueError, "[Cc]omplex"),
    (np.array([["a", "b"], ["c", "d"]]), ValueError, "'a'"),
    (np.array([[{}, 1], [1, 2]], dtype=object), TypeError, "dict"),
    (np.arange(4.0), ValueError, "1D array"),
    (None, ValueError, "scalar array"),
    (5.0, ValueError, "scalar array"),
    (np.empty((0, 3)), ValueError, r"0 sample"),
    (np.ones((1, 3)), ValueError, r"1 sample"),
    (np.empty((3, 0)), ValueError, r"0 feature"),
]


@pytest.mark.parametrize(("X", "error", "message"), BAD_X)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_data_are_refused_and_an_earlier_fit_survives(
    quick, method, X, error, message, iris
):
    model = quick(random_state=0).fit(iris[0])
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        getattr(model, method)(X)
    assert_untouched(model, before)


@pytest.mark.parametrize("seed", range(2))
def test_components_beyond_the_rank_are_zero(iris, seed):
    X, _ = iris
    model = StableAutoencoder(10, max_iter=20, random_state=seed).fit(X)
    codes = model.transform(X)
    assert not codes[:, 4:].any()
    assert codes[:, :4].any(axis=0).all()
    # A scaler would make noise of unit variance of rounding.
    scaled = StandardScaler().fit_transform(codes)
    np.testing.assert_allclose(scaled.std(axis=0), [1] * 4 + [0] * 6, atol=1e-6)
    assert model.score(X) > 0.99


def test_components_beyond_the_rank_of_related_features_are_zero(iris):
    X, _ = iris
    related = np.column_stack([X[:, :2], X[:, 0] + X[:, 1], X[:, 0] - X[:, 1]])
    model = StableAutoencoder(4, max_iter=20, random_state=0).fit(related)
    codes = model.transform(related)
    assert not codes[:, 2:].any()
    assert codes[:, :2].any(axis=0).all()


def test_components_beside_a_sample_that_is_far_away_are_not_zero(iris):
    X = iris[0].copy()
    X[0] *= 1e6
    model = StableAutoencoder(3, max_iter=5, random_state=0)
    with pytest.warns(DominatedVarianceWarning):
        codes = model.fit(X).transform(X)
    assert codes[1:].any(axis=0).all()


def test_a_later_chunk_may_have_a_higher_rank(iris):
    X, _ = iris
    model = StableAutoencoder(3, max_iter=20, random_state=0).partial_fit(X[:2])
    before = model.score(X)
    assert model.partial_fit(X).score(X) > before
