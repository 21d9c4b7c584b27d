"""The frame that codes lie in: that of PCA, or of a reference."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import ortho_group
from sklearn.exceptions import NotFittedError

from stable_embedding import StableAutoencoder
from stable_embedding.data.pca import principal_axes
from stable_embedding.stability import displacement
from tests.precision import assert_near

PLAIN = {"init": "random", "similarity_weight": 0, "learning_rate_init": 1e-3}


@pytest.mark.numeric
def test_the_frame_changes_no_reconstruction(quick, digits, monkeypatch):
    X, _ = digits
    monkeypatch.setattr(
        "stable_embedding.estimators.base.apply_rigid_map",
        lambda network, _: network,
    )
    loose = quick(3, n_init=1, random_state=0).fit(X)
    monkeypatch.undo()
    laid = quick(3, n_init=1, random_state=0).fit(X)
    before, after = (m.inverse_transform(m.transform(X)) for m in (loose, laid))
    assert np.linalg.norm(after - before) < 1e-5 * np.linalg.norm(before)
    np.testing.assert_allclose(
        pdist(laid.transform(X[:50])), pdist(loose.transform(X[:50])), rtol=1e-3
    )


@pytest.mark.numeric
def test_alignment_changes_no_reconstruction_of_a_consensus(quick, digits, rng):
    X, _ = digits
    model = quick(3, n_init=3, random_state=0).fit(X)
    codes = model.transform(X)
    before = model.inverse_transform(codes)
    model.align(X, codes @ ortho_group.rvs(3, random_state=0) + 5)
    assert_near(model.inverse_transform(model.transform(X)), before, 1e-4)


def test_the_map_lies_on_the_pca_scores(iris):
    X, _ = iris
    model = StableAutoencoder(max_iter=100, random_state=0).fit(X)
    codes = model.transform(X)
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-5)
    axes, _ = principal_axes((X - model.mean_) / model.scale_, 2)
    axes *= np.sign(np.sum(((X - model.mean_) @ axes.T) * codes, axis=0))[:, None]
    cross = codes.T @ ((X - model.mean_) @ axes.T)
    # At the Procrustes optimum the cross-covariance is symmetric.
    np.testing.assert_allclose(cross, cross.T, atol=1e-3 * np.abs(cross).max())


@pytest.mark.numeric
def test_align_brings_a_turned_map_home(quick, iris):
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
    before = displacement(old, new.transform(X[:500]))
    after = displacement(old, new.align(X[:500], old).transform(X[:500]))
    assert after < 0.5 * before


def test_unfitted_align_is_said(iris):
    with pytest.raises(NotFittedError):
        StableAutoencoder().align(iris[0], np.zeros((150, 2)))
