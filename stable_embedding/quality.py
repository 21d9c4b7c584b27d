"""Measures of what an embedding keeps of the data: functions of samples and codes.

Samples may come as an array, a sparse matrix, a data frame, a tensor or lists. They
must be finite numbers. If the embedding is that of a pipeline that encodes or imputes,
pass what its last step sees: ``pipeline[:-1].transform(X)``.

Distances are Euclidean, or in the data those of a `metric`. Functions of pairs compare
all pairs of samples, so their time grows with the square of the number of samples. Give
them a few thousand at most.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from scipy.spatial.distance import pdist, squareform
from scipy.stats import pearsonr, spearmanr
from sklearn import manifold
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.utils import (
    check_consistent_length,
    check_random_state,
    column_or_1d,
    gen_batches,
)

from .data import limits
from .data.chunks import (
    dense_samples,
    feature_means,
    iterate_chunks,
    total_squared_deviation,
)
from .data.containers import check_samples
from .data.distances import PRECOMPUTED, distances_from, metric_of, pair_distances


def _check_pair(X, other, names=("X", "X_embedded")):
    """Check data, sparse or not, and what was computed from each of their samples."""
    X = check_samples(X, names[0], accept_sparse=True)
    other = check_samples(other, names[1])
    check_consistent_length(X, other)
    return X, other


def _check_embedding(X, X_embedded, n_samples=2):
    X, X_embedded = _check_pair(X, X_embedded)
    if X.shape[0] < n_samples:
        raise ValueError(f"X has {X.shape[0]} sample(s); {n_samples} are needed here")
    return X, X_embedded


def _total_variance(X):
    return total_squared_deviation(X, feature_means(X)) / X.shape[0]


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
        1.0 at best; 0.0 is as good as the mean of X.

    Notes
    -----
    Without constant features it is equal to :func:`sklearn.metrics.r2_score` with
    ``multioutput="variance_weighted"``. That score ignores errors in constant features.

    Examples
    --------
    >>> from stable_embedding.quality import explained_variance
    >>> explained_variance([[0.0], [2.0]], [[0.0], [1.0]])
    0.5
    """
    X, X_reconstructed = (
        check_samples(samples, name, accept_sparse=True)
        for samples, name in ((X, "X"), (X_reconstructed, "X_reconstructed"))
    )
    check_consistent_length(X, X_reconstructed)
    if X.shape != X_reconstructed.shape:
        raise ValueError(
            f"X_reconstructed has shape {X_reconstructed.shape}, but X has {X.shape}; a"
            " reconstruction has the samples and the features of the data"
        )
    error = sum(
        np.square(chunk - dense_samples(X_reconstructed, steps)).sum()
        for steps, chunk in iterate_chunks(X)
    )
    return explained_fraction(error, total_squared_deviation(X, feature_means(X)))


def explained_fraction(error, total):
    """One minus error over total; for constant data 0 or 1, as in r2_score.

    Parameters
    ----------
    error : float
        Sum of squared errors.

    total : float
        Sum of squared distances from the mean.

    Returns
    -------
    float
        1.0 at best.
    """
    if total == 0:
        return float(error == 0)
    return float(1 - error / total)


def distance_correlation(X, X_embedded, *, method="pearson", metric="euclidean"):
    """Correlation of the pairwise distances in the data and in the embedding.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data, at least three samples.

    X_embedded : array-like of shape (n_samples, n_components)
        Embedding of X.

    method : {"pearson", "spearman"}, default="pearson"
        Correlation of the distances, or of their ranks.

    metric : str or callable, default="euclidean"
        Distances in the data, as `metric` of
        :class:`~stable_embedding.StableAutoencoder` except "geodesic". With
        "precomputed" X holds the distances of all pairs.

    Returns
    -------
    float
        1.0 if distances are proportional, or with "spearman" if their order is kept.
        NaN if all distances in the data, or all in the embedding, are equal.

    Notes
    -----
    Do not confuse it with the distance correlation of Székely and Rizzo, a measure of
    dependence.

    Examples
    --------
    >>> from stable_embedding.quality import distance_correlation
    >>> X = [[0.0, 0.0], [3.0, 4.0], [6.0, 0.0]]
    >>> round(distance_correlation(X, [[0.0], [0.5], [1.5]]), 4)
    0.866
    """
    if method not in _CORRELATIONS:
        raise ValueError(f"method={method!r} must be one of {sorted(_CORRELATIONS)}")
    X, X_embedded = _check_embedding(X, X_embedded, n_samples=3)
    distances = pair_distances(X, metric_of(metric, X)), pdist(X_embedded)
    if any(np.ptp(of_one) == 0 for of_one in distances):
        return float("nan")
    return float(_CORRELATIONS[method](*distances).statistic)


