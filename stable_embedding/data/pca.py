"""Principal axes of the data, their signs, and a narrow basis of their span."""

import numpy as np
from scipy.linalg import eigh, orthogonal_procrustes, svd
from scipy.sparse import issparse
from scipy.sparse.linalg import LinearOperator, svds
from sklearn.decomposition import PCA
from sklearn.utils.sparsefuncs import mean_variance_axis

from .chunks import feature_means, iterate_chunks, total_squared_deviation

# Up to this many features of sparse or wide data, all axes are computed from the
# covariance matrix.
_COVARIANCE_FEATURES = 1_000

# Data of more features than this are wide. The network is trained on their coordinates
# in the leading principal subspace, if at most MAX_COORDINATES axes, and at most half
# as many as there are features, hold this fraction of the variance.
_WIDE_FEATURES = 128
MAX_COORDINATES = 256
_RETAINED_VARIANCE = 0.9

# Neighbors are searched among the scores on this many axes, if there are more features.
NEIGHBOR_AXES = 100

# Least number of coordinates, and the same for each component. A code explains about as
# much variance as four times as many axes, and what it explains must be a small part of
# what is kept.
_MIN_COORDINATES = 32
_COORDINATES_PER_COMPONENT = 8

# Axes with less than this fraction of the variance along the first one are lost beside
# it in float32.
_FLOAT32_RANGE = 1e-4

# Axes with less than this fraction of the variance are rounding errors.
_ROUNDING_VARIANCE = 1e-6


def principal_axes(samples, n_axes, weights=None):
    """Compute leading principal axes and the fraction of the variance along each.

    Parameters
    ----------
    samples : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Centered, if dense.

    n_axes : int

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; equal ones by default.

    Returns
    -------
    axes : ndarray of shape (n_axes, n_features), dtype float32
        Unit vectors. Axes beyond the rank of the data are zero.

    variance_ratios : ndarray of shape (n_axes,)
    """
    axes = np.zeros((n_axes, samples.shape[1]), dtype=np.float32)
    variance_ratios = np.zeros(n_axes)
    solver, found = "auto", min(n_axes, *samples.shape)
    if samples.shape[1] <= _COVARIANCE_FEATURES:
        if issparse(samples) or is_wide(samples):
            solver = "covariance_eigh"
    elif issparse(samples):
        solver, found = "arpack", min(n_axes, min(samples.shape) - 1)
    if issparse(samples):
        samples = samples.astype(np.float64)
    if not found or is_constant(samples):
        return axes, variance_ratios
    if weights is not None:
        axes[:found], variance_ratios[:found] = weighted_axes(samples, found, weights)
    else:
        pca = PCA(found, svd_solver=solver, random_state=0)
        ratios = pca.fit(samples).explained_variance_ratio_
        if samples.dtype == np.float32 and ratios[-1] < _FLOAT32_RANGE * ratios[0]:
            pca.fit(samples.astype(np.float64))
        axes[:found] = pca.components_
        variance_ratios[:found] = pca.explained_variance_ratio_
    return axes, variance_ratios


def weighted_axes(samples, n_axes, weights):
    """Compute principal axes of weighted samples, which scikit-learn's PCA does not.

    Parameters
    ----------
    samples : {ndarray, sparse matrix} of shape (n_samples, n_features)

    n_axes : int
        At most the smaller of n_samples and n_features.

    weights : ndarray of shape (n_samples,)

    Returns
    -------
    axes : ndarray of shape (n_axes, n_features)

    variance_ratios : ndarray of shape (n_axes,)
    """
    n_features = samples.shape[1]
    mean = feature_means(samples, weights=weights)
    total = total_squared_deviation(samples, mean, weights=weights)
    roots = np.sqrt(weights)[:, None]
    if n_features <= _COVARIANCE_FEATURES:
        products = np.zeros((n_features, n_features))
        for at, chunk in iterate_chunks(samples):
            part = roots[at] * (chunk - mean)
            products += part.T @ part
        leading = n_features - n_axes, n_features - 1
        squares, axes = eigh(products, subset_by_index=leading)
        return axes.T[::-1], squares[::-1].clip(0) / total
    if n_axes < min(samples.shape):
        # As scikit-learn's PCA does for sparse samples, without making them dense.
        centered = LinearOperator(
            samples.shape,
            matvec=lambda v: roots[:, 0] * (samples @ v.ravel() - mean @ v.ravel()),
            rmatvec=lambda u: (
                samples.T @ (roots[:, 0] * u.ravel()) - mean * (roots[:, 0] @ u.ravel())
            ),
            dtype=np.float64,
        )
        start = np.random.default_rng(0).uniform(-1, 1, min(samples.shape))
        _, lengths, axes = svds(centered, n_axes, v0=start)
        return axes[::-1], np.square(lengths[::-1]) / total
    _, lengths, axes = svd(roots * (samples - mean), full_matrices=False)
    return axes[:n_axes], np.square(lengths[:n_axes]) / total


