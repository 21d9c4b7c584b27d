"""What measures of quality accept."""

from numbers import Integral

from sklearn.utils import check_consistent_length

from ..data.containers import check_samples, check_squares
from ..data.sample_ids import check_same_samples


def read_samples(X, name, **options):
    """Validate samples whose squares can be summed."""
    X = check_samples(X, name, **options)
    check_squares(X, name)
    return X


def check_pair(X, other, names=("X", "X_embedded")):
    """Validate data and another array with one row for each of its samples."""
    check_same_samples(X, other, names[1], names[0])
    X = read_samples(X, names[0], accept_sparse=True)
    other = read_samples(other, names[1])
    check_consistent_length(X, other)
    return X, other


def check_embedding(X, X_embedded, n_samples=2):
    """Validate data and an embedding of enough samples."""
    X, X_embedded = check_pair(X, X_embedded)
    if X.shape[0] < n_samples:
        raise ValueError(
            f"X has {X.shape[0]} sample(s); {n_samples} or more are needed"
        )
    return X, X_embedded


def check_width(X, name, other, other_name):
    """Raise if two arrays do not have equally many columns."""
    if X.shape[1] != other.shape[1]:
        raise ValueError(
            f"{name} has {X.shape[1]} columns, but {other_name} has {other.shape[1]};"
            " both must have the same"
        )


def check_n_neighbors(n_neighbors, X):
    """Raise if samples cannot have that many neighbors and as many others."""
    n_samples = X.shape[0]
    is_whole = isinstance(n_neighbors, Integral)
    if not (is_whole and 1 <= n_neighbors < n_samples / 2):
        raise ValueError(
            f"n_neighbors={n_neighbors!r} must be a whole number, at least 1 and less"
            f" than n_samples / 2 ({n_samples / 2})"
        )
