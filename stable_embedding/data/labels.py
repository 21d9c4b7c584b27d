"""Encode labels, some of which may be unknown, as integers or standardized numbers."""

from decimal import Decimal

import numpy as np
from scipy.sparse import diags_array
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from .columns import missing_among
from .containers import readable

# Label of an unknown class, as in sklearn.semi_supervised.
UNLABELED = -1

# Label spreading: weight of the neighbors' classes, and number of iterations.
_SPREADING = 0.8
_N_PASSES = 60


def encode_targets(y, target_type="auto", may_agree=False):
    """Turn labels of samples into integers, or into standardized numbers.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Class or number of each sample. None and nan mark unknown labels, and so does -1
        for classes.

    target_type : {"auto", "multiclass", "continuous"}, default="auto"
        Whether labels are classes or numbers. "auto" asks
        :func:`sklearn.utils.multiclass.type_of_target`, for which whole numbers are
        classes.

    may_agree : bool, default=False
        Whether y may hold no two labels that differ, as a chunk of a stream may. Such
        numbers count as unknown.

    Returns
    -------
    ndarray of shape (n_samples,), dtype int64 or float64
        Classes as from :func:`encode_classes`, or numbers of mean 0 and variance 1, nan
        if unknown.

    Raises
    ------
    TypeError, ValueError
        If y cannot be read as classes or numbers, holds no known label, or, for
        numbers, holds no two that differ.
    """
    y = read_labels(y)
    known = are_known(y)
    if target_type == "auto":
        labels = as_plain_array(y[known].tolist())
        _check_finite(labels)
        is_continuous = len(labels) and type_of_target(labels) == "continuous"
        target_type = "continuous" if is_continuous else "multiclass"
    if target_type == "multiclass":
        return _encode_known(y, known, may_agree)
    numbers = np.full(len(y), np.nan)
    try:
        numbers[known] = y[known].astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "y cannot be read as numbers, which target_type='continuous' needs:"
            f" {error}"
        ) from error
    _check_finite(numbers[known])
    if known.sum() < 2 or numbers[known].min() == numbers[known].max():
        if may_agree:
            return np.full(len(y), np.nan)
        raise ValueError(
            f"y holds {known.sum()} known numbers, which do not differ; label_weight"
            " needs at least two that differ"
        )
    return standardize_targets(numbers)


def _check_finite(labels):
    """Raise if known labels that are numbers hold infinity."""
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError("y holds infinity; numbers must be finite, or nan")


def standardize_targets(numbers, weights=None):
    """Bring numbers to mean 0 and variance 1, whatever their unit.

    Parameters
    ----------
    numbers : ndarray of shape (n_samples,)
        Labels; nan where they are not known.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; equal ones by default.

    Returns
    -------
    ndarray of shape (n_samples,), dtype float64
    """
    known = np.isfinite(numbers)
    if not known.any():
        return numbers
    # By a power of two, which rounds nothing: squares must not overflow.
    numbers = np.ldexp(numbers, -np.frexp(np.abs(numbers[known]).max())[1])
    of_known = None if weights is None else weights[known]
    deviations = numbers - np.average(numbers[known], weights=of_known)
    if weights is None:
        return deviations / deviations[known].std()
    return (
        deviations / np.average(np.square(deviations[known]), weights=of_known) ** 0.5
    )


def encode_classes(y, may_agree=False):
    """Turn classes of samples, some of which may be unknown, into integers.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Class of each sample: a string or a whole number. None, nan and the number -1
        mark unknown classes.

    may_agree : bool, default=False
        Whether y may hold no two classes, as a chunk of a stream may.

    Returns
    -------
    ndarray of shape (n_samples,), dtype int64
        Numbers from 0, and -1 for an unknown class.

    Raises
    ------
    TypeError, ValueError
        If y holds no known class, classes of several types, or a single class beside
        unknown ones: a -1 may then be meant as a class.

    Examples
    --------
    >>> from stable_embedding.data.labels import encode_classes
    >>> encode_classes(["b", None, "a"]).tolist()
    [1, -1, 0]
    >>> encode_classes([4, -1, 4, 9]).tolist()
    [0, -1, 0, 1]
    """
    y = read_labels(y)
    return _encode_known(y, are_known(y), may_agree)


def _encode_known(y, known, may_agree):
    """Turn known classes into integers."""
    known, labels = known_classes(y, known)
    _check_finite(labels)
    if not len(labels):
        if may_agree:
            return np.full(len(y), UNLABELED, dtype=np.int64)
        raise ValueError(
            "y labels no sample: each is -1, None or nan, which stand for samples"
            " without a label; at least one must have a class"
        )
    _check_classes(labels)
    classes, numbers = np.unique(labels, return_inverse=True)
    if len(classes) == 1 and not (known.all() or may_agree):
        raise ValueError(
            f"y holds one class, {classes.tolist()[0]!r}, beside samples without a"
            " label (-1, None or nan); two classes are needed. If -1 is a class, give"
            " it another name"
        )
    encoded = np.full(len(y), UNLABELED, dtype=np.int64)
    encoded[known] = numbers
    return encoded


