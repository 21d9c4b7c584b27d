"""Apply a function to the chunks of a dask array, lazily."""

import numpy as np


def is_dask_array(X):
    """Tell whether X is a dask array, without importing dask."""
    return type(X).__module__.startswith("dask.array")


def none_like(X):
    """Return an array of no samples, each of the shape of those of a dask array."""
    if np.isnan(X.shape[1:]).any():
        raise ValueError(
            f"X is a dask array of shape {X.shape}; its number of features must be"
            " known: call X.compute_chunk_sizes()"
        )
    return np.empty((0, *X.shape[1:]))


def map_chunks(function, X, n_outputs, dtype, out=None):
    """Apply a function to each chunk of samples of a dask array.

    Parameters
    ----------
    function : callable
        Takes an ndarray of samples and returns one with `n_outputs` columns.

    X : dask.array.Array of shape (n_samples, ...)

    n_outputs : int

    dtype : data-type
        Type of what the function returns.

    out : ndarray of shape (n_samples, n_outputs) or None, default=None
        If given, the result is computed at once and written into it.

    Returns
    -------
    dask.array.Array of shape (n_samples, n_outputs), or `out`
    """

    def apply(chunk):
        if not len(chunk):
            return np.empty((0, n_outputs), dtype=dtype)
        return function(chunk)

    whole_samples = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
    mapped = whole_samples.map_blocks(
        apply,
        chunks=(whole_samples.chunks[0], (n_outputs,)),
        drop_axis=list(range(2, X.ndim)),
        dtype=dtype,
        meta=np.empty((0, n_outputs), dtype=dtype),
    )
    if out is None:
        return mapped
    mapped.store(out)
    return out
