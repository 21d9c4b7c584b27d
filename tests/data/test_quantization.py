import numpy as np
import pytest
from scipy.stats import ortho_group, special_ortho_group

from stable_embedding.data.quantization import binary_rotation

pytestmark = pytest.mark.numeric

# Both sides are the same products in another order, over fifty turns.
ROUNDED = 1e-8


@pytest.fixture
def axes(rng):
    return ortho_group.rvs(9, random_state=rng)[:4]


@pytest.fixture
def scores(axes, rng):
    samples = rng.laplace(size=(300, 9)) @ rng.normal(size=(9, 9))
    return (samples - samples.mean(axis=0)) @ axes.T


def lost_by_signs(scores):
    """Squared distance from the corners of a cube of the right size."""
    size = np.abs(scores).mean()
    return np.square(scores - size * np.sign(scores)).sum()


def test_it_is_a_rotation(scores, axes):
    rotation = binary_rotation(scores, axes)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(4), atol=ROUNDED)


def test_corners_of_a_rotated_cube_are_found(rng):
    corners = rng.choice([-1.0, 1.0], size=(400, 3))
    turned = corners @ special_ortho_group.rvs(3, random_state=rng)
    found = turned @ binary_rotation(turned, np.eye(3))
    # The mean of so many corners is not quite 0, nor are their products.
    assert lost_by_signs(found) < 0.02 * len(found)
    assert lost_by_signs(found) < lost_by_signs(turned)


def test_the_rotated_axes_depend_on_the_span_alone(scores, axes, rng):
    turn = ortho_group.rvs(4, random_state=rng)
    rotated = binary_rotation(scores, axes).T @ axes
    again = binary_rotation(scores @ turn.T, turn @ axes).T @ turn @ axes
    np.testing.assert_allclose(again, rotated, atol=ROUNDED)


def test_the_unit_of_scores_does_not_count(scores, axes):
    rotation = binary_rotation(scores, axes)
    np.testing.assert_allclose(
        binary_rotation(1e-3 * scores, axes), rotation, atol=ROUNDED
    )


def test_a_weight_is_how_often_a_sample_counts(scores, axes, rng):
    weights = rng.integers(0, 4, size=len(scores))
    repeated = np.repeat(scores, weights, axis=0)
    np.testing.assert_allclose(
        binary_rotation(scores, axes, weights / weights.mean()),
        binary_rotation(repeated, axes),
        atol=ROUNDED,
    )


def test_a_sample_less_moves_it_little(scores, axes):
    moved = binary_rotation(scores, axes) - binary_rotation(scores[1:], axes)
    assert np.abs(moved).max() < 0.1


@pytest.mark.parametrize("rank", [0, 2])
def test_axes_beyond_the_rank_are_filled(rank, scores, axes):
    scores, axes = scores.copy(), axes.copy()
    scores[:, rank:] = 0
    axes[rank:] = 0
    rotation = binary_rotation(scores, axes)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(4), atol=ROUNDED)
    # Each rotated axis has its part of what there is.
    assert (np.abs(scores @ rotation).max(axis=0) > 0).all() == (rank > 0)
