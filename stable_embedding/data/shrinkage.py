"""Choose the weight decay, which shrinks the network toward PCA, from the data."""

from typing import NamedTuple

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches

from . import limits

# Neighbors by which the residual of a sample is predicted, with the one at whose
# distance weights fall to 0.
_N_NEIGHBORS = 9

# How much beyond that distance weights reach 0, as a fraction of it: neighbors that are
# all at one distance have equal weights.
_MARGIN = 1e-3

# Number of standard errors that are subtracted from the fraction.
_CAUTION = 0.75

# Below this predictable fraction of the residuals, alpha increases.
_CLEAR_FRACTION = 0.03

# Below this unexplained fraction of the variance, alpha increases: the network can gain
# little, and can easily lose more of what PCA explains.
_CLEAR_RESIDUAL = 0.05

_TINY = np.finfo(np.float64).tiny

# At the largest weight decay the embedding is that of PCA.
_MAX_ALPHA = 100.0


def predictable_fraction(samples, axes, weights=None):
    r"""Estimate the fraction of PCA's residuals that the scores predict.

    A decoder computes all that it adds to PCA from the codes. Here the residual of each
    sample is predicted by the weighted mean residual of its eight nearest neighbors by
    the scores, without the sample itself. Their weights :math:`v_j` fall with the
    squared distance, to 0 at the ninth, so that the estimate changes little when a
    sample enters or leaves. If residuals do not depend on the scores, this mean adds
    :math:`\sum_j v_j^2` of their variance to the error. The estimate is corrected for
    that, and lowered by three quarters of its standard error: a few samples that lie
    far out may be predicted by chance.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, n_features)
        Centered.

    axes : ndarray of shape (n_components, n_features)
        Principal axes.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; equal ones by default.

    Returns
    -------
    float
        About 0 or less if a network cannot improve on PCA (noise, linear factors), near
        1 if the residuals are a smooth function of the scores.
    """
    scores = samples @ axes.T
    residuals = samples - scores @ axes
    if np.square(residuals).sum() <= 1e-6 * np.square(samples).sum():
        return 0.0
    n_neighbors = min(_N_NEIGHBORS, len(samples) - 1)
    nearest = NearestNeighbors(n_neighbors=n_neighbors).fit(scores)
    distances, index = nearest.kneighbors()
    return predicted_by(residuals, distances, index, weights)


def weights_of_neighbors(distances, given=1.0):
    """Return weights that fall with the squared distance, to 0 at the last neighbor.

    This is Epanechnikov's kernel, as wide as the distance of the last neighbor, times
    the weight that each neighbor has by itself.

    Parameters
    ----------
    distances : ndarray of shape (n_samples, n_neighbors)
        From each sample, in ascending order.

    given : ndarray of shape (n_samples, n_neighbors) or float, default=1.0
        Weights of the neighbors by themselves.

    Returns
    -------
    ndarray of shape (n_samples, n_neighbors)
        Each row adds up to 1, or to 0 if no neighbor has a weight. The last column is
        about 0, unless all neighbors are at one distance, where `given` decides.
    """
    width = (1 + _MARGIN) * distances[:, -1:]
    weights = given * (1 - np.square(distances / np.where(width > 0, width, 1)))
    return weights / weights.sum(axis=1, keepdims=True).clip(min=_TINY)


def predicted_by(residuals, distances, index, weights=None):
    """Estimate the fraction of residuals that those of the nearest neighbors predict.

    Parameters
    ----------
    residuals : ndarray of shape (n_samples, n_values)

    distances, index : ndarray of shape (n_samples, n_neighbors)
        Distances and indices of the neighbors of each sample, the nearest first.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples, of mean 1; equal ones by default.

    Returns
    -------
    float
        As of :func:`predictable_fraction`.
    """
    given = 1.0 if weights is None else weights[index]
    nearness = weights_of_neighbors(distances, given)
    squares = np.square(residuals).sum(axis=1)
    total = squares.sum()
    errors = []
    for part in gen_batches(len(residuals), limits.RESIDUAL_SAMPLES):
        predicted = (nearness[part, np.newaxis] @ residuals[index[part]])[:, 0]
        errors.append(np.square(residuals[part] - predicted).sum(axis=1))
    left = np.concatenate(errors) / (1 + np.square(nearness).sum(axis=1))
    if weights is None:
        roots, fraction = 1.0, 1 - left.sum() / total
    else:
        total = weights @ squares
        roots, fraction = np.sqrt(weights), 1 - weights @ left / total
    # Of a ratio of two sums, from what each sample adds to them.
    added = roots * ((1 - fraction) * squares - left)
    standard_error = np.square(added).sum() ** 0.5 / total
    return float(fraction - _CAUTION * standard_error)


def alpha_of_size(n_samples):
    """Return the weight decay for a number of samples if residuals are predictable."""
    return (1_000 / n_samples) ** 1.2


