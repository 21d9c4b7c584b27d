"""Dask arrays, whose blocks are mapped when their values are asked for."""

import numpy as np


def is_dask_array(X):
    """Tell a dask array, without importing dask."""
    return type(X).__module__.startswith("dask.array")


def map_chunks(function, X, n_outputs, dtype, out=None):
    """Map the blocks of a dask array's rows, lazily.

    Parameters
    ----------
    function : callable
        From an ndarray of rows to one of `n_outputs` columns.

    X : dask.array.Array of shape (n_rows, n_features)

    n_outputs : int

    dtype : data-type
        Of what the function returns.

    out : ndarray of shape (n_rows, n_outputs) or None, default=None
        If given, blocks are computed at once, and written there.

    Returns
    -------
    dask.array.Array of shape (n_rows, n_outputs), or `out`
    """

    def of_block(block):
        if not len(block):
            return np.empty((0, n_outputs), dtype=dtype)
        return function(block)

    whole_rows = X.rechunk({1: -1})
    mapped = whole_rows.map_blocks(
        of_block,
        chunks=(whole_rows.chunks[0], (n_outputs,)),
        dtype=dtype,
        meta=np.empty((0, n_outputs), dtype=dtype),
    )
    if out is None:
        return mapped
    mapped.store(out)
    return out
