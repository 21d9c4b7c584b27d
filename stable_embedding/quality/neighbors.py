"""How well neighbors are kept."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from scipy.spatial.distance import squareform
from sklearn import manifold
from sklearn.utils import gen_batches

from ..data import limits
from ..data.chunks import dense_samples
from ..data.distances import (
    PRECOMPUTED,
    distances_from,
    metric_of,
    near_origin,
    pair_distances,
)
from .validation import check_embedding, check_n_neighbors


def trustworthiness(X, X_embedded, *, n_neighbors=5, metric="euclidean"):
    """Score how many neighbors in the embedding are neighbors in the data.

    Each false neighbor is penalized by how far its rank in the data exceeds
    `n_neighbors`.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data.

    X_embedded : array-like of shape (n_samples, n_components)
        Embedding of X.

    n_neighbors : int, default=5
        Size of a neighborhood, less than half the number of samples.

    metric : str or callable, default="euclidean"
        Metric of the data: any `metric` of
        :class:`~stable_embedding.StableAutoencoder` except "geodesic", or
        "precomputed", where X is the dense, symmetric matrix of distances.

    Returns
    -------
    float
        Between 0.0 and 1.0, higher is better. 1.0 if there are no false neighbors.

    See Also
    --------
    sklearn.manifold.trustworthiness : Computes the score.
    continuity : Penalizes lost neighbors.

    Notes
    -----
    If several samples are at the same distance, any of them may count as nearer. With
    many such samples, as in bits, the score of a perfect embedding can be below 1.0.

    References
    ----------
    J. Venna and S. Kaski, "Neighborhood preservation in nonlinear projection methods:
    an experimental study", ICANN 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.quality import trustworthiness
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> trustworthiness(X, 2 * X)
    1.0
    """
    X, X_embedded = check_embedding(X, X_embedded)
    check_n_neighbors(n_neighbors, X)
    metric = metric_of(metric, X)
    if metric is None and not issparse(X):
        return _trustworthiness(*near_origin(X), X_embedded, n_neighbors)
    distances = squareform(pair_distances(X, metric))
    return _trustworthiness(distances, X_embedded, n_neighbors, PRECOMPUTED)


def continuity(X, X_embedded, *, n_neighbors=5, metric="euclidean"):
    """Score how many neighbors in the data are neighbors in the embedding.

    This is :func:`trustworthiness` with the data and the embedding exchanged: each lost
    neighbor is penalized by how far its rank in the embedding exceeds `n_neighbors`.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data.

    X_embedded : array-like of shape (n_samples, n_components)
        Embedding of X.

    n_neighbors : int, default=5
        Size of a neighborhood, less than half the number of samples.

    metric : str or callable, default="euclidean"
        Metric of the data: any `metric` of
        :class:`~stable_embedding.StableAutoencoder` except "geodesic", or
        "precomputed", where X is the dense, symmetric matrix of distances.

    Returns
    -------
    float
        Between 0.0 and 1.0, higher is better. 1.0 if no neighbor is lost.

    See Also
    --------
    trustworthiness : Penalizes false neighbors.

    References
    ----------
    J. Venna and S. Kaski, "Neighborhood preservation in nonlinear projection methods:
    an experimental study", ICANN 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.quality import continuity
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> continuity(X, X[:, :2]) < 1
    True
    """
    X, X_embedded = check_embedding(X, X_embedded)
    check_n_neighbors(n_neighbors, X)
    metric = metric_of(metric, X)
    if metric is None:
        X = dense_samples(X, slice(None))
        return _trustworthiness(*near_origin(X_embedded), X, n_neighbors)
    n_samples = X.shape[0]
    penalty = 0
    for block in gen_batches(n_samples, limits.DISTANCE_ROWS):
        ranks = _neighbor_ranks(X, block, metric)
        is_near = (ranks > 0) & (ranks <= n_neighbors)
        lost = _neighbor_ranks(X_embedded, block)[is_near] - n_neighbors
        penalty += np.maximum(lost, 0).sum()
    most = n_samples * n_neighbors * (2 * n_samples - 3 * n_neighbors - 1) / 2
    return float(1 - penalty / most)


def _trustworthiness(X, X_embedded, n_neighbors, metric="euclidean"):
    [codes] = near_origin(X_embedded)
    return float(
        manifold.trustworthiness(X, codes, n_neighbors=n_neighbors, metric=metric)
    )


class NeighborhoodPreservation(NamedTuple):
    """Fraction of neighbors kept, for each size of the neighborhood.

    Attributes
    ----------
    q_nx : ndarray of shape (n_samples - 2,)
        Fraction of neighbors kept in neighborhoods of 1, 2, ..., n_samples - 2 samples.

    r_nx : ndarray of shape (n_samples - 2,)
        The same fractions corrected for chance: 1 if all neighbors are kept, about 0
        for a random embedding.

    auc : float
        Area under `r_nx` over the logarithm of the size: 1.0 if all neighbors are kept,
        about 0.0 for a random embedding.
    """

    q_nx: np.ndarray
    r_nx: np.ndarray
    auc: float


def neighborhood_preservation(X, X_embedded, *, metric="euclidean"):
    r"""Fraction of nearest neighbors that the embedding keeps, at every size.

    Let :math:`\nu_i^K` be the :math:`K` nearest neighbors of sample :math:`i` in the
    data, and :math:`n_i^K` those in the embedding, for :math:`N` samples. Then

    .. math:: Q_{NX}(K) = \frac{1}{KN} \sum_i |\nu_i^K \cap n_i^K|, \qquad
              R_{NX}(K) = \frac{(N-1) Q_{NX}(K) - K}{N - 1 - K}, \qquad
              \text{AUC} = \sum_K \frac{R_{NX}(K)}{K} \Big/ \sum_K \frac1K

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data, at least three samples.

    X_embedded : array-like of shape (n_samples, n_components)
        Embedding of X.

    metric : str or callable, default="euclidean"
        Metric of the data: any `metric` of
        :class:`~stable_embedding.StableAutoencoder` except "geodesic", or
        "precomputed", where X is the dense, symmetric matrix of distances.

    Returns
    -------
    NeighborhoodPreservation
        The curves `q_nx` and `r_nx`, and `auc`.

    Notes
    -----
    If several samples are at the same distance, the one that comes first in X counts as
    nearer. The curve is the cumulative count of the larger of each pair's two ranks,
    the same as sums over a corner of the co-ranking matrix, which is not built.

    References
    ----------
    J. A. Lee and M. Verleysen, "Quality assessment of dimensionality reduction:
    rank-based criteria", Neurocomputing 72, 2009.

    J. A. Lee, D. H. Peluffo-Ordóñez and M. Verleysen, "Multi-scale similarities in
    stochastic neighbour embedding", Neurocomputing 169, 2015, for the area.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.quality import neighborhood_preservation
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> neighborhood_preservation(X, X + 1).auc
    1.0
    >>> kept = neighborhood_preservation(X, X[:, :2])
    >>> kept.q_nx.shape
    (48,)
    """
    X, X_embedded = check_embedding(X, X_embedded, n_samples=3)
    metric = metric_of(metric, X)
    n = X.shape[0]
    counts = np.zeros(n, dtype=np.int64)
    for block in gen_batches(n, limits.DISTANCE_ROWS):
        ranks = np.maximum(
            _neighbor_ranks(X, block, metric), _neighbor_ranks(X_embedded, block)
        )
        counts += np.bincount(ranks.ravel(), minlength=n)
    sizes = np.arange(1, n - 1)
    q_nx = counts[1:-1].cumsum() / (sizes * n)
    r_nx = ((n - 1) * q_nx - sizes) / (n - 1 - sizes)
    return NeighborhoodPreservation(
        q_nx, r_nx, float(np.average(r_nx, weights=1 / sizes))
    )


def _neighbor_ranks(X, block, metric=None):
    """Rank all samples by their distance from each sample of a block; its own is 0."""
    distances, everyone = distances_from(X, block, metric), np.arange(X.shape[0])
    distances[np.arange(len(distances)), everyone[block]] = -1
    order = distances.argsort(axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, everyone, axis=1)
    return ranks
