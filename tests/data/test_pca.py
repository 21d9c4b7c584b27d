import numpy as np
import pytest
from scipy.sparse import csr_array, diags_array, random_array
from scipy.stats import ortho_group
from sklearn.decomposition import PCA

from stable_embedding.data.pca import (
    MAX_COORDINATES,
    flip_signs,
    is_wide,
    narrow_basis,
    principal_axes,
)


def centered(X):
    return X - X.mean(axis=0)


def signed_axes(X, n_axes):
    return flip_signs(principal_axes(centered(X), n_axes)[0], centered(X))


@pytest.mark.parametrize("n_components", [1, 3, 8])
def test_axes_are_pcas_and_zero_beyond(n_components, rng):
    samples = rng.normal(size=(20, 5))
    n_found = min(n_components, 5)
    pca = PCA(n_found).fit(samples)
    axes, ratios = principal_axes(centered(samples), n_components)
    expected = np.abs(pca.components_)
    np.testing.assert_allclose(np.abs(axes[:n_found]), expected, atol=1e-6)
    np.testing.assert_allclose(ratios[:n_found], pca.explained_variance_ratio_)
    assert not axes[n_found:].any()
    assert not ratios[n_found:].any()


@pytest.mark.parametrize("n_features", [30, 1_200])
def test_axes_of_sparse_samples_are_those_of_dense_ones(n_features, rng):
    X = random_array((100, n_features), density=0.1, rng=rng, format="csr")
    X = X @ diags_array(np.geomspace(1, 1e-2, n_features))  # no two axes nearly equal
    axes, ratios = principal_axes(X, 3)
    pca = PCA(3, svd_solver="full").fit(X.toarray())
    np.testing.assert_allclose(np.abs(axes), np.abs(pca.components_), atol=1e-4)
    np.testing.assert_allclose(ratios, pca.explained_variance_ratio_, rtol=1e-4)


@pytest.mark.parametrize("X", [np.zeros((5, 3)), csr_array(np.ones((5, 3)))])
def test_constant_samples_have_no_axes(X):
    axes, ratios = principal_axes(X, 2)
    assert not axes.any()
    assert not ratios.any()


def test_signs_do_not_depend_on_the_order_of_samples(rng):
    X = rng.normal(size=(20, 5))
    np.testing.assert_allclose(signed_axes(X[::-1], 3), signed_axes(X, 3), atol=1e-6)


@pytest.mark.parametrize("n_samples", [500, 1_000, 1_797])
def test_signs_stay_when_a_sample_is_dropped(n_samples, digits):
    X = digits[0][:n_samples]
    axes = signed_axes(X, 2)
    for dropped in range(0, n_samples, 50):
        fewer = signed_axes(np.delete(X, dropped, axis=0), 2)
        assert (np.sum(fewer * axes, axis=1) > 0.9).all()


def spectrum(decay, n_axes=200, n_features=400, seed=0):
    """Axes, and fractions of the variance that decay exponentially."""
    ratios = np.exp(-decay * np.arange(n_axes))
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(n_features, n_axes)))
    return turn[0].T.astype(np.float32), ratios / ratios.sum()


def test_a_basis_retains_enough_variance_and_no_more():
    for decay, expected in ((0.1, 32), (0.05, 47), (0.02, 108)):
        axes, ratios = spectrum(decay)
        basis = narrow_basis(axes, ratios, 2)
        assert basis.shape == (expected, 400)
        np.testing.assert_allclose(basis @ basis.T, np.eye(expected), atol=1e-5)
        # Within the span of the leading axes, and all of it.
        inside = basis @ axes[:expected].T
        np.testing.assert_allclose(inside @ inside.T, np.eye(expected), atol=1e-5)
        assert ratios[:expected].sum() > 0.9
        assert expected == 32 or ratios[: expected - 1].sum() <= 0.9


def test_spread_variance_has_no_narrow_basis():
    axes, ratios = spectrum(0.0)
    assert narrow_basis(axes, 0.5 * ratios, 2) is None
    assert narrow_basis(*spectrum(0.02, n_features=200), 2) is None


def test_more_components_take_more_coordinates():
    axes, ratios = spectrum(0.02)
    assert len(narrow_basis(axes, ratios, 2)) == 108
    assert len(narrow_basis(axes, ratios, 20)) == 160
    assert len(narrow_basis(axes, ratios, 30)) == 200  # all axes given
    assert narrow_basis(axes[:, :399], ratios, 30) is None


def test_few_samples_keep_all_their_axes(rng):
    X = rng.normal(size=(20, 500))
    axes, ratios = principal_axes(centered(X), MAX_COORDINATES)
    basis = narrow_basis(axes, ratios, 2)
    np.testing.assert_allclose(centered(X) @ basis.T @ basis, centered(X), atol=1e-4)


@pytest.mark.parametrize("n_components", [2, 18, 19, 20, 40, 300])
def test_components_beyond_the_rank_need_no_more_coordinates(n_components, rng):
    X = centered(rng.normal(size=(20, 500)))
    axes, ratios = principal_axes(X, max(n_components, MAX_COORDINATES))
    basis = narrow_basis(axes, ratios, n_components)
    assert len(basis) == 19
    np.testing.assert_allclose(X @ basis.T @ basis, X, atol=1e-4)


def test_a_basis_depends_on_the_span_alone(rng):
    axes, ratios = spectrum(0.1)
    turned = axes.copy()
    turned[:32] = ortho_group.rvs(32, random_state=0) @ axes[:32]
    np.testing.assert_allclose(
        narrow_basis(turned, ratios, 2), narrow_basis(axes, ratios, 2), atol=1e-5
    )


def test_a_basis_spreads_the_variance():
    axes, ratios = spectrum(0.1)
    basis = narrow_basis(axes, ratios, 2)
    along = np.square(basis @ axes.T) @ ratios
    assert ratios[:32].max() > 1_000 * ratios[31] / 60
    assert along.max() < 8 * along.min()


def test_dense_data_of_many_features_are_wide():
    assert not is_wide(np.zeros((2, 64)))
    assert is_wide(np.zeros((2, 784)))
    assert is_wide(csr_array((2, 784)))
    assert is_wide(csr_array((2, 5_000)))


def test_a_basis_has_no_axes_of_rounding(rng):
    # The data have rank twenty; all further axes are arbitrary.
    samples = centered(rng.normal(size=(500, 20)) @ rng.normal(size=(20, 300)))
    bases = []
    for X in (samples, centered(samples[1:])):
        axes, ratios = principal_axes(X, MAX_COORDINATES)
        bases.append(narrow_basis(axes, ratios, 2))
        assert len(bases[-1]) == 20
    np.testing.assert_allclose(*bases, atol=1e-3)


def test_small_axes_are_found_beside_a_large_one(rng):
    X = rng.normal(size=(60, 12)) * [1e5, *[1] * 11]
    expected = PCA(2).fit(X).components_
    for samples in (centered(X), centered(X).astype(np.float32)):
        found, _ = principal_axes(samples, 2)
        np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-3)
