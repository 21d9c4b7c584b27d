"""Distances of a user's own: their splits, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array, csr_array
from scipy.spatial.distance import cdist
from sklearn.model_selection import train_test_split

from stable_embedding import SampleDistances, StableAutoencoder
from stable_embedding.data import limits
from stable_embedding.data.sample_distances import check_distances, user_distances

pytestmark = pytest.mark.numeric


@pytest.fixture
def D(rng):
    points = rng.normal(size=(30, 3))
    return cdist(points, points)


def between(distances, n_samples):
    everyone = np.arange(n_samples)
    found = user_distances(check_distances(distances, n_samples), n_samples, None)
    return found.between(everyone, everyone)


def test_splits_take_both_sides(D):
    ids = np.arange(30) * 10
    parts = [
        SampleDistances(D),
        SampleDistances(lambda i, j: D[np.ix_(i // 10, j // 10)], ids),
        SampleDistances(csr_array(D)),
    ]
    index = np.array([3, 1, 20])
    mask = np.isin(np.arange(30), index)
    for distances in parts:
        assert distances.shape == (30, 30)
        for key, at in ((index, index), (mask, np.flatnonzero(mask))):
            wanted = D[np.ix_(at, at)]
            np.testing.assert_allclose(between(distances[key], 3), wanted, rtol=1e-6)
        some, rest = train_test_split(distances, random_state=0)
        at, _ = train_test_split(np.arange(30), random_state=0)
        assert len(some) + len(rest) == 30
        np.testing.assert_allclose(
            between(some, len(some)), D[np.ix_(at, at)], rtol=1e-6
        )


def test_splits_of_splits_and_no_copies(D):
    distances = SampleDistances(D)
    assert distances[::2].distances is D
    np.testing.assert_array_equal(distances[::2][1:].ids, np.arange(2, 30, 2))


@pytest.mark.parametrize("form", [np.asarray, csr_array])
@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (np.arange(20, 40), r"ids holds 30, but distances is of 30 samples; ids must"),
        ([-1, 2], r"ids holds -1, but distances is of 30 samples; ids must"),
        (["c1", "c2"], r"ids holds 'c1', but distances is of 30 samples; ids must"),
        ([True, False], r"ids holds True, but distances is of 30 samples; ids must"),
        ([0.5, 1.5], r"ids holds 0.5, but distances is of 30 samples; ids must"),
    ],
)
def test_ids_are_indexes_into_a_matrix(form, ids, message, D):
    with pytest.raises(ValueError, match=message):
        SampleDistances(form(D), ids)
    assert len(SampleDistances(lambda i, j: D, ids)) == len(ids)
    assert SampleDistances(form(D), [2.0, 0.0]).matrix().toarray()[0, 1] == D[2, 0]


def test_a_callable_needs_ids(D):
    with pytest.raises(ValueError, match="ids=None"):
        SampleDistances(lambda i, j: D)
    with pytest.raises(ValueError, match=r"shape \(30, 20\)"):
        SampleDistances(D[:, :20])


def without(D, change):
    changed = D.copy()
    change(changed)
    return changed


BAD = {
    "shape": (lambda D: D[:20], "has shape"),
    "rows of a search": (lambda D: D[:, :20], "SampleDistances"),
    "nan": (lambda D: np.where(D > 2, np.nan, D), "holds nan"),
    "negative": (lambda D: D - 1, "holds -"),
    "diagonal": (lambda D: D + np.eye(30), "on its diagonal"),
    "symmetric": (lambda D: np.triu(D), "not symmetric"),
    "text": (lambda D: D.astype(str).astype(object) + "x", "distances"),
    "sparse, one side": (lambda D: csr_array(np.triu(D)), "store both"),
    "sparse, other value": (
        lambda D: csr_array(np.triu(D) + 2 * np.tril(D)),
        "not symmetric",
    ),
    "nothing": (np.zeros_like, "no distance above 0"),
    "tiny": (lambda D: D * 1e-46, "distances puts samples up to .*e-4. apart"),
    "huge": (lambda D: D * 1e100, r"between 1e-30 and 1e\+30"),
    "sparse, tiny": (lambda D: csr_array(D * 1e-46), "puts samples up to"),
    "sparse, nothing": (lambda D: csr_array((30, 30)), "no distance above 0"),
    "sparse, negative": (lambda D: csr_array(-D), "holds -"),
    "other samples": (lambda D: SampleDistances(D[:20, :20]), "of 20 samples"),
    "callable, one side": (
        lambda D: lambda i, j: np.triu(D)[np.ix_(i, j)],
        "not symmetric",
    ),
    "callable, shape": (lambda D: lambda i, j: D[i], "returned shape"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_are_no_distances_is_said(name, D):
    change, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=message):
        check_distances(change(D), 30)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_some_samples_that_count_are_apart(kind, D, monkeypatch):
    monkeypatch.setattr(limits, "PAIRS_AT_ONCE", 70)
    distances, weights = np.zeros_like(D), np.ones(30)
    distances[3, 4] = distances[4, 3] = 5.0
    check_distances(kind(distances), 30, weights)
    weights[3] = 0
    with pytest.raises(ValueError, match="above 0 of samples with a weight above 0"):
        check_distances(kind(distances), 30, weights)


SELECTED = {
    "nan",
    "negative",
    "diagonal",
    "symmetric",
    "text",
    "nothing",
    "tiny",
    "huge",
}


@pytest.mark.parametrize("name", sorted(SELECTED))
@pytest.mark.parametrize("selects", [False, True])
def test_a_matrix_that_samples_are_selected_from_is_checked_too(name, selects, D):
    change, message = BAD[name]
    distances = (
        SampleDistances(change(D))[::2] if selects else SampleDistances(change(D))
    )
    with pytest.raises((ValueError, TypeError), match=message):
        check_distances(distances, len(distances))


def test_the_diagonal_of_many_selected_samples_is_checked(D, monkeypatch):
    monkeypatch.setattr(limits, "LANDMARKS", 3)
    assert check_distances(SampleDistances(D), 30) is not None
    for at in range(30):
        wrong = D + np.diag(np.arange(30) == at)
        with pytest.raises(ValueError, match="on its diagonal"):
            check_distances(SampleDistances(wrong), 30)


def test_samples_that_are_selected_twice_are_not_apart(D):
    distances = SampleDistances(D)[[0, 0, 1]]
    assert check_distances(distances, 3) is distances


def test_what_is_rounded_is_taken(D):
    rounded = D + 1e-9 * np.arange(30)
    assert check_distances(rounded, 30) is not None
    assert check_distances(D.astype(np.float32), 30).dtype == np.float32
    assert check_distances(D.round().astype(int), 30).dtype == np.float64


@pytest.mark.parametrize("factor", [1e-46, 1e100, 1e200])
def test_what_a_callable_returns_is_in_the_range_of_float32(factor, D):
    with pytest.raises(ValueError, match="distances puts samples up to"):
        between(lambda i, j: factor * D[np.ix_(i, j)], 30)


@pytest.mark.parametrize("wrap", [lambda D: D, SampleDistances])
def test_entries_in_parts_are_added_up(wrap, D):
    rows, columns = np.indices(D.shape).reshape(2, -1)
    parts = np.concatenate([D.ravel() / 4, 3 * D.ravel() / 4])
    at = np.tile(rows, 2), np.tile(columns, 2)
    by_coordinates = coo_array((parts, at), D.shape)
    # A conversion to CSR adds parts up, which this constructor keeps.
    order = np.argsort(at[0], kind="stable")
    starts = np.arange(0, parts.size + 1, 2 * len(D))
    by_rows = csr_array((parts[order], at[1][order], starts), D.shape)
    for matrix in (by_coordinates, by_rows):
        found = between(wrap(matrix), len(D))
        np.testing.assert_allclose(found, D, rtol=1e-6, atol=1e-6)
        assert matrix.nnz == 2 * D.size


def test_ids_of_a_frame_of_distances_are_those_of_the_samples(D, rng):
    ids = [f"c{i}" for i in range(30)]
    X, frame = pd.DataFrame(rng.normal(size=(30, 4)), ids), pd.DataFrame(D, ids, ids)
    model = StableAutoencoder(max_iter=1, n_init=1, random_state=0)
    turned, part = X[::-1], np.arange(0, 30, 2)
    for distances in (SampleDistances(frame), SampleDistances(frame, ids=range(30))):
        model.fit(X, distances=distances)
        model.fit(X.iloc[part], distances=distances[part])
        model.fit(turned, distances=distances[::-1])
        message = "the frame has the id 'c0' where X has 'c29'.*frame.loc.X.index, X.in"
        with pytest.raises(ValueError, match=message):
            model.fit(turned, distances=distances)
        is_chosen = pd.Series(np.arange(30) % 2 == 0)
        assert distances[is_chosen].shape == (15, 15)
    with pytest.raises(ValueError, match=r"distances.T has the id 'c29' where"):
        SampleDistances(frame[ids[::-1]])
