"""Maps whose inner products follow cosines of the samples."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.decomposition import KernelPCA
from sklearn.preprocessing import normalize

from stable_embedding import StableAutoencoder
from stable_embedding.data.placement import unit_of
from stable_embedding.data.relations import chord_distances
from stable_embedding.data.scaling import ScaledSamples, mean_and_scale
from stable_embedding.losses.base import Batch, Outputs
from stable_embedding.losses.given_distances import (
    GivenInnerProductLoss,
    collapsed_product_loss,
)
from stable_embedding.stability import displacement
from tests.precision import assert_near, assert_same_map

COSINE = {"similarity": "cosine", "random_state": 0}
FEW = COSINE | {"n_init": 2, "max_iter": 3}


def cone(rng, n_samples=200):
    """Samples that differ in direction along two axes, and as much in length."""
    sides = rng.normal(size=(n_samples, 6)) * [2.0, 1.0, 0.2, 0.2, 0.2, 0.2]
    directions = np.hstack([np.full((n_samples, 1), 4.0), sides])
    return directions * rng.uniform(1, 3, size=(n_samples, 1))


def cosines(X):
    """Return the centered cosines of samples."""
    unit = normalize(X)
    unit = unit - unit.mean(axis=0)
    return unit @ unit.T


def lost(codes, X):
    """Return which fraction of the squared centered cosines a map loses."""
    centered = codes - codes.mean(axis=0)
    pairs = np.triu_indices(len(X), 1)
    wanted, found = cosines(X)[pairs], (centered @ centered.T)[pairs]
    return np.square(found - wanted).sum() / np.square(wanted).sum()


def test_inner_products_are_centered_cosines(rng):
    X = cone(rng)
    parameters = {"n_init": 1, "max_iter": 60, "alpha": 0.1, "random_state": 0}
    model = StableAutoencoder(similarity="cosine", **parameters).fit(X)
    codes = model.transform(X)
    euclidean = StableAutoencoder(**parameters).fit_transform(X)
    unit = euclidean / model.scale_ * model.code_scale_
    assert lost(codes, X) < 0.3 * lost(unit, X)


@pytest.mark.slow
def test_the_optimum_is_kernel_pca(rng):
    X = cone(rng)
    wanted = KernelPCA(2, kernel="cosine").fit_transform(X)
    model = StableAutoencoder(n_init=1, similarity_weight=100.0, alpha=0.1, **COSINE)
    codes = model.fit_transform(X)
    codes *= np.sign((codes * wanted).sum(axis=0))
    # Two components lose less than a hundredth.
    assert displacement(codes, wanted) < 1e-3
    assert lost(codes, X) < 1.1 * lost(wanted, X)


@pytest.mark.parametrize("data", ["cone", "digits"])
def test_another_seed_gives_the_same_map(data, rng, digits):
    X = cone(rng) if data == "cone" else digits[0][:400]
    model = StableAutoencoder(n_init=2, similarity="cosine", max_iter=20)
    first, second = (
        clone(model).set_params(random_state=seed).fit_transform(X) for seed in (0, 1)
    )
    assert displacement(first, second) < 0.01


@pytest.mark.numeric
def test_the_unit_of_codes_is_that_of_cosines(rng):
    X = cone(rng)
    model = StableAutoencoder(**FEW).fit(X)
    unit = normalize(X)
    # Over pairs of different samples.
    expected = np.sqrt(unit.var(axis=0).sum() * len(X) / (len(X) - 1))
    assert model.code_scale_ == pytest.approx(expected)
    codes, scaled = model.transform(X), clone(model).fit(8 * X).transform(8 * X)
    # Rounding of float32: eigenvectors are found by thresholds that have no unit.
    assert_near(scaled, codes)


@pytest.mark.numeric
def test_the_loss_does_not_see_lengths(rng):
    X = cone(rng, 100)
    lengths = rng.uniform(0.5, 2, size=(100, 1))
    index = torch.arange(100)
    codes = torch.from_numpy(rng.normal(size=(100, 2)))
    codes -= codes.mean(0)
    outputs = Outputs(codes, codes)
    found = []
    for samples in (X, lengths * X):
        for kind in (np.asarray, csr_array):
            mean, scale = mean_and_scale(kind(samples))
            chords = chord_distances(ScaledSamples(kind(samples), mean, scale))
            unit = unit_of(chords.between(index.numpy(), index.numpy()))
            collapsed_loss = collapsed_product_loss(chords, index, unit)
            term = GivenInnerProductLoss(chords, unit, 1.0, collapsed_loss)
            found.append(term(outputs, Batch(codes, index)).item())
    # Of the formula, in float32 where batches are compared.
    unit = normalize(X).var(axis=0).sum() * 100 / 99
    expected = lost(codes.numpy() * unit**0.5, X)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.numeric
def test_sparse_samples_give_the_same_map(rng):
    X = np.where(rng.uniform(size=(150, 12)) < 0.3, rng.uniform(size=(150, 12)), 0)
    X[0, 0] = 1  # none is all zeros
    model = StableAutoencoder(**FEW)
    dense = clone(model).fit(X).transform(X)
    assert_same_map(clone(model).fit(csr_array(X)).transform(X), dense)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_zeros_and_duplicates_are_finite(kind, rng):
    X = np.abs(rng.normal(size=(40, 5)))
    X[:3] = 0
    X[3:9] = X[3]
    X[9] = 2 * X[3]
    model = StableAutoencoder(**FEW).fit(kind(X))
    codes = model.transform(kind(X))
    assert np.isfinite(codes).all()
    assert np.isfinite(model.loss_curve_).all()
    # Each alone, since kernels may add up rows of one product in other orders.
    first, second = (model.transform(kind(X[i : i + 1])) for i in (0, 1))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
@pytest.mark.parametrize("row", [[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]])
@pytest.mark.parametrize("parameters", [COSINE, {"metric": "cosine"}])
def test_samples_of_one_direction_are_finite(kind, row, parameters):
    X = np.outer(np.arange(1, 121), row)
    model = StableAutoencoder(**FEW | {"similarity": "distance"} | parameters)
    model.fit(kind(X))
    assert model.code_scale_ == 1.0
    assert model.similarity_loss_ < 2
    assert np.isfinite(model.transform(X)).all()


def test_weights_stand_for_repeated_samples(rng):
    X, weights = cone(rng, 60), rng.integers(1, 3, size=60)
    model = StableAutoencoder(**FEW)
    weighted = clone(model).fit(X, sample_weight=weights)
    repeated = clone(model).fit(np.repeat(X, weights, axis=0))
    np.testing.assert_array_equal(weighted.transform(X), repeated.transform(X))


def test_neighbors_are_those_of_the_metric(rng):
    X = cone(rng, 100)
    maps = [
        StableAutoencoder(metric=metric, neighbor_weight=1.0, **FEW).fit_transform(X)
        for metric in ("euclidean", "cosine")
    ]
    assert displacement(*maps) > 0
    alone = StableAutoencoder(metric="cosine", **FEW).fit_transform(X)
    np.testing.assert_array_equal(alone, StableAutoencoder(**FEW).fit_transform(X))


def test_a_training_resumes_in_its_units(rng):
    X = cone(rng)
    model = StableAutoencoder(**FEW).fit(X[:150])
    before = model.code_scale_
    model.partial_fit(X[150:])
    assert model.code_scale_ == before
    assert np.isfinite(model.transform(X)).all()


def test_parameters_of_the_metric_may_say_how_it_is_computed(rng):
    X = rng.normal(size=(40, 5))
    plain = StableAutoencoder(**FEW).fit_transform(X)
    by_metric = StableAutoencoder(metric="cosine", metric_params={"n_jobs": 1}, **FEW)
    assert_same_map(by_metric.fit_transform(X), plain)
