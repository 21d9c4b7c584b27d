"""Measures of how well an embedding preserves the data.

Pass samples as an array, a sparse matrix, a data frame, a tensor or lists of finite
numbers, the largest between 1e-140 and 1e140. If a pipeline encodes or imputes before
it embeds, pass the input of its last step: ``pipeline[:-1].transform(X)``.

Distances in the embedding are Euclidean. Distances in the data are too, unless a
function has a `metric`. Most functions compare all pairs of samples: their time grows
with the square of the number of samples, so pass a few thousand at most.
"""

import warnings
from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from scipy.spatial.distance import pdist, squareform
from scipy.stats import pearsonr, spearmanr
from sklearn import manifold
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.utils import (
    check_consistent_length,
    check_random_state,
    gen_batches,
)

from .data import limits
from .data.chunks import (
    dense_samples,
    feature_means,
    iterate_chunks,
    total_squared_deviation,
)
from .data.containers import check_samples, check_squares
from .data.distances import (
    PRECOMPUTED,
    distances_from,
    metric_of,
    near_origin,
    pair_distances,
)
from .data.labels import are_known, known_classes, read_labels
from .data.metrics import check_values
from .data.sample_ids import check_same_samples


def _check_samples(X, name, **options):
    X = check_samples(X, name, **options)
    check_squares(X, name)
    return X


def _check_pair(X, other, names=("X", "X_embedded")):
    """Validate data and another array with one row for each of its samples."""
    check_same_samples(X, other, names[1], names[0])
    X = _check_samples(X, names[0], accept_sparse=True)
    other = _check_samples(other, names[1])
    check_consistent_length(X, other)
    return X, other


def _check_embedding(X, X_embedded, n_samples=2):
    X, X_embedded = _check_pair(X, X_embedded)
    if X.shape[0] < n_samples:
        raise ValueError(
            f"X has {X.shape[0]} sample(s); {n_samples} or more are needed"
        )
    return X, X_embedded


def _check_width(X, name, other, other_name):
    if X.shape[1] != other.shape[1]:
        raise ValueError(
            f"{name} has {X.shape[1]} columns, but {other_name} has {other.shape[1]};"
            " both must have the same"
        )


