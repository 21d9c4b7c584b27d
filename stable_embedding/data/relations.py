"""How samples are related: distances that codes follow, and neighbors."""

from typing import NamedTuple

from scipy.sparse import csr_array

from . import limits
from .geodesic import geodesic_distances
from .input_distances import InputDistances
from .lazy_samples import exceeds_memory
from .metric_distances import ChordDistances, MetricDistances, distances_of_metric
from .metrics import GEODESIC, PairMetric
from .neighbors import graph_by_distances, neighbor_graph, within_chunks
from .sample_distances import user_distances
from .sample_weights import weights_at
from .subsample import smallest_hashes


class Relations(NamedTuple):
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


def find_relations(samples, plan, given, chunks, needs_graph):
    """Find the distances that codes follow, and the neighbors that the loss needs.

    Where codes follow cosines, these distances are chords; neighbors are still those
    of the plan's metric.

    Parameters
    ----------
    samples : ScaledSamples
        Among which Euclidean neighbors are searched, with their hashes.

    plan : TrainingPlan

    given : {ndarray, sparse matrix}, callable or None
        Distances of the user's own.

    chunks : list of slice
        Samples that are read together.

    needs_graph : bool
        Whether neighbors are searched.

    Returns
    -------
    Relations
    """
    if plan.metric == GEODESIC:
        return geodesic_relations(samples, plan, chunks)
    distances, metric = None, None
    if given is not None:
        distances = user_distances(given, len(samples), samples.order, plan.verbose)
    elif plan.has_own_metric:
        metric = metric_of_plan(plan, samples)
        distances = distances_of_metric(
            samples.X, metric, samples.order, samples.mean, samples.scale, plan.verbose
        )
    graph = None
    if needs_graph and distances is not None and isinstance(plan.neighbors, str):
        graph = graph_by_distances(
            distances, metric, plan.n_neighbors, samples, chunks, plan.verbose
        )
    elif needs_graph:
        graph = neighbor_graph(
            plan.neighbors, plan.n_neighbors, samples, chunks, plan.verbose
        )
    if plan.follows_cosines:
        of_rows = distances if isinstance(distances, MetricDistances) else None
        distances = chord_distances(samples, of_rows, plan.verbose)
    return Relations(distances, plan.broadcast(graph))


def geodesic_relations(samples, plan, chunks):
    """Find neighbors among all samples, and distances along paths between them.

    Parameters
    ----------
    samples : ScaledSamples
        With their hashes.

    plan : TrainingPlan

    chunks : list of slice
        Samples that are read together, outside of which the loss needs no neighbors.

    Returns
    -------
    Relations
    """
    everyone = [slice(0, len(samples))]
    graph = plan.broadcast(
        neighbor_graph(
            plan.neighbors, plan.n_neighbors, samples, everyone, plan.verbose
        )
    )
    whole = samples.project(None)
    distances = geodesic_distances(
        graph,
        whole[:] if whole.fit_in_memory else whole,
        smallest_hashes(samples.hashes, limits.LANDMARKS),
        plan.n_components,
        samples.scale,
        plan.verbose,
    )
    return Relations(distances, within_chunks(graph, chunks))


def metric_of_plan(plan, samples):
    """Return the metric of a plan, with what it needs to know of the samples.

    Parameters
    ----------
    plan : TrainingPlan

    samples : ScaledSamples
        With their hashes.

    Returns
    -------
    PairMetric
    """
    if exceeds_memory(samples.X):
        some = smallest_hashes(samples.hashes, limits.SHRINKAGE_SAMPLES)
        typical, weights = samples.X[some], weights_at(samples.weights, some)
    else:
        typical, weights = samples.unscaled(), samples.weights
    return PairMetric(plan.metric, plan.metric_params, typical, weights)


def chord_distances(samples, cosine_distances=None, verbose=False):
    """Return chord distances of the unscaled samples, from cosine distances if given.

    Parameters
    ----------
    samples : ScaledSamples

    cosine_distances : MetricDistances or None, default=None

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
    return ChordDistances(cosine_distances, samples.weights)
