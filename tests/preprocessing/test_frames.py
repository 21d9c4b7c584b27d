import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

from stable_embedding.preprocessing.frames import frame_format, table_of

FRAMES = {
    "pandas": pd.DataFrame(
        {
            "number": [1, 2],
            "text": ["a", np.nan],
            "level": pd.Categorical(["b", "a"], ["b", "a", "c"], ordered=True),
            "whole": pd.Categorical([2, None], [1, 2]),
            "flag": [True, False],
            "maybe": pd.array([True, None], dtype="boolean"),
            "object": pd.Series(["a", np.nan], dtype=object),
        }
    ),
    "polars": pl.DataFrame(
        {
            "number": [1, 2],
            "text": ["a", None],
            "level": pl.Series(["b", "a"], dtype=pl.Enum(["b", "a", "c"])),
            "category": pl.Series(["b", None], dtype=pl.Categorical),
            "flag": [True, False],
            "code": pl.Series([1, None], dtype=pl.Int8),
        }
    ),
}


@pytest.mark.parametrize("library", FRAMES)
def test_a_frame_is_made_again_of_what_json_can_hold(library):
    frame = FRAMES[library]
    described = json.loads(json.dumps(frame_format(frame)))
    columns = []
    for name in frame.columns:
        column = np.array(list(frame[name]), dtype=object)
        column[[one is None or one is pd.NA for one in column]] = np.nan
        columns.append(column)
    columns[0] = columns[0].astype(float)
    is_category = np.array([name != "number" for name in frame.columns])
    again = table_of(columns, is_category, described)
    assert type(again) is type(frame)
    assert list(again.columns) == list(frame.columns)
    for name in frame.columns[1:]:
        assert again[name].dtype == frame[name].dtype
        if library == "polars":
            assert again[name].equals(frame[name])
        else:
            pd.testing.assert_series_equal(again[name], frame[name])
    assert list(again["number"]) == [1.0, 2.0]


def test_arrays_stay_arrays():
    assert frame_format(np.eye(2)) is None
    columns = [np.ones(2), np.array(["a", "b"], dtype=object)]
    assert table_of(columns, np.array([False, True]), None).dtype == object
    assert table_of(columns[:1], np.array([False]), None).dtype == np.float64


def test_a_subclass_is_a_frame_of_its_library():
    class Table(pd.DataFrame):
        pass

    assert frame_format(Table({"a": [1]}))["library"] == "pandas"


def test_no_other_library_is_imported():
    described = frame_format(pd.DataFrame({"a": [1.0]})) | {"library": "this"}
    with pytest.raises(ValueError, match="'this' cannot be made"):
        table_of([np.ones(1)], np.array([False]), described)