def is_constant(samples):
    """Tell whether all samples are equal, up to rounding if they are scaled."""
    if issparse(samples):
        return not mean_variance_axis(samples, axis=0)[1].any()
    return np.ptp(samples, axis=0).max() <= np.finfo(np.float32).eps


def flip_signs(axes, samples, weights=None):
    """Choose signs of principal axes that rarely change when a few samples change.

    An axis points toward its largest entries and its most extreme scores. scikit-learn
    makes the largest entry positive, and a few samples can change which entry is the
    largest. If entries and scores are both nearly symmetric, any rule can flip; use the
    `align` method of the estimators then.

    Parameters
    ----------
    axes : ndarray of shape (n_axes, n_features)

    samples : ndarray of shape (n_samples, n_features)
        Centered.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; equal ones by default.

    Returns
    -------
    ndarray of shape (n_axes, n_features)
    """
    moment = signed_moment(axes.T, 5) + signed_moment(samples @ axes.T, 3, weights)
    return np.where(moment[:, None] < 0, -axes, axes)


def signed_moment(values, power, weights=None):
    """Sum an odd power of each column and divide by the sum of its absolute values.

    The result is between -1 and 1.
    """
    powers = np.power(values, power, dtype=np.float64)
    if weights is not None:
        powers *= weights[:, None]
    return powers.sum(axis=0) / (np.abs(powers).sum(axis=0) + np.finfo(np.float64).tiny)


def is_wide(samples):
    """Tell whether to look for a basis with fewer coordinates than features."""
    return samples.shape[1] > _WIDE_FEATURES


def narrow_basis(axes, variance_ratios, n_components, at_most_all=False):
    r"""Find a basis of the leading principal subspace, if a narrow one is enough.

    All orthonormal bases of the span of the leading axes :math:`A` are :math:`QA` with
    orthogonal :math:`Q`. The one nearest, in squares, to fixed random directions is
    returned. It depends on the span alone, not on the signs and the order of the axes,
    which jump when samples are dropped. It also spreads the variance over all
    coordinates, which suits an optimizer that takes equal steps along each.

    Parameters
    ----------
    axes : ndarray of shape (n_axes, n_features)
        Leading principal axes.

    variance_ratios : ndarray of shape (n_axes,)
        Fraction of the variance along each axis.

    n_components : int
        Number of components of the embedding. The basis has 32 coordinates or more, and
        eight or more for each component, and no more than the rank of the data.

    at_most_all : bool, default=False
        Whether all axes are enough, even if they hold less variance.

    Returns
    -------
    ndarray of shape (n_coordinates, n_features) or None
        Orthonormal directions, or None if they would be more than half as many as the
        features, or more than the axes that are not due to rounding.
    """
    rank = np.count_nonzero(variance_ratios > _ROUNDING_VARIANCE)
    least = min(max(_MIN_COORDINATES, _COORDINATES_PER_COMPONENT * n_components), rank)
    retaining = 1 + np.searchsorted(np.cumsum(variance_ratios), _RETAINED_VARIANCE)
    if at_most_all:
        retaining = min(retaining, rank)
    # More components than the rank have nothing to hold; all of it is enough for them.
    enough = max(min(n_components, rank), least, retaining)
    if not 0 < enough <= min(rank, axes.shape[1] / 2):
        return None
    axes = axes[:enough].astype(np.float64)
    directions = np.random.default_rng(0).normal(size=axes.shape)
    rotation, _ = orthogonal_procrustes(axes.T, directions.T)
    return (rotation.T @ axes).astype(np.float32)
