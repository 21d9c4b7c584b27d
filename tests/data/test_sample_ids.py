import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from stable_embedding.data.sample_ids import (
    check_same_pairs,
    check_same_samples,
    listed_ids,
    positions_in_common,
    sample_ids,
)

X = np.arange(6.0).reshape(3, 2)
NAMED = pd.DataFrame(X, index=["a", "b", "c"])


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Index, pl.Series])
def test_ids_that_are_given_come_before_an_index(kind):
    assert sample_ids(NAMED, kind(["x", "y", "z"])) == ["x", "y", "z"]
    assert sample_ids(X, kind([3, 1, 2])) == [3, 1, 2]


@pytest.mark.parametrize("unit", ["ns", "us", "s"])
@pytest.mark.parametrize("kind", ["datetime64", "timedelta64"])
def test_dates_in_an_array_are_the_same_ids_as_in_an_index(kind, unit):
    values = np.array([86_400_000_000_000, 0, 172_800_000_000_000], "int64")
    values = values.astype(f"{kind}[ns]").astype(f"{kind}[{unit}]")
    index = pd.Index(values)
    for found in (sample_ids(X, values), listed_ids(values, "reference")):
        assert found == sample_ids(NAMED.set_index(index))
        assert len(positions_in_common(found, index.tolist())[0]) == 3
    values[1] = "NaT"
    with pytest.raises(ValueError, match="ids holds (NaT|None)"):
        sample_ids(X, values)


def test_days_in_an_array_are_dates_and_nanoseconds_are_kept():
    days = np.array(["2026-01-03", "2026-01-01", "2026-01-02"], "datetime64[D]")
    dates = pd.DatetimeIndex(days).date.tolist()
    assert sample_ids(X, days) == dates == sample_ids(NAMED.set_index([dates]))
    times = days.astype("datetime64[ns]")[0] + np.arange(3)
    assert sample_ids(X, times) == pd.DatetimeIndex(times).tolist()


def test_without_pandas_times_are_ids_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    times = np.array(["2026-01-03"], "datetime64[ns]") + np.arange(3)
    assert listed_ids(times, "ids") == list(times)


def test_an_index_says_who_samples_are_unless_it_only_counts():
    assert sample_ids(NAMED) == ["a", "b", "c"]
    dates = pd.date_range("2026-01-01", periods=3)
    assert sample_ids(NAMED.set_index(dates)) == dates.tolist()
    pairs = pd.MultiIndex.from_product([["a"], [1, 2, 3]])
    assert sample_ids(NAMED.set_index(pairs)) == [("a", 1), ("a", 2), ("a", 3)]
    for counted in (pd.DataFrame(X), pd.DataFrame(X)[1:], X, X.tolist()):
        assert sample_ids(counted) is None


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (["a", "b"], ValueError, "ids has 2 ids, but X has 3"),
        (["a", "b", "a"], ValueError, "ids holds the id 'a' 2 times"),
        (["a", None, "b"], ValueError, "ids holds None"),
        ([1.0, 2.0, np.nan], ValueError, "ids holds nan"),
        (["a", pd.NA, "b"], ValueError, "ids holds <NA>"),
        ([1, Decimal("nan"), 2], ValueError, "ids holds Decimal"),
        ([1, pd.NaT, 2], ValueError, "ids holds NaT"),
        ([[1], [2], [3]], ValueError, r"ids has shape \(3, 1\)"),
        ([{}, {}, {}], TypeError, "ids must hold numbers or text"),
        ("abc", TypeError, "ids is of type str"),
    ],
)
def test_ids_that_name_no_sample_are_refused(ids, error, message):
    with pytest.raises(error, match=message):
        sample_ids(X, ids)


def test_ids_in_a_series_of_another_order_are_refused():
    ids = pd.Series([1, 2, 3], index=["c", "b", "a"])
    with pytest.raises(ValueError, match="ids has the id 'c' where X has 'a'"):
        sample_ids(NAMED, ids)
    assert sample_ids(NAMED, ids[::-1]) == [3, 2, 1]
    assert sample_ids(X, ids) == [1, 2, 3]


def test_an_index_with_an_id_twice_is_refused():
    with pytest.raises(ValueError, match="the index of X holds the id 'a' 3 times"):
        sample_ids(NAMED.set_index(pd.Index(["a"] * 3)))


def test_listed_ids_are_those_of_a_frame_or_given():
    assert listed_ids(NAMED, "reference") == ["a", "b", "c"]
    assert listed_ids(NAMED.index, "reference") == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"reference has an index that only counts"):
        listed_ids(pd.DataFrame(X), "reference")
    with pytest.raises(ValueError, match="reference has shape"):
        listed_ids(X, "reference")


