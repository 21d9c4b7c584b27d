"""Warn of samples and features that have nearly all of the variance."""

import warnings

import numpy as np

from ..exceptions import DominatedVarianceWarning
from .chunks import iterate_chunks, rounding_of_means

# Fractions of the variance above which a sample or a feature dominates. A sample must
# also exceed ten times an equal fraction, since each of few samples has a large one.
_SAMPLE_FRACTION = 0.5
_EQUAL_FRACTIONS = 10
_FEATURE_FRACTION = 0.99


def warn_of_dominance(X, mean, names=None, weights=None):
    """Warn if one sample or one feature has nearly all of the variance.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    mean : ndarray of shape (n_features,)
        Mean of each feature.

    names : ndarray of str of shape (n_features,) or None, default=None
        Names of the features.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; equal ones by default.
    """
    n_samples = X.shape[0]
    weights = np.ones(n_samples) if weights is None else weights / weights.mean()
    of_samples, of_features = squared_deviations(X, mean, weights)
    total = of_features.sum()
    if not 0 < total < np.inf:
        return
    at, fraction = largest_fraction(of_samples, total)
    if fraction > max(_SAMPLE_FRACTION, _EQUAL_FRACTIONS / n_samples):
        whose = f"sample {at} of X (counted from 0)"
        advice = (
            "if it holds a sentinel or a value in another unit, correct it or drop the"
            " sample; else clip X or take logarithms, for instance by numpy.log1p"
        )
    else:
        at, fraction = largest_fraction(of_features, total)
        # It is not odd if all other features are constant, up to rounding.
        deviations = np.sqrt(of_features / n_samples)
        rounding = rounding_of_means(mean, n_samples)
        if fraction <= _FEATURE_FRACTION or np.sum(deviations > rounding) == 1:
            return
        whose = f"feature {at if names is None else repr(names[at])} of X"
        advice = (
            "if the features have different units, put a"
            " sklearn.preprocessing.StandardScaler before the estimator; if it holds a"
            " sentinel, correct it; else take its logarithm or clip it"
        )
    percent = f"{100 * fraction:.6g}"
    if percent == "100":
        percent = "more than 99.9999"
    warnings.warn(
        f"{whose} holds {percent} % of the variance, so that the embedding"
        f" shows it and little else: {advice}",
        DominatedVarianceWarning,
        stacklevel=6,  # where `fit` is called, through two decorators
    )


def squared_deviations(X, mean, weights):
    """Sum the squared deviations from a mean of each sample, and of each feature.

    A weight above 1, the mean, stands for several samples, each with its deviation.
    """
    of_samples, of_features = np.empty(X.shape[0]), np.zeros(X.shape[1])
    with np.errstate(over="ignore"):
        for at, chunk in iterate_chunks(X):
            squares = np.square(chunk - mean, dtype=np.float64)
            of_samples[at] = squares.sum(axis=1) * weights[at].clip(max=1)
            of_features += weights[at] @ squares
    return of_samples, of_features


def largest_fraction(values, total):
    """Return the index of the largest value, and its fraction of a total."""
    at = int(values.argmax())
    return at, values[at] / total
