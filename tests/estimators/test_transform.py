"""Codes, what they reconstruct, and how well."""

from functools import partial

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from stable_embedding import StableAutoencoder
from stable_embedding.data import limits
from stable_embedding.quality import explained_variance
from tests.precision import assert_near


@pytest.mark.numeric
@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_samples_are_embedded_one_by_one(quick, n_components, digits):
    X, _ = digits
    model = quick(n_components, random_state=0).fit(X[:300])
    codes = model.transform(X)
    # To the rounding of float32: a sample alone is multiplied by another kernel than a
    # batch, and the first ones of a batch by another than the last.
    alone = np.vstack([model.transform(X[i : i + 1]) for i in range(50)])
    assert_near(alone, codes[:50])
    order = np.random.default_rng(0).permutation(len(X))
    assert_near(model.transform(X[order]), codes[order])


def test_codes_are_float32_and_reconstructions_float64(quick, iris):
    X, _ = iris
    model = quick().fit(X)
    codes = model.transform(X.astype(np.float64))
    assert codes.dtype == np.float32
    assert model.inverse_transform(codes).dtype == np.float64


@pytest.mark.slow
def test_enough_components_keep_everything(iris):
    X, _ = iris
    model = StableAutoencoder(4, random_state=0).fit(X)
    assert model.score(X) > 0.9999
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), X, atol=0.1)


def test_the_inverse_keeps_an_offset(quick, iris):
    X = iris[0] + 1e8
    model = quick(4, random_state=0).fit(X)
    np.testing.assert_allclose(
        model.inverse_transform(model.transform(X)), X, atol=0.1, rtol=0
    )


@pytest.mark.numeric
def test_score_is_the_explained_variance_and_score_samples_its_parts(quick, digits):
    X, _ = digits
    model = quick(5, random_state=0).fit(X)
    X_reconstructed = model.inverse_transform(model.transform(X))
    expected = explained_variance(X, X_reconstructed)
    assert model.score(X) == pytest.approx(expected, abs=1e-5)
    errors = np.square(X - X_reconstructed).sum(axis=1)
    np.testing.assert_allclose(model.score_samples(X), -errors, rtol=1e-3)
    far = X[:1] + 100
    assert model.score_samples(far) < model.score_samples(X).min()


@pytest.mark.parametrize(
    ("method", "of_data"),
    [
        ("transform", True),
        ("score", True),
        ("score_samples", True),
        ("inverse_transform", False),
    ],
)
def test_what_overflows_is_refused_and_named(quick, method, of_data, iris):
    X, _ = iris
    model = quick().fit(X)
    far = np.full((3, 2 if method == "inverse_transform" else 4), 1e200)
    with pytest.raises(ValueError, match=r"float\d\d overflows") as refusal:
        getattr(model, method)(far)
    of_codes = "the codes hold values so large" in str(refusal.value)
    of_samples = "X holds values so far from the training data" in str(refusal.value)
    assert (of_codes, of_samples) == (not of_data, of_data)


@pytest.mark.parametrize("n_init", [1, 2])
def test_what_overflows_in_the_units_of_the_data_is_refused_too(n_init, quick, iris):
    X = 1e28 * iris[0]
    model = quick(n_init=n_init).fit(X)
    embeddings = [model.transform]
    if n_init > 1:
        of_std = partial(model.transform, return_std=True)
        embeddings += [model.transform_runs, of_std]
    for embed in embeddings:
        with pytest.raises(ValueError, match="data that float32 overflows"):
            embed(X * 1e11)
    with pytest.raises(ValueError, match="codes hold values .* float32 overflows"):
        model.inverse_transform(np.full((2, 2), 1e39))
    with pytest.raises(ValueError, match="data that float64 overflows"):
        model.score_samples(X * 1e130)
    assert np.isfinite(model.inverse_transform(model.transform(X))).all()


@pytest.mark.parametrize(
    "method", ["transform", "inverse_transform", "score", "score_samples"]
)
def test_unfitted_is_said(method, iris):
    with pytest.raises(NotFittedError):
        getattr(StableAutoencoder(), method)(iris[0])


def test_wrong_shapes_are_named(quick, iris):
    X, _ = iris
    model = quick().fit(X)
    with pytest.raises(ValueError, match="X has 3 features"):
        model.transform(X[:, :3])
    with pytest.raises(ValueError, match="X has shape .* have 2 columns"):
        model.inverse_transform(X[:, :3])
    with pytest.raises(ValueError, match=r"reference has shape \(150, 3\)"):
        model.align(X, X[:, :3])
    with pytest.raises(ValueError, match="reference has 149 samples, but X has 150"):
        model.align(X, X[1:, :2])
    with pytest.raises(ValueError, match="reference contains NaN"):
        model.align(X, np.full((150, 2), np.nan))


def test_a_bounded_number_of_samples_is_in_memory(quick, digits, monkeypatch):
    X, _ = digits
    model = quick().fit(X)
    seen = []
    monkeypatch.setattr(
        model, "_check_values", lambda samples: seen.append(len(samples))
    )
    model.transform(np.tile(X, (10, 1)))
    assert max(seen) <= limits.CHUNK_SAMPLES < sum(seen)
