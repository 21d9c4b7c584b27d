"""Euclidean distances of samples, of which sparse ones are made dense in chunks.

Those of scikit-learn for sparse samples lose digits where a distance is small.
"""

import numpy as np
from scipy.sparse import issparse
from scipy.spatial.distance import cdist, pdist
from sklearn.utils import gen_batches

from . import limits
from .chunks import dense_samples, iterate_chunks


def distances_from(X, block):
    """Compute the distances of some samples from all.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        All samples.

    block : slice
        Those whose distances are computed.

    Returns
    -------
    ndarray of shape (n_of_block, n_samples), dtype float64
    """
    if not issparse(X):
        return cdist(X[block], X)
    some = dense_samples(X, block)
    return np.hstack([cdist(some, chunk) for _, chunk in iterate_chunks(X)])


def pair_distances(X):
    """Compute the distances of all pairs of samples, in the order of pdist.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Samples.

    Returns
    -------
    ndarray of shape (n_samples * (n_samples - 1) / 2,), dtype float64
    """
    if not issparse(X):
        return pdist(X)
    blocks = gen_batches(X.shape[0], limits.DISTANCE_ROWS)
    rows = (row for block in blocks for row in distances_from(X, block))
    n_samples, start = X.shape[0], 0
    distances = np.empty(n_samples * (n_samples - 1) // 2)
    for i, row in enumerate(rows):
        stop = start + n_samples - i - 1
        distances[start:stop] = row[i + 1 :]
        start = stop
    return distances
