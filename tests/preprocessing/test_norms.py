import numpy as np
import pytest
from scipy.sparse import csc_array

from stable_embedding.preprocessing.norms import (
    block_covariance,
    block_norm,
    indicator_scales,
)

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize("container", [np.array, csc_array])
def test_the_covariance_is_numpys(container, rng):
    columns = rng.normal(size=(50, 4)) * (rng.random((50, 4)) < 0.3)
    found = block_covariance(container(columns), columns.mean(axis=0))
    # Two ways of adding in float64.
    np.testing.assert_allclose(
        found, np.cov(columns.T, bias=True), rtol=1e-10, atol=1e-12
    )


def test_norms_are_of_all_axes_or_of_the_leading_one():
    covariance = np.diag([4.0, 9.0, 3.0])
    assert block_norm(covariance, "variance") == pytest.approx(4.0)
    assert block_norm(covariance, "eigenvalue") == pytest.approx(3.0)


@pytest.mark.parametrize("norm", ["variance", "eigenvalue"])
def test_what_is_constant_is_not_divided(norm):
    assert block_norm(np.zeros((2, 2)), norm) == 1
    assert block_norm(np.full((3, 3), 1e-17), norm) == 1


def test_chi_squared_distances_are_those_of_correspondence_analysis():
    frequencies = np.array([0.5, 0.4, 0.1])
    points = np.eye(3) / indicator_scales(frequencies, "chi2")
    squared = np.square(points[0] - points[2]).sum()
    assert squared == pytest.approx(1 / 0.5 + 1 / 0.1)
    assert (indicator_scales(frequencies, "matching") == 1).all()


@pytest.mark.parametrize("n_levels", [2, 41, 300])
def test_with_chi_squared_distances_all_axes_of_a_category_are_equal(n_levels, rng):
    frequencies = rng.dirichlet(np.full(n_levels, 0.3)).clip(1e-6)
    frequencies /= frequencies.sum()
    covariance = np.diag(frequencies) - np.outer(frequencies, frequencies)
    scales = indicator_scales(frequencies, "chi2")
    covariance /= np.outer(scales, scales)
    assert block_norm(covariance, "eigenvalue") == pytest.approx(1)
    assert block_norm(covariance, "variance") == pytest.approx((n_levels - 1) ** 0.5)
