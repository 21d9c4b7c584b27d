"""Everything that a fit knows about the data."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_array, issparse
from sklearn.utils import gen_batches
from torch import Tensor

from . import limits
from .duplicates import DistinctSamples, merge_duplicates
from .geodesic import geodesic_distances
from .input_distances import ChordDistances, InputDistances, distances_of_metric
from .labels import is_partial, spread_classes, standardize_targets
from .lazy_samples import LazySamples, chunk_slices, exceeds_memory
from .metrics import GEODESIC, PairMetric
from .neighbors import graph_by_distances, neighbor_graph, within_chunks
from .pca import (
    MAX_COORDINATES,
    NEIGHBOR_AXES,
    flip_signs,
    is_wide,
    narrow_basis,
    principal_axes,
)
from .placement import place_samples, rotated_axes
from .row_hash import hashes_in_place
from .sample_distances import user_distances
from .sample_weights import normalized, weights_at
from .scaling import ScaledSamples, mean_and_scale
from .shrinkage import alpha_of_size, auto_alpha, auto_alpha_of_places
from .subsample import smallest_hashes


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
        How many samples of the user each of these stands for, in the mean.
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


@dataclass(frozen=True)
class TrainingData:
    """Everything that a fit knows about the data.

    Attributes
    ----------
    samples : ScaledSamples
        All distinct samples, in an order that depends on their content.

    subset : ndarray of shape (n_subset, n_features)
        Scaled samples that stand for all where axes and frames are found.

    estimation_subset : ndarray of shape (n_few, n_features)
        Few of them, on which constants of the loss are estimated.

    subset_weights, estimation_weights : ndarray or None
        Weights of the samples of both subsets; None where all are the same.

    axes : ndarray of shape (n_components, n_features)
        Principal axes.

    basis : ndarray of shape (n_coordinates, n_features) or None
        Narrow basis that the training works in.

    discarded_variance : float
        Fraction of the variance that the basis does not hold.

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
    subset: np.ndarray
    estimation_subset: np.ndarray
    subset_weights: np.ndarray | None
    estimation_weights: np.ndarray | None
    axes: np.ndarray
    basis: np.ndarray | None
    discarded_variance: float
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
        X: Any,
        labels: np.ndarray | None,
        plan: Any,
        scaling: tuple[np.ndarray, float, float] | None = None,
        n_seen: float = 0,
        reference: np.ndarray | None = None,
        distances: Any = None,
        weights: np.ndarray | None = None,
    ) -> "TrainingData":
        """Scale and order samples, and find their subspace, graph and weight decay.

        Parameters
        ----------
        X : {ndarray, sparse matrix} of shape (n_samples, n_features)
            Validated samples.

        labels : ndarray of shape (n_samples,) or None
            Label of each sample.

        plan : TrainingPlan
            What the parameters decide.

        scaling : tuple of ndarray, float and float or None, default=None
            Mean, scale and unit of codes of the training that is resumed; those of X by
            default.

        n_seen : float, default=0
            Sum of the weights of samples of earlier trainings.

        reference : ndarray of shape (n_samples, n_components) or None, default=None
            Codes of an earlier map; nan where a sample has none.

        distances : {ndarray, sparse matrix}, callable or None, default=None
            Distances that codes follow, checked; by default those of a metric.

        weights : ndarray of shape (n_samples,) or None, default=None
            Weights, checked; 1 for each by default.
        """
        spreads = bool(plan.label_weight) and is_partial(labels)
        needs_graph = plan.neighbor_weight > 0 or spreads or plan.metric == GEODESIC
        # Of distances or neighbors that the user finds, each sample has its own.
        finds_own = needs_graph and not isinstance(plan.neighbors, str)
        merge = distances is None and not finds_own
        order, hashes, weights, mean_weight = weigh(
            distinct_samples(X, labels, reference, weights, merge)
        )
        mean, scale, code_scale = scaling or (*mean_and_scale(X, order, weights), None)
        is_constant, scale = not scale, scale or 1.0
        samples = ScaledSamples(X, mean, scale, order)
        subset_index = representative_samples(samples, hashes, plan.n_components)
        subset, subset_hashes = samples[subset_index], hashes[subset_index]
        subset_weights = weights_at(weights, subset_index)
        n_here = as_count(len(hashes) * mean_weight)
        n_trained_on = n_here + (n_seen if scaling else 0)
        subspace = find_subspace(
            samples, subset, plan, needs_graph, weights, subset_weights
        )
        some = smallest_hashes(subset_hashes, limits.SHRINKAGE_SAMPLES)
        alpha = weight_decay(
            plan,
            subset[some],
            subspace.axes,
            n_trained_on,
            weights_at(subset_weights, some),
        )
        (axes, basis, neighbor_axes), alpha = plan.broadcast((subspace, alpha))
        inputs = training_inputs(samples, subset, basis)
        found = find_distances(
            samples.project(neighbor_axes),
            hashes,
            plan,
            distances,
            chunk_slices(inputs),
            needs_graph,
            weights,
        )
        labels = labels_in_order(labels, order, weights)
        if spreads:
            labels = spread_classes(labels, found.graph)
        layout = Layout(code_scale or scale, None, axes, subset @ axes.T, alpha)
        if found.distances is not None:
            layout = lay_out(
                layout,
                found.distances,
                code_scale,
                samples,
                subset_index,
                smallest_hashes(hashes, limits.LANDMARKS),
                plan,
                n_trained_on,
                weights,
            )
        if reference is not None:
            reference = reference if order is None else reference[order]
            reference = reference / layout.code_scale
        few = smallest_hashes(subset_hashes, limits.ESTIMATION_SAMPLES)
        return cls(
            samples,
            subset,
            subset[few],
            subset_weights,
            weights_at(subset_weights, few),
            layout.axes,
            basis,
            0.0 if basis is None else discarded_variance(inputs, weights),
            found.distances,
            layout.places,
            layout.code_scale,
            layout.frame,
            layout.alpha,
            is_constant,
            n_seen + n_here,
            n_here / n_trained_on,
            TrainingSet(
                inputs,
                hashes,
                found.graph if plan.neighbor_weight else None,
                None if labels is None else torch.from_numpy(labels),
                reference,
                weights,
                mean_weight,
            ),
        )

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


