"""How well distances are kept."""

import numpy as np
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr, spearmanr
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches

from ..data import limits
from ..data.chunks import dense_samples, feature_means, total_squared_deviation
from ..data.distances import metric_of, near_origin, pair_distances
from ..data.metrics import check_values
from ..data.named_columns import check_same_columns
from .validation import check_embedding, check_pair, check_width

_CORRELATIONS = {"pearson": pearsonr, "spearman": spearmanr}

# Relative difference of equal distances that were rounded, of thousands of features.
# Below a tenth of it, pearsonr warns.
_ROUNDING = 1e-12


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
    X, X_embedded = check_embedding(X, X_embedded, n_samples=3)
    distances = pair_distances(X, metric_of(metric, X)), pdist(X_embedded)
    if any(np.ptp(of_one) <= _ROUNDING * of_one.max() for of_one in distances):
        return float("nan")
    return float(_CORRELATIONS[method](*distances).statistic)


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
    X, X_embedded = check_embedding(X, X_embedded)
    wanted, found = (
        of_one / (of_one.max() or 1)
        for of_one in (pair_distances(X, metric_of(metric, X)), pdist(X_embedded))
    )
    if not wanted.any():
        raise ValueError("all distances in X are zero, so the stress is undefined")
    scale = (wanted @ found) / (found @ found) if found.any() else 0.0
    return float(np.linalg.norm(wanted - scale * found) / np.linalg.norm(wanted))


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
        of columns than the first ones, or another order of them, or `metric` is
        "precomputed".

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.quality import lipschitz_estimate
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> round(lipschitz_estimate(X[:50], 2 * X[:50], X[50:], 2 * X[50:]), 6)
    1.0
    """
    check_same_columns(X, X_new, "X_new")
    check_same_columns(X_embedded, X_new_embedded, "X_new_embedded", "X_embedded")
    X, X_embedded = check_embedding(X, X_embedded)
    X_new, X_new_embedded = check_pair(
        X_new, X_new_embedded, ("X_new", "X_new_embedded")
    )
    check_width(X_new, "X_new", X, "X")
    check_width(X_new_embedded, "X_new_embedded", X_embedded, "X_embedded")
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


def _total_variance(X):
    return total_squared_deviation(X, feature_means(X)) / X.shape[0]


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
