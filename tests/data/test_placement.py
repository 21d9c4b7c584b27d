import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist

from stable_embedding.data.input_distances import (
    MatrixDistances,
    SparseMatrixDistances,
)
from stable_embedding.data.pca import principal_axes
from stable_embedding.data.placement import (
    axes_toward,
    coordinate_signs,
    place_samples,
    rotated_axes,
    unit_of,
    unit_of_pairs,
)

pytestmark = pytest.mark.numeric


@pytest.fixture
def samples(rng):
    X = rng.normal(size=(40, 3)) * [3, 2, 1]
    return X - X.mean(axis=0)


@pytest.mark.parametrize("n_landmarks", [12, 40])
def test_coordinates_have_the_distances_that_are_given(n_landmarks, samples):
    D = cdist(samples, samples)
    landmarks = np.arange(n_landmarks)
    placed = place_samples(MatrixDistances(D), landmarks, samples[landmarks], 3)
    found = cdist(placed.coordinates, placed.coordinates)
    np.testing.assert_allclose(found * placed.unit, D, atol=1e-8)
    np.testing.assert_allclose(placed.coordinates.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_array_equal(placed.landmark_distances, D[landmarks][:, landmarks])


def test_weights_decide_on_the_origin(samples, rng):
    weights = rng.integers(3, size=40).astype(float)
    distances, landmarks = MatrixDistances(cdist(samples, samples)), np.arange(40)
    placed = place_samples(distances, landmarks, samples, 2, weights=weights)
    np.testing.assert_allclose(weights @ placed.coordinates, 0, atol=1e-10)


def test_a_weight_counts_as_so_many_samples(samples, rng):
    weights = rng.integers(1, 4, size=40)
    copies = np.arange(40).repeat(weights)
    D = cdist(samples, samples, "cityblock")
    X = samples - samples[copies].mean(axis=0)
    weighted = place_samples(
        MatrixDistances(D), np.arange(40), X, 2, unit=1.0, weights=weights
    ).coordinates
    repeated = place_samples(
        MatrixDistances(D[copies][:, copies]),
        np.arange(len(copies)),
        X[copies],
        2,
        unit=1.0,
    ).coordinates
    np.testing.assert_allclose(weighted[copies], repeated, atol=1e-9)
    axes, _ = principal_axes(X.astype(np.float32), 2)
    np.testing.assert_allclose(
        rotated_axes(axes, X, weighted, weights),
        rotated_axes(axes, X[copies], repeated),
        atol=1e-6,
    )


def test_an_earlier_unit_is_kept(samples):
    distances, landmarks = MatrixDistances(cdist(samples, samples)), np.arange(40)
    own = place_samples(distances, landmarks, samples, 2)
    kept = place_samples(distances, landmarks, samples, 2, unit=2 * own.unit)
    assert kept.unit == 2 * own.unit
    np.testing.assert_allclose(2 * kept.coordinates, own.coordinates)


def test_unknown_distances_place_no_sample(samples):
    D = cdist(samples, samples)
    D[0, 1] = D[1, 0] = 0  # not stored
    distances = SparseMatrixDistances(csr_array(D))
    placed = place_samples(distances, np.arange(40), samples, 2)
    assert placed.coordinates is None
    known = D[(D > 0)]
    assert placed.unit == pytest.approx(np.sqrt(np.square(known).mean() / 2))


@pytest.mark.parametrize("n_neighbors", [1, 3])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_all_known_pairs_count_in_the_unit(is_weighted, n_neighbors, samples, rng):
    D = cdist(samples, samples)
    is_known = np.sort(D, axis=1)[:, n_neighbors, None] >= D
    is_known |= is_known.T
    weights = rng.uniform(0.5, 2, size=40) if is_weighted else None
    order = rng.permutation(40)
    moved = None if weights is None else weights[order]
    distances = SparseMatrixDistances(csr_array(np.where(is_known, D, 0)), order)
    placed = place_samples(distances, np.arange(4), samples[:4], 2, weights=moved)
    is_known &= ~np.eye(40, dtype=bool)
    together = np.outer(weights, weights) if is_weighted else np.ones((40, 40))
    square = np.average(D[is_known] ** 2, weights=together[is_known])
    # What all pairs count together, of samples whose weights have the mean 1.
    total = together[~np.eye(40, dtype=bool)].mean() / together.mean()
    assert placed.unit == pytest.approx((square * total / 2) ** 0.5)


def test_the_order_of_samples_changes_no_bit_of_the_unit(samples, rng):
    D = np.where(rng.random((40, 40)) < 0.5, 0, cdist(samples, samples))
    D = np.maximum(D, D.T)
    order = rng.permutation(40)
    units = [
        place_samples(
            SparseMatrixDistances(csr_array(D[at][:, at]), np.argsort(at)),
            np.arange(4),
            samples[:4],
            2,
        ).unit
        for at in (np.arange(40), order)
    ]
    assert units[0] == units[1]


@pytest.mark.parametrize("dropped", [0, 1, 300])
def test_few_unknown_pairs_change_the_unit_little(dropped, samples, rng):
    D, weights = cdist(samples, samples), rng.uniform(0.1, 5, size=40)
    first, second = np.nonzero(~np.eye(40, dtype=bool))
    kept = rng.permutation(len(first))[dropped:]
    first, second = first[kept], second[kept]
    found = unit_of_pairs(first, second, D[first, second], weights)
    assert found == pytest.approx(unit_of(D, weights), rel=0.2 * dropped**0.5 / 10)


def test_the_unit_of_euclidean_distances_is_the_scale_of_the_samples(samples):
    # The mean over pairs of different samples is that of the unbiased variance.
    variance = samples.var(axis=0, ddof=1).sum()
    assert unit_of(cdist(samples, samples)) == pytest.approx(variance**0.5)


@pytest.mark.parametrize("weights", [None, np.array([1.0, 0.0, 2.0])])
def test_distances_of_0_have_a_unit(weights):
    assert unit_of(np.zeros((3, 3)), weights) == 1


def test_pairs_of_weight_0_do_not_count_in_the_unit(samples):
    D, weights = cdist(samples, samples), np.zeros(40)
    weights[[3, 5]] = 2
    # A pair counts as often as both of its samples together, among all pairs.
    share = 2 * (weights[3] / weights.mean()) ** 2 / (40 * 39)
    assert unit_of(D, weights) == pytest.approx(D[3, 5] * (share / 2) ** 0.5)


def test_signs_turn_with_the_coordinates(samples, rng):
    coordinates = samples @ rng.normal(size=(3, 2))
    signs = coordinate_signs(coordinates, samples)
    np.testing.assert_array_equal(coordinate_signs(-coordinates, samples), -signs)


def test_samples_of_little_weight_turn_no_sign(samples, rng):
    coordinates = samples @ rng.normal(size=(3, 2))
    far = [np.concatenate([values, -100 * values]) for values in (coordinates, samples)]
    weights = np.repeat([1.0, 1e-12], 40)
    np.testing.assert_array_equal(
        coordinate_signs(*far, weights), coordinate_signs(coordinates, samples)
    )


def test_rotated_axes_lead_to_rotated_scores(samples, rng):
    axes, _ = principal_axes(samples.astype(np.float32), 2)
    rotation, _ = np.linalg.qr(rng.normal(size=(2, 2)))
    wanted = samples @ axes.T @ rotation
    found = samples @ rotated_axes(axes, samples, wanted + 5).T
    np.testing.assert_allclose(found, wanted, atol=1e-5)  # axes of float32


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_axes_of_an_earlier_pca_are_kept_where_they_are_others_now(seed, is_weighted):
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=(300, 6))  # of independent features: axes are by chance
    samples -= samples.mean(axis=0)
    weights = rng.uniform(0.5, 2, size=300) if is_weighted else None
    earlier, _ = principal_axes(samples[:250].astype(np.float32), 2)
    axes, _ = principal_axes(samples[30:].astype(np.float32), 2)
    scores = samples @ earlier.T

    def distance(axes):
        return np.square(scores - samples @ axes.T).mean()

    turned = distance(axes_toward(scores + 5, axes, samples, weights))
    assert turned < 0.01 * scores.var()
    assert turned < 0.2 * distance(rotated_axes(axes, samples, scores, weights))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_known", [4, 30, 200])