def distinct_samples(X, labels=None, reference=None, weights=None, merge=True):
    """Order samples by content, and merge those that are equal if that is wanted.

    Large arrays are read as they lie, and have no other order.
    """
    if exceeds_memory(X):
        weights = np.ones(X.shape[0]) if weights is None else weights
        return DistinctSamples(None, hashes_in_place(X), weights)
    return merge_duplicates(X, weights, labels, reference, merge=merge)


def weigh(distinct):
    """Return order and hashes of samples, weights of mean 1 or None, and their mean."""
    return *distinct[:2], *normalized(distinct.weights)


def as_count(total):
    """Return a sum of weights as an integer if it is one, up to rounding."""
    nearest = round(total)
    is_whole = abs(total - nearest) <= 4 * np.finfo(np.float64).eps * total
    return nearest if is_whole else total


def labels_in_order(labels, order, weights):
    """Return labels in the order of the samples, numbers standardized by weights."""
    if labels is None:
        return None
    if order is not None:
        labels = labels[order]
    if labels.dtype.kind != "f":
        return labels
    if weights is not None:
        labels = standardize_targets(labels, weights)
    return labels.astype(np.float32)


def representative_samples(samples, hashes, n_components):
    """Choose the samples that stand for all where axes and frames are found.

    All of them if they can be held, else those with the smallest hashes.

    Parameters
    ----------
    samples : ScaledSamples

    hashes : ndarray of shape (n_samples,)

    n_components : int

    Returns
    -------
    ndarray of int of shape (n_subset,)
        Their positions.
    """
    sparse = issparse(samples.X)
    if not sparse and samples.order is not None:  # they are held
        return np.arange(len(samples))
    n_bytes = limits.SPARSE_SUBSET_BYTES if sparse else limits.SUBSET_BYTES
    most = max(
        n_bytes // samples.sample_bytes,
        limits.SUBSET_SAMPLES,
        limits.SUBSET_SAMPLES_PER_COMPONENT * n_components,
    )
    return smallest_hashes(hashes, most)


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


def lay_out(
    layout, distances, unit, samples, subset_index, landmarks, plan, n_samples, weights
):
    """Adapt a layout to distances that are not the Euclidean ones of the samples.

    Parameters
    ----------
    layout : Layout
        That of principal axes.

    distances : InputDistances

    unit : float or None
        The unit of codes of an earlier training, if it is kept.

    samples : ScaledSamples

    subset_index, landmarks : ndarray of int
        Positions of the subset, and of the samples by which others are placed.

    plan : TrainingPlan

    n_samples : float
        Number of samples trained on.

    weights : ndarray of shape (n_samples,) or None

    Returns
    -------
    Layout
    """
    _, _, axes, frame, alpha = layout
    near = samples[landmarks]
    placed = place_samples(
        distances, landmarks, near, plan.n_components, unit, weights, plan.verbose
    )
    places = placed.coordinates
    if places is not None and plan.guided:
        axes = rotated_axes(axes, near, places[landmarks])
        frame = places[subset_index]
    if places is not None and plan.alpha == "auto" and plan.init == "pca":
        of_places = auto_alpha_of_places(
            places[landmarks],
            near @ axes.T,
            placed.landmark_distances,
            n_samples,
            weights_at(weights, landmarks),
        )
        alpha = min(alpha, of_places)
    return Layout(placed.unit, places, axes, frame, alpha)


class FoundDistances(NamedTuple):
    """Distances that codes follow, and neighbors.

    Attributes
    ----------
    distances : InputDistances or None
        None where they are the Euclidean ones of the samples.

    graph : csr_array of shape (n_samples, n_samples) or None
        Neighbors, from which positives are drawn.
    """

    distances: InputDistances | None
    graph: csr_array | None


