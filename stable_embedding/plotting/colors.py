"""Map values to colors and opacities: classes, numbers, missing values, deviations."""

from collections import Counter
from datetime import date, datetime, timedelta
from numbers import Integral
from typing import NamedTuple

import numpy as np

from ..data.columns import is_number, missing_among
from ..data.containers import readable

# The eight colors of Okabe and Ito, which can be told apart with any color vision, and
# purple and red, so that ten classes have one each.
COLORS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#56B4E9",
    "#CC79A7",
    "#F0E442",
    "#000000",
    "#600080",
    "#C02020",
)

# For ordered values. It can be read with any color vision, and in grayscale.
COLORMAP = "cividis"

# Light gray for classes without a separate color, dark gray for missing values.
OTHER_COLOR = "#C4C4C4"
MISSING_COLOR = "#606060"

MISSING_LABEL = "missing"

# Number of classes with a separate color. All others are drawn as one class.
MAX_CLASSES = len(COLORS)

# Percentiles at which a color scale ends, so that outliers do not compress it.
_ENDS = (1, 99)

# Opacity of the most uncertain points, which must remain visible.
_MIN_OPACITY = 0.15


class Group(NamedTuple):
    """Samples of one class: legend label, color, and a mask of its members."""

    label: str
    color: str
    members: np.ndarray


class Classes(NamedTuple):
    """Values as classes. Each sample is in one group."""

    groups: list[Group]


class Scale(NamedTuple):
    """Values as numbers, the ends of their color scale, and their unit.

    Missing values are nan. The unit is "number", or "date" for days since 1970.
    """

    values: np.ndarray
    low: float
    high: float
    unit: str


def color_values(values):
    """Color values as classes, or as numbers on a scale.

    Categories, text and booleans are classes, and so are whole numbers with at most ten
    different values. Other numbers, dates and durations (in days) are on a scale from
    their 1st to their 99th percentile. The ten largest classes have separate colors;
    the rest are one class, "other". Missing values (None, nan, NaT, NA) are a separate
    group of classes, and nan on a scale.

    Parameters
    ----------
    values : array-like of shape (n_samples,)
        Values in any container.

    Returns
    -------
    Classes or Scale
        Groups of `Classes` are in the order of a categorical type, or else sorted;
        "other" and "missing" come last.

    Raises
    ------
    ValueError
        If the values are not one-dimensional.

    Examples
    --------
    >>> from stable_embedding.plotting.colors import color_values
    >>> [group.label for group in color_values(["b", "a", None]).groups]
    ['a', 'b', 'missing']
    >>> color_values([0.5, 1.5, 4.0])[1:]
    (0.5, 4.0, 'number')
    """
    order = categories_of(values)
    objects = as_objects(values, "y")
    missing = missing_among(objects)
    present = objects[~missing]
    if order is None and len(present):
        if all(isinstance(one, (date, np.datetime64)) for one in present):
            return _scale(_days(objects, missing), "date")
        if all(isinstance(one, (timedelta, np.timedelta64)) for one in present):
            return _scale(_durations(objects, missing), "number")
        if all(is_number(one) for one in present) and not _are_classes(present):
            return _scale(_numbers(objects, missing), "number")
    return _classes(objects, missing, order, "y")


def color_classes(values, name="y"):
    """Color all values as classes, even numbers.

    Parameters
    ----------
    values : array-like of shape (n_samples,)
        Values in any container.

    name : str, default="y"
        Name of the parameter.

    Returns
    -------
    Classes
        As from :func:`color_values`.
    """
    objects = as_objects(values, name)
    missing = missing_among(objects)
    return _classes(objects, missing, categories_of(values), name)


def classes_in_order(values):
    """Return the labels of all classes in order, and the class of each sample.

    Parameters
    ----------
    values : array-like of shape (n_samples,)
        Values in any container.

    Returns
    -------
    labels : list of str
        In the order of a categorical type, or else sorted. Missing values come last.

    places : ndarray of shape (n_samples,)
        Place of each sample's class among them.
    """
    objects = as_objects(values, "y")
    missing = missing_among(objects)
    levels = _levels(_counts(objects[~missing], "y"), categories_of(values))
    places = _places(objects, missing, levels)
    places[missing] = len(levels)
    has_missing = bool(missing.any())
    return _labels(levels, has_missing) + [MISSING_LABEL] * has_missing, places


def opacities(std, n_samples):
    """Compute the opacity of each point from its standard deviation.

    The opacity falls linearly from 1 at the 5th percentile of the standard deviations
    to 0.15 at the 95th. If these percentiles are equal, all points are opaque.

    Parameters
    ----------
    std : array-like of shape (n_samples,)
        Standard deviation of each code, from ``transform(X, return_std=True)``.

    n_samples : int
        Number of samples.

    Returns
    -------
    ndarray of shape (n_samples,), dtype float64

    Raises
    ------
    ValueError
        If a deviation is negative or not finite, or `std` does not have one value for
        each sample.
    """
    try:
        std = np.asarray(readable(std, "std"), dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"std cannot be read as numbers: {error}") from error
    if std.shape != (n_samples,):
        raise ValueError(
            f"std has shape {std.shape}; there are {n_samples} samples, so it must"
            f" have shape ({n_samples},)"
        )
    bad = np.flatnonzero(~(np.isfinite(std) & (std >= 0)))
    if len(bad):
        raise ValueError(
            f"std[{bad[0]}]={std[bad[0]]}; a standard deviation must be finite and 0"
            " or more"
        )
    if not n_samples:
        return std
    low, high = np.percentile(std, [5, 95])
    if high <= low:
        return np.ones(n_samples)
    return 1 - (1 - _MIN_OPACITY) * ((std - low) / (high - low)).clip(0, 1)


