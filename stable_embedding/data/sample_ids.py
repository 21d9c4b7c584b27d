"""Ids of samples, from the index of a data frame or given as such."""

from collections import Counter

import numpy as np

from .._sklearn import num_samples
from .columns import is_missing
from .containers import readable


def has_index(X):
    """Tell whether X is a data frame or series of pandas."""
    return hasattr(X, "iloc") and hasattr(X, "index")


def only_counts(index):
    """Tell whether an index of pandas is the default one, which has no name."""
    return type(index).__name__ == "RangeIndex" and index.name is None


def sample_ids(X, ids=None, input_name="X", ids_name="ids", *, unique=True):
    """Return the id of each sample, or None if the samples have no ids.

    Parameters
    ----------
    X : {array-like, data frame, sparse matrix} of n_samples
        A pandas data frame has ids in its index. The default index, a range without a
        name, does not count as ids.

    ids : array-like of shape (n_samples,) or None, default=None
        Ids in place of the index.

    input_name, ids_name : str
        Names of the parameters.

    unique : bool, default=True
        Whether ids must be unique, hashable and not missing, to join samples by them.

    Returns
    -------
    list or None
        Ids; tuples for an index with several levels.

    Raises
    ------
    TypeError, ValueError
        If their number is not that of the samples, they are a series whose index has
        another order or, with `unique`, an id is missing, not hashable or not unique.
    """
    if ids is not None:
        check_same_samples(X, ids, ids_name, input_name)
        found, where = _as_list(readable(ids, ids_name), ids_name), ids_name
    elif has_index(X) and not only_counts(X.index):
        found, where = X.index.tolist(), f"the index of {input_name}"
    else:
        return None
    n_samples = num_samples(X)
    if len(found) != n_samples:
        raise ValueError(
            f"{where} has {len(found)} ids, but {input_name} has {n_samples} samples;"
            " each needs one"
        )
    if unique:
        check_unique(found, where)
    return found


def listed_ids(samples, name):
    """Return ids that are given themselves, or as the index of samples.

    Parameters
    ----------
    samples : {data frame, array-like of shape (n_samples,)}
        Samples with an index, or ids.

    name : str
        Name of the parameter.

    Returns
    -------
    list
    """
    if has_index(samples) and samples.ndim == 2:
        found = sample_ids(samples, input_name=name)
        if found is None:
            raise ValueError(
                f"{name} has an index that only counts, {samples.index!r}, and does not"
                f" say who its samples are; pass {name}.set_index(...) with the column"
                " of their ids, or the ids themselves"
            )
        return found
    found = _as_list(readable(samples, name), name)
    check_unique(found, name)
    return found


def _as_list(ids, name):
    if isinstance(ids, (list, tuple)) and all(isinstance(one, tuple) for one in ids):
        return list(ids)  # of an index of several levels
    if np.ndim(ids) != 1:
        raise ValueError(
            f"{name} has shape {np.shape(ids)}; it must hold one id for each sample, of"
            " shape (n_samples,)"
        )
    found = ids.tolist() if hasattr(ids, "tolist") else list(ids)
    is_time = isinstance(ids, np.ndarray) and ids.dtype.kind in "mM"
    if is_time and any(isinstance(one, int) for one in found):
        return _fine_times(ids)
    return found


def _fine_times(times):
    """List times in a unit below microseconds, which NumPy lists as integers."""
    try:
        from pandas import Index
    except ImportError:
        return list(times)
    return Index(times).tolist()


def check_unique(ids, where):
    """Raise if an id is not hashable, missing, or not unique."""
    try:
        counts = Counter(ids)
    except TypeError as error:
        raise TypeError(
            f"{where} must hold numbers or text that name samples: {error}"
        ) from None
    missing = [one for one in counts if is_missing(one)]
    if missing:
        raise ValueError(f"{where} holds {missing[0]!r}; each sample must have an id")
    [(most, count)] = counts.most_common(1) or [(None, 1)]
    if count > 1:
        raise ValueError(
            f"{where} holds the id {most!r} {count} times; the id of a sample must be"
            " unique"
        )


def check_same_samples(X, values, name, input_name="X"):
    """Raise if samples have ids, and values for them have the same ids elsewhere.

    Parameters
    ----------
    X : object
        Samples.

    values : object
        Values for each sample. Where X or they have no ids, or none in common,
        positions decide. Another number of them is left to other checks.

    name : str
        Name of the parameter that holds the values.

    input_name : str, default="X"
        Name of the parameter that holds the samples.

    Raises
    ------
    ValueError
        If both are data frames of pandas whose indexes have ids in common and differ.
    """
    if not all(has_index(one) and not only_counts(one.index) for one in (X, values)):
        return
    if len(X) != len(values) or X.index.equals(values.index):
        return
    if not X.index.isin(values.index).any():
        return
    for at, (own, other) in enumerate(zip(X.index.tolist(), values.index.tolist())):
        if own != other and not (is_missing(own) and is_missing(other)):
            raise ValueError(
                f"{name} has the id {other!r} where {input_name} has {own!r}, at"
                f" position {at}; both must hold the same samples in the same order, as"
                f" in {name}.loc[{input_name}.index]"
            )


def check_same_pairs(X, matrix, name):
    """Raise if samples have ids, and a matrix for their pairs has others.

    Parameters
    ----------
    X : object
        Samples.

    matrix : object
        Values for each pair of samples, which may have ids in its index and columns.

    name : str
        Name of the parameter that holds the matrix.

    Raises
    ------
    ValueError
        As of :func:`check_same_samples`.
    """
    check_same_samples(X, matrix, name)
    if not (has_index(X) and has_index(matrix)):
        return
    transposed = matrix.T
    # Columns of a text file are text, even if ids are numbers.
    if [*map(str, transposed.index)] != [*map(str, X.index)]:
        check_same_samples(X, transposed, f"{name}.T")


def positions_in_common(ids, others):
    """Find the samples that two lists of ids have in common.

    Parameters
    ----------
    ids, others : list
        Unique ids.

    Returns
    -------
    tuple of two ndarrays of int
        Where they stand in `ids`, in ascending order, and where in `others`.

    Examples
    --------
    >>> from stable_embedding.data.sample_ids import positions_in_common
    >>> positions_in_common(["a", "b", "c"], ["c", "d", "a"])
    (array([0, 2]), array([2, 0]))
    """
    places = {one: i for i, one in enumerate(others)}
    pairs = [(i, places[one]) for i, one in enumerate(ids) if one in places]
    first, second = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    return first, second


def names_of_ids(X, ids=None):
    """Return the names of the levels of ids, which may be None.

    Parameters
    ----------
    X : object
        Samples, which may have ids in their index.

    ids : array-like of shape (n_samples,) or None, default=None
        Ids in place of the index, such as a series with a name.

    Returns
    -------
    list
    """
    given = X.index if ids is None and has_index(X) else ids
    return list(getattr(given, "names", [getattr(given, "name", None)]))


def index_of(ids, names):
    """Return ids as an index of pandas, of several levels where they are tuples.

    Parameters
    ----------
    ids : list
        Ids of samples.

    names : list or None
        Names of the levels. A single level without a name is named "id".

    Returns
    -------
    pandas.Index
    """
    import pandas as pd

    names = names or [None]
    if ids and isinstance(ids[0], tuple):
        has_names = len(names) == len(ids[0])
        return pd.MultiIndex.from_tuples(ids, names=names if has_names else None)
    return pd.Index(ids, name="id" if names[0] in (None, "") else names[0])
