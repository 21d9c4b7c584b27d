import numpy as np
import pandas as pd
import polars as pl
import pytest

from stable_embedding.data.named_columns import (
    check_column_order,
    column_or_values,
    features_of,
)


def test_the_name_of_a_column_is_looked_up():
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    assert list(column_or_values("b", frame)) == [3, 4]
    assert list(column_or_values("b", pl.from_pandas(frame))) == [3, 4]
    assert column_or_values([1], None) == [1]
    with pytest.raises(ValueError, match="y='c' is not a column of X; it has 'a', 'b'"):
        column_or_values("c", frame)
    with pytest.raises(ValueError, match="X is of type ndarray"):
        column_or_values("c", frame.to_numpy())


def test_values_in_another_order_of_ids_are_refused():
    frame = pd.DataFrame({"a": [1, 2]}, index=["x", "y"])
    values = pd.Series([3, 4], index=["x", "y"])
    assert column_or_values(values, frame) is values
    assert list(column_or_values(values.to_numpy()[::-1], frame)) == [4, 3]
    with pytest.raises(ValueError, match="y has the id 'y' where X has 'x'"):
        column_or_values(values[::-1], frame)


def test_columns_that_were_not_fitted_on_are_left_out():
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": [5, 6]})

    class Fitted:
        feature_names_in_ = np.array(["c", "a"], dtype=object)

    assert list(features_of(Fitted(), frame).columns) == ["c", "a"]
    assert features_of(Fitted(), frame[["c", "a"]]).equals(frame[["c", "a"]])
    assert features_of(Fitted(), frame[["c"]]).equals(frame[["c"]])  # for the estimator
    assert features_of(object(), frame) is frame


@pytest.mark.parametrize("to_frame", [pd.DataFrame, pl.DataFrame])
def test_a_named_column_is_left_out_unless_it_is_a_feature(to_frame):
    frame = to_frame({"a": [1, 2], "b": [3, 4], "label": [0, 1]})

    class Fitted:
        n_features_in_ = 2

    assert list(features_of(Fitted(), frame, "label").columns) == ["a", "b"]
    assert list(features_of(object(), frame, "label").columns) == ["a", "b"]
    Fitted.n_features_in_ = 3
    assert features_of(Fitted(), frame, "label") is frame
    assert features_of(Fitted(), frame, [0, 1]) is frame


@pytest.mark.parametrize("to_frame", [pd.DataFrame, pl.DataFrame])
def test_the_same_names_in_another_order_are_refused(to_frame):
    frame = to_frame({"a": [1, 2], "c": [5, 6], "b": [3, 4]})
    with pytest.raises(
        ValueError, match="^new has the column 'c' where old has 'b', at"
    ):
        check_column_order(frame, lambda: ["a", "b", "c"], "new", "old")
    check_column_order(frame[["a", "b", "c"]], lambda: ["a", "b", "c"], "new", "old")


def test_names_that_are_not_the_same_go_by_position():
    frame = pd.DataFrame({"b": [1, 2], "a": [3, 4]})
    for names in (["b", "a"], ["a", "x"], ["a"], [0, 1], None):
        check_column_order(frame, lambda names=names: names, "new", "old")
    for values in (frame.to_numpy(), frame.to_numpy().tolist(), None):
        check_column_order(values, lambda: ["a", "b"], "new", "old")
    check_column_order(frame.set_axis([1, 0], axis=1), lambda: [0, 1], "new", "old")
