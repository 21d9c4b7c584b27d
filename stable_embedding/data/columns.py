"""Error messages that name the column at fault in samples that are not numbers."""

from contextlib import contextmanager
from datetime import date, time, timedelta
from decimal import Decimal
from numbers import Number, Real
from reprlib import Repr

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite

from .._sklearn import safe_indexing

# Number of columns that a message lists; further ones are counted.
_N_LISTED = 5

_MISSING = ("NAType", "NaTType", "NoneType")

_ENCODE = (
    "turn it into numbers, or encode it in a pipeline, for instance by OneHotEncoder"
    " in a ColumnTransformer"
)

_shorten = Repr().repr


def is_lazy(X):
    """Tell whether X is a frame that is not computed yet, such as those of polars."""
    return callable(getattr(X, "collect", None)) and not hasattr(X, "__array__")


def column_names(X):
    """Return the names of a data frame's columns, or None for other containers."""
    if is_lazy(X) or not (hasattr(X, "columns") and hasattr(X, "dtypes")):
        return None
    return list(X.columns)


def is_numeric(dtype):
    """Tell whether the dtype of a column is numeric and not boolean."""
    if hasattr(dtype, "is_numeric"):  # of polars
        return dtype.is_numeric()
    return getattr(dtype, "kind", None) in tuple("iuf")


def is_number(value):
    """Tell whether a value is a real number, not a boolean."""
    is_real = isinstance(value, (Real, Decimal))  # Decimal is not registered as Real
    return is_real and not isinstance(value, (bool, np.bool_))


def is_missing(value):
    """Tell whether a value of a column is missing: None, nan or NA of any kind."""
    if type(value).__name__ in _MISSING:
        return True
    return isinstance(value, Number) and bool(value != value)


def missing_among(objects):
    """Return a mask of the missing values in an array of objects."""
    return np.fromiter(map(is_missing, objects), dtype=bool, count=len(objects))


def named(index, names=None):
    """Format columns for a message, by their names or by their indices.

    Parameters
    ----------
    index : sequence of int
        Indices of the columns, one or more.

    names : sequence or None, default=None
        Names of all columns.

    Returns
    -------
    str
    """
    if names is None:
        known = [str(int(i)) for i in index]
    else:
        chosen = [names[i] for i in index]
        known = [repr(str(name) if isinstance(name, str) else name) for name in chosen]
    listed = ", ".join(known[:_N_LISTED])
    n_more = len(known) - _N_LISTED
    more = f" and {n_more} more" if n_more > 0 else ""
    return f"column{'s' if len(known) > 1 else ''} {listed}{more}"


def check_finite(X, input_name="X", names=None, estimator_name="this function"):
    """Raise if samples hold NaN or infinity, and name the columns that do.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Samples, or a one-dimensional array of values that have no column.

    input_name : str, default="X"
        Name of the parameter.

    names : sequence or None, default=None
        Names of the columns. By default, they are numbered from 0.

    estimator_name : str, default="this function"
        Name of the estimator or function that does not accept such values.

    Raises
    ------
    ValueError
        If a value is NaN or infinite.
    """
    try:
        # The first pass is a sum, in which infinities of both signs are invalid.
        with np.errstate(invalid="ignore"):
            assert_all_finite(X, input_name=input_name)
    except ValueError:
        raise ValueError(_not_finite(X, input_name, names, estimator_name)) from None


def _not_finite(X, input_name, names, estimator_name):
    is_missing = _columns_with(X, np.isnan)
    where = is_missing if len(is_missing) else _columns_with(X, np.isinf)
    place = f" in {named(where, names)}" if X.ndim == 2 and len(where) else ""
    if len(is_missing):
        return (
            f"Input {input_name} contains NaN{place}; {estimator_name} takes no missing"
            " values: impute them, for instance by SimpleImputer in a pipeline, or drop"
            " their samples"
        )
    return (
        f"Input {input_name} contains infinity or a value too large for {X.dtype!r}"
        f"{place}; replace it, or drop its sample"
    )


def _columns_with(X, is_bad):
    """Return the columns with a value for which a function of arrays is true."""
    if issparse(X):
        X = X.tocoo()
        return np.unique(X.coords[-1][is_bad(X.data)])
    return np.flatnonzero(is_bad(X).any(axis=0))