def test_numbers_under_a_name_are_ids_also_where_they_follow_each_other(tmp_path):
    pd.DataFrame(X).to_csv(tmp_path / "table.csv", index_label="id")
    table = pd.read_csv(tmp_path / "table.csv", index_col="id")
    assert sample_ids(table) == list(range(len(X)))
    # pandas may know such an index by its ends alone.
    table.index = pd.RangeIndex(len(X), name="id")
    assert sample_ids(table) == list(range(len(X)))
    assert listed_ids(table[1:], "reference") == list(range(1, len(X)))


def test_positions_in_common_find_the_same_ids(rng):
    first, second = rng.permutation(50)[:30].tolist(), rng.permutation(50).tolist()[:30]
    i, j = positions_in_common(first, second)
    assert [first[k] for k in i] == [second[k] for k in j]
    assert set(np.take(first, i)) == set(first) & set(second)
    assert (np.diff(i) > 0).all()
    nothing, _ = positions_in_common(["1"], [1])
    assert len(nothing) == 0


def test_an_index_of_several_levels_may_be_given_as_tuples():
    pairs = pd.MultiIndex.from_product([["a"], [1, 2, 3]])
    for given in (pairs, pairs.tolist(), tuple(pairs)):
        assert sample_ids(X, given) == pairs.tolist()
        assert listed_ids(given, "reference") == pairs.tolist()
    with pytest.raises(ValueError, match="holds the id .* 2 times"):
        listed_ids([("a", 1), ("a", 1)], "reference")


def test_ids_that_join_nothing_may_repeat():
    repeated = NAMED.set_index(pd.Index(["a", "a", "b"]))
    assert sample_ids(repeated, unique=False) == ["a", "a", "b"]
    with pytest.raises(ValueError, match="ids has 2 ids, but X has 3"):
        sample_ids(X, ["a", "a"], unique=False)


def test_values_of_the_same_samples_have_equal_indexes():
    other_type = NAMED.set_index(pd.CategoricalIndex(["a", "b", "c"]))
    for values in (NAMED, other_type, NAMED["a":"b"], X, pd.DataFrame(X), None):
        check_same_samples(NAMED, values, "codes")
        check_same_samples(values, NAMED, "codes")
    gaps = NAMED.set_index(pd.Index([1.0, np.nan, 2.0]))
    check_same_samples(gaps, gaps.copy(), "codes")


def test_a_matrix_of_the_same_samples_has_equal_indexes_and_columns():
    numbered, pairs = NAMED.set_index(pd.Index([3, 1, 2])), np.zeros((3, 3))
    for columns in (numbered.index, numbered.index.astype(str), None):
        values = pd.DataFrame(pairs, numbered.index, columns)
        check_same_pairs(numbered, values, "distances")
    for values in (pairs, None, pd.DataFrame(pairs), NAMED, pd.DataFrame(pairs[:2])):
        check_same_pairs(NAMED, values, "distances")


@pytest.mark.parametrize(
    ("index", "columns", "name"),
    [
        ("acb", "acb", "distances"),
        ("acb", "abc", "distances"),
        ("abc", "acb", r"distances\.T"),
        (None, "acb", r"distances\.T"),
    ],
)
def test_a_matrix_of_other_samples_is_refused(index, columns, name):
    given = None if index is None else list(index)
    values = pd.DataFrame(np.zeros((3, 3)), given, list(columns))
    with pytest.raises(ValueError, match=rf"in {name}\.loc\[X\.index\]"):
        check_same_pairs(NAMED, values, "distances")


@pytest.mark.parametrize(
    "index",
    [
        [4, 5, 7],
        pd.RangeIndex(3, name="customer"),
        pd.MultiIndex.from_product([["a"], [1, 2, 3]]),
    ],
)
def test_where_no_id_is_in_both_positions_decide(index):
    values = pd.Series(["p", "q", "r"], index=index)
    check_same_samples(NAMED, values, "y")
    assert sample_ids(NAMED, values) == ["p", "q", "r"]


@pytest.mark.parametrize(
    ("index", "differs"),
    [
        (["a", "c", "b"], "the id 'c' where X has 'b', at position 1"),
        (["a", "b", "x"], "the id 'x' where X has 'c', at position 2"),
        ([np.nan, "b", "c"], "the id nan where X has 'a', at position 0"),
    ],
)
def test_values_of_other_samples_or_in_another_order_are_refused(index, differs):
    values = NAMED.set_index(pd.Index(index))
    with pytest.raises(ValueError, match=r"as in codes\.loc\[X\.index\]") as caught:
        check_same_samples(NAMED, values, "codes")
    assert differs in str(caught.value)
