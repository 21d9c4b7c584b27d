"""Columns of tables: which hold categories, and their values."""

from collections import Counter
from itertools import count
from numbers import Integral

import numpy as np
from sklearn.utils import check_array

from .._sklearn import safe_indexing
from ..data.columns import (
    check_finite,
    column_names,
    columns_named,
    is_missing,
    is_number,
    is_numeric,
    named,
)
from ..data.containers import readable_samples

# How a level that is missing is written, as in scikit-learn's encoders.
MISSING = np.nan


def checked_table(X, estimator_name):
    """Return a data frame as it is, and anything else as an array.

    Parameters
    ----------
    X : {array-like, data frame} of shape (n_samples, n_features)

    estimator_name : str
        Who asks.

    Returns
    -------
    {ndarray, data frame} of shape (n_samples, n_features)
        Its values may still be anything.
    """
    X = readable_samples(X)
    names = column_names(X)
    if names is None:
        options = {"ensure_all_finite": False, "estimator": estimator_name}
        array = check_array(X, dtype=None, **options)
        if not hasattr(X, "dtype") and array.dtype.kind == "U":
            # Lists of text and numbers would become text.
            return check_array(X, dtype=object, **options)
        return array
    for n_found, what in zip(X.shape, ("sample", "feature")):
        if not n_found:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1"
                f" is required by {estimator_name}."
            )
    if len(set(names)) < len(names):
        repeated = next(i for i, name in enumerate(names) if name in names[:i])
        raise ValueError(f"X has {named([repeated], names)} more than once")
    return X


def column_names_or_places(X):
    """Return the names of the columns of a table, or their places from 0."""
    names = column_names(X)
    return list(range(X.shape[1])) if names is None else names


def chosen_columns(chosen, names):
    """Tell which columns a user chose as `categorical_features`.

    Parameters
    ----------
    chosen : array-like of str, int or bool
        Names, positions, or a mask. Whole numbers are positions, as in
        `ColumnTransformer`, even if names are whole numbers too.

    names : list of length n_features
        Names of all columns, or their places.

    Returns
    -------
    ndarray of shape (n_features,), dtype bool
    """
    # An array of text and numbers would hold text alone.
    is_list = isinstance(chosen, (list, tuple))
    values = list(chosen) if is_list else np.ravel(chosen).tolist()
    if values and all(isinstance(one, (bool, np.bool_)) for one in values):
        if np.shape(chosen) != (len(names),):
            raise ValueError(
                f"categorical_features is a mask of shape {np.shape(chosen)}, but X has"
                f" {len(names)} columns"
            )
        return np.array(values)
    mask = np.zeros(len(names), dtype=bool)
    for one in values:
        mask[_position(one, names)] = True
    return mask


def _position(one, names):
    is_whole = is_number(one) and isinstance(one, Integral)
    if is_whole and -len(names) <= one < len(names):
        return one
    if isinstance(one, (str, tuple)) and one in names:
        return names.index(one)
    texts = [i for i, name in enumerate(names) if isinstance(name, str)]
    by_name = f"names of {named(texts, names)}, " if texts else ""
    raise ValueError(
        f"categorical_features holds {one!r}, which is not a column of X; it must hold"
        f" {by_name}positions from 0 to {len(names) - 1}, or be a mask; whole numbers"
        " are positions, not names"
    )


def column_groups(groups, names):
    """Return a group number for each column; grouped columns have the same number.

    Parameters
    ----------
    groups : mapping, callable or None
        From the name of a column, or its place, to its group. A column whose group is
        None is its own group.

    names : list of length n_features
        Names of all columns, or their places.

    Returns
    -------
    ndarray of shape (n_features,), dtype int
    """
    if groups is None:
        return np.arange(len(names))
    if callable(groups):
        labels = [_label(groups(name), name) for name in names]
    else:
        groups = dict(groups)
        unknown = [name for name in groups if name not in names]
        if unknown:
            raise ValueError(
                f"groups holds {unknown[0]!r}, which is not a column of X; X has"
                f" {named(range(len(names)), names)}"
            )
        labels = [_label(groups.get(name), name) for name in names]
    try:
        found = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    except TypeError as error:
        raise TypeError(f"groups must give names of groups: {error}") from error
    return np.array([found[label] for label in labels])


def _label(group, name):
    """Label a group, such that none is mistaken for that of a column alone."""
    return ("column", name) if group is None else ("group", group)


def is_categorical(X):
    """Tell which columns hold categories, by their types.

    Numbers are numbers. Columns of Python objects are numbers if all their values are;
    text, booleans and categorical types are categories.

    Parameters
    ----------
    X : {ndarray, data frame} of shape (n_samples, n_features)

    Returns
    -------
    ndarray of shape (n_features,), dtype bool
    """
    dtypes = [X.dtype] * X.shape[1] if column_names(X) is None else list(X.dtypes)
    return np.array([_is_category(X, i, dtype) for i, dtype in enumerate(dtypes)])


def _is_category(X, i, dtype):
    if getattr(dtype, "kind", None) == "O" and str(dtype) == "object":
        values = [v for v in _objects(X, i) if not is_missing(v)]
        return not (values and all(is_number(value) for value in values))
    return not is_numeric(dtype)


def _objects(X, i):
    column = safe_indexing(X, int(i), axis=1)
    if hasattr(X, "with_columns"):  # of polars, whose integers with nulls become floats
        column = column.to_list()
    return np.asarray(column, dtype=object)