@contextmanager
def columns_named(X, input_name="X", places=None, remedy=_ENCODE):
    """Name the column and the value if X cannot be turned into numbers in the block.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Samples that the block converts to numbers.

    input_name : str, default="X"
        Name of the parameter.

    places : sequence of int or None, default=None
        Indices of the columns in the original array, if X is a part of it.

    remedy : str, default=_ENCODE
        What to do about text and other objects.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        found = _refusal(X, input_name, places, remedy)
        if found is None:
            raise
        raise found from error


def refuse_dates(X, input_name="X"):
    """Raise if X holds dates or durations.

    NumPy would silently convert them to numbers, in the unit of their storage, such as
    days or nanoseconds.

    Parameters
    ----------
    X : object
        Samples in any container.

    input_name : str, default="X"
        Name of the parameter.
    """
    names = column_names(X)
    dtypes = [getattr(X, "dtype", None)] if names is None else list(X.dtypes)
    dates = [i for i, dtype in enumerate(dtypes) if _is_temporal(dtype)]
    if dates:
        place = f"{named(dates, names)} of " if names is not None else ""
        raise _of_dates(f"{place}{input_name}", dtypes[dates[0]])


def _is_temporal(dtype):
    if hasattr(dtype, "is_temporal"):  # of polars
        return dtype.is_temporal()
    return getattr(dtype, "kind", None) in tuple("mM")


def _of_dates(where, kind):
    return TypeError(
        f"dates or durations ({kind}) in {where} have no unit of their own; turn them"
        " into numbers, for instance days since a date"
    )


def _refusal(X, input_name, places, remedy):
    """Return an error that names the first column that holds no numbers, or None."""
    if getattr(getattr(X, "dtype", None), "kind", "O") in "iufb":
        return None
    names = column_names(X)
    if names is None:
        return _refusal_of_array(X, input_name, places, remedy)
    for i, dtype in enumerate(X.dtypes):
        if is_numeric(dtype):
            continue
        where = f"{named([i], names)} of {input_name}"
        values = np.asarray(safe_indexing(X, i, axis=1), dtype=object)
        found = _refusal_of_column(values, where, remedy, dtype)
        if found is not None:
            return found
    return None


def _refusal_of_array(X, input_name, places, remedy):
    if getattr(getattr(X, "dtype", None), "kind", None) == "c":
        return _of_complex(input_name)
    if issparse(X):
        return None
    try:
        values = np.asarray(X, dtype=object)
    except ValueError:  # an inhomogeneous shape
        return _of_lengths(X, input_name)
    if values.ndim == 0:
        return None
    if values.ndim != 2:
        return _of_lengths(values, input_name)
    for i, column in enumerate(values.T):
        place = i if places is None else places[i]
        where = f"{named([place])} of {input_name}"
        found = _refusal_of_column(column, where, remedy)
        if found is not None:
            return found
    return None


def _refusal_of_column(values, where, remedy, dtype=None):
    """Return an error for the first value that is no number, or None."""
    missing = None
    for value in values:
        if type(value).__name__ in _MISSING:
            missing = value
            continue
        found = _refusal_of_value(value, where, remedy, dtype)
        if found is not None:
            return found
    if type(missing).__name__ == "NAType":
        return ValueError(
            f"{where} contains NaN, as {missing!r}; impute missing values, or drop"
            " their samples"
        )
    return None


def _refusal_of_value(value, where, remedy, dtype):
    if isinstance(value, (str, bytes)):
        try:
            float(value)
        except ValueError:
            text = _shorten(str(value) if isinstance(value, str) else value)
            return ValueError(
                f"could not convert string to float: {text} in {where}; {remedy}"
            )
        return None
    if isinstance(value, (complex, np.complexfloating)):
        return _of_complex(where)
    if isinstance(value, (list, tuple)) or np.ndim(value):
        return ValueError(
            f"{where} holds {_shorten(value)}; it must hold one number for each sample:"
            " spread the values over several columns"
        )
    if isinstance(value, (date, time, timedelta, np.datetime64, np.timedelta64)):
        return _of_dates(where, type(value).__name__)
    try:
        float(value)
    except (TypeError, ValueError) as error:
        of_type = type(value).__name__ if dtype in (None, object) else dtype
        return TypeError(
            f"{error}: {where} holds {_shorten(value)} ({of_type}); {remedy}"
        )
    return None


def _of_complex(where):
    return ValueError(
        f"Complex data not supported: {where} holds complex numbers; pass their real"
        " and their imaginary parts as columns"
    )


def _of_lengths(samples, input_name):
    """Return an error for samples of different numbers of features, or None."""
    lengths = {len(one) for one in samples if hasattr(one, "__len__")}
    if len(lengths) < 2 or any(isinstance(one, str) for one in samples):
        return None
    return ValueError(
        f"{input_name} has samples of {min(lengths)} to {max(lengths)} features; all"
        " must have the same number of them"
    )
