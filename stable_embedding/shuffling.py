"""Shuffling of rows by what they hold, not by where they stand.

A row's place in an order is drawn from its content and a seed. So rows in another order
are shuffled into the same one, and a row more or fewer moves the others by a place or
none: trainings on nearly the same data see nearly the same batches.
"""

import numpy as np
from sklearn.utils import gen_batches

# The multipliers and shifts of splitmix64's output function, and its increment.
_MULTIPLIERS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)

# Rows whose bits are mixed at once.
_BLOCK_ROWS = 4_096


def mix(values):
    """Scatter 64-bit integers, one to one, so that near ones end far apart.

    References
    ----------
    G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014.
    """
    values = (values ^ (values >> _SHIFTS[0])) * _MULTIPLIERS[0]
    values = (values ^ (values >> _SHIFTS[1])) * _MULTIPLIERS[1]
    return values ^ (values >> _SHIFTS[2])


def farthest_row(X):
    """Find the row farthest from the mean; of several the last in lexical order."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = X.mean(axis=0, dtype=np.float64)
        distances = np.concatenate(
            [
                np.linalg.norm(X[rows] - mean, axis=1)
                for rows in gen_batches(len(X), _BLOCK_ROWS)
            ]
        )
    # The last bits of the mean depend on the order of the rows.
    farthest = X[distances >= (1 - 1e-9) * distances.max()]
    return farthest[np.lexsort(farthest.T)[-1]] if len(farthest) else X[0]


def hash_rows(X):
    """Hash the values of each row, as they differ from those of the farthest one.

    The differences are taken in units of the largest and in float32. So equal rows
    have equal hashes, whatever their float type, offset, unit and last bits, which
    depend on the order of sums; and few rows that come or go change those of others.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)

    Returns
    -------
    ndarray of shape (n_rows,), dtype uint64
    """
    origin = farthest_row(X).astype(np.float64)
    with np.errstate(over="ignore"):
        unit = np.maximum(
            (X.max(axis=0) - origin).max(), (origin - X.min(axis=0)).max()
        )
    columns = mix(np.arange(1, X.shape[1] + 1, dtype=np.uint64) * _INCREMENT)
    hashes = np.empty(len(X), dtype=np.uint64)
    for rows in gen_batches(len(X), _BLOCK_ROWS):
        # The sum with 0 makes a negative zero a positive one.
        block = ((X[rows] - origin) / (unit or 1.0)).astype(np.float32) + 0
        bits = np.ascontiguousarray(block).view(np.uint32).astype(np.uint64)
        hashes[rows] = mix(bits ^ columns).sum(axis=1)
    return mix(hashes)


def canonical_order(X):
    """Find an order of rows that does not depend on the one they come in.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)

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
    >>> from stable_embedding.shuffling import canonical_order
    >>> X = np.array([[1.0], [3.0], [2.0], [3.0]])
    >>> order, keys = canonical_order(X)
    >>> again, same_keys = canonical_order(X[::-1])
    >>> bool((X[order] == X[::-1][again]).all() and (keys == same_keys).all())
    True
    """
    hashes = hash_rows(X)
    order = np.argsort(hashes)
    hashes = hashes[order]
    copy = np.arange(len(X)) - np.searchsorted(hashes, hashes)
    return order, mix(hashes + copy.astype(np.uint64) * _INCREMENT)


def shuffle(keys, rng):
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
    salt = rng.integers(np.iinfo(np.uint64).max, dtype=np.uint64, endpoint=True)
    return np.argsort(mix(keys ^ salt))