def test_axes_are_not_turned_to_where_samples_hardly_differ(n_known, seed):
    rng = np.random.default_rng(seed)
    along = rng.uniform(0, 9, size=200)
    # A roll, beside it a faint linear copy of what is rolled up, and noise.
    roll = [along * np.cos(along), along * np.sin(along)]
    samples = np.stack([*roll, 1e-3 * along, rng.normal(size=200)], axis=1)
    samples -= samples.mean(axis=0)
    earlier = np.stack([along, samples[:, 3]], axis=1)
    axes, _ = principal_axes(samples.astype(np.float32), 2)
    turned = axes_toward(earlier[:n_known], axes, samples[:n_known])
    assert np.abs(turned[:, 2]).max() < 0.1


@pytest.mark.parametrize("constant", ["samples", "reference", "both"])
def test_axes_stay_orthonormal_where_nothing_can_be_predicted(constant, samples, rng):
    axes, _ = principal_axes(samples.astype(np.float32), 2)
    reference = rng.normal(size=(40, 2))
    samples = np.zeros_like(samples) if constant != "reference" else samples
    reference = np.ones_like(reference) if constant != "samples" else reference
    found = axes_toward(reference, axes, samples)
    np.testing.assert_allclose(found @ found.T, np.eye(2), atol=1e-6)
