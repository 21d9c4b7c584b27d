"""What a report changes before a training: which samples there are, and their noise."""

import numpy as np
from scipy.sparse import issparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array

from .._sklearn import safe_indexing
from ..data.columns import column_names, is_number, is_numeric

PERTURBATIONS = ("seed", "order", "drop_one", "drop_tenth", "noise", "growth")

# Standard deviation of the noise, as a fraction of the feature's.
_NOISE = 0.01

# Fractions of the samples that are dropped; one sample at least.
_DROPPED = {"drop_one": 0, "drop_tenth": 1 / 10, "growth": 1 / 3}


def training_indices(perturbation, n_samples, seed):
    """Return the indices of the samples to train on, in order."""
    order = np.random.RandomState(seed).permutation(n_samples)
    if perturbation == "order":
        return order
    if perturbation not in _DROPPED:
        return np.arange(n_samples)
    return np.sort(order[max(1, round(_DROPPED[perturbation] * n_samples)) :])


def numeric_columns(X):
    """Find the columns that get noise: those of numbers, not of text or booleans.

    Parameters
    ----------
    X : {data frame, ndarray, sparse matrix, list of str} of n_samples
        An array that is not of objects is numbers in all columns, or in none. Those of
        images are their pixels.

    Returns
    -------
    list of int
        Their indices.
    """
    if column_names(X) is not None:
        return [i for i, dtype in enumerate(X.dtypes) if is_numeric(dtype)]
    n_axes = len(getattr(X, "shape", ()))
    if n_axes < 2 or X.dtype.kind in "US":
        return []
    if n_axes > 2:
        X = X.reshape(len(X), -1)
    if X.dtype.kind != "O":
        return list(range(X.shape[1])) if X.dtype.kind in "iuf" else []
    return [i for i, column in enumerate(X.T) if all(map(_may_have_noise, column))]


def _may_have_noise(value):
    return value is None or is_number(value)


def with_noise(X, seed):
    """Add noise in proportion to the standard deviation of each column of numbers.

    Parameters
    ----------
    X : {data frame, ndarray, sparse matrix} of shape (n_samples, n_features)
        Of a sparse matrix the values that are stored get noise, so it stays sparse.
        Images, of shape (n_samples, height, width) or with channels, get it by pixel.

    seed : int
        Seed of the noise.

    Returns
    -------
    object
        A copy in the same kind of container. Missing values stay missing.
    """
    rng = np.random.RandomState(seed)
    if issparse(X):
        noisy = X.tocsr().astype(np.float64)
        noisy.data += _deviations(noisy)[noisy.indices] * rng.normal(size=noisy.nnz)
        return noisy
    if len(X.shape) > 2:
        return with_noise(X.reshape(len(X), -1), seed).reshape(X.shape)
    columns = numeric_columns(X)
    values = check_array(
        safe_indexing(X, columns, axis=1),
        dtype=np.float64,
        ensure_all_finite="allow-nan",
    )
    values = values + _deviations(values) * rng.normal(size=values.shape)
    return _replaced(X, columns, values)


def _deviations(X):
    """Return the deviation of each column's noise; missing values do not count."""
    return _NOISE * np.sqrt(StandardScaler(with_mean=False).fit(X).var_)


def _replaced(X, columns, values):
    """Copy X with other values in some columns."""
    if hasattr(X, "with_columns"):  # of polars
        return X.with_columns(
            type(X.to_series(i))(X.columns[i], column, nan_to_null=True)
            for i, column in zip(columns, values.T)
        )
    if hasattr(X, "isetitem"):  # of pandas
        X = X.copy()
        for i, column in zip(columns, values.T):
            X.isetitem(i, column)
        return X
    if X.dtype.kind != "O":
        return values
    X = X.copy()
    X[:, columns] = values
    return X