def _check_n_neighbors(n_neighbors, X):
    n_samples = X.shape[0]
    is_whole = isinstance(n_neighbors, Integral)
    if not (is_whole and 1 <= n_neighbors < n_samples / 2):
        raise ValueError(
            f"n_neighbors={n_neighbors!r} must be a whole number, at least 1 and less"
            f" than n_samples / 2 ({n_samples / 2})"
        )


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
        :math:`R^2`. It is 1.0 for a perfect reconstruction, 0.0 for one that is as good
        as the mean :math:`\bar x` of X, and negative for a worse one. If all samples of
        X are equal up to rounding, it is 1.0 for a perfect reconstruction and 0.0
        otherwise.

    Raises
    ------
    ValueError
        If the two shapes differ, or a value is NaN or infinite.

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
    X, X_reconstructed = (
        _check_samples(samples, name, accept_sparse=True)
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


def distance_correlation(X, X_embedded, *, method="pearson", metric="euclidean"):
    """Correlation between pairwise distances in the data and in the embedding.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data, at least three samples.

    X_embedded : array-like of shape (n_samples, n_components)
        Embedding of X.

    method : {"pearson", "spearman"}, default="pearson"
        Correlation coefficient. "spearman" compares ranks of distances, so it is high
        for any embedding that keeps the order of the distances.

    metric : str or callable, default="euclidean"
        Metric of the data: any `metric` of
        :class:`~stable_embedding.StableAutoencoder` except "geodesic", or
        "precomputed", where X is the dense, symmetric matrix of distances.

    Returns
    -------
    float
        Between -1.0 and 1.0, higher is better. With "pearson" it is 1.0 if distances
        in the embedding are a linear increasing function of those in the data, and with
        "spearman" if their order is the same. NaN if all distances in the data, or all
        in the embedding, are equal up to rounding.

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
    if method not in [*_CORRELATIONS]:
        raise ValueError(f"method={method!r} must be one of {sorted(_CORRELATIONS)}")
    X, X_embedded = _check_embedding(X, X_embedded, n_samples=3)
    distances = pair_distances(X, metric_of(metric, X)), pdist(X_embedded)
    if any(np.ptp(of_one) <= _ROUNDING * of_one.max() for of_one in distances):
        return float("nan")
    return float(_CORRELATIONS[method](*distances).statistic)


_CORRELATIONS = {"pearson": pearsonr, "spearman": spearmanr}

# Relative difference of equal distances that were rounded, of thousands of features.
# Below a tenth of it, pearsonr warns.
_ROUNDING = 1e-12


def normalized_stress(X, X_embedded, *, metric="euclidean"):
    r"""Scale-normalized stress of the embedding; lower is better.

    .. math:: \min_\alpha \sqrt{\sum_{i<j} (d_{ij} - \alpha \delta_{ij})^2
              \Big/ \sum_{i<j} d_{ij}^2}

    where :math:`d_{ij}` is the distance of samples :math:`i` and :math:`j` in the data,
    :math:`\delta_{ij}` their distance in the embedding, and :math:`\alpha` the scale
    that fits best. Stress without the minimum over :math:`\alpha` depends on the scale
    of the embedding, and can rank embeddings in any order.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data, at least two samples that differ.

    X_embedded : array-like of shape (n_samples, n_components)
        Embedding of X.

    metric : str or callable, default="euclidean"
        Metric of the data: any `metric` of
        :class:`~stable_embedding.StableAutoencoder` except "geodesic", or
        "precomputed", where X is the dense, symmetric matrix of distances.

    Returns
    -------
    float
        Between 0.0, if the distances are proportional, and 1.0, for an embedding that
        has collapsed to one point.

    Raises
    ------
    ValueError
        If all distances in the data are zero.

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
    X, X_embedded = _check_embedding(X, X_embedded)
    _check_n_neighbors(n_neighbors, X)
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
    X, X_embedded = _check_embedding(X, X_embedded)
    _check_n_neighbors(n_neighbors, X)
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


def neighbor_accuracy(X_embedded, y, X_unseen_embedded, y_unseen, *, n_neighbors=5):
    """Accuracy of a nearest-neighbor classifier that is fitted on an embedding.

    Parameters
    ----------
    X_embedded : array-like of shape (n_samples, n_components)
        Embedding of the training samples, on which the classifier is fitted.

    y : array-like of shape (n_samples,)
        Classes of the training samples.

    X_unseen_embedded : array-like of shape (n_unseen, n_components)
        Embedding of test samples by the same estimator.

    y_unseen : array-like of shape (n_unseen,)
        Classes of the test samples.

    n_neighbors : int, default=5
        Number of neighbors that vote.

    Returns
    -------
    float
        Fraction of the test samples whose class is predicted correctly.

    Raises
    ------
    ValueError
        If a label is -1, None or nan, which stand for samples without a label.

    See Also
    --------
    sklearn.neighbors.KNeighborsClassifier : The classifier.

    Examples
    --------
    >>> from stable_embedding.quality import neighbor_accuracy
    >>> codes = [[0.0], [0.1], [0.9], [1.0]]
    >>> neighbor_accuracy(codes, [0, 0, 1, 1], [[0.2], [0.3]], [0, 1], n_neighbors=1)
    0.5
    """
    check_same_samples(X_embedded, y, "y", "X_embedded")
    check_same_samples(X_unseen_embedded, y_unseen, "y_unseen", "X_unseen_embedded")
    X_embedded = _check_samples(X_embedded, "X_embedded")
    X_unseen_embedded = _check_samples(X_unseen_embedded, "X_unseen_embedded")
    _check_width(X_unseen_embedded, "X_unseen_embedded", X_embedded, "X_embedded")
    y, y_unseen = _all_classes(y, "y"), _all_classes(y_unseen, "y_unseen")
    codes, unseen = near_origin(X_embedded, X_unseen_embedded)
    classifier = KNeighborsClassifier(n_neighbors).fit(codes, y)
    return float(classifier.score(unseen, y_unseen))


def _all_classes(y, name):
    """Return the classes of samples; raise if one has none."""
    y = read_labels(y, name)
    known, labels = known_classes(y, are_known(y), name)
    if not known.all():
        at = known.argmin()
        raise ValueError(
            f"{name} holds {y.tolist()[at]!r} at position {at}; -1, None and nan stand"
            " for samples without a label: leave them out, with their codes. If -1 is a"
            " class, give it another name"
        )
    return labels


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
    r"""Estimate how far a small change of a sample can move its code.

    For a new sample :math:`x`, its nearest neighbor :math:`x'` in the data, and their
    codes :math:`z` and :math:`z'`, the slope is

    .. math:: \frac{|z - z'|}{|x - x'|} \cdot \sqrt{\frac{\operatorname{var} x}
        {\operatorname{var} z}}

    where :math:`\operatorname{var} x` and :math:`\operatorname{var} z` are the total
    variances of `X` and of `X_embedded`, which make the slope independent of units. The
    estimate is the largest slope over the new samples, or another quantile of them.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data that the estimator was trained on.

    X_embedded : array-like of shape (n_samples, n_components)
        Embedding of X.

    X_new : {array-like, sparse matrix} of shape (n_new, n_features)
        Samples that the estimator was not trained on.

    X_new_embedded : array-like of shape (n_new, n_components)
        Embedding of X_new.

    quantile : float, default=1.0
        Quantile of the slopes to return, between 0 and 1. A value below 1, such as
        0.99, ignores the steepest samples.

    metric : str or callable, default="euclidean"
        Metric of the data: any `metric` of
        :class:`~stable_embedding.StableAutoencoder` except "geodesic". With a metric
        other than the Euclidean one, :math:`\operatorname{var} x` is half the mean
        squared distance of all pairs, those of a sample with itself too.

    Returns
    -------
    float
        0.0 or more, without unit; lower is safer. It is 1.0 for an embedding that
        differs from the data by shift, rotation, reflection and scale only, and 0.0 if
        every new sample is a duplicate of one in X.

    Raises
    ------
    ValueError
        If all samples or all codes are equal, new samples or codes have other numbers
        of columns than the first ones, or `metric` is "precomputed".

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
    _check_width(X_new, "X_new", X, "X")
    _check_width(X_new_embedded, "X_new_embedded", X_embedded, "X_embedded")
    metric = metric_of(metric, X)
    if isinstance(metric, str):
        raise ValueError(
            f"metric={metric!r} cannot measure distances to new samples; pass a"
            " callable, or the name of another metric"
        )
    if metric is not None:
        check_values(metric.metric, X_new, "X_new")
    variances = _total_variance(X), _total_variance(X_embedded)
    if metric is not None:
        squares = pair_distances(X, metric) ** 2
        variances = squares.sum() / X.shape[0] ** 2, variances[1]
    if not all(variances):
        raise ValueError(
            "all samples or all codes are equal; there is nothing to compare"
        )
    nearest, distances = _nearest_of(X, X_new, metric)
    moved = np.linalg.norm(X_new_embedded - X_embedded[nearest], axis=1)
    apart = distances > 0  # the slope of duplicates is 0 / 0
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
    shifted, shifted_new = near_origin(X, X_new)
    search = NearestNeighbors(n_neighbors=1).fit(shifted)
    [nearest] = search.kneighbors(shifted_new, return_distance=False).T
    return nearest, np.linalg.norm(X_new - X[nearest], axis=1)


def triplet_accuracy(X_embedded, y, n_triplets=100_000, random_state=0):
    """Fraction of triplets whose anchor is nearer to its own class.

    A triplet is an anchor, a positive (another sample of its class) and a negative (a
    sample of another class). It is correct if the anchor is strictly nearer to the
    positive than to the negative.

    Parameters
    ----------
    X_embedded : array-like of shape (n_samples, n_components)
        An embedding.

    y : array-like of shape (n_samples,)
        Class of each sample. Samples without a label, which is -1, None or nan, are
        left out.

    n_triplets : int, default=100_000
        Number of triplets to draw. More of them lower the sampling error.

    random_state : int, RandomState instance or None, default=0
        Seed of the draw.

    Returns
    -------
    float
        Between 0.0 and 1.0, higher is better; about 0.5 for an embedding that does not
        depend on the classes.

    Raises
    ------
    ValueError
        If `y` has fewer than two classes, no class has two samples, or `n_triplets` is
        not a whole number of 1 or more.

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
    check_same_samples(X_embedded, y, "y", "X_embedded")
    X_embedded = _check_samples(X_embedded, "X_embedded")
    y = read_labels(y)
    check_consistent_length(X_embedded, y)
    known, y = known_classes(y, are_known(y))
    X_embedded = X_embedded[known]
    if not (isinstance(n_triplets, Integral) and n_triplets >= 1):
        raise ValueError(f"n_triplets={n_triplets!r} must be a whole number, 1 or more")
    rng = check_random_state(random_state)
    classes, y, sizes = np.unique(y, return_inverse=True, return_counts=True)
    anchors = np.flatnonzero(sizes[y] > 1)
    if len(classes) < 2 or not len(anchors):
        raise ValueError(
            "y needs two classes, and one of them two or more samples; -1, None and nan"
            " stand for samples without a label"
        )
    order = np.argsort(y, kind="stable")  # the samples of each class are contiguous
    starts, places = np.cumsum(sizes) - sizes, np.argsort(order)
    anchors = rng.choice(anchors, n_triplets)
    first, size = starts[y[anchors]], sizes[y[anchors]]
    positives = rng.randint(size - 1)  # without the anchor itself
    positives += positives >= places[anchors] - first
    negatives = rng.randint(len(y) - size)
    negatives += np.where(negatives >= first, size, 0)
    near = X_embedded[order[first + positives]] - X_embedded[anchors]
    far = X_embedded[order[negatives]] - X_embedded[anchors]
    return float(np.mean(np.square(near).sum(axis=1) < np.square(far).sum(axis=1)))