def as_objects(values, name):
    """Return the values of any container as an array of Python objects.

    Raises
    ------
    ValueError
        If the values are not one-dimensional.
    """
    values = readable(values, name)
    array = values if isinstance(values, np.ndarray) else _array(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"{name} has shape {array.shape}; it must have shape (n_samples,)"
        )
    # Units finer than us would become integers. Days become dates without a time.
    if array.dtype.kind in "mM" and array.dtype != "M8[D]":
        array = array.astype(f"{array.dtype.kind}8[us]")
    return array.astype(object)


def _array(values):
    if isinstance(values, (list, tuple)):
        # Tuples are values, such as ids of several levels; those of one item are rows.
        if values and not _is_value(values[0]):
            return np.asarray(values)
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    return np.asarray(values, dtype=object)


def _is_value(one):
    return len(one) > 1 if isinstance(one, tuple) else not np.ndim(one)


def categories_of(values):
    """Return the ordered categories of a categorical type, or None."""
    dtype = getattr(values, "dtype", None)
    if type(dtype).__name__ in ("CategoricalDtype", "Enum"):  # of pandas, of polars
        return list(dtype.categories)
    return None


def _are_classes(numbers):
    if not all(isinstance(one, Integral) or float(one).is_integer() for one in numbers):
        return False
    return len(set(numbers)) <= MAX_CLASSES


def _numbers(objects, missing):
    numbers = np.full(len(objects), np.nan)
    try:
        numbers[~missing] = objects[~missing].astype(np.float64)
    except OverflowError as error:
        raise ValueError(f"y holds a number beyond float64: {error}") from None
    return numbers


def _days(objects, missing):
    """Return days since 1970, as matplotlib counts them, in UTC."""
    days = np.full(len(objects), np.nan)
    days[~missing] = [_day(one) for one in objects[~missing]]
    return days


def _day(one):
    if isinstance(one, datetime) and one.tzinfo is not None:
        one = one.replace(tzinfo=None) - one.utcoffset()
    return np.datetime64(one, "us").astype(np.int64) / 86_400e6


def _durations(objects, missing):
    days = np.full(len(objects), np.nan)
    days[~missing] = [
        np.timedelta64(one, "us").astype(np.int64) / 86_400e6
        for one in objects[~missing]
    ]
    return days


def _scale(values, unit):
    finite = values[np.isfinite(values)]
    low, high = (0.0, 1.0) if not len(finite) else _ends_of(finite)
    return Scale(values, low, high, unit)


def _ends_of(finite):
    low = np.percentile(finite, _ENDS[0], method="lower")
    high = np.percentile(finite, _ENDS[1], method="higher")
    if low == high:
        low, high = finite.min(), finite.max()
    return float(low), float(high)


def _classes(objects, missing, order, name):
    counts = _counts(objects[~missing], name)
    levels = _levels(counts, order)
    named = levels
    if len(levels) > MAX_CLASSES:
        # Ties between equal counts must not depend on the order of the samples.
        most = set(sorted(levels, key=lambda one: -counts[one])[:MAX_CLASSES])
        named = [one for one in levels if one in most]
    place = _places(objects, missing, named)
    labels = _labels(named, missing.any())
    groups = [Group(one, COLORS[i], place == i) for i, one in enumerate(labels)]
    if len(named) < len(levels):
        label = f"other ({len(levels) - len(named)})"
        groups.append(Group(label, OTHER_COLOR, place == len(named)))
    if missing.any():
        groups.append(Group(MISSING_LABEL, MISSING_COLOR, missing))
    return Classes(groups)


def _counts(present, name):
    try:
        return Counter(present.tolist())
    except TypeError as error:
        raise TypeError(
            f"{name} must hold classes, such as text or numbers: {error}"
        ) from None


def _levels(counts, order):
    return _sorted(counts) if order is None else [one for one in order if counts[one]]


def _places(objects, missing, levels):
    """Return the place of each value among levels; -1 if missing, else their number."""
    places = {one: i for i, one in enumerate(levels)}
    return np.array(
        [
            -1 if absent else places.get(one, len(levels))
            for one, absent in zip(objects, missing)
        ],
        dtype=np.intp,
    )


def _sorted(levels):
    try:
        return sorted(levels)
    except TypeError:  # of several types
        return sorted(levels, key=lambda one: (type(one).__name__, str(one)))


def _labels(levels, has_missing):
    """Write levels; texts are in quotes where another level is written alike."""
    texts = [_text(one) for one in levels]
    counts = Counter(texts + [MISSING_LABEL] * bool(has_missing))
    return [
        repr(text) if isinstance(one, str) and counts[text] > 1 else text
        for one, text in zip(levels, texts)
    ]


def _text(level):
    if isinstance(level, (float, np.floating)) and float(level).is_integer():
        return str(int(level))
    return str(level)