_CORRELATIONS = {"pearson": pearsonr, "spearman": spearmanr}


def normalized_stress(X, X_embedded, *, metric="euclidean"):
    r"""Stress of the embedding at its best scale; lower is better.

    .. math:: \min_\alpha \sqrt{\sum_{i<j} (d_{ij} - \alpha \delta_{ij})^2
              \Big/ \sum_{i<j} d_{ij}^2}

    with distances :math:`d` in the data and :math:`\delta` in the embedding. Without
    the minimum the stress depends on the scale of the embedding, so much that it can
    rank embeddings in any order.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data. Not all samples may be equal.

    X_embedded : array-like of shape (n_samples, n_components)
        Embedding of X.

    metric : str or callable, default="euclidean"
        Distances in the data, as `metric` of
        :class:`~stable_embedding.StableAutoencoder` except "geodesic". With
        "precomputed" X holds the distances of all pairs.

    Returns
    -------
    float
        0.0 if distances are proportional, 1.0 if the embedding has collapsed.

    References
    ----------
    K. Smelser, J. Miller and S. Kobourov, "Normalized stress is not normalized: how to
    interpret stress correctly", BELIV 2024.

    Examples
    --------
    >>> from stable_embedding.quality import normalized_stress
    >>> X = [[0.0, 0.0], [3.0, 4.0], [6.0, 0.0]]
    >>> round(normalized_stress(X, [[0.0, 0.0], [0.3, 0.4], [0.6, 0.0]]), 4)
    0.0
    >>> round(normalized_stress(X, [[0.0], [3.0], [6.0]]), 4)
    0.249
    """
    X, X_embedded = _check_embedding(X, X_embedded)
    wanted, found = (
        of_one / (of_one.max() or 1)
        for of_one in (pair_distances(X, metric_of(metric, X)), pdist(X_embedded))
    )
    if not wanted.any():
        raise ValueError("all distances in X are zero, so the stress is undefined")
    scale = (wanted @ found) / (found @ found) if found.any() else 0.0
    return float(np.linalg.norm(wanted - scale * found) / np.linalg.norm(wanted))


def trustworthiness(X, X_embedded, *, n_neighbors=5, metric="euclidean"):
    """Score whether neighbors in the embedding are neighbors in the data.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data.

    X_embedded : array-like of shape (n_samples, n_components)
        Embedding of X.

    n_neighbors : int, default=5
        Size of a neighborhood, less than half the number of samples.

    metric : str or callable, default="euclidean"
        Distances in the data, as `metric` of
        :class:`~stable_embedding.StableAutoencoder` except "geodesic". With
        "precomputed" X holds the distances of all pairs.

    Returns
    -------
    float
        Between 0.0 and 1.0. At 1.0 there are no false neighbors.

    See Also
    --------
    sklearn.manifold.trustworthiness : Used here.
    continuity : Penalizes lost neighbors.

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
    X, X_embedded = _check_embedding(X, X_embedded)
    metric = metric_of(metric, X)
    if metric is None and not issparse(X):
        return _trustworthiness(_centered(X), X_embedded, n_neighbors)
    distances = squareform(pair_distances(X, metric))
    return _trustworthiness(distances, X_embedded, n_neighbors, PRECOMPUTED)


def continuity(X, X_embedded, *, n_neighbors=5, metric="euclidean"):
    """Score whether neighbors in the data are neighbors in the embedding.

    It is :func:`trustworthiness` with the data and the embedding exchanged.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data.

    X_embedded : array-like of shape (n_samples, n_components)
        Embedding of X.

    n_neighbors : int, default=5
        Size of a neighborhood, less than half the number of samples.

    metric : str or callable, default="euclidean"
        Distances in the data, as `metric` of
        :class:`~stable_embedding.StableAutoencoder` except "geodesic". With
        "precomputed" X holds the distances of all pairs.

    Returns
    -------
    float
        Between 0.0 and 1.0. At 1.0 no neighbors are lost.

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
    X, X_embedded = _check_embedding(X, X_embedded)
    metric = metric_of(metric, X)
    if metric is None:
        X_embedded, X = _centered(X_embedded), _centered(X)
        return _trustworthiness(X_embedded, X, n_neighbors)
    n_samples = X.shape[0]
    if n_neighbors >= n_samples / 2:
        raise ValueError(
            f"n_neighbors ({n_neighbors}) should be less than n_samples / 2"
            f" ({n_samples / 2})"
        )
    penalty = 0
    for block in gen_batches(n_samples, limits.DISTANCE_ROWS):
        ranks = _neighbor_ranks(X, block, metric)
        is_near = (ranks > 0) & (ranks <= n_neighbors)
        lost = _neighbor_ranks(X_embedded, block)[is_near] - n_neighbors
        penalty += np.maximum(lost, 0).sum()
    most = n_samples * n_neighbors * (2 * n_samples - 3 * n_neighbors - 1) / 2
    return float(1 - penalty / most)


