import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import ortho_group

from stable_embedding import manifold_variance, manifold_variance_matrix
from stable_embedding.data import limits
from stable_embedding.stability import displacement, neighbor_overlap
from stable_embedding.stability.measures import (
    IncomparableError,
    nearest_to_consensus,
)


def slow_matrix(runs):
    """The definition, pair by pair."""
    n_runs, n_samples = len(runs), len(runs[0])
    distances = np.zeros((n_runs, n_samples, n_samples))
    for r in range(n_runs):
        for i in range(n_samples):
            for j in range(n_samples):
                distances[r, i, j] = np.sqrt(np.sum((runs[r][i] - runs[r][j]) ** 2))
        pairs = [distances[r, i, j] for i in range(n_samples) for j in range(i)]
        distances[r] /= np.mean(pairs)
    mean = distances.sum(axis=0) / n_runs
    return ((distances - mean) ** 2).sum(axis=0) / (n_runs - 1), distances


def over_pairs(matrix):
    return matrix[np.triu_indices(len(matrix), 1)]


@pytest.mark.parametrize("n_components", [1, 2, 5])
def test_agrees_with_a_slow_loop(n_components, rng):
    runs = rng.normal(size=(3, 12, n_components))
    expected, distances = slow_matrix(runs)
    np.testing.assert_allclose(manifold_variance_matrix(runs), expected, atol=1e-12)
    mean = over_pairs(expected).mean()
    assert manifold_variance(runs) == pytest.approx(mean, rel=1e-10)
    within = np.mean([over_pairs(of_run).var() for of_run in distances])
    relative = manifold_variance(runs, relative=True)
    assert relative == pytest.approx(mean / within, rel=1e-10)


@pytest.mark.parametrize("n_components", [1, 2, 8])
@pytest.mark.parametrize("scale", [1e-200, 1e-6, 1.0, 1e6, 1e200])
def test_shift_rotation_reflection_and_scale_do_not_count(n_components, scale, rng):
    run = rng.normal(size=(50, n_components))
    rotation = -np.eye(1)
    if n_components > 1:
        rotation = ortho_group.rvs(n_components, random_state=0)
    other = scale * (run @ rotation + 3)
    assert manifold_variance([run, other], relative=True) < 1e-12
    assert np.abs(manifold_variance_matrix([run, other])).max() < 1e-12


@pytest.mark.parametrize("n_components", [1, 2, 8, 32])
def test_unrelated_embeddings_have_a_relative_variance_of_about_one(n_components, rng):
    runs = rng.normal(size=(8, 300, n_components))
    assert manifold_variance(runs, relative=True) == pytest.approx(1, abs=0.05)


def test_shrinking_does_not_lower_it(rng):
    runs = rng.normal(size=(3, 40, 2))
    assert manifold_variance(runs / 100) == pytest.approx(manifold_variance(runs))


def test_runs_may_differ_in_their_number_of_components(rng):
    run = rng.normal(size=(30, 2))
    padded = np.column_stack([run, np.zeros(30)])
    assert manifold_variance([run, padded]) < 1e-12


def test_matrix_does_not_depend_on_its_blocks(rng, monkeypatch):
    runs = rng.normal(size=(3, 40, 2))
    whole = manifold_variance_matrix(runs)
    monkeypatch.setattr(limits, "DISTANCE_ROWS", 7)
    # Mean distances are summed in another order.
    np.testing.assert_allclose(manifold_variance_matrix(runs), whole)


def test_many_samples_are_subsampled_alike_at_each_call(rng, monkeypatch):
    runs = rng.normal(size=(3, 400, 2))
    whole = manifold_variance(runs)
    monkeypatch.setattr(limits, "MEASURED_SAMPLES", 100)
    found = manifold_variance(runs)
    assert found == manifold_variance(runs)
    assert found != whole
    assert found == pytest.approx(whole, rel=0.1)


@pytest.mark.parametrize("function", [manifold_variance, manifold_variance_matrix])
@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([np.ones((5, 2)), np.eye(5)], r"embeddings\[0\] has collapsed"),
        ([np.eye(5), np.full((5, 2), 0.1)], r"embeddings\[1\] has collapsed"),
        ([np.eye(5), np.full((5, 2), np.nan)], r"embeddings\[1\] contains NaN"),
        ([np.eye(5), np.full((5, 2), np.inf)], r"embeddings\[1\] contains infinity"),
        (
            [np.eye(5), 1_000 + 6e-5 * np.eye(5, dtype=np.float32)],
            r"embeddings\[1\] has collapsed",
        ),
    ],
)
def test_collapsed_and_not_finite_embeddings_are_refused(function, runs, message):
    with pytest.raises(IncomparableError, match=message):
        function(runs)


@pytest.mark.parametrize("function", [manifold_variance, manifold_variance_matrix])
@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([np.eye(5)], "two"),
        ([np.eye(5), np.eye(4)], r"\[5, 4\] samples"),
        ([np.ones((1, 2)), np.ones((1, 2))], "two"),
        ([np.eye(5), np.ones(5)], "Expected 2D array"),
        (np.ones((5, 2)), r"shape \(5, 2\), as one embedding; pass a list of two"),
        (pd.DataFrame(np.ones((5, 2))), r"shape \(5, 2\), as one embedding"),
    ],
)
def test_embeddings_must_be_two_of_the_same_samples(function, runs, message):
    with pytest.raises(ValueError, match=message) as caught:
        function(runs)
    assert caught.type is ValueError


