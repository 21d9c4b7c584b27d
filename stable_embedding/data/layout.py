"""Where codes start, and where they should lie in the end."""

from typing import NamedTuple

import numpy as np

from .placement import place_samples, rotated_axes
from .shrinkage import auto_alpha_of_places


class Layout(NamedTuple):
    """How codes are laid out, in the beginning and in the end.

    Attributes
    ----------
    code_scale : float
        Unit of codes.

    places : ndarray of shape (n_samples, n_components) or None
        Where distances would put the samples.

    axes : ndarray of shape (n_components, n_features)
        Axes that a training starts from.

    frame : ndarray of shape (n_subset, n_components)
        Where codes of the subset should lie in the end.

    alpha : float
        Weight decay.
    """

    code_scale: float
    places: np.ndarray | None
    axes: np.ndarray
    frame: np.ndarray
    alpha: float


def lay_out(layout, distances, unit, subset, landmarks, plan, n_samples, weights):
    """Adapt a layout to distances that are not the Euclidean ones of the samples.

    Parameters
    ----------
    layout : Layout
        That of principal axes.

    distances : InputDistances

    unit : float or None
        The unit of codes of an earlier training, if it is kept.

    subset, landmarks : Subset
        Samples that stand for all, and those by which others are placed.

    plan : TrainingPlan

    n_samples : float
        Number of samples trained on.

    weights : ndarray of shape (n_samples,) or None

    Returns
    -------
    Layout
    """
    _, _, axes, frame, alpha = layout
    placed = place_samples(
        distances,
        landmarks.index,
        landmarks.samples,
        plan.n_components,
        unit,
        weights,
        plan.verbose,
    )
    places = placed.coordinates
    if places is None:
        return Layout(placed.unit, None, axes, frame, alpha)
    near = places[landmarks.index]
    if plan.guided:
        axes = rotated_axes(axes, landmarks.samples, near)
        frame = places[subset.index]
    if plan.alpha == "auto" and plan.init == "pca":
        scores = landmarks.samples @ axes.T
        of_places = auto_alpha_of_places(
            near, scores, placed.landmark_distances, n_samples, landmarks.weights
        )
        alpha = min(alpha, of_places)
    return Layout(placed.unit, places, axes, frame, alpha)