def _centered(X):
    """Return samples less their mean, dense: distances then keep their digits."""
    X = dense_samples(X, slice(None))
    return X - X.mean(axis=0)


def _trustworthiness(X, X_embedded, n_neighbors, metric="euclidean"):
    return float(
        manifold.trustworthiness(X, X_embedded, n_neighbors=n_neighbors, metric=metric)
    )


def neighbor_accuracy(X_embedded, y, X_unseen_embedded, y_unseen, *, n_neighbors=5):
    """Accuracy of a nearest-neighbor classifier on the embedding of unseen samples.

    Parameters
    ----------
    X_embedded : array-like of shape (n_samples, n_components)
        Embedding of the samples that the classifier is fitted on.

    y : array-like of shape (n_samples,)
        Classes of these samples.

    X_unseen_embedded : array-like of shape (n_unseen, n_components)
        Embedding of other samples by the same estimator.

    y_unseen : array-like of shape (n_unseen,)
        Classes of the other samples.

    n_neighbors : int, default=5
        Number of neighbors that vote.

    Returns
    -------
    float
        Fraction of the unseen samples whose class is predicted.

    See Also
    --------
    sklearn.neighbors.KNeighborsClassifier : Used here.

    Examples
    --------
    >>> from stable_embedding.quality import neighbor_accuracy
    >>> codes = [[0.0], [0.1], [0.9], [1.0]]
    >>> neighbor_accuracy(codes, [0, 0, 1, 1], [[0.2], [0.3]], [0, 1], n_neighbors=1)
    0.5
    """
    X_embedded = check_samples(X_embedded, "X_embedded")
    X_unseen_embedded = check_samples(X_unseen_embedded, "X_unseen_embedded")
    classifier = KNeighborsClassifier(n_neighbors).fit(X_embedded, column_or_1d(y))
    return float(classifier.score(X_unseen_embedded, column_or_1d(y_unseen)))


class NeighborhoodPreservation(NamedTuple):
    """Fraction of neighbors kept, for each size of the neighborhood.

    Attributes
    ----------
    q_nx : ndarray of shape (n_samples - 2,)
        Fraction of neighbors kept, for neighborhoods of 1 to n_samples - 2.

    r_nx : ndarray of shape (n_samples - 2,)
        The same corrected for chance: 0 is no better than a random embedding.

    auc : float
        Area under `r_nx` over the logarithm of the size: 1.0 if all are kept, about
        0.0 by chance.
    """

    q_nx: np.ndarray
    r_nx: np.ndarray
    auc: float


