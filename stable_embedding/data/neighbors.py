"""Graphs of nearest neighbors, and positives drawn from them.

A graph is a sparse matrix of shape (n_samples, n_samples) in CSR format. The stored
entries of a row are the neighbors of that sample, whatever their values.
"""

import numpy as np
import torch
from scipy.sparse import csr_array, issparse
from sklearn.base import clone
from sklearn.neighbors import KNeighborsTransformer

from .._progress import progress_bar, progress_over
from . import limits
from .input_distances import nearest
from .row_hash import salted_hash


def neighbor_graph(neighbors, n_neighbors, samples, chunks, verbose=False):
    """Build the graph of nearest neighbors.

    Parameters
    ----------
    neighbors : "auto" or transformer
        With "auto", neighbors are nearest in Euclidean distance, and each chunk is
        searched in the order of `samples`: ties do not depend on the order of X. For a
        transformer see :func:`graph_from_transformer`.

    n_neighbors : int
        Number of neighbors of each sample with "auto". If a chunk has fewer other
        samples, all of them are neighbors.

    samples : ScaledSamples of shape (n_samples, n_features)

    chunks : list of slice
        Samples that are read together. All neighbors of a sample are in its chunk.

    verbose : bool, default=False
        Whether to show a progress bar with "auto".

    Returns
    -------
    csr_array of shape (n_samples, n_samples)

    Raises
    ------
    ImportError
        If a chunk has many samples and pynndescent is not installed.
    """
    if not isinstance(neighbors, str):
        return graph_from_transformer(neighbors, samples, chunks)
    found = []
    for chunk in progress_over(chunks, len(samples), "neighbors", verbose):
        X = samples[chunk]
        search = default_transformer(n_neighbors, len(X))
        found.append(search_chunk(search, X, n_neighbors, chunk))
    return graph_from_counts(*map(np.concatenate, zip(*found)))


def graph_by_distances(distances, metric, n_neighbors, samples, chunks, verbose=False):
    """Build the graph of nearest neighbors by distances of the input.

    Parameters
    ----------
    distances : InputDistances

    metric : PairMetric or None
        What they are computed by from samples as they came, if it is not the user who
        computes them. Neighbors of many samples are then searched by pynndescent, if it
        has this metric, and else by comparing all pairs.

    n_neighbors : int
        Number of neighbors of each sample, fewer where fewer distances are known.

    samples : ScaledSamples of shape (n_samples, n_features)

    chunks : list of slice
        Samples that are read together. All neighbors of a sample are in its chunk.

    verbose : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    csr_array of shape (n_samples, n_samples)
    """
    found = []
    with progress_bar(
        total=len(samples), desc="neighbors", unit="sample", disable=not verbose
    ) as progress:
        for chunk in chunks:
            size = chunk.stop - chunk.start
            search = None
            if size > limits.EXACT_NEIGHBOR_SAMPLES:
                search = approximate_search(metric, n_neighbors, issparse(samples.X))
            if search is None:
                found.append(nearest(distances, n_neighbors, chunk, progress.update))
            else:
                rows = samples.X[samples.index_in_X[chunk]]
                found.append(search_chunk(search, rows, n_neighbors, chunk))
                progress.update(size)
    return graph_from_counts(*map(np.concatenate, zip(*found)))


def search_chunk(transformer, X, n_neighbors, chunk):
    """Search the neighbors of the samples of a chunk among themselves.

    Returns
    -------
    counts : ndarray of shape (n_samples_of_chunk,)
        How many neighbors each has.

    indices : ndarray of int
        Their positions among all samples, one sample's after the other's.
    """
    found = limit_neighbors(search_neighbors(transformer, X), n_neighbors)
    return np.diff(found.indptr), found.indices + chunk.start


def approximate_search(metric, n_neighbors, is_sparse):
    """Return a search of pynndescent for a metric, or None if it has none."""
    if metric is None or not isinstance(metric.metric, str) or metric.parameters:
        return None
    try:
        from pynndescent import PyNNDescentTransformer, distances, sparse
    except ImportError:
        return None
    known = sparse.sparse_named_distances if is_sparse else distances.named_distances
    if metric.metric not in known:
        return None
    return PyNNDescentTransformer(
        n_neighbors=n_neighbors, metric=metric.metric, random_state=0
    )


def graph_from_transformer(transformer, samples, chunks):
    """Build the graph of neighbors that a transformer finds.

    Parameters
    ----------
    transformer : transformer
        Its `fit_transform` turns samples into a sparse graph of neighbors, as
        :class:`sklearn.neighbors.KNeighborsTransformer` does. It is cloned.

    samples : ScaledSamples of shape (n_samples, n_features)
        The transformer sees all of them at once, in the order of X.

    chunks : list of slice
        Samples that are read together. Neighbors in other chunks are dropped, and those
        that are left out of the order.

    Returns
    -------
    csr_array of shape (n_samples, n_samples)

    Raises
    ------
    ValueError, TypeError
        If the transformer returns no such graph, or a graph without neighbors.
    """
    order = samples.index_in_X
    place = np.full(samples.X.shape[0], -1)
    place[order] = np.arange(len(order))
    found = search_neighbors(transformer, samples.in_place()[:])[order]
    targets = place[found.indices]
    counts = np.bincount(edge_sources(found)[targets >= 0], minlength=len(order))
    graph = graph_from_counts(counts, targets[targets >= 0])
    if len(order) > 1 and not graph.nnz:
        raise ValueError(
            f"neighbors={transformer!r} finds no neighbor of any of {len(order)}"
            " samples; it must return a graph that holds neighbors besides each sample"
            " itself"
        )
    # Which neighbor is drawn depends on their order, which may be that of X so far.
    graph.sort_indices()
    return within_chunks(graph, chunks)


