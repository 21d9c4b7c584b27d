import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.preprocessing import OneHotEncoder

from stable_embedding.preprocessing.columns import (
    checked_table,
    chosen_columns,
    column_groups,
    is_categorical,
    levels_of,
    numbers_of,
    output_levels,
)

NAMES = ["age", "job", "city"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0], False),
        (np.array([1, 2], dtype=np.int8), False),
        (pd.array([1, None], dtype="Int64"), False),
        (pd.Series([1, 2.5], dtype=object), False),
        (pd.Series([1, None], dtype=object), False),
        ([True, False], True),
        (pd.Series([True, False], dtype=object), True),
        (pd.array([True, None], dtype="boolean"), True),
        (["a", "b"], True),
        (pd.Series(["a", 1], dtype=object), True),
        (pd.Categorical([1, 2]), True),
        (pd.Series([None, None], dtype=object), True),
    ],
    ids=str,
)
def test_types_tell_categories(values, expected):
    frame = pd.DataFrame({"before": [0.5, 1.5], "column": values})
    assert is_categorical(frame).tolist() == [False, expected]


def test_types_of_polars_and_arrays_tell_categories():
    frame = pl.DataFrame(
        {"a": [1, 2], "b": [0.5, None], "c": ["x", "y"], "d": [True, False]},
    ).with_columns(e=pl.col("c").cast(pl.Categorical))
    assert is_categorical(frame).tolist() == [False, False, True, True, True]
    assert not is_categorical(np.ones((2, 3))).any()
    assert is_categorical(np.ones((2, 3), dtype=bool)).all()
    assert is_categorical(np.array([["a", "1"]])).all()
    mixed = np.array([["a", 1], ["b", 2]], dtype=object)
    assert is_categorical(mixed).tolist() == [True, False]


def as_objects(columns):
    return np.array(list(columns.values()), dtype=object).T


@pytest.mark.parametrize("build", [pd.DataFrame, pl.DataFrame, as_objects])
def test_decimal_numbers_are_numbers(build):
    price = [Decimal("19.99"), Decimal("5.00"), Decimal("7.5")]
    X = build({"price": price, "plan": ["a", "b", "a"]})
    assert is_categorical(X).tolist() == [False, True]
    found = numbers_of(X, np.array([0]), ["price", "plan"], "T")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found[:, 0], [19.99, 5.0, 7.5])


def test_a_decimal_number_may_be_missing():
    X = pd.DataFrame({"price": [Decimal("19.99"), Decimal("NaN"), None]})
    assert is_categorical(X).tolist() == [False]
    with pytest.raises(ValueError, match="NaN in column 'price'"):
        numbers_of(X, np.array([0]), ["price"], "T")


def test_lists_keep_their_types():
    table = checked_table([["a", 1.5], ["b", 2.5]], "Encoder")
    assert is_categorical(table).tolist() == [True, False]
    assert checked_table([[1, 2], [3, 4]], "Encoder").dtype.kind == "i"


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ([], [False, False, False]),
        (["job"], [False, True, False]),
        (np.array(["city", "age"]), [True, False, True]),
        ([0, -1], [True, False, True]),
        ([False, True, True], [False, True, True]),
        (("job", 2), [False, True, True]),
        (pd.Index(["job"]), [False, True, False]),
    ],
    ids=str,
)
def test_columns_are_chosen_by_name_place_or_mask(chosen, expected):
    assert chosen_columns(chosen, NAMES).tolist() == expected


@pytest.mark.parametrize(
    "chosen", [["jobs"], [3], [-4], [1.0], [None], [True, False], [True, "job"]]
)
def test_a_column_that_is_none_is_named(chosen):
    with pytest.raises(ValueError, match="categorical_features (holds|is a mask)"):
        chosen_columns(chosen, NAMES)


def test_whole_numbers_are_positions_whatever_names_are():
    names = [10, 1, "age"]
    assert chosen_columns([0, "age"], names).tolist() == [True, False, True]
    assert chosen_columns([1], names).tolist() == [False, True, False]
    message = "holds 10, .* names of column 'age', .* whole numbers are positions"
    with pytest.raises(ValueError, match=message):
        chosen_columns([10], names)
    with pytest.raises(ValueError, match="it must hold positions from 0 to 2"):
        chosen_columns([10], [10, 20, 30])


