"""Shuffling of rows by what they hold, not by where they stand.

A row's place in an order is drawn from its content and a seed. So rows in another order
are shuffled into the same one, and a row more or fewer moves the others by a place or
none: trainings on nearly the same data see nearly the same batches.
"""

import numpy as np

from ..data.chunks import dense_samples, iterate_chunks
from ..data.scaling import feature_means

# The multipliers and shifts of splitmix64's output function, and its increment.
_MULTIPLIERS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)
_HALF = np.uint64(32)
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)


def mix_bits(values):
    """Scatter 64-bit integers, one to one, so that near ones end far apart.

    References
    ----------
    G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014.
    """
    values = (values ^ (values >> _SHIFTS[0])) * _MULTIPLIERS[0]
    values = (values ^ (values >> _SHIFTS[1])) * _MULTIPLIERS[1]
    return values ^ (values >> _SHIFTS[2])


def splitmix(numbers, n_values):
    """Return the values of splitmix64 from each of several starts.

    Parameters
    ----------
    numbers : ndarray of shape (...), dtype uint64

    n_values : int

    Returns
    -------
    ndarray of shape (..., n_values), dtype uint64
    """
    steps = np.arange(1, n_values + 1, dtype=np.uint64) * _INCREMENT
    return mix_bits(np.asarray(numbers)[..., None] + steps)


def farthest_sample(X):
    """Find the row farthest from the mean; of several the last in lexical order."""
    mean = feature_means(X)
    distances = np.concatenate(
        [np.linalg.norm(block - mean, axis=1) for _, block in iterate_chunks(X)]
    )
    # The last bits of the mean depend on the order of the rows.
    farthest = np.flatnonzero(distances >= (1 - 1e-9) * distances.max())
    last = dense_samples(X, farthest[:1] if len(farthest) else slice(1))
    for _, block in iterate_chunks(X, farthest):
        found = np.concatenate([last, block])
        last = found[np.lexsort(found.T)[-1:]]
    return last[0]


def hash_samples(X, origin=0.0, unit=1.0, dtype=np.float64):
    """Hash the values of each row, as they differ from an origin, in some unit.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_rows, n_features)

    origin : float or ndarray of shape (n_features,), default=0.0

    unit : float, default=1.0

    dtype : {float32, float64}, default=float64
        Precision in which values count as equal.

    Returns
    -------
    ndarray of shape (n_rows,), dtype uint64
    """
    multipliers = splitmix(np.uint64(0), X.shape[1])
    bits_of = np.dtype(f"u{np.dtype(dtype).itemsize}")
    hashes = np.empty(X.shape[0], dtype=np.uint64)
    for rows, block in iterate_chunks(X):
        # The sum with 0 makes a negative zero a positive one.
        block = ((block.astype(np.float64) - origin) / unit).astype(dtype) + 0
        bits = np.ascontiguousarray(block).view(bits_of).astype(np.uint64)
        # Products lose the high bits, where round numbers have all of theirs.
        hashes[rows] = (bits ^ (bits >> _HALF)) @ multipliers
    return mix_bits(hashes)


def canonical_order(X):
    """Find an order of rows that does not depend on the one they come in.

    Rows are hashed as they differ from the farthest one, in units of the largest
    difference and in float32. So a row's hash does not depend on the float type, the
    offset, the unit and the last bits of the data, which are those of the order of
    sums; and other rows that come or go seldom change it.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_rows, n_features)

    Returns
    -------
    order : ndarray of shape (n_rows,)
        Index that brings the rows in that order.

    keys : ndarray of shape (n_rows,), dtype uint64
        A key of each row in that order, to shuffle it by. Copies of a row have keys
        of their own.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.data.row_hash import canonical_order
    >>> X = np.array([[1.0], [3.0], [2.0], [3.0]])
    >>> order, keys = canonical_order(X)
    >>> again, same_keys = canonical_order(X[::-1])
    >>> bool((X[order] == X[::-1][again]).all() and (keys == same_keys).all())
    True
    """
    with np.errstate(over="ignore", invalid="ignore"):
        origin = farthest_sample(X).astype(np.float64)
        unit = max(np.abs(block - origin).max() for _, block in iterate_chunks(X))
        hashes = hash_samples(X, origin, unit or 1.0, np.float32)
        order = np.argsort(hashes)
        if not np.diff(hashes[order]).all():
            # Copies; or rows that differ, but not beside one that is very far away.
            order = np.lexsort((hash_samples(X), hashes))
    return order, distinct_hashes(hashes[order])


def distinct_hashes(hashes):
    """Turn sorted hashes into keys: those of copies differ, so that they scatter."""
    copy = np.arange(len(hashes)) - np.searchsorted(hashes, hashes)
    return mix_bits(hashes + copy.astype(np.uint64) * _INCREMENT)


def hashes_in_place(X):
    """Find keys of rows that stay in the order they come in.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_rows, n_features)

    Returns
    -------
    ndarray of shape (n_rows,), dtype uint64
    """
    hashes = hash_samples(X)
    order = np.argsort(hashes, kind="stable")
    keys = np.empty_like(hashes)
    keys[order] = distinct_hashes(hashes[order])
    return keys


def salted_hash(keys, rng):
    """Draw a number for each row from its key.

    Parameters
    ----------
    keys : ndarray of shape (n_rows,), dtype uint64

    rng : numpy.random.Generator
        Source of one number, which decides the draw together with the keys.

    Returns
    -------
    ndarray of shape (n_rows,), dtype uint64
    """
    salt = rng.integers(np.iinfo(np.uint64).max, dtype=np.uint64, endpoint=True)
    return mix_bits(keys ^ salt)


def shuffled_index(keys, rng):
    """Draw an order of rows from their keys.

    Parameters
    ----------
    keys : ndarray of shape (n_rows,), dtype uint64

    rng : numpy.random.Generator
        Source of one number, which decides the order together with the keys.

    Returns
    -------
    ndarray of shape (n_rows,)
        Index of the rows in their new order.
    """
    return np.argsort(salted_hash(keys, rng))
