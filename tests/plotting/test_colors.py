import itertools
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from stable_embedding.plotting.colors import (
    COLORS,
    MAX_CLASSES,
    MISSING_COLOR,
    MISSING_LABEL,
    OTHER_COLOR,
    Classes,
    Scale,
    classes_in_order,
    color_values,
    opacities,
)

# Machado, Oliveira and Fernandes (2009), severity 1.
VISIONS = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(color, vision):
    """Place of a color in CIELAB, as someone with this vision sees it."""
    srgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(VISIONS[vision]) @ linear, 0, 1)
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    xyz = to_xyz @ seen / [0.95047, 1, 1.08883]
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISIONS)
def test_any_two_colors_differ_for_any_vision(vision):
    # The two of Okabe and Ito's colors that are nearest to each other differ by 16; a
    # difference of 2 can just be seen, side by side.
    places = [lab(color, vision) for color in (*COLORS, OTHER_COLOR, MISSING_COLOR)]
    for one, other in itertools.combinations(places, 2):
        assert np.linalg.norm(one - other) > 15


def labels(values):
    return [group.label for group in color_values(values).groups]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["b", "a", "b"], ["a", "b"]),
        ([True, False], ["False", "True"]),
        ([3, 1, 2], ["1", "2", "3"]),
        ([1.0, np.nan, 2.0], ["1", "2", MISSING_LABEL]),
        (["a", None], ["a", MISSING_LABEL]),
        ([None, None], [MISSING_LABEL]),
        (["a", 1, None], ["1", "a", MISSING_LABEL]),
        (pd.Categorical(["low", "high", None], ["low", "high"]), ["low", "high"]),
        (pd.Series(["x", "y"], dtype=pd.CategoricalDtype(["y", "x"])), ["y", "x"]),
        (pd.Series([1, None], dtype="Int64"), ["1", MISSING_LABEL]),
        (pd.Series([True, None], dtype="boolean"), ["True", MISSING_LABEL]),
        (pd.Series(["b", None, "a"], dtype="string"), ["a", "b", MISSING_LABEL]),
        (pl.Series(["s", "l"], dtype=pl.Enum(["s", "m", "l"])), ["s", "l"]),
        (pl.Series(["b", None]), ["b", MISSING_LABEL]),
    ],
)
def test_few_values_are_classes_in_their_order(values, expected):
    if isinstance(values, pd.Categorical):
        expected = [*expected, MISSING_LABEL]
    assert labels(values) == expected


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (np.linspace(0, 1, 30), "number"),
        (list(range(30)), "number"),
        ([0.5, None, 1.5], "number"),
        (pd.Series([0.5, None], dtype="Float64"), "number"),
        ([date(2024, 1, 1), None, date(2024, 2, 1)], "date"),
        (np.array(["2024-01-01", "NaT"], dtype="datetime64[ns]"), "date"),
        (pd.Series(pd.to_datetime(["2024-01-01", None], utc=True)), "date"),
        (pl.Series([date(2024, 1, 1), None]), "date"),
        ([timedelta(days=2), timedelta(hours=12)], "number"),
    ],
)
def test_many_numbers_and_dates_are_on_a_scale(values, unit):
    found = color_values(values)
    assert isinstance(found, Scale)
    assert found.unit == unit
    assert len(found.values) == len(values)
    missing = [bool(pd.isna(value)) for value in list(values)]
    np.testing.assert_array_equal(np.isnan(found.values), missing)


def test_dates_are_days_since_1970_in_utc():
    zone = timezone(timedelta(hours=2))
    moments = [date(1970, 1, 3), datetime(1970, 1, 2, 1, tzinfo=zone)]
    np.testing.assert_allclose(color_values(moments).values, [2, 23 / 24])


def test_durations_are_days():
    found = color_values([timedelta(days=2), timedelta(hours=12)])
    np.testing.assert_allclose(found.values, [2, 0.5])


def test_many_classes_are_the_largest_ones_and_other(rng):
    values = np.array([f"c{i:02}" for i in rng.zipf(1.3, 2_000).clip(1, 40)])
    found = color_values(values)
    assert len(found.groups) == MAX_CLASSES + 1
    counts = pd.Series(values).value_counts()
    *named, other = found.groups
    for group in named:
        assert counts[group.label] >= counts.iloc[MAX_CLASSES - 1]
    assert other.label == f"other ({len(counts) - MAX_CLASSES})"
    colors = [group.color for group in found.groups]
    assert len(set(colors)) == len(colors)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, "1", "a"], ["1", "'1'", "a"]),
        ([2.0, "2"], ["2", "'2'"]),
        (["missing", None], ["'missing'", "missing"]),
        (["missing", "a"], ["a", "missing"]),
    ],
)
def test_classes_that_are_written_alike_have_labels_that_differ(values, expected):
    assert labels(values) == expected
    assert classes_in_order(values)[0] == expected


def test_each_sample_is_in_one_group(rng):
    values = rng.integers(0, 25, 200).astype(str).astype(object)
    values[::7] = None
    found = color_values(values)
    assert isinstance(found, Classes)
    np.testing.assert_array_equal(sum(group.members for group in found.groups), 1)


def test_colors_do_not_depend_on_the_order_of_samples(rng):
    values = rng.integers(0, 25, 300).astype(str)
    order = rng.permutation(300)
    first, second = color_values(values), color_values(values[order])
    for one, other in zip(first.groups, second.groups, strict=True):
        assert one[:2] == other[:2]
        np.testing.assert_array_equal(one.members[order], other.members)


def test_a_few_huge_values_leave_the_scale_its_colors(rng):
    values = np.append(rng.uniform(size=999), 1e9)
    assert color_values(values).high < 1
    assert color_values(np.append(values, np.inf)).high < 1


def test_values_are_one_for_each_sample():
    with pytest.raises(ValueError, match=r"y has shape \(2, 2\)"):
        color_values(np.ones((2, 2)))


def test_the_less_certain_the_fainter(rng):
    std = np.sort(rng.gamma(2, size=100))
    found = opacities(std, 100)
    assert found[0] == 1
    assert found[-1] == pytest.approx(0.15)
    assert (np.diff(found) <= 0).all()
    np.testing.assert_array_equal(opacities(np.full(5, 2.0), 5), 1)


def test_deviations_are_checked():
    with pytest.raises(ValueError, match=r"std has shape \(2,\); there are 3"):
        opacities([1, 2], 3)
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"std\[1\]="):
            opacities([1, bad], 2)


def test_decimals_are_numbers():
    found = color_values([Decimal(i) / 7 for i in range(30)] + [None])
    assert found.unit == "number"
    np.testing.assert_allclose(found.values[:-1], np.arange(30) / 7)
    assert np.isnan(found.values[-1])
