import numpy as np
import pytest
from scipy.spatial.distance import cdist

from stable_embedding import StableAutoencoder
from stable_embedding.data.input_distances import MatrixDistances
from stable_embedding.data.layout import find_layout
from stable_embedding.data.pca import principal_axes
from stable_embedding.data.row_hash import canonical_order
from stable_embedding.data.scaling import ScaledSamples, mean_and_scale
from stable_embedding.data.subset import choose_subset
from stable_embedding.training.plan import TrainingPlan

pytestmark = pytest.mark.numeric


@pytest.fixture
def layout_of(rng):
    """Function that lays out samples of three features along two axes."""
    X = rng.normal(size=(60, 3)) * [3, 2, 1]
    _, hashes = canonical_order(X)
    samples = ScaledSamples(X, *mean_and_scale(X), hashes=hashes)
    subset = choose_subset(samples, 2)
    axes, _ = principal_axes(subset.samples, 2)

    def layout_of(distances=None, unit=None, **parameters):
        plan = TrainingPlan.from_estimator(StableAutoencoder(**parameters))
        if distances is not None:
            distances = MatrixDistances(distances(X))
        layout = find_layout(
            samples, subset, axes, 5.0, distances, plan, unit=unit, total_weight=60
        )
        return layout, samples[:], axes

    return layout_of


@pytest.mark.parametrize("unit", [None, 3.0])
def test_without_distances_codes_lie_along_the_axes(unit, layout_of):
    layout, samples, axes = layout_of(unit=unit)
    assert layout.places is None
    assert layout.alpha == 5
    np.testing.assert_array_equal(layout.axes, axes)
    np.testing.assert_allclose(layout.frame, samples @ axes.T, atol=1e-6)
    if unit is not None:
        assert layout.code_scale == unit


def on_a_line(X):
    return np.abs(X[:, 2:] - X[:, 2])


def test_distances_decide_where_codes_lie(layout_of):
    layout, samples, _ = layout_of(on_a_line)
    np.testing.assert_array_equal(layout.frame, layout.places)
    found = cdist(layout.places, layout.places) * layout.code_scale
    # Only the second of two components is left at 0, up to the root of rounding.
    assert np.ptp(layout.places[:, 1]) < 1e-5
    third = samples[:, 2]
    correlation = np.corrcoef(found.ravel(), np.abs(third[:, None] - third).ravel())
    assert correlation[0, 1] == pytest.approx(1, abs=1e-6)


def test_axes_are_only_rotated(layout_of):
    layout, _, axes = layout_of(lambda X: cdist(X[:, :2], X[:, :2]))
    np.testing.assert_allclose(layout.axes @ layout.axes.T, np.eye(2), atol=1e-6)
    np.testing.assert_allclose(layout.axes @ axes.T @ axes, layout.axes, atol=1e-6)


def test_codes_that_are_not_guided_keep_their_frame(layout_of):
    layout, samples, axes = layout_of(on_a_line, similarity_weight=0)
    assert layout.places is not None
    np.testing.assert_array_equal(layout.axes, axes)
    np.testing.assert_allclose(layout.frame, samples @ axes.T, atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "expected"), [({"alpha": 7.0}, 5), ({"init": "random"}, 5)]
)
def test_alpha_changes_only_where_it_is_automatic(parameters, expected, layout_of):
    assert layout_of(on_a_line, **parameters)[0].alpha == expected


def test_alpha_does_not_grow_with_distances(layout_of):
    assert 0 < layout_of(on_a_line)[0].alpha <= 5
