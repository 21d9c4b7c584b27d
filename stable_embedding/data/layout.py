"""Where codes start, and where they should lie in the end."""

from typing import NamedTuple

import numpy as np

from . import limits
from .placement import axes_toward, has_reference, place_samples, rotated_axes
from .shrinkage import auto_alpha_of_places
from .subsample import smallest_hashes
from .subset import Subset


class Layout(NamedTuple):
    """Where codes start and end, and how strongly they are held at the start.

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


def find_layout(samples, subset, axes, alpha, distances, plan, *, unit, total_weight):
    """Find where codes start and end: along axes, or where distances put the samples.

    Parameters
    ----------
    samples : ScaledSamples
        With their hashes.

    subset : Subset
        Samples that stand for all.

    axes : ndarray of shape (n_components, n_features)
        Principal axes.

    alpha : float
        Weight decay for codes along these axes.

    distances : InputDistances or None
        Distances that codes follow, if not the Euclidean ones of the samples.

    plan : TrainingPlan

    unit : float or None
        The unit of codes of an earlier training, if it is kept.

    total_weight : float
        Sum of the weights of all samples trained on.

    Returns
    -------
    Layout
    """
    scores = subset.samples @ axes.T
    layout = Layout(unit or samples.scale, None, axes, scores, alpha)
    if distances is None:
        return layout
    weights = samples.weights
    counted = None if weights is None else weights > 0
    chosen = smallest_hashes(samples.hashes, limits.LANDMARKS, counted)
    landmarks = Subset.at(chosen, samples)
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
    layout = layout._replace(code_scale=placed.unit, places=places)
    if places is None:
        return layout
    near = places[landmarks.index]
    if plan.guided:
        axes = rotated_axes(axes, landmarks.samples, near, landmarks.weights)
        layout = layout._replace(axes=axes, frame=places[subset.index])
    if plan.alpha == "auto" and plan.init == "pca":
        of_places = auto_alpha_of_places(
            near,
            landmarks.samples @ axes.T,
            placed.landmark_distances,
            total_weight,
            landmarks.weights,
        )
        layout = layout._replace(alpha=min(alpha, of_places))
    return layout


def turn_toward(reference, layout, samples, subset, basis=None):
    """Turn the axes that a training starts from toward the codes of an earlier map.

    Parameters
    ----------
    reference : ndarray of shape (n_samples, n_components)
        Codes of the samples in the earlier map, in their unit; nan where there is none.

    layout : Layout

    samples : ScaledSamples
        With their hashes.

    subset : Subset
        Samples that stand for all. The axes are found by as many at most.

    basis : ndarray of shape (n_coordinates, n_features) or None, default=None
        Basis that the training works in.

    Returns
    -------
    Layout
        With other axes.
    """
    is_known = has_reference(reference)
    if samples.weights is not None:
        is_known &= samples.weights > 0
    n_kept = min(limits.ESTIMATION_SAMPLES, len(subset.index))
    known = smallest_hashes(samples.hashes, n_kept, is_known)
    old = Subset.at(known, samples.project(basis))
    axes = layout.axes if basis is None else layout.axes @ basis.T
    axes = axes_toward(reference[known], axes, old.samples, old.weights)
    return layout._replace(axes=axes if basis is None else axes @ basis)
