"""How much blocks of columns weigh, and by what they are divided to weigh the same."""

import numpy as np


def indicator_scales(frequencies, distance):
    r"""Return what the indicators of levels are divided by.

    Parameters
    ----------
    frequencies : ndarray of shape (n_levels,)
        Fraction of the samples that have each level.

    distance : {"matching", "chi2"}
        With "matching" all levels are equally far apart. With "chi2" an indicator is
        divided by :math:`\sqrt p`, so that levels are :math:`\sqrt{1/p + 1/q}` apart.

    Returns
    -------
    ndarray of shape (n_levels,)
    """
    if distance == "matching":
        return np.ones_like(frequencies)
    return np.sqrt(frequencies)


def total_norm(variances):
    """Return the root of the sum of a block's variances; 1 if it is constant."""
    return 1.0 if is_constant(variances) else float(np.sqrt(variances.sum()))


def leading_norm(covariance):
    """Return the root of a block's variance along its leading principal axis.

    Parameters
    ----------
    covariance : ndarray of shape (n_columns, n_columns)
        Covariance matrix of the block's columns.

    Returns
    -------
    float
        1 for a block that is constant to rounding.
    """
    if is_constant(np.diagonal(covariance)):
        return 1.0
    # All of them: LAPACK's search for one fails where many are equal.
    return float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))


def is_constant(variances):
    """Tell whether a block is constant to rounding, by the variances of its columns."""
    return variances.sum() <= len(variances) * np.finfo(np.float64).eps


def block_variances(columns, mean):
    """Compute the variances of columns, without the matrix of their covariances.

    Parameters
    ----------
    columns : sparse matrix of shape (n_samples, n_columns)
        Not far from zero beside their deviations.

    mean : ndarray of shape (n_columns,)
        Their means.

    Returns
    -------
    ndarray of shape (n_columns,)
    """
    squares = columns.multiply(columns).sum(axis=0)
    return squares / columns.shape[0] - mean * mean


def block_covariance(columns, mean):
    """Compute the covariance matrix of columns, of which most entries may be zero.

    Parameters
    ----------
    columns : sparse matrix of shape (n_samples, n_columns)
        Not far from zero beside their deviations.

    mean : ndarray of shape (n_columns,)
        Their means.

    Returns
    -------
    ndarray of shape (n_columns, n_columns)
    """
    products = columns.T @ columns / columns.shape[0]
    return products.toarray() - np.outer(mean, mean)