def within_chunks(graph, chunks):
    """Copy a graph with only those neighbors that are in the chunk of a sample."""
    chunk_of = np.repeat(np.arange(len(chunks)), [c.stop - c.start for c in chunks])
    return mask_edges(graph, chunk_of[edge_sources(graph)] == chunk_of[graph.indices])


def search_neighbors(transformer, X):
    """Return what a clone of a transformer finds, without self-loops, as a graph."""
    # A user's setting of the output type would turn the graph into a table, or fail.
    transformer = clone(transformer)
    if hasattr(transformer, "set_output"):
        transformer.set_output(transform="default")
    n_threads = torch.get_num_threads()
    try:
        found = transformer.fit_transform(X)
    finally:
        # numba, on which pynndescent runs, gives torch as many as there are cores.
        torch.set_num_threads(n_threads)
    name = f"neighbors={transformer!r}"
    if not issparse(found):
        raise TypeError(
            f"{name} returned a {type(found).__name__}; it must return a sparse graph,"
            " as KNeighborsTransformer does"
        )
    n_samples = X.shape[0]
    if found.shape != (n_samples, n_samples):
        raise ValueError(
            f"{name} returned shape {found.shape} for {n_samples} samples; it must"
            " return a sparse graph of shape (n_samples, n_samples)"
        )
    return remove_self_loops(csr_array(found))


def default_transformer(n_neighbors, n_samples):
    """Choose the neighbor search for a number of samples.

    It counts a sample among its own neighbors, so it is asked for one more.

    Parameters
    ----------
    n_neighbors : int

    n_samples : int

    Returns
    -------
    transformer
        Exact up to `limits.EXACT_NEIGHBOR_SAMPLES`. Beyond, approximate: it takes
        seconds to compile and misses about one neighbor in a hundred.

    Raises
    ------
    ImportError
        If pynndescent is needed and not installed.
    """
    n_others = min(n_neighbors, n_samples - 1)
    if n_samples <= limits.EXACT_NEIGHBOR_SAMPLES:
        return KNeighborsTransformer(mode="connectivity", n_neighbors=n_others + 1)
    try:
        from pynndescent import PyNNDescentTransformer
    except ImportError as error:
        raise ImportError(
            f"neighbors of {n_samples} samples, more than"
            f" {limits.EXACT_NEIGHBOR_SAMPLES}, are found by pynndescent: pip install"
            " 'stable_embedding[neighbors]', or give another search as neighbors"
        ) from error
    # Here `n_neighbors` is without the sample itself, which is found all the same.
    return PyNNDescentTransformer(n_neighbors=n_others, random_state=0)


def graph_from_counts(counts, indices):
    """Build a graph from the number of neighbors of each sample and their indices."""
    indptr = np.concatenate([[0], np.cumsum(counts)])
    shape = (len(counts), len(counts))
    return csr_array((np.ones(len(indices), dtype=np.int8), indices, indptr), shape)


def edge_sources(graph):
    """Return the sample to which each stored entry of a graph belongs."""
    return np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))


def mask_edges(graph, entries):
    """Copy a graph with those stored entries that a mask selects, in their order."""
    marked = (entries.astype(np.int8), graph.indices, graph.indptr)
    graph = csr_array(marked, graph.shape, copy=True)
    graph.eliminate_zeros()
    return graph


def remove_self_loops(graph):
    """Copy a graph without entries of a sample for itself, and without index -1.

    Some searches store -1 for a neighbor that they did not find.
    """
    indices = graph.indices
    return mask_edges(graph, (indices >= 0) & (indices != edge_sources(graph)))


def limit_neighbors(graph, n_neighbors):
    """Copy a graph with at most the first `n_neighbors` neighbors of each sample.

    A sample with many duplicates may be missing from its own list of nearest samples,
    which then holds one neighbor too many.
    """
    rank = np.arange(graph.nnz) - graph.indptr[edge_sources(graph)]
    return mask_edges(graph, rank < n_neighbors)


def restrict_nodes(graph, index):
    """Copy a graph with only those neighbors that are among some samples."""
    chosen = np.zeros(graph.shape[0], dtype=bool)
    chosen[index] = True
    return mask_edges(graph, chosen[graph.indices])


def draw_positives(graph, index, hashes, rng):
    """Draw a positive for each sample: one of its neighbors.

    The sample's hash decides which one. So adding or removing a sample changes few
    positives of the others.

    Parameters
    ----------
    graph : csr_array of shape (n_samples, n_samples)

    index : ndarray of shape (n_drawn,)
        Samples for which to draw.

    hashes : ndarray of shape (n_drawn,), dtype uint64
        Their hashes.

    rng : numpy.random.Generator
        One integer is drawn from it. This salt and the hashes decide the result.

    Returns
    -------
    ndarray of shape (n_drawn,)
        Index of the positives. A sample without neighbors is its own positive.
    """
    first = graph.indptr[index]
    counts = graph.indptr[index + 1] - first
    drawn = salted_hash(hashes, rng) % np.maximum(counts, 1).astype(np.uint64)
    rank = drawn.astype(np.intp)
    positives = index.copy()
    has_any = counts > 0
    positives[has_any] = graph.indices[(first + rank)[has_any]]
    return positives
