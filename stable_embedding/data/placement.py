"""Where distances of the input would put the samples, and their unit."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import polar

from .classical_scaling import classical_scaling, place_by_landmarks
from .input_distances import InputDistances, SparseMatrixDistances
from .metrics import check_range
from .pca import signed_moment
from .sample_weights import weights_at

# Weight of rotated principal axes beside those of an earlier map.
_PRIOR = 0.01


class Placement(NamedTuple):
    """Where distances of the input would put the samples.

    Attributes
    ----------
    unit : float
        Root of half the mean squared distance of pairs, by which distances and
        coordinates are divided. It is to distances what `scale_` is to Euclidean ones.

    coordinates : ndarray of shape (n_samples, n_components) or None
        Coordinates of classical scaling; None where not all distances are known.

    landmark_distances : ndarray of shape (n_landmarks, n_landmarks)
        Distances among the landmarks, in their own units.
    """

    unit: float
    coordinates: np.ndarray | None
    landmark_distances: np.ndarray


def place_samples(
    distances: InputDistances,
    landmarks: np.ndarray,
    samples: np.ndarray,
    n_components: int,
    unit: float | None = None,
    weights: np.ndarray | None = None,
    verbose: bool = False,
) -> Placement:
    """Find the unit of distances, and coordinates for which they are Euclidean.

    Parameters
    ----------
    distances : InputDistances

    landmarks : ndarray of int of shape (n_landmarks,)
        Positions of samples that stand for all.

    samples : ndarray of shape (n_landmarks, n_features)
        These samples, centered.

    n_components : int
        Number of coordinates.

    unit : float or None, default=None
        The unit of an earlier training, if it is kept.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; equal ones by default.

    verbose : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    Placement

    Raises
    ------
    ValueError
        If float32 cannot hold the distances.
    """
    found = distances.between(landmarks, landmarks)
    of_landmarks = weights_at(weights, landmarks)
    if unit is None:
        check_range(np.nanmax(found, initial=0), distances.name)
        # Known pairs may be so few that landmarks have none among them.
        if isinstance(distances, SparseMatrixDistances):
            unit = unit_of_pairs(*distances.known_pairs(), weights)
        else:
            unit = unit_of(found, of_landmarks)
    if distances.has_unknown:
        return Placement(unit, None, found)
    scaling = classical_scaling(found, n_components, weights=of_landmarks)
    coordinates = place_by_landmarks(distances, landmarks, scaling, verbose) / unit
    coordinates -= np.average(coordinates, axis=0, weights=weights)
    signs = coordinate_signs(coordinates[landmarks], samples, of_landmarks)
    return Placement(unit, coordinates * signs, found)


def unit_of(distances: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the root of half the mean squared distance of pairs, of all samples.

    It is 1 if all are 0.
    """
    first, second = np.nonzero(~np.eye(len(distances), dtype=bool))
    return unit_of_pairs(first, second, distances[first, second], weights)


def unit_of_pairs(
    first: np.ndarray,
    second: np.ndarray,
    distances: np.ndarray,
    weights: np.ndarray | None = None,
) -> float:
    """Return the root of half the mean squared distance of pairs that are known.

    With weights, known pairs stand for all pairs, which count together as often as
    without. It is 1 if all are 0.

    Parameters
    ----------
    first, second : ndarray of int of shape (n_pairs,)
        Positions of both samples of each pair.

    distances : ndarray of shape (n_pairs,)

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of all samples; equal ones by default.

    Returns
    -------
    float
    """
    squares = np.square(distances)
    if not squares.any():
        return 1.0
    if weights is None or not weights.any():
        return float(np.sqrt(squares.mean() / 2))
    weights = weights / weights.mean()
    together = weights[first] * weights[second]
    mean, n_samples = np.mean(squares * together), len(weights)
    n_pairs = n_samples * (n_samples - 1)
    if len(distances) < n_pairs and together.any():
        of_all = (weights.sum() ** 2 - weights @ weights) / n_pairs
        mean *= of_all / together.mean()
    return float(np.sqrt(mean / 2)) or 1.0


def coordinate_signs(
    coordinates: np.ndarray, samples: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Choose signs of coordinates that seldom depend on a few samples.

    Each grows with the features that it is most related to, and points to its far
    samples, as principal axes do. Samples count by their weights.
    """
    weighted = coordinates if weights is None else coordinates * weights[:, None]
    related = samples.T.astype(np.float64) @ weighted
    moment = signed_moment(related, 5) + signed_moment(coordinates, 3, weights)
    return np.where(moment < 0, -1.0, 1.0)


def rotated_axes(
    axes: np.ndarray,
    samples: np.ndarray,
    coordinates: np.ndarray,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Rotate principal axes such that scores lie nearest to coordinates.

    Parameters
    ----------
    axes : ndarray of shape (n_components, n_features)

    samples : ndarray of shape (n_samples, n_features)
        Centered.

    coordinates : ndarray of shape (n_samples, n_components)

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; equal ones by default.

    Returns
    -------
    ndarray of shape (n_components, n_features), dtype float32
    """
    return _rotated(axes, _products(coordinates, samples, weights)).astype(np.float32)


def axes_toward(
    reference: np.ndarray,
    axes: np.ndarray,
    samples: np.ndarray,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Turn principal axes toward the codes of an earlier map.

    Of all orthonormal axes, these have scores with the largest covariance with the
    codes. If the earlier map is PCA of similar samples, they are nearly its axes, even
    where those of the samples are others. The axes of :func:`rotated_axes` are added
    with a small weight: they decide where the codes say nothing.

    Parameters
    ----------
    reference : ndarray of shape (n_samples, n_components)
        Codes of the samples in the earlier map.

    axes : ndarray of shape (n_components, n_features)

    samples : ndarray of shape (n_samples, n_features)

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; equal ones by default.

    Returns
    -------
    ndarray of shape (n_components, n_features), dtype float32
    """
    products = _products(reference, samples, weights)
    size = np.linalg.norm(products) or 1.0
    return _nearest_axes(products + _PRIOR * size * _rotated(axes, products)).astype(
        np.float32
    )


def _products(codes, samples, weights):
    """Return the covariance of codes with samples, times the number of samples."""
    deviations = codes - np.average(codes, axis=0, weights=weights)
    if weights is not None:
        deviations = weights[:, None] * deviations
    return deviations.T @ samples.astype(np.float64)


def _rotated(axes, products):
    """Rotate axes to the largest covariance of scores with codes."""
    return _nearest_axes(products @ axes.T) @ axes


def _nearest_axes(matrix):
    """Return the orthonormal rows that are nearest to those of a matrix."""
    return polar(matrix, side="left")[0]


def has_reference(reference: np.ndarray) -> np.ndarray:
    """Tell which samples have a place in a reference; others are rows of nan."""
    return np.isfinite(reference).all(axis=1)