def test_a_column_without_a_group_is_its_own():
    of_mapping = column_groups({"age": "a", "job": None, "city": None}, NAMES)
    of_function = column_groups({"age": "a"}.get, NAMES)
    assert of_mapping.tolist() == of_function.tolist() == [0, 1, 2]


def test_groups_share_a_number():
    assert column_groups(None, NAMES).tolist() == [0, 1, 2]
    of_mapping = column_groups({"age": "a", "city": "a"}, NAMES)
    assert of_mapping[0] == of_mapping[2] != of_mapping[1]
    of_series = column_groups(pd.Series({"age": "a", "city": "a"}), NAMES)
    np.testing.assert_array_equal(of_series, of_mapping)
    # A group with the name of a column that is in none.
    assert len(set(column_groups({"age": "job"}, NAMES))) == 3
    of_function = column_groups(lambda name: name[0] in "aj", NAMES)
    assert of_function[0] == of_function[1] != of_function[2]
    with pytest.raises(ValueError, match="groups holds 'ages', which is not a column"):
        column_groups({"ages": "a"}, NAMES)
    with pytest.raises(TypeError, match="groups must give names of groups"):
        column_groups(lambda name: [name], NAMES)


@pytest.mark.parametrize(
    "values",
    [
        ["a", None, "b", np.nan],
        pd.array(["a", None, "b", None], dtype="string"),
        pd.Categorical(["a", None, "b", None]),
        pl.Series(["a", None, "b", None]),
        pl.Series(["a", None, "b", None], dtype=pl.Categorical),
    ],
    ids=lambda values: type(values).__name__,
)
def test_whatever_is_missing_is_one_level(values):
    library = pl if isinstance(values, pl.Series) else pd
    frame = library.DataFrame({"x": [1, 2, 3, 4], "column": values})
    levels = levels_of(frame, [1], ["x", "column"])
    assert levels.shape == (4, 1)
    assert levels[[0, 2], 0].tolist() == ["a", "b"]
    assert all(np.isnan(one) for one in levels[[1, 3], 0])


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (["a", 1], r"holds text \('a'\) and numbers \(1\)"),
        ([["a"], ["b"]], r"holds \['a'\] \(list\)"),
        ([datetime.date(2024, 1, 1), None], "holds datetime.date"),
        ([b"a", b"b"], r"holds b'a' \(bytes\)"),
        ([1j, 2j], r"holds 1j \(complex\); levels must be text, numbers or booleans"),
        ([pd.Interval(0, 1), None], r"holds Interval.* into text, by astype\(str\)"),
    ],
    ids=str,
)
def test_a_column_that_holds_no_levels_is_named(values, what):
    table = np.empty((2, 2), dtype=object)
    table[:, 1] = values if not isinstance(values[0], list) else [None, None]
    if isinstance(values[0], list):
        table[0, 1], table[1, 1] = values
    with pytest.raises(TypeError, match=f"column 1 of X {what}"):
        levels_of(table, [1], [0, 1])
    with pytest.raises(TypeError, match=f"column 'job' of X {what}"):
        levels_of(table, [1], NAMES[:2])


def test_a_column_that_holds_no_number_is_named_by_its_own_place():
    table = np.array([["a", 1.0, "b"], ["c", 2.0, "d"]], dtype=object)
    with pytest.raises(ValueError, match=r"string to float: 'b' in column 2"):
        numbers_of(table, np.array([1, 2]), [0, 1, 2], "Encoder")
    table[1, 1] = np.nan
    with pytest.raises(ValueError, match=r"NaN in column 1; Encoder takes no missing"):
        numbers_of(table, np.array([1]), [0, 1, 2], "Encoder")


@pytest.mark.parametrize("rare", ["a", None])
def test_of_merged_levels_the_most_frequent_is_returned(rare):
    levels = np.array([["x"]] * 6 + [[rare]] * 2 + [["c"]], dtype=object)
    levels[levels == None] = np.nan  # noqa: E711
    one_hot = OneHotEncoder(min_frequency=3).fit(levels)
    [found] = output_levels(one_hot, levels)
    assert found[0] == "x"
    assert len(found) == 2
    assert found[1] == "a" if rare else np.isnan(found[1])