def auto_alpha(samples, axes, n_samples, weights=None):
    r"""Choose the weight decay of a network that starts as PCA.

    The value is :math:`(1000/n)^{1.2}`, multiplied by :math:`(0.03/p)^2` if the
    predictable fraction :math:`p` of the residuals is below 0.03, and by
    :math:`(0.05/r)^{1/2}` if the residuals' fraction :math:`r` of the variance is below
    0.05. It is 100 at most.

    Parameters
    ----------
    samples : ndarray of shape (n_given, n_features)
        Samples to train on, or a subset of them, scaled to unit total variance.

    axes : ndarray of shape (n_components, n_features)
        Their principal axes.

    n_samples : float
        Number :math:`n` of all samples seen.

    weights : ndarray of shape (n_given,) or None, default=None
        Weights of the samples that are given; equal ones by default.

    Returns
    -------
    float
        Weight decay for samples of unit total variance.
    """
    fraction = predictable_fraction(samples, axes, weights)
    if fraction <= 0:
        return _MAX_ALPHA
    squares = np.square(samples - samples @ axes.T @ axes)
    if weights is None:
        residual = squares.sum() / len(samples)
    else:
        residual = np.average(squares.sum(axis=1), weights=weights)
    return _alpha(fraction, residual, n_samples)


def auto_alpha_of_places(places, scores, distances, n_samples, weights=None):
    """Choose the weight decay of an encoder that starts as PCA and has places to meet.

    As :func:`auto_alpha`, where residuals are those of places by the scores, and
    neighbors are those by the distances of the input.

    Parameters
    ----------
    places : ndarray of shape (n_given, n_components)
        Where the codes of some samples should lie, centered.

    scores : ndarray of shape (n_given, n_components)
        Where they start, centered.

    distances : ndarray of shape (n_given, n_given)
        Distances of these samples in the input.

    n_samples : float
        Number of all samples seen.

    weights : ndarray of shape (n_given,) or None, default=None
        Weights of the samples that are given; equal ones by default.

    Returns
    -------
    float
        Weight decay for samples of unit total variance.
    """
    residuals = places - scores
    roots = 1.0 if weights is None else np.sqrt(weights)[:, None]
    total = np.square(roots * places).sum()
    lost = np.square(roots * residuals).sum()
    if lost <= 1e-6 * total:
        return _MAX_ALPHA
    # Places that are all alike have no size that residuals could be a fraction of.
    residual = lost / total if total > _TINY else 1.0
    n_neighbors = min(_N_NEIGHBORS, len(places) - 1)
    others = distances + np.diag(np.full(len(places), np.inf))
    index = others.argsort(axis=1, kind="stable")[:, :n_neighbors]
    nearest = np.take_along_axis(others, index, axis=1)
    fraction = predicted_by(residuals, nearest, index, weights)
    return _MAX_ALPHA if fraction <= 0 else _alpha(fraction, residual, n_samples)


def _alpha(fraction, residual, n_samples):
    doubt = max(1.0, _CLEAR_FRACTION / fraction) ** 2
    doubt *= max(1.0, _CLEAR_RESIDUAL / residual) ** 0.5
    return float(min(_MAX_ALPHA, doubt * alpha_of_size(n_samples)))


class Earlier(NamedTuple):
    """What an earlier training found: its weight decay, and for how many samples."""

    alpha: float | None
    n_samples: float


def carried_alpha(alpha, earlier, n_here, n_samples):
    """Return a weight decay between that of the data and that of an earlier training.

    A chunk of a few samples says little about what residuals predict, and so does a
    table in which they can hardly be predicted. So the logarithm of the weight decay is
    a mean of both, by their numbers of samples. That of the earlier training is first
    adapted to the number of samples that there are now.

    Parameters
    ----------
    alpha : float
        Weight decay by the data alone.

    earlier : Earlier
        What the earlier training found.

    n_here, n_samples : float
        Number of samples in the data, and of all that the training stands for.

    Returns
    -------
    float
    """
    if not earlier.alpha:
        return alpha
    growth = alpha_of_size(n_samples) / alpha_of_size(earlier.n_samples)
    before = min(_MAX_ALPHA, earlier.alpha * growth)
    fraction = earlier.n_samples / (earlier.n_samples + n_here)
    return before**fraction * alpha ** (1 - fraction)


def weight_decay(plan, subset, axes, n_here, n_samples, earlier=None):
    """Return the weight decay of a plan, or choose it from the data for "auto"."""
    if plan.alpha != "auto":
        return plan.alpha
    if plan.init == "random":
        return 0.0
    alpha = auto_alpha(subset.samples, axes, n_samples, subset.weights)
    if earlier is not None:
        alpha = carried_alpha(alpha, earlier, n_here, n_samples)
    return min(alpha, alpha_of_size(n_samples)) if plan.gains_beyond_pca else alpha
