"""Validate and normalize sample weights."""

import warnings
from numbers import Real

import numpy as np
from sklearn.utils import check_array

from .columns import columns_named
from .containers import readable

# Least sum of weights of a training, which needs two samples.
_LEAST_SUM = 2


def check_weights(sample_weight, n_samples, least=2):
    """Validate sample weights, and return them as an array.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), float or None
        One number stands for the weight of each sample.

    n_samples : int
        Number of samples.

    least : int, default=2
        Least number of samples with a weight above 0.

    Returns
    -------
    ndarray of shape (n_samples,), dtype float64, or None
        None if `sample_weight` is None.

    Raises
    ------
    TypeError, ValueError
        If they are not finite numbers of 0 or more, one for each sample, or too few are
        above 0.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight)
    sample_weight = readable(sample_weight, "sample_weight")
    with columns_named(sample_weight, "sample_weight"):
        weights = check_array(
            sample_weight,
            dtype=np.float64,
            ensure_2d=False,
            ensure_min_samples=0,
            input_name="sample_weight",
        )
    if weights.shape != (n_samples,):
        raise ValueError(
            f"sample_weight has shape {weights.shape}, but it must have {(n_samples,)}:"
            " one weight for each sample of X"
        )
    if weights.min(initial=0) < 0:
        raise ValueError(
            f"sample_weight holds {weights.min()}; weights must be 0 or more"
        )
    n_counted = np.count_nonzero(weights)
    if n_counted < least:
        raise ValueError(
            f"sample_weight is zero for all but {n_counted} of {n_samples} samples; it"
            f" must be above zero for {least} or more"
        )
    with np.errstate(over="ignore"):
        if not np.isfinite(weights.sum()):
            raise ValueError("sample_weight has an infinite sum; divide it by its mean")
    return weights


def warn_of_small_weights(weights):
    """Warn if weights add up to less than two samples, as fractions of 1 do."""
    if weights is None or weights.sum() >= _LEAST_SUM:
        return
    warnings.warn(
        f"sample_weight adds up to {weights.sum():.6g}, so the samples count as so few,"
        " and the embedding is little more than PCA: if the weights only compare"
        " samples, divide them by their mean",
        stacklevel=6,  # where `fit` is called, through two decorators
    )


def weights_at(weights, index):
    """Return the weights of some samples, or None where all count the same."""
    return None if weights is None else weights[index]


def normalized(weights):
    """Divide weights by their mean.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,)
        Of which one or more are above 0.

    Returns
    -------
    weights : ndarray of shape (n_samples,) or None
        Of mean 1; None if all are the same.

    mean : float
        Mean by which the weights were divided.
    """
    if np.ptp(weights) == 0:
        return None, float(weights[0])
    mean = weights.mean()
    return weights / mean, float(mean)


def weighted_percentile(values, percent, weights=None):
    """Compute a percentile of values that are repeated by their weights.

    Parameters
    ----------
    values : ndarray of shape (n_values,)

    percent : float
        Between 0 and 100.

    weights : ndarray of shape (n_values,) or None, default=None
        Weights; 1 for each by default. If they add up to less than the number of values
        that have one, they are scaled to it.

    Returns
    -------
    float
        With integer weights, equal to :func:`numpy.percentile` of the repeated values.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.data.sample_weights import weighted_percentile
    >>> float(weighted_percentile(np.array([1.0, 5.0]), 50, np.array([3, 1])))
    1.0
    """
    if weights is None:
        return np.percentile(values, percent)
    weights = weights * max(1.0, np.count_nonzero(weights) / weights.sum())
    order = np.argsort(values, kind="stable")
    values, until = values[order], np.cumsum(weights[order])
    place = max(0.0, until[-1] - 1) * percent / 100
    below = np.floor(place)
    places = np.minimum([below, below + 1], np.nextafter(until[-1], 0))
    until *= 1 - len(until) * np.finfo(np.float64).eps  # where sums were rounded up
    at = np.searchsorted(until, places, side="right").clip(max=len(values) - 1)
    first, second = values[at]
    return first + (place - below) * (second - first)
