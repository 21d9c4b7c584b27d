"""Directions that are found in the data, and the samples along them."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.utils import gen_batches
from torch import Tensor

from . import limits
from .lazy_samples import LazySamples
from .pca import (
    MAX_COORDINATES,
    NEIGHBOR_AXES,
    flip_signs,
    is_wide,
    narrow_basis,
    principal_axes,
)


class Subspace(NamedTuple):
    """Directions that are found in the data.

    Attributes
    ----------
    axes : ndarray of shape (n_components, n_features)
        Principal axes.

    basis : ndarray of shape (n_coordinates, n_features) or None
        Narrow basis that the training works in.

    neighbor_axes : ndarray of shape (n_axes, n_features) or None
        Axes on which neighbors are searched.
    """

    axes: np.ndarray
    basis: np.ndarray | None
    neighbor_axes: np.ndarray | None


def find_subspace(samples, subset, plan, needs_graph):
    """Find principal axes, and where they are wanted a narrow basis and neighbor axes.

    Parameters
    ----------
    samples : ScaledSamples

    subset : Subset
        Samples that stand for all.

    plan : TrainingPlan

    needs_graph : bool
        Whether neighbors are searched.

    Returns
    -------
    Subspace
    """
    narrow = plan.may_project and is_wide(samples.X)
    compare = needs_graph and samples.width > NEIGHBOR_AXES
    n_axes = max(
        plan.n_components,
        MAX_COORDINATES if narrow else 0,
        NEIGHBOR_AXES if compare else 0,
    )
    seen, seen_weights = subset.samples, subset.weights
    if issparse(samples.X) and len(seen) < len(samples):
        seen, seen_weights = samples.unscaled(), samples.weights
    axes, variance_ratios = principal_axes(seen, n_axes, seen_weights)
    return Subspace(
        flip_signs(axes[: plan.n_components], subset.samples, subset.weights),
        narrow_basis(
            axes,
            variance_ratios,
            plan.n_components,
            # Sparse samples of many features are slow to train on as they are, and
            # what a few components explain is in their leading axes.
            at_most_all=issparse(samples.X),
        )
        if narrow
        else None,
        axes[:NEIGHBOR_AXES] if compare else None,
    )


def training_inputs(samples, subset, basis):
    """Return the training inputs: a tensor if they fit in memory.

    Parameters
    ----------
    samples : ScaledSamples

    subset : Subset
        Samples that stand for all, which are used if they are all.

    basis : ndarray of shape (n_coordinates, n_features) or None
        Narrow basis; None for the features.

    Returns
    -------
    Tensor or LazySamples of shape (n_samples, n_inputs)
    """
    held = subset.samples
    if len(held) == len(samples) and not issparse(samples.X):
        return torch.from_numpy(held if basis is None else held @ basis.T)
    samples = samples.project(basis)
    if not samples.fit_in_memory or (issparse(samples.X) and basis is None):
        return LazySamples(samples)
    return torch.from_numpy(samples[:])


def discarded_variance(inputs, weights=None):
    """Fraction of the variance that samples of unit total variance lack in a basis."""
    part = inputs if isinstance(inputs, Tensor) else inputs[inputs.chunks[0]]
    chunks = part.split(limits.CHUNK_SAMPLES)
    squares = torch.cat([chunk.square().sum(1) for chunk in chunks])
    if weights is None:
        return max(0.0, 1 - squares.mean(dtype=torch.float64).item())
    kept = np.average(squares.numpy(), weights=weights[: len(squares)])
    return max(0.0, 1 - float(kept))


def discarded_squares(samples, training_set):
    """Find the squared length that each sample lacks in a narrow basis.

    Parameters
    ----------
    samples : ScaledSamples
        With all features.

    training_set : TrainingSet
        The same samples as they are trained on.

    Returns
    -------
    ndarray of shape (n_samples,), dtype float32
    """
    lost = np.empty(len(samples), dtype=np.float32)
    for part in gen_batches(len(samples), limits.CHUNK_SAMPLES):
        index = np.arange(part.start, part.stop)
        whole = np.square(samples[index]).sum(axis=1)
        kept = np.square(training_set.inputs_of(index)).sum(axis=1)
        lost[part] = whole - kept
    return lost.clip(min=0)
