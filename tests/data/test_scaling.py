import numpy as np
import pytest
from scipy.sparse import csr_array

from stable_embedding.data import limits
from stable_embedding.data.scaling import (
    SampleScaler,
    ScaledSamples,
    feature_means,
    mean_and_scale,
    total_squared_deviation,
)


def test_center_and_scale_give_unit_total_variance(rng):
    X = rng.normal(size=(50, 4)) * [1, 10, 100, 0] + 1e6
    mean, scale = mean_and_scale(X)
    samples = (X - mean) / scale
    np.testing.assert_allclose(samples.mean(axis=0), 0, atol=1e-9)
    assert np.square(samples).sum(axis=1).mean() == pytest.approx(1)


def test_sums_over_chunks_are_those_of_numpy(rng, monkeypatch):
    X = rng.normal(size=(50, 4)).astype(np.float32)
    monkeypatch.setattr(limits, "CHUNK_SAMPLES", 7)
    for samples in (X, csr_array(X)):
        mean = feature_means(samples)
        np.testing.assert_allclose(mean, X.mean(axis=0, dtype=np.float64))
        expected = np.square(X - mean).sum()
        assert total_squared_deviation(samples, mean) == pytest.approx(expected)


def test_shuffled_samples_in_one_order_have_the_same_bits(rng):
    X = rng.normal(size=(500, 3))
    order = rng.permutation(500)
    expected = mean_and_scale(X[order])
    for found, value in zip(mean_and_scale(X, order), expected):
        np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize("scale", [1e-40, 1e40])
def test_a_scale_that_float32_cannot_hold_is_refused(scale, rng):
    with pytest.raises(ValueError, match="rescale X"):
        mean_and_scale(scale * rng.normal(size=(50, 3)))


@pytest.mark.parametrize("offset", [0, 1e3, 1e6])
def test_single_precision_keeps_what_float32_samples_hold(offset, rng):
    X = (rng.normal(size=(50, 4)) + offset).astype(np.float32)
    mean, scale = X.mean(axis=0, dtype=np.float64), 2.0
    exact = (X.astype(np.float64) - mean) / scale
    samples = SampleScaler(mean, scale)(X)
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, exact, rtol=1e-6, atol=1e-7)
    wide = SampleScaler(mean, scale)(X.astype(np.float64))
    np.testing.assert_array_equal(wide, exact.astype(np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_chunks_of_any_size_and_layout_are_scaled_in_one_memory(dtype, rng):
    X = rng.integers(0, 9, size=(20, 4)).astype(dtype)
    mean, scale = X.mean(axis=0, dtype=np.float64), 3.0
    expected = SampleScaler(mean, scale)(X).copy()
    scaler, fixed = SampleScaler(mean, scale), X.copy()
    fixed.flags.writeable = False
    for at in (slice(5, 9), slice(0, 20), slice(3, 4), slice(0, 0)):
        for block in (fixed[at], np.asfortranarray(X)[at]):
            np.testing.assert_array_equal(scaler(block), expected[at])
    np.testing.assert_array_equal(X, fixed)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_samples_are_centered_scaled_ordered_and_projected(kind, rng):
    X = rng.normal(size=(20, 4))
    order = rng.permutation(20)
    basis = np.linalg.qr(rng.normal(size=(4, 2)))[0].T.astype(np.float32)
    mean, scale = mean_and_scale(X)
    expected = ((X - mean) / scale)[order]
    samples = ScaledSamples(kind(X), mean, scale, order)
    assert (len(samples), samples.width, samples.project(basis).width) == (20, 4, 2)
    assert samples[:].dtype == np.float32
    for index in (slice(None), slice(3, 9), order[:5], order[:6].reshape(2, 3)):
        np.testing.assert_allclose(samples[index], expected[index], rtol=1e-6)
        projected = expected[index] @ basis.T
        found = samples.project(basis)[index]
        np.testing.assert_allclose(found, projected, atol=1e-6)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_unscaled_samples_are_in_their_order(kind, rng):
    X = rng.normal(size=(20, 3))
    order = rng.permutation(20)
    samples = ScaledSamples(kind(X), X.mean(axis=0), 2.0, order)
    found = samples.unscaled()
    found = found.toarray() if kind is csr_array else found
    np.testing.assert_array_equal(found, X[order])


@pytest.mark.parametrize("value", [1e15, -3e16])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_features_vary_beside_a_constant_of_any_size(kind, is_weighted, value, rng):
    X = rng.normal(size=(200, 3))
    weights = np.ones(200) if is_weighted else None
    beside = kind(np.hstack([X, np.full((200, 1), value)]))
    _, scale = mean_and_scale(beside, np.arange(200), weights)
    assert scale == pytest.approx(mean_and_scale(X)[1])


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1.7e12, -1e-20])
@pytest.mark.parametrize("n_samples", [3, 7, 1_000])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_rounding_of_a_mean_is_no_variance(is_weighted, n_samples, value, rng):
    X = np.tile([value, 2.0, -value], (n_samples, 1))
    weights = rng.uniform(1e-3, 1, n_samples) if is_weighted else None
    mean = feature_means(X, weights=weights)
    assert total_squared_deviation(X, mean, weights=weights) == 0
    if not is_weighted:
        assert mean_and_scale(X)[1] == 0


@pytest.mark.parametrize("kind", ["dense", "chunks", "sparse"])
def test_extremes_are_those_of_all_samples(kind, rng, monkeypatch):
    X = rng.normal(size=(200, 5)) * (rng.random((200, 5)) < 0.1)
    order = rng.permutation(200)[:150]
    expected = ScaledSamples(X, *mean_and_scale(X), order)[:]
    if kind == "chunks":
        monkeypatch.setattr(limits, "CHUNK_SAMPLES", 7)
    given = csr_array(X) if kind == "sparse" else X
    samples = ScaledSamples(given, *mean_and_scale(X), order)
    found = samples.extremes()
    np.testing.assert_allclose(found, [expected.min(axis=0), expected.max(axis=0)])
