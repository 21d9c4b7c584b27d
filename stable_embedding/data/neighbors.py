"""Graphs of nearest neighbors, and partners that are drawn from them.

A graph is a sparse matrix of shape (n_rows, n_rows) in CSR format whose stored entries
are the neighbors of a row, whatever their values.
"""

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors
from tqdm.auto import tqdm

from ..data.row_hash import salted_hash

# Up to so many rows are compared with all others; of more, neighbors are found by
# descent in a graph, which takes seconds to compile and misses one in a hundred.
_COMPARED_ROWS = 20_000


def nearest_neighbors(rows, n_neighbors):
    """Find the nearest neighbors of each row, those of many rows nearly.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), dtype float32

    n_neighbors : int
        Below the number of rows.

    Returns
    -------
    ndarray of shape (n_rows, n_found)
        Index of the neighbors; where one is missing the row itself. Some rows of many
        may have one more than were asked for.

    Raises
    ------
    ImportError
        If there are many rows and pynndescent is not installed.
    """
    if len(rows) <= _COMPARED_ROWS:
        search = NearestNeighbors(n_neighbors=n_neighbors).fit(rows)
        return search.kneighbors(return_distance=False)
    try:
        from pynndescent import NNDescent
    except ImportError as error:
        raise ImportError(
            f"neighbors of {len(rows)} rows, more than {_COMPARED_ROWS}, are found by"
            " pynndescent: pip install 'stable_embedding[neighbors]', or give another"
            " search as neighbors"
        ) from error
    search = NNDescent(rows, n_neighbors=n_neighbors + 1, random_state=0)
    found = search.neighbor_graph[0]
    return np.where(found < 0, np.arange(len(rows))[:, None], found)


def neighbor_graph(rows, n_neighbors, chunks, verbose=False):
    """Build the graph of nearest neighbors.

    Parameters
    ----------
    rows : ScaledSamples of shape (n_rows, n_features)
        What is compared, by Euclidean distances.

    n_neighbors : int
        Number of neighbors of each row. Where there are fewer others, all of them.

    chunks : list of slice
        Rows that are read together, and have their neighbors among each other.

    verbose : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    csr_array of shape (n_rows, n_rows)
    """
    n_rows = len(rows)
    neighbors = []
    with tqdm(
        total=n_rows, desc="neighbors", unit="row", disable=not verbose
    ) as progress:
        for chunk in chunks:
            size = chunk.stop - chunk.start
            found = nearest_neighbors(rows[chunk], min(n_neighbors, size - 1))
            neighbors.append(found.astype(np.int32) + chunk.start)
            progress.update(size)
    counts = np.concatenate([np.full(len(part), part.shape[1]) for part in neighbors])
    indices = np.concatenate([part.ravel() for part in neighbors])
    return remove_self_loops(graph_from_counts(counts, indices))


def graph_from_transformer(transformer, rows, chunks):
    """Build the graph of neighbors that a transformer finds.

    Parameters
    ----------
    transformer : transformer
        With a `fit_transform` from rows to a sparse graph of neighbors, such as
        :class:`sklearn.neighbors.KNeighborsTransformer`. It is cloned.

    rows : ScaledSamples of shape (n_rows, n_features)
        What is compared. The transformer sees them in the order in which users do.

    chunks : list of slice
        As in :func:`neighbor_graph`; neighbors in other chunks are dropped.

    Returns
    -------
    csr_array of shape (n_rows, n_rows)

    Raises
    ------
    ValueError, TypeError
        If what it finds is not such a graph.
    """
    order = np.arange(len(rows)) if rows.order is None else rows.order
    place = np.argsort(order)
    graph = clone(transformer).fit_transform(rows[place])
    name = f"neighbors={transformer!r}"
    if not issparse(graph):
        raise TypeError(
            f"{name} returned a {type(graph).__name__}; it must return a sparse graph,"
            " as KNeighborsTransformer does"
        )
    if graph.shape != (len(rows), len(rows)):
        raise ValueError(
            f"{name} returned shape {graph.shape} for {len(rows)} rows; it must return"
            " a sparse graph of shape (n_samples, n_samples)"
        )
    graph = csr_array(graph)[order]
    graph = remove_self_loops(
        graph_from_counts(np.diff(graph.indptr), place[graph.indices])
    )
    chunk_of = np.repeat(np.arange(len(chunks)), [c.stop - c.start for c in chunks])
    rows_of, columns = edge_sources(graph), graph.indices
    return mask_edges(graph, chunk_of[rows_of] == chunk_of[columns])


def graph_from_counts(counts, indices):
    """Build a graph from the number of neighbors of each row, and all of them."""
    indptr = np.concatenate([[0], np.cumsum(counts)])
    shape = (len(counts), len(counts))
    return csr_array((np.ones(len(indices), dtype=np.int8), indices, indptr), shape)


def edge_sources(graph):
    """Row of each stored entry of a graph."""
    return np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))


def mask_edges(graph, entries):
    """Copy a graph with some of its stored entries, given as a mask."""
    marked = (entries.astype(np.int8), graph.indices, graph.indptr)
    graph = csr_array(marked, graph.shape, copy=True)
    graph.eliminate_zeros()
    return graph


def remove_self_loops(graph):
    """Copy a graph in which no row is its own neighbor."""
    return mask_edges(graph, graph.indices != edge_sources(graph))


def restrict_nodes(graph, index):
    """Copy a graph with only those neighbors that are of some rows."""
    chosen = np.zeros(graph.shape[0], dtype=bool)
    chosen[index] = True
    return mask_edges(graph, chosen[graph.indices])


def draw_positives(graph, index, keys, rng):
    """Draw a partner of each row from its neighbors.

    Which of them is drawn from the row's key, so that a row more or fewer in the data
    changes few partners of the others.

    Parameters
    ----------
    graph : csr_array of shape (n_rows, n_rows)

    index : ndarray of shape (n_drawn,)
        Rows for which to draw.

    keys : ndarray of shape (n_drawn,), dtype uint64
        Their keys.

    rng : numpy.random.Generator
        Source of one number, which decides the draw together with the keys.

    Returns
    -------
    ndarray of shape (n_drawn,)
        Index of the partners. A row without a neighbor is its own.
    """
    first = graph.indptr[index]
    counts = graph.indptr[index + 1] - first
    rank = (salted_hash(keys, rng) % np.maximum(counts, 1).astype(np.uint64)).astype(
        np.intp
    )
    partners = index.copy()
    has_any = counts > 0
    partners[has_any] = graph.indices[(first + rank)[has_any]]
    return partners
