from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import block_diag, csr_array

from stable_embedding.data.labels import (
    can_spread,
    encode_classes,
    encode_targets,
    spread_classes,
    standardize_targets,
)


@pytest.mark.parametrize(
    "y",
    [
        [3, -1, 7, 3],
        np.array([3.0, np.nan, 7.0, 3.0]),
        np.array([3.0, -1.0, 7.0, 3.0]),
        ["a", None, "b", "a"],
        ["a", np.nan, "b", "a"],
        ("a", np.nan, "b", "a"),
        np.array(["a", np.nan, "b", "a"], dtype=object),
        [3, None, 7, 3],
        pd.Series(["a", None, "b", "a"]),
        pd.Series([3, None, 7, 3], dtype="Int64"),
        pd.Series(["a", None, "b", "a"], dtype="category"),
        pl.Series(["a", None, "b", "a"]),
        pl.Series([3, None, 7, 3]),
        [Decimal(3), Decimal(-1), Decimal(7), Decimal(3)],
    ],
    ids=lambda y: f"{type(y).__name__} {np.asarray(y).tolist()}",
)
def test_samples_without_a_label_are_found_in_any_container(y):
    assert encode_classes(y).tolist() == [0, -1, 1, 0]


@pytest.mark.parametrize("y", [[True, False], ["-1", "1"], [-2, 5], [0, 1]])
def test_all_else_is_a_class(y):
    assert sorted(encode_classes(y).tolist()) == [0, 1]


@pytest.mark.parametrize("y", [[-1, -1], [None, None], [np.nan, np.nan]])
def test_labels_of_nothing_are_refused(y):
    with pytest.raises(ValueError, match="y labels no sample"):
        encode_classes(y)


def test_what_may_be_a_class_is_not_passed_over():
    with pytest.raises(ValueError, match="y holds one class, 1, beside"):
        encode_classes([-1, 1, 1])
    assert encode_classes([1, 1, 1]).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("y", "target_type", "expected"),
    [
        ([-1, None, np.nan], "auto", [-1, -1, -1]),
        ([7, None, 7], "auto", [0, -1, 0]),
        (["a", None, None], "multiclass", [0, -1, -1]),
        ([2.5, np.nan, 2.5], "auto", [np.nan] * 3),
        ([np.nan] * 3, "continuous", [np.nan] * 3),
        ([3, 3, 3], "continuous", [np.nan] * 3),
    ],
)
def test_labels_of_a_later_chunk_may_tell_nothing(y, target_type, expected):
    found = encode_targets(y, target_type, may_agree=True)
    np.testing.assert_array_equal(found, expected)
    if found.dtype.kind == "f":
        np.testing.assert_array_equal(standardize_targets(found, np.ones(3)), expected)
    else:
        assert not can_spread(found)
        assert encode_classes(y, may_agree=True).tolist() == expected


def test_classes_are_spread_if_there_are_two_and_samples_without():
    assert can_spread(np.array([0, -1, 1]))
    assert not can_spread(np.array([0, 1]))
    assert not can_spread(np.array([0.5, np.nan]))


def test_no_classes_are_refused():
    for labels, shown in (
        ([2.0, 0.25, np.nan], "0.25"),
        ([Decimal(2), Decimal("0.25")], "0.25"),
        ([{"a": 1}, {}], "{'a': 1}"),
    ):
        message = f"y holds {shown}, which is no class; classes must be strings or"
        with pytest.raises(ValueError, match=message):
            encode_classes(labels)
        with pytest.raises(ValueError, match="target_type='continuous'"):
            encode_targets(labels, "multiclass")
    with pytest.raises(TypeError, match="y holds strings and labels of another type"):
        encode_classes(["a", 1, None])
    with pytest.raises(TypeError, match="y holds strings and labels of another type"):
        encode_classes(["a", -1, "b"])


@pytest.mark.parametrize(
    "y", [[0.5, 1.5, None, 2.5], [0.5, 1.5, np.nan, 2.5], pd.Series([1.0, 2, None, 3])]
)
def test_numbers_are_standardized(y):
    found = encode_targets(y, "continuous")
    expected = [-(1.5**0.5), 0, np.nan, 1.5**0.5]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float64


@pytest.mark.parametrize("exponent", [-1000, -300, 300, 1000])
def test_the_unit_of_numbers_does_not_count(exponent):
    y = np.array([0.5, 1.75, np.nan, 3.25])
    found = encode_targets(np.ldexp(y, exponent), "continuous")
    # Powers of two change no digit.
    np.testing.assert_array_equal(found, encode_targets(y, "continuous"))


@pytest.mark.parametrize(
    ("y", "target_type", "kind"),
    [
        ([0.5, 1.5, 2.0], "auto", "f"),
        ([0, 1, 2], "auto", "i"),
        ([0.0, 1.0, np.nan], "auto", "i"),
        (["a", "b", None], "auto", "i"),
        ([0, 1, 2], "continuous", "f"),
        ([False, True], "auto", "i"),
        ([Decimal(1), Decimal("0.5"), None], "auto", "f"),
        ([Decimal(1), Decimal(2), Decimal("NaN")], "auto", "i"),
        ([Decimal(1), Decimal(2)], "multiclass", "i"),
        ([Decimal(1), Decimal(2), 3.5], "continuous", "f"),
    ],
)
def test_whole_numbers_are_classes_unless_it_is_said(y, target_type, kind):
    assert encode_targets(y, target_type).dtype.kind == kind


def chain(n_samples):
    """A graph in which each sample neighbors the next."""
    at = np.arange(n_samples - 1)
    return csr_array(
        (np.ones(n_samples - 1, dtype=np.int8), (at, at + 1)), (n_samples, n_samples)
    )


def test_classes_are_spread_along_the_graph():
    labels = np.array([1, -1, -1, -1, -1, 0])
    found = spread_classes(labels, chain(6))
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(found[[0, -1]], [[1, 0], [0, 1]])
    assert (np.diff(found[:, 0]) < 0).all()


def test_a_sample_that_nothing_reaches_may_be_of_any_class():
    graph = block_diag([chain(3), csr_array((2, 2))], format="csr")
    found = spread_classes(np.array([4, -1, 7, -1, -1]), csr_array(graph))
    np.testing.assert_array_equal(found[3:], np.full((2, 2), 0.5))


def test_names_of_classes_do_not_count_where_they_are_spread():
    labels = np.array([2, -1, 0, -1, 1, -1])
    renamed = np.array([0, -1, 2, -1, 1, -1])
    graph = chain(6)
    # The same computation: columns stand in the order in which classes come.
    np.testing.assert_array_equal(
        spread_classes(labels, graph), spread_classes(renamed, graph)
    )


@pytest.mark.parametrize("target_type", ["auto", "multiclass", "continuous"])
@pytest.mark.parametrize("labels", [[0.5, np.inf, 2.5], [0, -np.inf, np.nan]])
def test_infinite_labels_are_refused(labels, target_type):
    with pytest.raises(ValueError, match="y holds infinity"):
        encode_targets(labels, target_type)