def find_distances(samples, hashes, plan, given, chunks, needs_graph, weights=None):
    """Find the distances that codes follow, and the neighbors that the loss needs.

    Where codes follow cosines, these distances are chords; neighbors are still those
    of the plan's metric.

    Parameters
    ----------
    samples : ScaledSamples
        Among which Euclidean neighbors are searched.

    hashes : ndarray of shape (n_samples,)

    plan : TrainingPlan

    given : {ndarray, sparse matrix}, callable or None
        Distances of the user's own.

    chunks : list of slice
        Samples that are read together.

    needs_graph : bool
        Whether neighbors are searched.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; equal ones by default.

    Returns
    -------
    FoundDistances
    """
    if plan.metric == GEODESIC:
        everyone = [slice(0, len(samples))]
        graph = neighbor_graph(
            plan.neighbors, plan.n_neighbors, samples, everyone, plan.verbose
        )
        graph = plan.broadcast(graph)
        landmarks = smallest_hashes(hashes, limits.LANDMARKS)
        distances = geodesic_distances(
            graph, samples[:], landmarks, plan.n_components, plan.verbose
        )
        return FoundDistances(distances, within_chunks(graph, chunks))
    distances, metric = None, None
    if given is not None:
        distances = user_distances(given, len(samples), samples.order, plan.verbose)
    elif plan.has_own_metric:
        typical, typical_weights = samples.X, weights
        if exceeds_memory(typical):
            some = smallest_hashes(hashes, limits.SHRINKAGE_SAMPLES)
            typical, typical_weights = typical[some], weights_at(weights, some)
        elif weights is not None or len(samples) < typical.shape[0]:
            typical = typical[samples.order]
        metric = PairMetric(plan.metric, plan.metric_params, typical, typical_weights)
        distances = distances_of_metric(
            samples.X, metric, samples.order, samples.mean, samples.scale, plan.verbose
        )
    followed = distances
    if plan.follows_cosines:
        followed = chord_distances(samples, distances, weights, plan.verbose)
    if not needs_graph:
        return FoundDistances(followed, None)
    if distances is not None and isinstance(plan.neighbors, str):
        graph = graph_by_distances(
            distances, metric, plan.n_neighbors, samples, chunks, plan.verbose
        )
    else:
        graph = neighbor_graph(
            plan.neighbors, plan.n_neighbors, samples, chunks, plan.verbose
        )
    return FoundDistances(followed, plan.broadcast(graph))


def chord_distances(samples, cosine_distances=None, weights=None, verbose=False):
    """Return chords of samples as they came, from cosine distances if they are there.

    Parameters
    ----------
    samples : ScaledSamples

    cosine_distances : MetricDistances or None, default=None

    weights : ndarray of shape (n_samples,) or None, default=None

    verbose : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    ChordDistances
    """
    if cosine_distances is None:
        cosine_distances = distances_of_metric(
            samples.X,
            PairMetric("cosine"),
            samples.order,
            samples.mean,
            samples.scale,
            verbose,
        )
    return ChordDistances(cosine_distances, weights)


def find_subspace(
    samples, subset, plan, needs_graph, weights=None, subset_weights=None
):
    """Find principal axes, and where they are wanted a narrow basis and neighbor axes.

    Parameters
    ----------
    samples : ScaledSamples

    subset : ndarray of shape (n_subset, n_features)

    plan : TrainingPlan

    needs_graph : bool
        Whether neighbors are searched.

    weights, subset_weights : ndarray or None, default=None
        Weights of the samples and of the subset; equal ones by default.

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
    seen, seen_weights = subset, subset_weights
    if issparse(samples.X) and len(subset) < len(samples):
        seen, seen_weights = samples.X, weights
        if weights is not None or len(samples) < samples.X.shape[0]:
            seen = samples.X[samples.order]
    axes, variance_ratios = principal_axes(seen, n_axes, seen_weights)
    return Subspace(
        flip_signs(axes[: plan.n_components], subset, subset_weights),
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
    """Return what is trained on, in a basis or None: a tensor if it can be held."""
    if len(subset) == len(samples) and not issparse(samples.X):
        return torch.from_numpy(subset if basis is None else subset @ basis.T)
    samples = samples.project(basis)
    too_large = samples.sample_bytes * len(samples) > limits.IN_MEMORY_BYTES
    if too_large or (issparse(samples.X) and basis is None):
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


def weight_decay(plan, subset, axes, n_samples, weights=None):
    """Return the weight decay that a plan names, or one that suits the data."""
    if plan.alpha != "auto":
        return plan.alpha
    if plan.init == "random":
        return 0.0
    alpha = auto_alpha(subset, axes, n_samples, weights)
    # Labels say what the residuals of PCA may not: no doubt about these holds the map.
    return min(alpha, alpha_of_size(n_samples)) if plan.label_weight else alpha
