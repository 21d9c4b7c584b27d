"""How much of the variance comes back."""

import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_consistent_length

from ..data.chunks import (
    dense_samples,
    feature_means,
    iterate_chunks,
    total_squared_deviation,
)
from ..data.named_columns import check_same_columns
from ..data.sample_ids import check_same_samples
from .validation import read_samples


def explained_variance(X, X_reconstructed):
    r"""Fraction of the total variance of X that its reconstruction explains.

    .. math:: R^2 = 1 - \sum_i |x_i - \hat x_i|^2 \Big/ \sum_i |x_i - \bar x|^2

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data.

    X_reconstructed : {array-like, sparse matrix} of shape (n_samples, n_features)
        Reconstruction of X.

    Returns
    -------
    float
        :math:`R^2`. It is 1.0 for a perfect reconstruction, 0.0 for one that is as good
        as the mean :math:`\bar x` of X, and negative for a worse one. If all samples of
        X are equal up to rounding, it is 1.0 for a perfect reconstruction and 0.0
        otherwise.

    Raises
    ------
    ValueError
        If the two shapes or the orders of columns differ, or a value is NaN or
        infinite.

    Notes
    -----
    If no feature is constant, the result equals :func:`sklearn.metrics.r2_score` with
    ``multioutput="variance_weighted"``, which ignores errors in constant features.

    Examples
    --------
    >>> from stable_embedding.quality import explained_variance
    >>> explained_variance([[0.0], [2.0]], [[0.0], [1.0]])
    0.5
    """
    check_same_samples(X, X_reconstructed, "X_reconstructed")
    check_same_columns(X, X_reconstructed, "X_reconstructed")
    X, X_reconstructed = (
        read_samples(samples, name, accept_sparse=True)
        for samples, name in ((X, "X"), (X_reconstructed, "X_reconstructed"))
    )
    check_consistent_length(X, X_reconstructed)
    if X.shape != X_reconstructed.shape:
        raise ValueError(
            f"X_reconstructed has shape {X_reconstructed.shape}, but X has {X.shape};"
            " both must have the same shape"
        )
    error = sum(
        np.square(chunk - dense_samples(X_reconstructed, steps)).sum()
        for steps, chunk in iterate_chunks(X)
    )
    total = total_squared_deviation(X, feature_means(X))
    return explained_fraction(error, total, X.shape[0])


def explained_fraction(error, total, n_samples):
    """Compute :math:`R^2` from two sums of squares.

    Parameters
    ----------
    error : float
        Sum of squared errors.

    total : float
        Sum of squared distances from the mean.

    n_samples : int
        Number of samples. One alone has no variance: with a warning, the result is nan,
        as in :func:`sklearn.metrics.r2_score`.

    Returns
    -------
    float
        One minus their ratio. For a total of 0 it is 1.0 if the error is 0 too, and 0.0
        otherwise.
    """
    if n_samples < 2:
        warnings.warn(
            "R^2 is not defined for less than two samples, and is nan; pass more of"
            " them, for instance by folds with more than one",
            UndefinedMetricWarning,
            stacklevel=3,
        )
        return float("nan")
    if total == 0:
        return float(error == 0)
    return float(1 - error / total)
