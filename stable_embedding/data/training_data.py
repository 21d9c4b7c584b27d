"""Everything that a fit knows about the data."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from . import limits
from .duplicates import DistinctSamples, merge_duplicates
from .input_distances import InputDistances
from .labels import can_spread, spread_classes, standardize_targets
from .layout import find_layout, turn_toward
from .lazy_samples import LazySamples, chunk_slices, exceeds_memory
from .metrics import GEODESIC
from .relations import find_relations
from .row_hash import hashes_in_place
from .sample_weights import normalized
from .scaling import ScaledSamples, check_not_far, mean_and_scale
from .shrinkage import Earlier, weight_decay
from .subset import Subset, choose_subset
from .subspace import discarded_variance, find_subspace, training_inputs


class GivenData(NamedTuple):
    """What a fit is given, validated.

    Attributes
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Samples.

    labels : ndarray of shape (n_samples,) or None, default=None
        Label of each sample.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights; 1 for each by default.

    reference : ndarray of shape (n_samples, n_components) or None, default=None
        Codes of an earlier map; nan where a sample has none.

    distances : {ndarray, sparse matrix}, callable or None, default=None
        Distances that codes follow; by default those of a metric.
    """

    X: Any
    labels: np.ndarray | None = None
    weights: np.ndarray | None = None
    reference: np.ndarray | None = None
    distances: Any = None


class TrainingSet(NamedTuple):
    """What networks are trained on.

    Attributes
    ----------
    inputs : Tensor or LazySamples of shape (n_samples, n_inputs)
        Scaled samples, or their coordinates in a narrow basis.

    hashes : ndarray of shape (n_samples,), dtype uint64
        Hash of each sample, by which samples are dealt to batches.

    graph : csr_array of shape (n_samples, n_samples) or None, default=None
        Neighbors of each sample, from which its positives are drawn.

    labels : Tensor of shape (n_samples,) or (n_samples, n_classes) or None
        Label of each sample, or how likely it is of each class.

    reference : ndarray of shape (n_samples, n_components) or None, default=None
        Codes of an earlier map, scaled as the samples are; nan where there is none.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weight of each sample, of mean 1; None where all are the same.

    mean_weight : float, default=1.0
        How many samples of the user each of these stands for, on average.
    """

    inputs: Tensor | LazySamples
    hashes: np.ndarray
    graph: csr_array | None = None
    labels: Tensor | None = None
    reference: np.ndarray | None = None
    weights: np.ndarray | None = None
    mean_weight: float = 1.0

    @property
    def total_weight(self) -> float:
        """Sum of the weights that the user gave."""
        return len(self.hashes) * self.mean_weight

    def inputs_of(self, index: np.ndarray) -> np.ndarray:
        """Return the inputs of some samples as an array."""
        return self.inputs[torch.from_numpy(index)].numpy()


@dataclass(frozen=True)
class TrainingData:
    """Everything that a fit knows about the data.

    Attributes
    ----------
    samples : ScaledSamples
        All distinct samples, in an order that depends on their content.

    subset : Subset
        Samples that stand for all where axes and frames are found.

    axes : ndarray of shape (n_components, n_features)
        Principal axes.

    basis : ndarray of shape (n_coordinates, n_features) or None
        Narrow basis that the training works in.

    distances : InputDistances or None
        Distances that codes follow, if not the Euclidean ones of the samples.

    places : ndarray of shape (n_samples, n_components) or None
        Where these distances would put the codes.

    code_scale : float
        Unit of codes.

    frame : ndarray of shape (n_subset, n_components)
        Where the codes of the subset should lie in the end.

    alpha : float
        Weight decay.

    is_constant : bool
        Whether the samples are all alike, so that they have no scale.

    n_samples_seen : int or float
        Sum of the weights of the samples of this training and of earlier ones.

    fraction_of_seen : float
        Sum of the weights, as a fraction of that of all samples trained on.

    training_set : TrainingSet
        What networks are trained on.
    """

    samples: ScaledSamples
    subset: Subset
    axes: np.ndarray
    basis: np.ndarray | None
    distances: InputDistances | None
    places: np.ndarray | None
    code_scale: float
    frame: np.ndarray
    alpha: float
    is_constant: bool
    n_samples_seen: int | float
    fraction_of_seen: float
    training_set: TrainingSet

    @classmethod
    def prepare(
        cls,
        given: GivenData,
        plan: Any,
        *,
        scaling: tuple[np.ndarray, float, float] | None = None,
        n_seen: float = 0,
        earlier: Earlier | None = None,
    ) -> "TrainingData":
        """Scale and order samples, and find their subspace, graph and weight decay.

        Parameters
        ----------
        given : GivenData
            Samples, and what is known of them.

        plan : TrainingPlan
            What the parameters decide.

        scaling : tuple of ndarray, float and float or None, default=None
            Mean, scale and unit of codes of the training that is resumed; those of X by
            default.

        n_seen : float, default=0
            Sum of the weights of samples of earlier trainings.

        earlier : Earlier or None, default=None
            What the training found that is resumed, or that this one follows.
        """
        spreads = bool(plan.label_weight) and can_spread(given.labels)
        needs_graph = plan.neighbor_weight > 0 or spreads or plan.metric == GEODESIC
        # Of distances or neighbors that the user finds, each sample has its own.
        finds_own = needs_graph and not isinstance(plan.neighbors, str)
        merge = given.distances is None and not finds_own
        order, hashes, weights, mean_weight = weigh(distinct_samples(given, merge))
        samples, code_scale, is_constant = scaled(
            given.X, order, hashes, weights, scaling
        )
        subset = choose_subset(samples, plan.n_components)
        if scaling:
            check_not_far(subset.samples)
        n_here = as_count(len(hashes) * mean_weight)
        n_trained_on = n_here + (n_seen if scaling else 0)
        subspace = find_subspace(samples, subset, plan, needs_graph)
        some = subset.smallest(limits.SHRINKAGE_SAMPLES)
        alpha = weight_decay(plan, some, subspace.axes, n_here, n_trained_on, earlier)
        (axes, basis, neighbor_axes), alpha = plan.broadcast((subspace, alpha))
        inputs = training_inputs(samples, subset, basis)
        relations = find_relations(
            samples.project(neighbor_axes),
            plan,
            given.distances,
            chunk_slices(inputs),
            needs_graph,
        )
        layout = find_layout(
            samples,
            subset,
            axes,
            alpha,
            relations.distances,
            plan,
            unit=code_scale,
            total_weight=n_trained_on,
        )
        reference = given.reference
        if reference is not None:
            reference = in_order(reference, order) / layout.code_scale
            starts_anew = plan.init == "pca" and not scaling
            if starts_anew and plan.consensus_weight != 0:
                layout = turn_toward(reference, layout, samples, subset, basis)
        labels = labels_in_order(given.labels, order, weights)
        if spreads:
            labels = spread_classes(labels, relations.graph)
        training_set = TrainingSet(
            inputs,
            hashes,
            graph=relations.graph if plan.neighbor_weight else None,
            labels=None if labels is None else torch.from_numpy(labels),
            reference=reference,
            weights=weights,
            mean_weight=mean_weight,
        )
        return cls(
            samples=samples,
            subset=subset,
            basis=basis,
            distances=relations.distances,
            is_constant=is_constant,
            n_samples_seen=n_seen + n_here,
            fraction_of_seen=n_here / n_trained_on,
            training_set=training_set,
            **layout._asdict(),
        )

    @cached_property
    def estimation_subset(self) -> Subset:
        """Few samples of the subset, on which constants of the loss are estimated."""
        return self.subset.smallest(limits.ESTIMATION_SAMPLES)

    @cached_property
    def discarded_variance(self) -> float:
        """Fraction of the variance that the basis does not hold."""
        if self.basis is None:
            return 0.0
        return discarded_variance(self.training_set.inputs, self.training_set.weights)

    @property
    def mean(self) -> np.ndarray:
        """Mean of each feature."""
        return self.samples.mean

    @property
    def is_order_invariant(self) -> bool:
        """Whether the order of the samples in X does not count."""
        return self.samples.order is not None

    @property
    def scale(self) -> float:
        """Square root of the total variance."""
        return self.samples.scale


def distinct_samples(given, merge=True):
    """Order samples by content, and merge those that are equal if that is wanted.

    Large arrays are read as they lie, and have no other order.
    """
    X, weights = given.X, given.weights
    if exceeds_memory(X):
        weights = np.ones(X.shape[0]) if weights is None else weights
        return DistinctSamples(None, hashes_in_place(X), weights)
    return merge_duplicates(X, weights, given.labels, given.reference, merge=merge)


def scaled(X, order, hashes, weights=None, scaling=None):
    """Scale samples, by the scaling of the training that is resumed if there is one.

    Returns the samples, the unit of codes that is kept, or None, and whether the
    samples are all alike.
    """
    mean, scale, code_scale = scaling or (*mean_and_scale(X, order, weights), None)
    samples = ScaledSamples(
        X, mean, scale or 1.0, order, hashes=hashes, weights=weights
    )
    return samples, code_scale, not scale


def weigh(distinct):
    """Return order and hashes of samples, weights of mean 1 or None, and their mean."""
    return *distinct[:2], *normalized(distinct.weights)


def as_count(total):
    """Return a sum of weights as an integer if it is one, up to rounding."""
    nearest = round(total)
    is_whole = abs(total - nearest) <= 4 * np.finfo(np.float64).eps * total
    return nearest if is_whole else total


def in_order(values, order):
    """Return values of the samples in X in the order of the samples."""
    return values if order is None else values[order]


def labels_in_order(labels, order, weights):
    """Return labels in the order of the samples, numbers standardized by weights."""
    if labels is None:
        return None
    labels = in_order(labels, order)
    if labels.dtype.kind != "f":
        return labels
    if weights is not None:
        labels = standardize_targets(labels, weights)
    return labels.astype(np.float32)
