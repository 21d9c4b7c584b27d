import numpy as np
import pytest
from scipy.sparse import csc_array

from stable_embedding.preprocessing.norms import (
    block_covariance,
    indicator_scales,
    leading_norm,
    total_norm,
)

pytestmark = pytest.mark.numeric


def test_the_covariance_is_numpys(rng):
    columns = rng.normal(size=(50, 4)) * (rng.random((50, 4)) < 0.3)
    found = block_covariance(csc_array(columns), columns.mean(axis=0))
    # Two ways of adding in float64.
    np.testing.assert_allclose(
        found, np.cov(columns.T, bias=True), rtol=1e-10, atol=1e-12
    )


def test_norms_are_of_all_axes_or_of_the_leading_one():
    variances = np.array([4.0, 9.0, 3.0])
    assert total_norm(variances) == pytest.approx(4.0)
    assert leading_norm(np.diag(variances)) == pytest.approx(3.0)


def test_what_is_constant_is_not_divided():
    for covariance in (np.zeros((2, 2)), np.full((3, 3), 1e-17)):
        assert leading_norm(covariance) == total_norm(np.diagonal(covariance)) == 1


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
    assert leading_norm(covariance) == pytest.approx(1)
    assert total_norm(np.diagonal(covariance)) == pytest.approx((n_levels - 1) ** 0.5)
