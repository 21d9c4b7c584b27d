"""Data frames, described by plain values, and made again of columns."""

from importlib import import_module

import numpy as np

from ..data.columns import column_names, is_missing


def frame_format(X):
    """Describe the columns of a data frame by plain values, which any format can save.

    Parameters
    ----------
    X : {ndarray, data frame} of shape (n_samples, n_features)

    Returns
    -------
    dict or None
        The name of the library, and the names and types of the columns; None for an
        array.
    """
    names = column_names(X)
    if names is None:
        return None
    return {
        "library": "polars" if hasattr(X, "with_columns") else "pandas",
        "names": names,
        "types": [_described(dtype) for dtype in X.dtypes],
    }


def _described(dtype):
    """Return the name of a type, its categories or None, and whether they are ordered.

    Categories of polars that are not an Enum belong to no column.
    """
    name = type(dtype).__name__
    if name not in ("CategoricalDtype", "Enum") or dtype.categories is None:
        return str(dtype).partition("(")[0], None, False
    categories = [*dtype.categories.to_numpy().tolist()]
    return name, categories, bool(getattr(dtype, "ordered", False))


def table_of(columns, is_category, frame, index=None):
    """Put columns together.

    Parameters
    ----------
    columns : list of ndarray of shape (n_samples,)

    is_category : ndarray of shape (n_features,), dtype bool

    frame : dict or None
        As :func:`frame_format` returns it. Its types are given to categories alone:
        what was a whole number comes back as a real one.

    Returns
    -------
    {ndarray, data frame} of shape (n_samples, n_features)
        An array, of objects if there are categories, where `frame` is None.

    Raises
    ------
    ValueError
        If `frame` names another library than pandas and polars.
    """
    if frame is None:
        dtype = object if is_category.any() else np.float64
        return np.column_stack([column.astype(dtype) for column in columns])
    if frame["library"] not in ("pandas", "polars"):
        raise ValueError(
            f"a data frame of {frame['library']!r} cannot be made; the library must be"
            " 'pandas' or 'polars'"
        )
    library = import_module(frame["library"])
    types = {
        name: _restored(library, *described)
        for name, described, category in zip(
            frame["names"], frame["types"], is_category
        )
        if category
    }
    named = dict(zip(frame["names"], columns))
    if frame["library"] == "pandas":
        return library.DataFrame(named, index=index).astype(types)
    present = {
        name: [None if is_missing(value) else value for value in column]
        for name, column in named.items()
    }
    return library.DataFrame(present, schema_overrides=types)


def _restored(library, name, categories, ordered):
    if name == "CategoricalDtype":
        return library.CategoricalDtype(categories, ordered=ordered)
    if name == "Enum":
        return library.Enum(categories)
    return name if library.__name__ == "pandas" else getattr(library, name)
