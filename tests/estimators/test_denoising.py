import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from sklearn.metrics import mean_squared_error
from skorch.callbacks import Callback

from stable_embedding import DenoisingAutoencoder, StableAutoencoder
from stable_embedding.data import limits

CORRUPTIONS = ["gaussian", "masking", "salt_and_pepper"]


@pytest.mark.numeric
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_without_noise_it_is_the_plain_one_bit_for_bit(corruption, iris):
    X, _ = iris
    plain = StableAutoencoder(max_iter=3, random_state=0).fit(X)
    denoising = DenoisingAutoencoder(
        corruption=corruption, corruption_level=0, max_iter=3, random_state=0
    ).fit(X)
    np.testing.assert_array_equal(denoising.transform(X), plain.transform(X))
    assert denoising.loss_curve_ == plain.loss_curve_


@pytest.mark.slow
def test_a_linear_one_is_wieners_filter(rng):
    X = rng.normal(size=(4_000, 5)) * [3, 2, 1, 0.5, 0.2] @ rng.normal(size=(5, 5))
    level = 0.8
    model = DenoisingAutoencoder(
        5,
        corruption_level=level,
        hidden_layer_sizes=(),
        similarity_weight=0,
        alpha=0,
        random_state=0,
    ).fit(X)
    covariance = np.cov(X.T)
    variance = level**2 * np.trace(covariance) / 5
    expected = covariance @ np.linalg.inv(covariance + variance * np.eye(5))
    steps = model.denoise(model.mean_ + np.eye(5)) - model.denoise(model.mean_[None])
    np.testing.assert_allclose(steps, expected.T, atol=0.05)
    assert np.abs(steps - np.eye(5)).max() > 0.3


@pytest.mark.slow
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_it_denoises_better_than_the_plain_one(corruption, digits, rng):
    X = digits[0]
    clean, train = X[1_200:], X[:1_200]
    noisy = clean.copy()
    hit = rng.random(clean.shape) < 0.3
    if corruption == "gaussian":
        noisy += 4 * rng.normal(size=clean.shape)
        level = 4 / (train.var(axis=0).mean() ** 0.5)
    else:
        level = 0.3
        values = train.mean(axis=0)
        if corruption == "salt_and_pepper":
            extremes = np.stack([train.min(axis=0), train.max(axis=0)])
            values = np.where(rng.random(clean.shape) < 0.5, *extremes)
        noisy = np.where(hit, values, clean)
    parameters = {"n_init": 1, "random_state": 0}
    plain = StableAutoencoder(20, **parameters).fit(train)
    denoising = DenoisingAutoencoder(
        20, corruption=corruption, corruption_level=level, **parameters
    ).fit(train)
    error = mean_squared_error(clean, denoising.denoise(noisy))
    as_before = mean_squared_error(
        clean, plain.inverse_transform(plain.transform(noisy))
    )
    assert error < 0.95 * as_before
    assert error < mean_squared_error(clean, noisy)


@pytest.mark.numeric
def test_a_sample_that_is_dropped_leaves_the_noise_of_others(digits):
    X = digits[0][:500]
    kwargs = {"corruption_level": 1.0, "max_iter": 20, "random_state": 0}
    models = [DenoisingAutoencoder(**kwargs).fit(data) for data in (X, X[1:], X[::-1])]
    codes = [model.transform(X) for model in models]
    np.testing.assert_array_equal(codes[0], codes[2])
    moved = np.square(codes[0] - codes[1]).sum() / np.square(codes[0]).sum()
    assert moved < 0.0018  # noise that is drawn by place moves it by .0022


def test_what_is_not_fitted_denoises_nothing(iris):
    with pytest.raises(NotFittedError):
        DenoisingAutoencoder().denoise(iris[0])


def test_a_fraction_above_one_is_refused(iris):
    model = DenoisingAutoencoder(corruption="masking", corruption_level=1.5)
    with pytest.raises(ValueError, match=r"corruption_level=1\.5 must be a fraction"):
        model.fit(iris[0])


def test_wide_samples_are_corrupted_feature_by_feature(rng):
    X = rng.normal(size=(300, 5)) @ rng.normal(size=(5, 200))
    widths = []

    def watch(corruption, level):
        class Width(Callback):
            def on_batch_begin(self, net, batch=None, training=None, **kwargs):
                widths.append(batch[1].samples.shape[-1])

        DenoisingAutoencoder(
            corruption=corruption,
            corruption_level=level,
            max_iter=1,
            callbacks=[Width()],
        ).fit(X)
        return widths[-1]

    assert watch("gaussian", 0.3) < 200
    assert watch("masking", 0.3) == 200
    assert watch("masking", 0) < 200


def test_each_feature_of_sparse_samples_is_salted(rng, monkeypatch):
    X = csr_array(rng.normal(size=(300, 40)) * (rng.random((300, 40)) < 0.02))
    monkeypatch.setattr(limits, "SPARSE_SUBSET_BYTES", 0)
    monkeypatch.setattr(limits, "SUBSET_SAMPLES", 5)
    seen = []

    class Watched(DenoisingAutoencoder):
        def _input_transform(self, data):
            seen.append(super()._input_transform(data))

    Watched(n_init=1, max_iter=1, corruption="salt_and_pepper").fit(X)
    varies = (X.max(axis=0).toarray() > X.min(axis=0).toarray()).ravel()
    is_salted = seen[0].maximum > seen[0].minimum
    np.testing.assert_array_equal(is_salted.numpy(), varies)
