"""Geodesic distances: shortest paths in a graph of neighbors."""

import warnings
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.utils import gen_batches

from .._progress import progress_over
from . import limits
from .classical_scaling import classical_scaling
from .input_distances import CoordinateDistances, InputDistances, MatrixDistances
from .metrics import GEODESIC
from .neighbors import edge_sources

# Largest number of coordinates that approximate the distances of many samples.
_MAX_COORDINATES = 50

# What an error calls the distances.
_NAME = f"metric={GEODESIC!r}"

# Shorter edges are raised to this, because a length of 0 is a missing edge to SciPy.
_SHORTEST = np.finfo(np.float64).tiny


def edge_lengths(graph, samples):
    """Return the Euclidean length of each edge of a graph.

    Parameters
    ----------
    graph : csr_array of shape (n_samples, n_samples)

    samples : ndarray of shape (n_samples, n_features)

    Returns
    -------
    ndarray of shape (n_edges,), dtype float64
    """
    sources, lengths = edge_sources(graph), np.empty(graph.nnz)
    row_bytes = samples[:1].astype(np.float64).nbytes
    n_at_once = min(limits.CHUNK_SAMPLES, max(1, limits.CHUNK_BYTES // row_bytes))
    for part in gen_batches(graph.nnz, n_at_once):
        differences = samples[sources[part]] - samples[graph.indices[part]]
        lengths[part] = np.linalg.norm(differences.astype(np.float64), axis=1)
    return lengths


def connect_components(edges, samples):
    """Connect the components of a graph by their nearest samples.

    The smallest component is connected first, by the shortest edge to a sample outside.

    Parameters
    ----------
    edges : csr_array of shape (n_samples, n_samples)
        Lengths of edges.

    samples : ndarray of shape (n_samples, n_features)

    Returns
    -------
    edges : csr_array of shape (n_samples, n_samples)
        Graph with one more edge for each component but one.

    n_parts : int
        Number of components before they were connected.
    """
    n_parts, part_of = connected_components(edges, directed=False)
    sources, targets, lengths = [], [], []
    for _ in range(n_parts - 1):
        labels, sizes = np.unique(part_of, return_counts=True)
        inside = part_of == labels[sizes.argmin()]
        within, outside = np.flatnonzero(inside), np.flatnonzero(~inside)
        nearest, distances = pairwise_distances_argmin_min(
            samples[within], samples[outside]
        )
        at = distances.argmin()
        source, target = within[at], outside[nearest[at]]
        part_of[within] = part_of[target]
        sources.append(source)
        targets.append(target)
        ends = samples[np.array([source, target])]
        lengths.append(max(np.linalg.norm(ends[0] - ends[1]), _SHORTEST))
    bridges = csr_array((lengths, (sources, targets)), shape=edges.shape)
    return csr_array(edges + bridges), n_parts


def shortest_paths(edges: Any, sources: np.ndarray, verbose: bool) -> np.ndarray:
    """Compute the lengths of shortest paths from some nodes to all.

    Parameters
    ----------
    edges : csr_array of shape (n_samples, n_samples)
        Lengths of edges.

    sources : ndarray of int of shape (n_sources,)

    verbose : bool
        Whether to show a progress bar.

    Returns
    -------
    ndarray of shape (n_sources, n_samples), dtype float64
    """
    paths = np.empty((len(sources), edges.shape[0]))
    parts = gen_batches(len(sources), limits.PATH_SOURCES)
    for part in progress_over(parts, len(sources), "paths", verbose):
        paths[part] = dijkstra(edges, directed=False, indices=sources[part])
    return paths


def geodesic_distances(
    graph: Any,
    samples: Any,
    landmarks: np.ndarray,
    n_components: int,
    unit: float = 1.0,
    verbose: bool = False,
) -> InputDistances:
    """Compute the lengths of shortest paths in a graph of neighbors.

    With up to 5,000 samples, all pairs are computed. With more, only paths from
    landmarks are, and distances of coordinates approximate the others.

    Parameters
    ----------
    graph : csr_array of shape (n_samples, n_samples)
        Neighbors of each sample.

    samples : {ndarray, ScaledSamples} of shape (n_samples, n_features)
        With all features, between which paths are measured.

    landmarks : ndarray of int of shape (n_landmarks,)
        Positions of the landmarks, a subset of the samples.

    n_components : int
        Least number of coordinates.

    unit : float, default=1.0
        Number by which the samples were divided. Lengths of paths are multiplied by it.

    verbose : bool, default=False
        Whether to show progress bars.

    Returns
    -------
    InputDistances

    References
    ----------
    J. B. Tenenbaum, V. de Silva and J. C. Langford, "A global geometric framework for
    nonlinear dimensionality reduction", Science 290, 2000.
    """
    lengths = np.maximum(edge_lengths(graph, samples), _SHORTEST)
    edges = csr_array((lengths, graph.indices, graph.indptr), graph.shape)
    edges, n_parts = connect_components(edges, samples)
    if n_parts > 1:
        warnings.warn(
            f"the graph of neighbors has {n_parts} connected components; for geodesic"
            " distances they are joined by their nearest samples: raise n_neighbors for"
            " fewer components",
            UserWarning,
            stacklevel=10,  # where `fit` is called, through two decorators
        )
    if len(samples) <= limits.ALL_PAIRS_SAMPLES:
        paths = shortest_paths(edges, np.arange(len(samples)), verbose)
        return MatrixDistances((unit * paths).astype(np.float32), name=_NAME)
    paths = shortest_paths(edges, landmarks, verbose)
    scaling = classical_scaling(paths[:, landmarks], n_components, _MAX_COORDINATES)
    parts = gen_batches(len(samples), max(1, limits.PAIRS_AT_ONCE // len(landmarks)))
    coordinates = np.concatenate([scaling(paths[:, part].T) for part in parts])
    return CoordinateDistances(coordinates, unit, _NAME)
