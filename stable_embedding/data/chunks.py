"""Rows in dense blocks: of arrays, of files mapped into memory, of sparse matrices."""

import mmap

import numpy as np
from scipy.sparse import issparse

# Rows of a block: no more at once, since they would leave the cache, and no more than
# this many bytes of them in float64.
_BLOCK_ROWS = 4_096
_BLOCK_BYTES = 2**23


def dense_samples(X, index):
    """Take rows of an array or a sparse matrix as a dense array."""
    rows = X[index]
    return rows.toarray() if issparse(rows) else np.asarray(rows)


def iterate_chunks(X, order=None, width=0):
    """Walk through the rows of X, in bounded memory.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_rows, n_features)
        Of a mapped file no page is kept in memory.

    order : ndarray of shape (n_steps,) or None, default=None
        Index of the rows to walk through; all of them by default.

    width : int, default=0
        Number of values that a row is turned into, besides its own.

    Yields
    ------
    steps : slice
        Where in the order the block stands.

    block : ndarray of shape (n_block_rows, n_features)
        Its rows, dense.
    """
    n_rows = X.shape[0] if order is None else len(order)
    sample_bytes = np.dtype(np.float64).itemsize * (X.shape[1] + width)
    mapped = backing_map(X)
    size = min(_BLOCK_ROWS, _BLOCK_BYTES // sample_bytes or 1)
    for start in range(0, n_rows, size):
        steps = slice(start, min(start + size, n_rows))
        yield steps, dense_samples(X, steps if order is None else order[steps])
        if mapped is not None:
            mapped.madvise(mmap.MADV_DONTNEED)


def backing_map(X):
    """Find the map of a file that `numpy.memmap` shares, whose pages may go.

    A map that is private to the process holds what was written to it: it has to stay.
    """
    if not hasattr(mmap, "MADV_DONTNEED"):
        return None
    shared = False
    while isinstance(X, np.ndarray):
        shared |= isinstance(X, np.memmap) and X.mode in ("r", "r+", "w+")
        X = X.base
    return X if shared and isinstance(X, mmap.mmap) else None