def known_classes(y, known, name="y"):
    """Find the samples that have a class, and their classes.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels, as of :func:`read_labels`.

    known : ndarray of shape (n_samples,), dtype bool
        As of :func:`are_known`, for which -1 is a label.

    name : str, default="y"
        Name of the parameter.

    Returns
    -------
    known : ndarray of shape (n_samples,), dtype bool
        Which samples have a class.

    labels : ndarray of shape (n_known,)
        Their classes, as strings or numbers.
    """
    known, labels = known.copy(), y[known]
    if y.dtype == object:
        labels = as_plain_array(labels.tolist(), name)
    if labels.dtype.kind in "if":
        known[known] = labels != UNLABELED
        labels = labels[labels != UNLABELED]
    return known, labels


def _check_classes(labels):
    """Raise if labels, one or more, are no classes."""
    try:
        check_classification_targets(labels)
    except ValueError as error:
        is_odd = labels % 1 != 0 if labels.dtype.kind == "f" else np.array([True])
        raise ValueError(
            f"y holds {labels[is_odd.argmax()]!s}, which is no class; classes must be"
            " strings or whole numbers. Numbers are for label_weight, with"
            " target_type='continuous'"
        ) from error


def read_labels(y, name="y"):
    """Return labels as an array, without converting the items of a list.

    Parameters
    ----------
    y : array-like of shape (n_samples,)

    name : str, default="y"
        Name of the parameter.

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    y = readable(y, name)
    if isinstance(y, (list, tuple)):
        # NumPy would turn nan and numbers beside strings into strings.
        y = np.array(y, dtype=object)
    return column_or_1d(y, warn=True)


def are_known(labels):
    """Return a mask of the labels in an array that are known."""
    return ~missing_among(labels.tolist())


def as_plain_array(labels, name="y"):
    """Return labels of an array of objects as strings or numbers."""
    are_strings = {isinstance(label, str) for label in labels}
    if len(are_strings) > 1:
        raise TypeError(
            f"{name} holds strings and labels of another type; all must be strings, or"
            " all whole numbers"
        )
    return np.asarray(
        [float(label) if isinstance(label, Decimal) else label for label in labels]
    )


def can_spread(labels):
    """Tell whether some classes are not known, and the known ones are two or more."""
    if labels.dtype.kind != "i":
        return False
    return bool((labels == UNLABELED).any() and labels.max() > 0)


def spread_classes(labels, graph):
    r"""Estimate unknown classes by label spreading in a graph of neighbors.

    Probabilities :math:`F` of classes start at :math:`Y`, which is 1 for known classes
    and else 0, and are updated 60 times by

    .. math:: F \leftarrow \alpha D^{-1/2} W D^{-1/2} F + (1 - \alpha) Y

    with the symmetric graph :math:`W` of neighbors, the diagonal matrix :math:`D` of
    its degrees, and :math:`\alpha = 0.8`. Known classes do not change.

    Parameters
    ----------
    labels : ndarray of int of shape (n_samples,)
        Classes, and -1 if unknown.

    graph : csr_array of shape (n_samples, n_samples)
        Neighbors of each sample.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), dtype float32
        Probabilities; equal for a sample that no known class reaches.

    References
    ----------
    D. Zhou, O. Bousquet, T. N. Lal, J. Weston and B. Schölkopf, "Learning with local
    and global consistency", NIPS 2003.
    """
    # Order classes by first occurrence, so that their names have no effect.
    _, first, classes = np.unique(labels, return_index=True, return_inverse=True)
    known = labels != UNLABELED
    order = np.argsort(first[1:])
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    start = np.zeros((len(labels), len(order)))
    start[known, rank[classes[known] - 1]] = 1
    weights = (graph != 0).astype(np.float64)
    weights = weights.maximum(weights.T)
    degrees = np.maximum(weights.sum(axis=1), 1)
    roots = diags_array(degrees**-0.5)
    passed = _SPREADING * (roots @ weights @ roots)
    found = start
    for _ in range(_N_PASSES):
        found = passed @ found + (1 - _SPREADING) * start
    found[known] = start[known]
    totals = found.sum(axis=1, keepdims=True)
    alike = np.full_like(found, 1 / found.shape[1])
    return np.divide(found, totals, out=alike, where=totals > 0).astype(np.float32)
