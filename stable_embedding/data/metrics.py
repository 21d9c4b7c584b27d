"""Metrics of the input, by name or callable, as scikit-learn computes them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import pairwise_distances

from .chunks import iterate_chunks
from .scaling import SCALE_RANGE, inverse_power

# Metrics for which scikit-learn accepts sparse samples. Others need dense samples.
_SPARSE = {"cosine", "cityblock", "l1", "manhattan"}

# Metrics of features that are 0 or 1.
BOOLEAN = {
    "dice",
    "jaccard",
    "rogerstanimoto",
    "russellrao",
    "sokalsneath",
    "yule",
}

EUCLIDEAN = {"euclidean", "l2"}

GEODESIC = "geodesic"

# Not among them: "haversine", which is for two angles alone, and "nan_euclidean", since
# no estimator of this package takes missing values.
METRICS = {
    *BOOLEAN,
    *EUCLIDEAN,
    "braycurtis",
    "canberra",
    "chebyshev",
    "cityblock",
    "correlation",
    "cosine",
    "hamming",
    "l1",
    "mahalanobis",
    "manhattan",
    "minkowski",
    "seuclidean",
    "sqeuclidean",
}

# Distances in place of 0 / 0. That of "correlation" is the one of "cosine" for a sample
# of zeros. The others are 0, because samples without entries are equal.
_OF_NOTHING = {"correlation": 1.0, "braycurtis": 0.0, "dice": 0.0, "sokalsneath": 0.0}

# Metrics of directions, whose smaller distances are rounding errors between samples of
# the same direction. Their unit would be as small.
_OF_DIRECTIONS = {"cosine", "correlation"}
SAME_DIRECTION = 1e-14

# Rounding error up to which a negative distance counts as 0.
_ROUNDING = 1e-9

Metric = str | Callable[[np.ndarray, np.ndarray], float]


class PairMetric:
    """Metric with all of its parameters, including those that depend on the data.

    Parameters
    ----------
    metric : str or callable
        A name of `METRICS`, or a callable from two samples to their distance.

    parameters : dict or None, default=None
        Further arguments of :func:`sklearn.metrics.pairwise_distances`.

    X : {ndarray, sparse matrix} of shape (n_samples, n_features) or None, default=None
        Samples from which the variances of "seuclidean" or the covariance of
        "mahalanobis" are computed, unless they are among the parameters.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of these samples; equal ones by default.
    """

    def __init__(
        self,
        metric: Metric,
        parameters: Any = None,
        X: Any = None,
        weights: np.ndarray | None = None,
    ):
        self.metric = metric
        self.parameters = dict(parameters or {})
        if X is not None:
            self.parameters = of_data(metric, X, weights) | self.parameters

    @property
    def name(self) -> str:
        """What an error calls the metric."""
        return f"metric={self.metric!r}"

    def between(self, first: Any, second: Any = None) -> np.ndarray:
        """Compute the distances of some samples from others, or from each other.

        Parameters
        ----------
        first, second : {ndarray, sparse matrix} of shape (n_samples, n_features)
            By default the second are the first.

        Returns
        -------
        ndarray of shape (n_first, n_second), dtype float64

        Raises
        ------
        ValueError
            If a distance is negative or not finite.
        """
        distances = pairwise_distances(
            self._read(first),
            None if second is None else self._read(second),
            metric=self.metric,
            **self.parameters,
        )
        if isinstance(self.metric, str) and self.metric in _OF_NOTHING:
            distances[np.isnan(distances)] = _OF_NOTHING[self.metric]
            if second is None:
                np.fill_diagonal(distances, 0)
        if isinstance(self.metric, str) and self.metric in _OF_DIRECTIONS:
            distances[distances <= SAME_DIRECTION] = 0
        return checked(distances, self.name)

    def _read(self, X):
        if issparse(X) and not (
            isinstance(self.metric, str) and self.metric in _SPARSE
        ):
            X = X.toarray()
        if isinstance(self.metric, str) and self.metric in BOOLEAN:
            return np.asarray(X) != 0
        X = X.astype(np.float64, copy=False)
        if isinstance(self.metric, str) and self.metric in _OF_DIRECTIONS:
            return of_unit_size(X)
        return X


def of_unit_size(X):
    """Divide each dense row by a power of two, so that its largest value is about 1.

    No digit changes. scikit-learn takes dense rows shorter than 2e-15 for zeros when it
    computes their directions.
    """
    if issparse(X):
        return X
    return X * inverse_power(np.abs(X).max(axis=1, keepdims=True))


def of_data(metric, X, weights=None):
    """Compute the parameters of a metric that depend on the data."""
    if not isinstance(metric, str) or metric not in ("seuclidean", "mahalanobis"):
        return {}
    X = X.toarray() if issparse(X) else np.asarray(X, dtype=np.float64)
    if weights is not None:
        covariance = np.atleast_2d(np.cov(X.T, aweights=weights))
    if metric == "seuclidean":
        variances = X.var(axis=0, ddof=1) if weights is None else covariance.diagonal()
        # A constant feature adds 0, over any variance.
        return {"V": np.where(variances > 0, variances, 1.0)}
    if weights is None:
        covariance = np.atleast_2d(np.cov(X.T))
    return {"VI": np.linalg.pinv(covariance, hermitian=True)}


def checked(distances, name):
    """Return distances; raise if one is negative or not finite.

    Parameters
    ----------
    distances : ndarray of shape (n_first, n_second)

    name : str
        Name of their source, for the message.

    Returns
    -------
    ndarray of shape (n_first, n_second)
    """
    distances = np.asarray(distances, dtype=np.float64)
    bad = ~(np.isfinite(distances) & (distances >= -_ROUNDING))
    if bad.any():
        raise ValueError(
            f"{name} gives the distance {distances[bad][0]} for some pair of samples;"
            " distances must be finite numbers of 0 or more"
        )
    return np.maximum(distances, 0)


def check_range(largest, name):
    """Raise if float32 cannot hold distances; all may be 0.

    Parameters
    ----------
    largest : float
        The largest of them.

    name : str
        Name of their source, for the message.
    """
    if largest and not SCALE_RANGE[0] < largest < SCALE_RANGE[1]:
        raise ValueError(
            f"{name} puts samples up to {largest:.3g} apart; float32 codes need a"
            f" largest distance between {SCALE_RANGE[0]:g} and {SCALE_RANGE[1]:g}: use"
            " another unit"
        )


def check_metric(metric, parameters, X):
    """Raise if a metric does not suit the samples, or its parameters are invalid.

    Parameters
    ----------
    metric : str or callable
        A name of `METRICS`, "geodesic" or a callable.

    parameters : dict or None

    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The samples, of finite values.
    """
    check_values(metric, X)
    if isinstance(metric, str) and metric in {*EUCLIDEAN, GEODESIC}:
        if parameters:
            raise ValueError(
                f"metric_params={parameters!r} must be None with metric={metric!r},"
                " which has no parameters of its own"
            )
        return
    try:
        pair = PairMetric(metric, parameters, X[:2])
        _check_parameters(metric, pair.parameters, X.shape[1])
        rows = pair._read(X[:2])
        found = pairwise_distances(rows, metric=metric, **pair.parameters)
    except (TypeError, ValueError, IndexError) as error:
        raise type(error)(
            f"metric={metric!r} with metric_params={parameters!r} fails for the first"
            f" samples of X: {error}"
        ) from error
    if not callable(metric):
        return
    checked(found, f"metric={metric!r}")
    there, back = found[0, 1], metric(*_two(X)[::-1], **dict(parameters or {}))
    if not np.isclose(there, back):
        raise ValueError(
            f"metric={metric!r} gives {there} for the first two samples of X, and"
            f" {back} for them exchanged; it must be symmetric"
        )


def check_values(metric, X, name="X"):
    """Raise if a metric compares features that are 0 or 1, and X has other values."""
    if not isinstance(metric, str) or metric not in BOOLEAN:
        return
    chunks = [X.data] if issparse(X) else (chunk for _, chunk in iterate_chunks(X))
    for chunk in chunks:
        odd = chunk[(chunk != 0) & (chunk != 1)]
        if odd.size:
            raise ValueError(
                f"metric={metric!r} compares features that are 0 or 1, but {name} holds"
                f" {odd.flat[0]}; pass {name} > 0, or use another metric"
            )


def _check_parameters(metric, parameters, n_features):
    """Raise for parameters that SciPy reads without a check."""
    if metric == "mahalanobis":
        shape = np.shape(parameters["VI"])
        if shape != (n_features, n_features):
            raise ValueError(f"VI has shape {shape}, but X has {n_features} features")
    if metric == "minkowski" and not parameters.get("p", 2) > 0:
        raise ValueError(f"p={parameters['p']!r} must be more than 0")


def _two(X):
    """Return two samples, dense."""
    X = X[:2].toarray() if issparse(X) else np.asarray(X[:2], dtype=np.float64)
    return X[0], X[-1]
