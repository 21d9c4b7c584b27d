"""Center and scale of the data, and the rows that the network sees."""

import numpy as np

from ..data.chunks import iterate_chunks

# Totals outside this range cannot be held by float32, in which codes are returned.
_SCALE_RANGE = (1e-30, 1e30)


def feature_means(X, order=None):
    """Mean of each feature, in float64."""
    n_rows = X.shape[0] if order is None else len(order)
    return sum(
        block.sum(axis=0, dtype=np.float64) for _, block in iterate_chunks(X, order)
    ) / (n_rows)


def total_squared_deviation(X, mean, order=None):
    """Sum of squared distances of rows from a mean, in float64."""
    return sum(
        np.square(block - mean, dtype=np.float64).sum()
        for _, block in iterate_chunks(X, order)
    )


def mean_and_scale(X, order=None):
    """Mean of each feature and the square root of the total variance, in float64.

    The scale of constant data is 1.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_rows, n_features)

    order : ndarray of shape (n_rows,) or None, default=None
        Order in which rows are summed, which decides on the last bits.

    Returns
    -------
    mean : ndarray of shape (n_features,)

    scale : float

    Raises
    ------
    ValueError
        If the scale is not one that float32 can hold.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean = feature_means(X, order)
        scale = np.sqrt(total_squared_deviation(X, mean, order) / X.shape[0])
        rounding = X.shape[0] * np.finfo(np.float64).eps * np.linalg.norm(mean)
    if scale <= rounding < np.inf:
        return mean, 1.0
    if not _SCALE_RANGE[0] < scale < _SCALE_RANGE[1]:
        raise ValueError(
            f"X has a total standard deviation of {scale:.3g}; float32 codes need one"
            f" between {_SCALE_RANGE[0]:g} and {_SCALE_RANGE[1]:g}: rescale X"
        )
    return mean, float(scale)


def scale_samples(block, mean, scale):
    """Center rows and divide them by the scale, in float64."""
    return ((block - mean) / scale).astype(np.float64, copy=False)


def scale_in_own_precision(block, mean, scale):
    """Center rows and divide them by the scale, those of float32 in float32.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n_features)

    mean : ndarray of shape (n_features,)

    scale : float

    Returns
    -------
    ndarray of shape (n_rows, n_features), dtype float32 or float64
    """
    if block.dtype != np.float32:
        return scale_samples(block, mean, scale)
    # The mean in two parts, which float32 holds: nothing that the rows have is lost.
    with np.errstate(over="ignore", invalid="ignore"):
        nearest = mean.astype(np.float32)
        rows = block - nearest
        rows -= (mean - nearest).astype(np.float32)
        rows /= np.float32(scale)
    return rows


class ScaledSamples:
    """Rows of X as the network sees them, computed when they are indexed.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_rows, n_features)

    mean : ndarray of shape (n_features,)

    scale : float

    order : ndarray of shape (n_rows,) or None, default=None
        Order in which the rows stand; that of X by default.

    basis : ndarray of shape (n_coordinates, n_features) or None, default=None
        Directions whose coordinates stand for a row; by default its features do.
    """

    def __init__(self, X, mean, scale, order=None, basis=None):
        self.X = X
        self.mean = mean
        self.scale = scale
        self.order = order
        self.basis = basis

    def __len__(self):
        return self.X.shape[0]

    @property
    def width(self):
        """Number of values of a row."""
        return (self.X if self.basis is None else self.basis.T).shape[1]

    @property
    def sample_bytes(self):
        """Size of a row."""
        return np.dtype(np.float32).itemsize * self.width

    def on(self, basis):
        """Return the same rows in another basis."""
        return ScaledSamples(self.X, self.mean, self.scale, self.order, basis)

    def __getitem__(self, index):
        """Compute rows, in float32.

        Parameters
        ----------
        index : slice or ndarray of int
            Which, in the order.

        Returns
        -------
        ndarray of shape (*index.shape, width), dtype float32
        """
        if isinstance(index, slice):
            index = np.arange(len(self))[index]
        elif index.ndim > 1:
            return self[index.ravel()].reshape(*index.shape, self.width)
        if self.order is not None:
            index = self.order[index]
        rows = np.empty((len(index), self.width), dtype=np.float32)
        for steps, block in iterate_chunks(self.X, index):
            rows[steps] = self._prepare(block)
        return rows

    def _prepare(self, block):
        # In float64 first, so that the type of X does not change a training.
        rows = scale_samples(block, self.mean, self.scale).astype(np.float32)
        return rows if self.basis is None else rows @ self.basis.T
