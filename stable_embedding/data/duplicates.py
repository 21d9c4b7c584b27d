"""Merge equal samples into one, with the sum of their weights.

So a sample that occurs twice has the same effect as one of weight 2, to the last bit.
Duplicates are also no nearest neighbors of each other.
"""

from typing import Any, NamedTuple

import numpy as np

from .chunks import dense_samples, iterate_chunks
from .row_hash import (
    content_order,
    distinct_hashes,
    hash_samples,
    mix_bits,
)


class DistinctSamples(NamedTuple):
    """Distinct samples, in an order that depends on their content.

    Attributes
    ----------
    order : ndarray of shape (n_distinct,) or None
        Index in X of the first sample of each group of equal ones; None if samples keep
        the order of X.

    hashes : ndarray of shape (n_distinct,), dtype uint64
        Hash of each sample, all different.

    weights : ndarray of shape (n_distinct,)
        Sum of the weights of each group.
    """

    order: np.ndarray | None
    hashes: np.ndarray
    weights: np.ndarray


def merge_duplicates(
    X: Any,
    weights: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    reference: np.ndarray | None = None,
    merge: bool = True,
) -> DistinctSamples:
    """Merge equal samples, and order distinct samples by content.

    Samples with different labels or different codes in the reference are not equal. If
    all samples are equal, two are kept, because a training needs two. Without
    duplicates, the order is that of
    :func:`~stable_embedding.data.row_hash.canonical_order`.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights; 1 for each by default. Samples of weight 0 are left out.

    labels : ndarray of shape (n_samples,) or None, default=None
        Classes as integers, or numbers.

    reference : ndarray of shape (n_samples, n_components) or None, default=None
        Codes of an earlier map; nan where a sample has none.

    merge : bool, default=True
        Whether equal samples are merged. If not, labels, the reference and weights
        decide on their order. Samples of weight 0 are left out in any case.

    Returns
    -------
    DistinctSamples

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.data.duplicates import merge_duplicates
    >>> X = np.array([[1.0], [3.0], [1.0], [2.0]])
    >>> order, _, weights = merge_duplicates(X, np.array([1.0, 2.0, 3.0, 0.0]))
    >>> sorted(zip(X[order].ravel().tolist(), weights.tolist()))
    [(1.0, 4.0), (3.0, 2.0)]
    """
    index = None
    if weights is None:
        weights = np.ones(X.shape[0])
    elif not weights.all():
        index = np.flatnonzero(weights)

    def ties(index, hashes):
        return weights[index], hash_context(index, hashes, labels, reference)

    order, hashes = content_order(X, index, None if merge else ties)
    if merge and not np.diff(hashes).all():
        exact = hash_samples(X, index=order)
        context = hash_context(order, exact, labels, reference)
        first, of_groups = group_equal(X, order, exact, context, weights)
        if len(first) == 1:
            first, of_groups = order[:2], of_groups / 2
        weights = weights.copy()
        weights[first] = of_groups
        # The origin of the hashes must not depend on how often a sample occurs.
        order, hashes = content_order(X, first, ties)
    return DistinctSamples(order, distinct_hashes(hashes), weights[order])


def group_equal(X, order, exact, context, weights):
    """Return the first sample of each group of equal ones, and its sum of weights.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    order : ndarray of shape (n_ordered,)
        Samples, with equal samples next to each other.

    exact, context : ndarray of shape (n_ordered,), dtype uint64
        Hashes of their values, and of their labels and references, in this order.

    weights : ndarray of shape (n_samples,)
    """
    # Sort by weight last, so that sums do not depend on the order of X.
    by_group = np.lexsort((weights[order], context, exact))
    order, exact, context = order[by_group], exact[by_group], context[by_group]
    alike = np.flatnonzero((exact[1:] == exact[:-1]) & (context[1:] == context[:-1]))
    starts = np.ones(len(order), dtype=bool)
    # A hash may be that of another sample: the values decide.
    for steps, chunk in iterate_chunks(X, order[alike + 1]):
        earlier = dense_samples(X, order[alike[steps]])
        starts[alike[steps] + 1] = (chunk != earlier).any(axis=1)
    at = np.flatnonzero(starts)
    return order[at], np.add.reduceat(weights[order], at)


def hash_context(order, hashes, labels, reference):
    """Hash the labels and references of samples, independently of class names.

    Parameters
    ----------
    order : ndarray of shape (n_ordered,)
        Samples.

    hashes : ndarray of shape (n_ordered,), dtype uint64
        Hashes of their values.

    labels : ndarray of shape (n_samples,) or None

    reference : ndarray of shape (n_samples, n_components) or None

    Returns
    -------
    ndarray of shape (n_ordered,), dtype uint64
    """
    context = np.zeros(len(order), dtype=np.uint64)
    if labels is not None:
        labels = labels[order]
        if labels.dtype.kind == "f":
            # Ranks do not depend on the unit of the labels.
            ranks = np.unique(labels, return_inverse=True)[1]
            context = hash_samples(ranks[:, None].astype(np.float64))
        else:
            context = hash_classes(labels, hashes)
    if reference is not None:
        context = mix_bits(context) ^ hash_samples(reference[order])
    return context


def hash_classes(labels, hashes):
    """Hash the class of each sample by the values of all samples in the class.

    The hash depends neither on class names nor on the order or number of duplicates.
    """
    by_class = np.lexsort((hashes, labels))
    labels, hashes = labels[by_class], hashes[by_class]
    new = np.ones(len(labels), dtype=bool)
    new[1:] = (labels[1:] != labels[:-1]) | (hashes[1:] != hashes[:-1])
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
    # The farthest sample has the hash 0, and counts too.
    sums = np.add.reduceat(np.where(new, ~hashes, np.uint64(0)), starts)
    of_classes = mix_bits(sums)
    # Classes with the same values are still different classes.
    by_hash = np.argsort(of_classes, kind="stable")
    of_classes[by_hash] = distinct_hashes(of_classes[by_hash])
    found = np.empty_like(hashes)
    found[by_class] = np.repeat(of_classes, np.diff(np.r_[starts, len(labels)]))
    return found