@pytest.mark.parametrize(
    "measure",
    [
        displacement,
        neighbor_overlap,
        lambda *runs: manifold_variance(runs),
        lambda *runs: manifold_variance_matrix(runs),
    ],
)
def test_samples_in_another_order_are_other_samples(measure, rng):
    codes = pd.DataFrame(rng.normal(size=(30, 2))).add_prefix("sample ", axis=0)
    assert np.isfinite(measure(codes, codes)).all()
    with pytest.raises(ValueError, match="has the id 'sample 29' where") as caught:
        measure(codes, codes[::-1])
    assert caught.type is ValueError


def test_components_in_another_order_are_another_place(rng):
    codes = pd.DataFrame(rng.normal(size=(30, 2)), columns=["code0", "code1"])
    with pytest.raises(
        ValueError, match="second has the column 'code1' where first has"
    ):
        displacement(codes, codes[["code1", "code0"]])
    assert neighbor_overlap(codes, codes[["code1", "code0"]]) == 1


def test_equal_distances_have_no_relative_variance():
    with pytest.raises(IncomparableError, match="all of their distances are equal"):
        manifold_variance([np.eye(4), np.eye(4)], relative=True)


def test_displacement_of_collapsed_embeddings_is_refused():
    for value in (0.0, 0.1):
        with pytest.raises(IncomparableError, match="collapsed"):
            displacement(np.full((3, 2), value), np.full((3, 2), 0.7))


def test_displacement_by_hand(rng):
    first, second = rng.normal(size=(2, 50, 3))
    moved = np.square(first - second).sum() / 50
    variance = (first.var(axis=0).sum() + second.var(axis=0).sum()) / 2
    assert displacement(first, second) == pytest.approx(moved / variance)
    turned = first @ ortho_group.rvs(3, random_state=0) + 5
    assert displacement(first, turned) > 1
    assert displacement(first, turned, aligned=True) < 1e-12
    assert displacement(first, second, aligned=True) <= displacement(first, second)


def test_neighbor_overlap_by_hand(rng):
    first, second = rng.normal(size=(2, 30, 2))
    distances = [squareform(pdist(run)) for run in (first, second)]
    near = [np.argsort(of_run, axis=1)[:, 1:5] for of_run in distances]
    expected = np.mean(
        [len({*a} & {*b}) / len({*a} | {*b}) for a, b in zip(*near, strict=True)]
    )
    found = neighbor_overlap(first, second, n_neighbors=4)
    assert found == pytest.approx(expected)
    for n_neighbors in (30, 0, 2.0, "a", None):
        message = f"n_neighbors={n_neighbors!r} must be a whole number, .* samples, 30"
        with pytest.raises(ValueError, match=message) as caught:
            neighbor_overlap(first, second, n_neighbors=n_neighbors)
        assert caught.type is ValueError


@pytest.mark.parametrize("n_components", [2, 20])
def test_neighbors_far_from_the_origin_are_the_same(n_components, rng):
    codes = rng.normal(size=(200, n_components))
    assert neighbor_overlap(codes, codes + 1e8) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("measure", [displacement, neighbor_overlap])
@pytest.mark.parametrize(
    ("shape", "error"), [((30, 3), IncomparableError), ((29, 2), ValueError)]
)
def test_pairs_must_be_alike_in_shape(measure, shape, error):
    message = rf"\(30, 2\) and second \({shape[0]}, {shape[1]}\)"
    with pytest.raises(ValueError, match=message) as caught:
        measure(np.ones((30, 2)), np.ones(shape))
    assert caught.type is error


@pytest.mark.parametrize("measure", [displacement, neighbor_overlap])
@pytest.mark.parametrize(("value", "name"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_pairs_must_be_finite(measure, value, name):
    with pytest.raises(IncomparableError, match=f"second contains {name}"):
        measure(np.ones((30, 2)), np.full((30, 2), value))


def test_the_consensus_is_near_the_mean_and_no_collapse(rng):
    runs = [np.zeros((60, 2)), *rng.normal(size=(4, 60, 2))]
    between = 10 * sum(run / pdist(run).mean() for run in runs[1:])
    assert nearest_to_consensus([*runs, between]) == 5
    assert nearest_to_consensus(runs) != 0
    assert nearest_to_consensus([runs[0], runs[0]]) == 0
    assert nearest_to_consensus(runs[1:2]) == 0


def test_many_samples_in_float32_are_no_point(rng):
    codes = rng.normal(10, 0.04, size=(200_000, 2)).astype(np.float32)
    assert displacement(codes, codes) == 0
    assert manifold_variance([codes, codes]) == 0
    with pytest.raises(IncomparableError, match="collapsed"):
        manifold_variance([np.full_like(codes, 0.1), codes])


def test_a_relative_variance_needs_three_samples(rng):
    two = rng.normal(size=(2, 2, 3))
    assert manifold_variance(two) == pytest.approx(0)
    with pytest.raises(IncomparableError, match="2 samples.* needs three or more"):
        manifold_variance(two, relative=True)


@pytest.mark.parametrize("measure", [displacement, neighbor_overlap])
def test_units_whose_squares_overflow_are_refused(measure, rng):
    first, second = rng.normal(size=(2, 30, 2))
    expected = measure(first, second)
    for scale in (1e-139, 1e139):
        assert measure(scale * first, scale * second) == pytest.approx(expected)
    for scale in (1e-200, 1e200):
        with pytest.raises(IncomparableError, match="first has values up to"):
            measure(scale * first, second)
        with pytest.raises(IncomparableError, match=r"second has .* rescale second"):
            measure(first, scale * second)
