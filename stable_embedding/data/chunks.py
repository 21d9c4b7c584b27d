"""Iterate over samples in dense chunks, and compute sums over them."""

import mmap

import numpy as np
from scipy.sparse import issparse

from . import limits


def dense_samples(X, index):
    """Index an array or a sparse matrix, and return a dense array."""
    samples = X[index]
    return samples.toarray() if issparse(samples) else np.asarray(samples)


def iterate_chunks(X, order=None, width=0):
    """Iterate over the samples of X in bounded memory.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Pages of a memory-mapped file are released after each chunk.

    order : ndarray of shape (n_steps,) or None, default=None
        Indices of the samples to iterate over. By default, all samples in order.

    width : int, default=0
        Number of further values that the caller computes for each sample. A larger
        width gives smaller chunks.

    Yields
    ------
    steps : slice
        Position of the chunk in the order.

    chunk : ndarray of shape (n_chunk_samples, n_features)
        Its samples, dense.
    """
    n_steps = X.shape[0] if order is None else len(order)
    sample_bytes = np.dtype(np.float64).itemsize * (X.shape[1] + width)
    mapped = backing_map(X)
    size = min(limits.CHUNK_SAMPLES, limits.CHUNK_BYTES // sample_bytes or 1)
    for start in range(0, n_steps, size):
        steps = slice(start, min(start + size, n_steps))
        yield steps, dense_samples(X, steps if order is None else order[steps])
        if mapped is not None:
            mapped.madvise(mmap.MADV_DONTNEED)


def backing_map(X):
    """Return the memory map behind an array if its pages can be released, or None.

    It is None for arrays in memory, and for copy-on-write maps (mode "c"), whose pages
    hold values that are not in the file.
    """
    if not hasattr(mmap, "MADV_DONTNEED"):
        return None
    shared = False
    while isinstance(X, np.ndarray):
        shared |= isinstance(X, np.memmap) and X.mode in ("r", "r+", "w+")
        X = X.base
    return X if shared and isinstance(X, mmap.mmap) else None


def feature_means(X, order=None, weights=None):
    """Compute the mean of each feature, in float64.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    order : ndarray of shape (n_steps,) or None, default=None
        Index of the samples; all by default.

    weights : ndarray of shape (n_steps,) or None, default=None
        Weights of these samples; equal ones by default.

    Returns
    -------
    ndarray of shape (n_features,)
    """
    n_samples = X.shape[0] if order is None else len(order)
    chunks = iterate_chunks(X, order)
    if weights is None:
        sums = (chunk.sum(axis=0, dtype=np.float64) for _, chunk in chunks)
        return sum(sums) / n_samples
    sums = (weights[at] @ chunk.astype(np.float64) for at, chunk in chunks)
    return sum(sums) / weights.sum()


def feature_deviations(X):
    """Compute the standard deviation of each feature, in float64."""
    return np.sqrt(_feature_squares(X, feature_means(X)) / X.shape[0])


def rounding_of_means(mean, n_samples):
    """Bound the rounding error of the mean of each feature, in float64."""
    return n_samples * np.finfo(np.float64).eps * np.abs(mean)


def total_squared_deviation(X, mean, order=None, weights=None):
    """Sum the squared distances of the samples from their mean, in float64.

    Beside large means, features that deviate by the rounding of their mean alone count
    as constant. So the sum is 0 for samples that are constant up to rounding.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    mean : ndarray of shape (n_features,)

    order, weights : ndarray of shape (n_steps,) or None, default=None
        As in :func:`feature_means`.

    Returns
    -------
    float
    """
    total = 0
    for at, chunk in iterate_chunks(X, order):
        squares = np.square(chunk - mean, dtype=np.float64)
        total += squares.sum() if weights is None else weights[at] @ squares.sum(axis=1)
    n_samples = X.shape[0] if order is None else len(order)
    n_counted = n_samples if weights is None else weights.sum()
    rounding = rounding_of_means(mean, n_samples)
    with np.errstate(over="ignore"):
        may_be_rounding = (
            np.sqrt(total / n_counted) <= np.linalg.norm(rounding) < np.inf
        )
    if not may_be_rounding:
        return total
    squares = _feature_squares(X, mean, order, weights)
    return squares[np.sqrt(squares / n_counted) > rounding].sum()


def _feature_squares(X, mean, order=None, weights=None):
    """Sum the squared deviations of each feature from its mean, in float64."""
    total = 0
    for at, chunk in iterate_chunks(X, order):
        squares = np.square(chunk - mean, dtype=np.float64)
        total += squares.sum(axis=0) if weights is None else weights[at] @ squares
    return total
