"""The noise of a report: on numbers alone, in the container that they come in."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import coo_array, csr_array

from stable_embedding.reports.perturbations import numeric_columns, with_noise

N = 5_000


@pytest.fixture
def table(rng):
    values = rng.normal(size=N)
    return {
        "size": [None if i % 5 == 0 else value for i, value in enumerate(values)],
        "count": rng.integers(0, 1_000, N).tolist(),
        "color": rng.choice(["red", "green"], N).tolist(),
        "sold": (values > 0).tolist(),
    }


@pytest.mark.parametrize("library", [pd, pl])
def test_a_table_keeps_its_texts_booleans_and_missing_values(library, table):
    before = library.DataFrame(table)
    after = with_noise(before, seed=0)
    assert type(after) is type(before)
    assert list(after.columns) == list(before.columns)
    for name in ("color", "sold"):
        assert after[name].to_list() == before[name].to_list()
        assert after[name].dtype == before[name].dtype
    for name in ("size", "count"):
        old = np.asarray(before[name], dtype=float)
        change = np.asarray(after[name], dtype=float) - old
        np.testing.assert_array_equal(np.isnan(change), np.isnan(old))
        assert np.nanstd(change) == pytest.approx(np.nanstd(old) / 100, rel=0.1)
    missing = "isna" if library is pd else "is_null"
    assert getattr(after["size"], missing)().sum() == N / 5
    assert before.equals(library.DataFrame(table))


def test_numbers_that_name_categories_stay(rng):
    frame = pd.DataFrame(
        {0: rng.normal(size=9), 1: pd.Categorical([1, 2, 3] * 3), 2: range(9)}
    )
    noisy = with_noise(frame, seed=0)
    assert numeric_columns(frame) == [0, 2]
    assert (noisy[[0, 2]] != frame[[0, 2]]).all(axis=None)
    pd.testing.assert_series_equal(noisy[1], frame[1])


@pytest.mark.parametrize("kind", [csr_array, coo_array])
def test_only_stored_values_of_a_sparse_matrix_get_noise(kind, rng):
    X = rng.normal(size=(N, 3)) * [1, 100, 0] * (rng.uniform(size=(N, 3)) < 0.3)
    noisy = with_noise(kind(X), seed=0)
    assert noisy.nnz == np.count_nonzero(X)
    change = (noisy - csr_array(X)).toarray()
    assert not change[X == 0].any()
    for i in (0, 1):
        stored = X[:, i] != 0
        assert change[stored, i].std() == pytest.approx(X[:, i].std() / 100, rel=0.1)


def test_columns_of_numbers_among_objects(rng):
    X = np.empty((N, 3), dtype=object)
    X[:, 0], X[:, 1], X[:, 2] = "text", rng.normal(size=N), True
    X[0, 1] = None
    noisy = with_noise(X, seed=0)
    assert numeric_columns(X) == [1]
    assert (noisy[:, [0, 2]] == X[:, [0, 2]]).all()
    change = (noisy[1:, 1] - X[1:, 1]).astype(float)
    assert change.std() == pytest.approx(0.01, rel=0.1)
    assert np.isnan(noisy[0, 1])
    assert X[0, 1] is None
