"""Hash samples by their values, to order and shuffle them by content.

The place of a sample in an order is drawn from a hash of its values and a seed. So the
same samples in another order are shuffled into the same order, and adding or removing
one sample moves the others by at most one place. Trainings on nearly the same data
therefore see nearly the same batches.
"""

import numpy as np

from .chunks import dense_samples, feature_means, iterate_chunks

# The multipliers and shifts of splitmix64's output function, and its increment.
_MULTIPLIERS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)
_HALF = np.uint64(32)
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)


def mix_bits(values):
    """Map 64-bit integers one to one, so that near ones end far apart.

    References
    ----------
    G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014.
    """
    values = (values ^ (values >> _SHIFTS[0])) * _MULTIPLIERS[0]
    values = (values ^ (values >> _SHIFTS[1])) * _MULTIPLIERS[1]
    return values ^ (values >> _SHIFTS[2])


def splitmix(starts, n_values):
    """Return the first values of splitmix64 from each of several starts.

    Parameters
    ----------
    starts : ndarray of shape (...), dtype uint64

    n_values : int

    Returns
    -------
    ndarray of shape (..., n_values), dtype uint64
    """
    steps = np.arange(1, n_values + 1, dtype=np.uint64) * _INCREMENT
    return mix_bits(np.asarray(starts)[..., None] + steps)


def farthest_sample(X, index=None):
    """Find the sample farthest from the mean; of ties, the last in lexical order."""
    mean = feature_means(X, index)
    distances = np.concatenate(
        [np.linalg.norm(chunk - mean, axis=1) for _, chunk in iterate_chunks(X, index)]
    )
    # With a tolerance: the last bits of the mean depend on the order of the samples.
    farthest = np.flatnonzero(distances >= (1 - 1e-9) * distances.max())
    if index is not None:
        farthest = index[farthest]
    last = dense_samples(X, farthest[:1] if len(farthest) else slice(1))
    for _, chunk in iterate_chunks(X, farthest):
        found = np.concatenate([last, chunk])
        last = found[np.lexsort(found.T)[-1:]]
    return last[0]


def hash_samples(X, origin=0.0, unit=1.0, dtype=np.float64, index=None):
    """Hash each sample by its difference from an origin, in a unit.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    origin : float or ndarray of shape (n_features,), default=0.0

    unit : float, default=1.0

    dtype : {float32, float64}, default=float64
        Precision in which values are compared.

    index : ndarray of shape (n_hashed,) or None, default=None
        Samples to hash; all by default.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_hashed,), dtype uint64
    """
    multipliers = splitmix(np.uint64(0), X.shape[1])
    bits_of = np.dtype(f"u{np.dtype(dtype).itemsize}")
    n_hashed = X.shape[0] if index is None else len(index)
    hashes = np.empty(n_hashed, dtype=np.uint64)
    for steps, chunk in iterate_chunks(X, index):
        # Adding 0 turns a negative zero into a positive one.
        chunk = ((chunk.astype(np.float64) - origin) / unit).astype(dtype) + 0
        bits = np.ascontiguousarray(chunk).view(bits_of).astype(np.uint64)
        # The product drops the high bits, and round numbers have no others set.
        hashes[steps] = (bits ^ (bits >> _HALF)) @ multipliers
    return mix_bits(hashes)


def canonical_order(X, index=None, ties=None):
    """Order the samples by content, independently of their order in X.

    Samples are hashed by their difference from the farthest one, in units of the
    largest difference and in float32. So hashes do not depend on the float type, the
    offset or the unit of the data, nor on last bits that differ with the order of a
    sum. Adding or removing a sample seldom changes the hashes of the others.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    index : ndarray of shape (n_ordered,) or None, default=None
        Samples to order; all by default.

    ties : callable or None, default=None
        Function of the samples and their hashes, which returns values by which
        duplicates are ordered, as keys of :func:`numpy.lexsort`. By default, their
        order in X decides.

    Returns
    -------
    order : ndarray of shape (n_ordered,)
        Index that brings the samples into this order.

    hashes : ndarray of shape (n_ordered,), dtype uint64
        Hash of each sample, in this order. Duplicates have different hashes.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.data.row_hash import canonical_order
    >>> X = np.array([[1.0], [3.0], [2.0], [3.0]])
    >>> order, hashes = canonical_order(X)
    >>> again, same_hashes = canonical_order(X[::-1])
    >>> bool((X[order] == X[::-1][again]).all() and (hashes == same_hashes).all())
    True
    """
    order, hashes = content_order(X, index, ties)
    return order, distinct_hashes(hashes)


def content_order(X, index=None, ties=None):
    """Order samples as in :func:`canonical_order`, but keep equal hashes of duplicates.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    index : ndarray of shape (n_ordered,) or None, default=None

    ties : callable or None, default=None
        As in :func:`canonical_order`.

    Returns
    -------
    order : ndarray of shape (n_ordered,)
        The same index, in another order.

    hashes : ndarray of shape (n_ordered,), dtype uint64
        Hashes in this order; those of duplicates are equal.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        origin = farthest_sample(X, index).astype(np.float64)
        chunks = iterate_chunks(X, index)
        unit = max(np.abs(chunk - origin).max() for _, chunk in chunks)
        hashes = hash_samples(X, origin, unit or 1.0, np.float32, index)
        everyone = np.arange(len(hashes)) if index is None else index
        order = np.argsort(hashes)
        if not np.diff(hashes[order]).all():
            # Duplicates, or samples whose difference is lost in float32 because one
            # sample is very far away.
            keys = () if ties is None else ties(everyone, hashes)
            order = np.lexsort((*keys, hash_samples(X, index=index), hashes))
    return everyone[order], hashes[order]


def distinct_hashes(hashes):
    """Make sorted hashes distinct, so that duplicates get different positions."""
    copy = np.arange(len(hashes)) - np.searchsorted(hashes, hashes)
    return mix_bits(hashes + copy.astype(np.uint64) * _INCREMENT)


def hashes_in_place(X):
    """Hash samples that stay in their order; duplicates get different hashes.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    Returns
    -------
    ndarray of shape (n_samples,), dtype uint64
    """
    hashes = hash_samples(X)
    order = np.argsort(hashes, kind="stable")
    distinct = np.empty_like(hashes)
    distinct[order] = distinct_hashes(hashes[order])
    return distinct


def salted_hash(hashes, rng):
    """Draw an integer for each sample from its hash.

    Parameters
    ----------
    hashes : ndarray of shape (n_samples,), dtype uint64

    rng : numpy.random.Generator
        One integer is drawn from it. This salt and the hashes decide the result.

    Returns
    -------
    ndarray of shape (n_samples,), dtype uint64
    """
    return mix_bits(hashes ^ draw_salt(rng))


def draw_salt(rng):
    """Draw the integer that makes hashes of samples into random numbers."""
    return rng.integers(np.iinfo(np.uint64).max, dtype=np.uint64, endpoint=True)


def shuffled_index(hashes, rng):
    """Draw an order of the samples from their hashes.

    Parameters
    ----------
    hashes : ndarray of shape (n_samples,), dtype uint64

    rng : numpy.random.Generator
        One integer is drawn from it. This salt and the hashes decide the result.

    Returns
    -------
    ndarray of shape (n_samples,)
        Index of the samples in their new order.
    """
    return np.argsort(salted_hash(hashes, rng))
