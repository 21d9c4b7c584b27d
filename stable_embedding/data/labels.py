"""Classes of samples as integers, of which some may be unknown."""

from numbers import Number

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from .containers import readable

# The label of a sample whose class is not known, as in sklearn.semi_supervised.
UNLABELED = -1


def encode_classes(y):
    """Turn classes of samples, some of which may be unknown, into integers.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Class of each sample: a string, or a whole number. None, nan and the number -1
        say that it is not known.

    Returns
    -------
    ndarray of shape (n_samples,), dtype int64
        Numbers from 0, and -1 where the class is not known.

    Raises
    ------
    TypeError, ValueError
        If y holds no classes, or -1 beside a single class: it is then likely to be a
        class, too.

    Examples
    --------
    >>> from stable_embedding.data.labels import encode_classes
    >>> encode_classes(["b", None, "a"]).tolist()
    [1, -1, 0]
    >>> encode_classes([4, -1, 4, 9]).tolist()
    [0, -1, 0, 1]
    """
    y = column_or_1d(readable(y, "y"), warn=True)
    known = np.array([not is_missing(label) for label in y.tolist()], dtype=bool)
    labels = y[known]
    if y.dtype == object:
        labels = as_plain_array(labels.tolist())
    if labels.dtype.kind in "if":
        known[known] = labels != UNLABELED
        labels = labels[labels != UNLABELED]
    if not len(labels):
        raise ValueError(
            "y labels no sample: each is -1, None or nan, which stand for samples"
            " without a label; at least one must have a class"
        )
    check_classification_targets(labels)
    classes, numbers = np.unique(labels, return_inverse=True)
    if len(classes) == 1 and not known.all():
        raise ValueError(
            f"y holds one class, {classes.tolist()[0]!r}, beside samples without a"
            " label (-1, None or nan); two classes are needed. If -1 is a class, give"
            " it another name"
        )
    encoded = np.full(len(y), UNLABELED, dtype=np.int64)
    encoded[known] = numbers
    return encoded


def is_missing(label):
    """Tell whether a label is None, nan, or the missing value of pandas."""
    if label is None or type(label).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(label, Number) and label != label


def as_plain_array(labels):
    """Return labels of an array of objects as strings or numbers."""
    are_strings = {isinstance(label, str) for label in labels}
    if len(are_strings) > 1:
        raise TypeError(
            "y holds strings and labels of another type; all must be strings, or all"
            " whole numbers"
        )
    return np.asarray(labels)
