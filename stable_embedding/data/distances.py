"""Distances of all pairs of samples, by any metric.

For the Euclidean metric, sparse samples are made dense in chunks: small distances that
scikit-learn computes of sparse samples have lost digits.
"""

import numpy as np
from scipy.sparse import issparse
from scipy.spatial.distance import cdist, pdist
from sklearn.utils import gen_batches

from . import limits
from .chunks import dense_samples, iterate_chunks
from .metrics import EUCLIDEAN, METRICS, PairMetric, check_metric, checked
from .sample_distances import check_symmetric

PRECOMPUTED = "precomputed"


def near_origin(X, *others):
    """Shift dense samples to the origin, where a search for neighbors is exact.

    From 16 features on, scikit-learn searches by squared norms and products, which lose
    the digits of distances far from the origin.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Samples whose median is the new origin. A few that are far from all others do
        not move it, and distances of whole numbers stay exact.

    *others : ndarray of shape (n_others, n_features)
        Other samples to shift as far.

    Returns
    -------
    list of ndarray
        X and the others, shifted.
    """
    origin = np.median(X, axis=0)
    return [samples - origin for samples in (X, *others)]


def metric_of(metric, X):
    """Validate a metric for samples, and return what computes it.

    Parameters
    ----------
    metric : str or callable
        A name of `METRICS`, "precomputed" or a callable.

    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    Returns
    -------
    PairMetric or str or None
        None stands for the Euclidean metric.

    Raises
    ------
    ValueError
        If the metric is unknown, does not suit these samples, or is "precomputed" and X
        holds no distances of all pairs.
    """
    if not callable(metric):
        if metric not in [*METRICS, PRECOMPUTED]:
            raise ValueError(
                f"metric={metric!r} must be a callable, 'precomputed', or one of"
                f" {sorted(METRICS)}"
            )
        if metric in EUCLIDEAN:
            return None
        if metric == PRECOMPUTED:
            if X.shape[0] != X.shape[1]:
                raise ValueError(
                    f"X has shape {X.shape}; with metric='precomputed' it must hold the"
                    " distance of each sample from each"
                )
            if issparse(X):
                raise ValueError(
                    f"X is a {type(X).__name__}, whose pairs that are not stored are"
                    " unknown; with metric='precomputed' pass the distances of all"
                    " pairs as a dense array: X.toarray() if all are stored"
                )
            check_symmetric(X, "X")
            return PRECOMPUTED
    check_metric(metric, None, X)
    return PairMetric(metric, X=X)


def distances_from(X, block, metric=None):
    """Compute the distances of some samples from all.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        All samples.

    block : slice
        Samples whose distances are computed.

    metric : PairMetric or str or None, default=None
        As :func:`metric_of` returns it.

    Returns
    -------
    ndarray of shape (n_of_block, n_samples), dtype float64
    """
    if isinstance(metric, str):
        return checked(X[block], "X")
    if metric is not None:
        return metric.between(X[block], X)
    if not issparse(X):
        return cdist(X[block], X)
    some = dense_samples(X, block)
    return np.hstack([cdist(some, chunk) for _, chunk in iterate_chunks(X)])


def pair_distances(X, metric=None):
    """Compute the distances of all pairs of samples, in the order of pdist.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Samples.

    metric : PairMetric or str or None, default=None
        As :func:`metric_of` returns it.

    Returns
    -------
    ndarray of shape (n_samples * (n_samples - 1) / 2,), dtype float64
    """
    if metric is None and not issparse(X):
        return pdist(X)
    blocks = gen_batches(X.shape[0], limits.DISTANCE_ROWS)
    rows = (row for block in blocks for row in distances_from(X, block, metric))
    n_samples, start = X.shape[0], 0
    distances = np.empty(n_samples * (n_samples - 1) // 2)
    for i, row in enumerate(rows):
        stop = start + n_samples - i - 1
        distances[start:stop] = row[i + 1 :]
        start = stop
    return distances
