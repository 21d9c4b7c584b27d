import numpy as np
import pandas as pd
import polars as pl
import pytest

from stable_embedding.data.labels import encode_classes


@pytest.mark.parametrize(
    "y",
    [
        [3, -1, 7, 3],
        np.array([3.0, np.nan, 7.0, 3.0]),
        np.array([3.0, -1.0, 7.0, 3.0]),
        ["a", None, "b", "a"],
        np.array(["a", np.nan, "b", "a"], dtype=object),
        [3, None, 7, 3],
        pd.Series(["a", None, "b", "a"]),
        pd.Series([3, None, 7, 3], dtype="Int64"),
        pd.Series(["a", None, "b", "a"], dtype="category"),
        pl.Series(["a", None, "b", "a"]),
        pl.Series([3, None, 7, 3]),
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


def test_no_classes_are_refused():
    with pytest.raises(ValueError, match="Unknown label type"):
        encode_classes([0.5, 0.25, np.nan])
    with pytest.raises(TypeError, match="y holds strings and labels of another type"):
        encode_classes(["a", 1, None])
