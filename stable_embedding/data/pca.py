"""Principal axes of the data, with signs that mostly stay, and the space they span."""

import numpy as np
from scipy.linalg import orthogonal_procrustes
from scipy.sparse import issparse
from sklearn.decomposition import PCA
from sklearn.utils.sparsefuncs import mean_variance_axis

# Up to this many features of wide rows all axes are computed, from the covariance.
_FEATURES_OF_COVARIANCE = 1_000

# Rows of more features than this are wide: they are trained on by their coordinates in
# the leading principal subspace, if so many axes hold this share of their variance and
# are half as many as the features or fewer.
_WIDE = 128
MAX_COORDINATES = 256
_KEPT_SHARE = 0.9

# Rows of more features than this are compared by their scores on so many axes, where
# neighbors are sought.
COMPARED_AXES = 100

# Coordinates for each component, at least. A code explains about as much as four times
# as many axes do, and far more than what it explains must be left.
_COORDINATES_PER_COMPONENT = 8

# An axis with less of the variance than this is one of rounding.
_SMALLEST_SHARE = 1e-6

# The number of coordinates is a multiple of this, so that it seldom changes with the
# data.
_STEP = 32


def principal_axes(rows, n_axes):
    """Leading principal axes, and the share of the variance along each.

    Parameters
    ----------
    rows : {ndarray, sparse matrix} of shape (n_rows, n_features)
        Centered, if dense.

    n_axes : int

    Returns
    -------
    axes : ndarray of shape (n_axes, n_features), dtype float32
        Unit vectors; zeros beyond the number that there can be.

    shares : ndarray of shape (n_axes,)
    """
    axes = np.zeros((n_axes, rows.shape[1]), dtype=np.float32)
    shares = np.zeros(n_axes)
    solver, found = "auto", min(n_axes, *rows.shape)
    if rows.shape[1] <= _FEATURES_OF_COVARIANCE:
        if issparse(rows) or is_wide(rows):
            solver = "covariance_eigh"
    elif issparse(rows):
        solver, found = "arpack", min(n_axes, min(rows.shape) - 1)
    if issparse(rows):
        rows = rows.astype(np.float64)
    if found and not is_constant(rows):
        pca = PCA(found, svd_solver=solver, random_state=0).fit(rows)
        axes[:found], shares[:found] = pca.components_, pca.explained_variance_ratio_
    return axes, shares


def is_constant(rows):
    """Tell whether rows are all alike, up to rounding if they are scaled."""
    if issparse(rows):
        return not mean_variance_axis(rows, axis=0)[1].any()
    return np.ptp(rows, axis=0).max() <= np.finfo(np.float32).eps


def flip_signs(axes, rows):
    """Give principal axes the signs that mostly stay.

    An axis points to where its large entries and its far scores are. The largest entry
    alone, whose sign scikit-learn fixes, can be another one when a few rows are
    dropped; here that is rarer. Where both lean nowhere no rule keeps the sign, and
    `align` restores it.

    Parameters
    ----------
    axes : ndarray of shape (n_axes, n_features)

    rows : ndarray of shape (n_rows, n_features)
        Centered.

    Returns
    -------
    ndarray of shape (n_axes, n_features)
    """
    leaning = signed_moment(axes.T, 5) + signed_moment(rows @ axes.T, 3)
    return np.where(leaning[:, None] < 0, -axes, axes)


def signed_moment(values, power):
    """Sum of odd powers of each column over that of their sizes: between -1 and 1."""
    powers = np.power(values, power, dtype=np.float64)
    return powers.sum(axis=0) / (np.abs(powers).sum(axis=0) + np.finfo(np.float64).tiny)


def is_wide(rows):
    """Tell whether to look for a basis with fewer coordinates than there are features.

    Of sparse rows with very many features a few axes can be found, but not so many.
    """
    n_features = rows.shape[1]
    return n_features > _WIDE and not (
        issparse(rows) and n_features > _FEATURES_OF_COVARIANCE
    )


def narrow_basis(axes, shares, n_components):
    r"""Basis of the leading principal subspace, if it is narrow and holds enough.

    Of all orthonormal bases :math:`QA` of the leading axes' span it is the one nearest,
    in squares, to directions that are drawn at random, once and for all. So it depends
    on the span alone, not on the signs and the order of the axes, which jump when rows
    are dropped; and it spreads the variance over all coordinates, which suits an
    optimizer that takes equal steps along each.

    Parameters
    ----------
    axes : ndarray of shape (n_axes, n_features)
        Leading principal axes.

    shares : ndarray of shape (n_axes,)
        Share of the variance along each.

    n_components : int
        Number of components of the embedding; there are eight coordinates for each, or
        more, unless the rows span fewer.

    Returns
    -------
    ndarray of shape (n_coordinates, n_features) or None
        Orthonormal rows.
    """
    rank = np.count_nonzero(shares > _SMALLEST_SHARE)
    enough = max(
        n_components,
        min(_COORDINATES_PER_COMPONENT * n_components, rank),
        1 + np.searchsorted(np.cumsum(shares), _KEPT_SHARE),
    )
    count = min(-(-enough // _STEP) * _STEP, rank)
    if not enough <= count <= axes.shape[1] / 2:
        return None
    axes = axes[:count].astype(np.float64)
    directions = np.random.default_rng(0).normal(size=axes.shape)
    rotation, _ = orthogonal_procrustes(axes.T, directions.T)
    return (rotation.T @ axes).astype(np.float32)