def numbers_of(X, index, names, estimator_name):
    """Return columns of numbers as one array, and name one that holds another value.

    Parameters
    ----------
    X : {ndarray, data frame} of shape (n_samples, n_features)

    index : ndarray of shape (n_numbers,)
        Places of the columns.

    names : list of length n_features
        Names of all columns, or their places.

    estimator_name : str
        Who asks.

    Returns
    -------
    ndarray of shape (n_samples, n_numbers), dtype float64
    """
    if not len(index):
        return np.empty((X.shape[0], 0))
    part = safe_indexing(X, index.tolist(), axis=1)
    if hasattr(part, "sparse"):  # a data frame of sparse columns alone
        part = part.sparse.to_dense()
    remedy = (
        f"turn it into numbers, or list it in categorical_features of {estimator_name}"
    )
    with columns_named(part, places=index, remedy=remedy):
        values = check_array(part, dtype=np.float64, ensure_all_finite=False)
    check_finite(values, "X", [names[i] for i in index], estimator_name)
    return values


def levels_of(X, index, names):
    """Return columns of categories as objects, with one mark for what is missing.

    Parameters
    ----------
    X : {ndarray, data frame} of shape (n_samples, n_features)

    index : ndarray of shape (n_categorical,)
        Places of the columns.

    names : list of length n_features
        Names of all columns, or their places.

    Returns
    -------
    ndarray of shape (n_samples, n_categorical), dtype object

    Raises
    ------
    TypeError
        If a column holds text and numbers, or anything else.
    """
    levels = np.empty((X.shape[0], len(index)), dtype=object)
    for at, i in enumerate(index):
        column = _objects(X, i)
        missing = np.array([is_missing(value) for value in column], dtype=bool)
        _check_levels(column[~missing], named([i], names))
        levels[:, at] = column
        levels[missing, at] = MISSING
    return levels


def _check_levels(values, where):
    kinds = {}
    for value in values:
        is_text = isinstance(value, str)
        if not (is_text or is_number(value) or isinstance(value, (bool, np.bool_))):
            raise TypeError(
                f"{where} of X holds {value!r} ({type(value).__name__}); levels must be"
                " text, numbers or booleans. Turn the column into text, by astype(str)"
            )
        kinds.setdefault(is_text, value)
    if len(kinds) > 1:
        text, number = kinds[True], kinds[False]
        raise TypeError(
            f"{where} of X holds text ({text!r}) and numbers ({number!r}); make all of"
            " them text"
        )


def check_same_kinds(levels, categories, index, names):
    """Raise if a column holds text and held numbers in fit, or the other way round.

    Parameters
    ----------
    levels : ndarray of shape (n_samples, n_categorical), dtype object

    categories : list of ndarray
        Levels of each column in fit.

    index : ndarray of shape (n_categorical,)
        Places of the columns.

    names : list of length n_features
        Names of all columns, or their places.

    Raises
    ------
    TypeError
        If no level can be one of those of the fit.
    """
    for column, known, i in zip(levels.T, categories, index):
        pair = _first_level(column), _first_level(known)
        if None in pair or isinstance(pair[0], str) == isinstance(pair[1], str):
            continue
        found, expected = (f"{_kind_of(one)} ({one!r})" for one in pair)
        raise TypeError(
            f"{named([i], names)} of X holds {found}, but held {expected} in fit; turn"
            " it into what it was, for instance by the dtype of pandas.read_csv"
        )


def _kind_of(level):
    if isinstance(level, str):
        return "text"
    return "numbers" if is_number(level) else "booleans"


def _first_level(values):
    return next((value for value in values if not is_missing(value)), None)


def output_levels(one_hot, levels):
    """Return the level that each output of an encoder stands for, by column.

    Parameters
    ----------
    one_hot : OneHotEncoder
        Fitted on the levels.

    levels : ndarray of shape (n_samples, n_categorical)
        What it was fitted on.

    Returns
    -------
    list of ndarray
        For merged levels, which come last, the most frequent of them.
    """
    merged = getattr(one_hot, "infrequent_categories_", None)
    outputs = []
    for i, categories in enumerate(one_hot.categories_):
        rare = None if merged is None else merged[i]
        if rare is None:
            outputs.append(categories)
            continue
        is_rare = np.array([_is_in(level, rare) for level in categories])
        counts = Counter("" if is_missing(one) else (one,) for one in levels[:, i])
        most = max(rare, key=lambda one: counts["" if is_missing(one) else (one,)])
        last = np.empty(1, dtype=object)
        last[0] = most
        outputs.append(np.concatenate([categories[~is_rare], last]))
    return outputs


def _is_in(level, levels):
    if is_missing(level):
        return any(map(is_missing, levels))
    return level in levels


def unique_names(names):
    """Return names of which none occurs twice.

    Parameters
    ----------
    names : list of str

    Returns
    -------
    list of str
        A name that occurs again gets the first number that makes it a new one.

    Examples
    --------
    >>> from stable_embedding.preprocessing.columns import unique_names
    >>> unique_names(["plan_basic", "plan_basic", "plan_basic_1"])
    ['plan_basic', 'plan_basic_2', 'plan_basic_1']
    """
    found, taken = {}, set(names)  # a dict keeps the order
    for name in names:
        if name in found:
            numbered = (f"{name}_{number}" for number in count(1))
            name = next(one for one in numbered if one not in taken)
            taken.add(name)
        found[name] = None
    return list(found)
