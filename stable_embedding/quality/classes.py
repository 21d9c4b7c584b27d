"""How well an embedding separates classes."""

from numbers import Integral

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils import check_consistent_length, check_random_state

from ..data.distances import near_origin
from ..data.labels import are_known, known_classes, read_labels
from ..data.named_columns import check_same_columns
from ..data.sample_ids import check_same_samples
from .validation import check_width, read_samples


def neighbor_accuracy(X_embedded, y, X_unseen_embedded, y_unseen, *, n_neighbors=5):
    """Accuracy of a nearest-neighbor classifier that is fitted on an embedding.

    Parameters
    ----------
    X_embedded : array-like of shape (n_samples, n_components)
        Embedding of the training samples, on which the classifier is fitted.

    y : array-like of shape (n_samples,)
        Classes of the training samples.

    X_unseen_embedded : array-like of shape (n_unseen, n_components)
        Embedding of test samples by the same estimator.

    y_unseen : array-like of shape (n_unseen,)
        Classes of the test samples.

    n_neighbors : int, default=5
        Number of neighbors that vote.

    Returns
    -------
    float
        Fraction of the test samples whose class is predicted correctly.

    Raises
    ------
    ValueError
        If a label is -1, None or nan, which stand for samples without a label, or the
        columns of unseen codes have another order.

    See Also
    --------
    sklearn.neighbors.KNeighborsClassifier : The classifier.

    Examples
    --------
    >>> from stable_embedding.quality import neighbor_accuracy
    >>> codes = [[0.0], [0.1], [0.9], [1.0]]
    >>> neighbor_accuracy(codes, [0, 0, 1, 1], [[0.2], [0.3]], [0, 1], n_neighbors=1)
    0.5
    """
    check_same_samples(X_embedded, y, "y", "X_embedded")
    check_same_samples(X_unseen_embedded, y_unseen, "y_unseen", "X_unseen_embedded")
    check_same_columns(X_embedded, X_unseen_embedded, "X_unseen_embedded", "X_embedded")
    X_embedded = read_samples(X_embedded, "X_embedded")
    X_unseen_embedded = read_samples(X_unseen_embedded, "X_unseen_embedded")
    check_width(X_unseen_embedded, "X_unseen_embedded", X_embedded, "X_embedded")
    y, y_unseen = _all_classes(y, "y"), _all_classes(y_unseen, "y_unseen")
    codes, unseen = near_origin(X_embedded, X_unseen_embedded)
    classifier = KNeighborsClassifier(n_neighbors).fit(codes, y)
    return float(classifier.score(unseen, y_unseen))


def triplet_accuracy(X_embedded, y, n_triplets=100_000, random_state=0):
    """Fraction of triplets whose anchor is nearer to its own class.

    A triplet is an anchor, a positive (another sample of its class) and a negative (a
    sample of another class). It is correct if the anchor is strictly nearer to the
    positive than to the negative.

    Parameters
    ----------
    X_embedded : array-like of shape (n_samples, n_components)
        An embedding.

    y : array-like of shape (n_samples,)
        Class of each sample. Samples without a label, which is -1, None or nan, are
        left out.

    n_triplets : int, default=100_000
        Number of triplets to draw. More of them lower the sampling error.

    random_state : int, RandomState instance or None, default=0
        Seed of the draw.

    Returns
    -------
    float
        Between 0.0 and 1.0, higher is better; about 0.5 for an embedding that does not
        depend on the classes.

    Raises
    ------
    ValueError
        If `y` has fewer than two classes, no class has two samples, or `n_triplets` is
        not a whole number of 1 or more.

    References
    ----------
    H. Ishfaq, A. Hoogi and D. Rubin, "TVAE: triplet-based variational autoencoder using
    metric learning", arXiv 1802.04403.

    Examples
    --------
    >>> from stable_embedding.quality import triplet_accuracy
    >>> triplet_accuracy([[0.0], [1.0], [10.0], [11.0]], [0, 0, 1, 1])
    1.0
    """
    check_same_samples(X_embedded, y, "y", "X_embedded")
    X_embedded = read_samples(X_embedded, "X_embedded")
    y = read_labels(y)
    check_consistent_length(X_embedded, y)
    known, y = known_classes(y, are_known(y))
    X_embedded = X_embedded[known]
    if not (isinstance(n_triplets, Integral) and n_triplets >= 1):
        raise ValueError(f"n_triplets={n_triplets!r} must be a whole number, 1 or more")
    rng = check_random_state(random_state)
    classes, y, sizes = np.unique(y, return_inverse=True, return_counts=True)
    anchors = np.flatnonzero(sizes[y] > 1)
    if len(classes) < 2 or not len(anchors):
        raise ValueError(
            "y needs two classes, and one of them two or more samples; -1, None and nan"
            " stand for samples without a label"
        )
    order = np.argsort(y, kind="stable")  # the samples of each class are contiguous
    starts, places = np.cumsum(sizes) - sizes, np.argsort(order)
    anchors = rng.choice(anchors, n_triplets)
    first, size = starts[y[anchors]], sizes[y[anchors]]
    positives = rng.randint(size - 1)  # without the anchor itself
    positives += positives >= places[anchors] - first
    negatives = rng.randint(len(y) - size)
    negatives += np.where(negatives >= first, size, 0)
    near = X_embedded[order[first + positives]] - X_embedded[anchors]
    far = X_embedded[order[negatives]] - X_embedded[anchors]
    return float(np.mean(np.square(near).sum(axis=1) < np.square(far).sum(axis=1)))


def _all_classes(y, name):
    """Return the classes of samples; raise if one has none."""
    y = read_labels(y, name)
    known, labels = known_classes(y, are_known(y), name)
    if not known.all():
        at = known.argmin()
        raise ValueError(
            f"{name} holds {y.tolist()[at]!r} at position {at}; -1, None and nan stand"
            " for samples without a label: leave them out, with their codes. If -1 is a"
            " class, give it another name"
        )
    return labels