def neighborhood_preservation(X, X_embedded, *, metric="euclidean"):
    r"""Fraction of nearest neighbors that the embedding keeps, at every size.

    With the neighborhoods :math:`\nu_i^K` in the data and :math:`n_i^K` in the
    embedding of :math:`N` samples,

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
        Distances in the data, as `metric` of
        :class:`~stable_embedding.StableAutoencoder` except "geodesic". With
        "precomputed" X holds the distances of all pairs.

    Returns
    -------
    NeighborhoodPreservation
        The curves `q_nx` and `r_nx`, and `auc`.

    Notes
    -----
    A pair is in both neighborhoods of size K if the larger of its two ranks is at most
    K. So the curve is the cumulative count of the larger ranks, which are sums over a
    corner of the co-ranking matrix. That matrix is not built. Of samples at equal
    distances the one that comes first counts as nearer.

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
    X, X_embedded = _check_embedding(X, X_embedded, n_samples=3)
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


def lipschitz_estimate(
    X, X_embedded, X_new, X_new_embedded, quantile=1.0, *, metric="euclidean"
):
    r"""Largest slope of an embedding between new samples and their neighbors.

    The slope is

    .. math:: \frac{|z - z'|}{|x - x'|} \cdot \sqrt{\frac{\operatorname{var} x}
        {\operatorname{var} z}}

    for a new sample :math:`x`, its nearest neighbor :math:`x'` in the data and their
    codes :math:`z` and :math:`z'`. The result is the largest slope over new samples, or
    another quantile. The total variances make it independent of units.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data that the estimator was trained on.

    X_embedded : array-like of shape (n_samples, n_components)
        Embedding of X.

    X_new : {array-like, sparse matrix} of shape (n_new, n_features)
        Samples that it was not trained on.

    X_new_embedded : array-like of shape (n_new, n_components)
        Embedding of X_new.

    quantile : float, default=1.0
        Quantile of the slopes to return; 1 is the largest slope.

    metric : str or callable, default="euclidean"
        Distances in the data, as `metric` of
        :class:`~stable_embedding.StableAutoencoder` except "geodesic". The
        variance of the data is then half the mean of their squares.

    Returns
    -------
    float
        The smaller it is, the safer is the embedding of new samples. It is 1 for an
        embedding that differs from the data by shift, rotation and scale only.

    Raises
    ------
    ValueError
        If all samples or all codes are equal.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.quality import lipschitz_estimate
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> round(lipschitz_estimate(X[:50], 2 * X[:50], X[50:], 2 * X[50:]), 6)
    1.0
    """
    X, X_embedded = _check_embedding(X, X_embedded)
    X_new, X_new_embedded = _check_pair(
        X_new, X_new_embedded, ("X_new", "X_new_embedded")
    )
    metric = metric_of(metric, X)
    if isinstance(metric, str):
        raise ValueError(
            f"metric={metric!r} gives no distances of new samples; pass a callable"
        )
    variances = _total_variance(X), _total_variance(X_embedded)
    if metric is not None:
        variances = (pair_distances(X, metric) ** 2).mean() / 2, variances[1]
    if not all(variances):
        raise ValueError(
            "all samples or all codes are equal; there is nothing to compare"
        )
    nearest, distances = _nearest_of(X, X_new, metric)
    moved = np.linalg.norm(X_new_embedded - X_embedded[nearest], axis=1)
    apart = distances > 0  # duplicates have the same code, whatever the slope
    slopes = moved[apart] / distances[apart] * (variances[0] / variances[1]) ** 0.5
    return float(np.quantile(slopes, quantile)) if apart.any() else 0.0


def _nearest_of(X, X_new, metric):
    """Find the nearest sample of each new one, and how far away it is."""
    if metric is not None:
        blocks = gen_batches(X_new.shape[0], limits.DISTANCE_ROWS)
        found = [metric.between(X_new[block], X) for block in blocks]
        nearest = np.concatenate([block.argmin(axis=1) for block in found])
        return nearest, np.concatenate([block.min(axis=1) for block in found])
    X, X_new = (dense_samples(samples, slice(None)) for samples in (X, X_new))
    # The search loses digits where distances are small beside the samples.
    center = X.mean(axis=0)
    search = NearestNeighbors(n_neighbors=1).fit(X - center)
    [nearest] = search.kneighbors(X_new - center, return_distance=False).T
    return nearest, np.linalg.norm(X_new - X[nearest], axis=1)


def triplet_accuracy(X_embedded, y, n_triplets=100_000, random_state=0):
    """Fraction of triplets in which the sample of the same class is nearer.

    Parameters
    ----------
    X_embedded : array-like of shape (n_samples, n_components)
        An embedding.

    y : array-like of shape (n_samples,)
        Class of each sample.

    n_triplets : int, default=100_000
        Number of triplets to draw. A triplet is an anchor, another sample of its class
        and a sample of another class. Anchors are drawn from all samples that have
        both.

    random_state : int, RandomState instance or None, default=0
        Seed of the draw.

    Returns
    -------
    float
        1.0 at best, about 0.5 for an embedding that does not depend on the classes.

    Raises
    ------
    ValueError
        If there is no triplet.

    References
    ----------
    H. Ishfaq, A. Hoogi and D. Rubin, "TVAE: triplet-based variational autoencoder using
    metric learning", arXiv 1802.04403.

    Examples
    --------
    >>> from stable_embedding.quality import triplet_accuracy
    >>> triplet_accuracy([[0.0], [1.0], [10.0], [11.0]], [0, 0, 1, 1])
    1.0
    """
    X_embedded = check_samples(X_embedded, "X_embedded")
    y = column_or_1d(y)
    check_consistent_length(X_embedded, y)
    rng = check_random_state(random_state)
    classes, y, sizes = np.unique(y, return_inverse=True, return_counts=True)
    anchors = np.flatnonzero(sizes[y] > 1)
    if len(classes) < 2 or not len(anchors):
        raise ValueError("y needs two classes, and one of them two or more samples")
    order = np.argsort(y, kind="stable")  # the samples of each class are contiguous
    starts, places = np.cumsum(sizes) - sizes, np.argsort(order)
    anchors = rng.choice(anchors, n_triplets)
    first, size = starts[y[anchors]], sizes[y[anchors]]
    positives = rng.randint(size - 1)  # one less, to skip the anchor itself
    positives += positives >= places[anchors] - first
    negatives = rng.randint(len(y) - size)
    negatives += np.where(negatives >= first, size, 0)
    near = X_embedded[order[first + positives]] - X_embedded[anchors]
    far = X_embedded[order[negatives]] - X_embedded[anchors]
    return float(np.mean(np.square(near).sum(axis=1) < np.square(far).sum(axis=1)))
