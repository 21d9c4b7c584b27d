"""Center and scale samples, and compute the values that the network is trained on."""

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.utils.sparsefuncs import min_max_axis

from . import limits
from .chunks import feature_means, iterate_chunks, total_squared_deviation

# Codes are returned in float32, which cannot hold scales outside this range.
SCALE_RANGE = (1e-30, 1e30)


def mean_and_scale(X, order=None, weights=None):
    """Compute the mean of each feature and the root of the total variance, in float64.

    The scale of data that are constant up to rounding is 0.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    order : ndarray of shape (n_steps,) or None, default=None
        Samples in the order of summation, which decides the last bits.

    weights : ndarray of shape (n_steps,) or None, default=None
        Weights of these samples, of mean 1.

    Returns
    -------
    mean : ndarray of shape (n_features,)

    scale : float

    Raises
    ------
    ValueError
        If float32 cannot hold the scale.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        n_samples = X.shape[0] if order is None else len(order)
        mean = feature_means(X, order, weights)
        deviation = total_squared_deviation(X, mean, order, weights)
        scale = np.sqrt(deviation / n_samples)
    if scale == 0:
        return mean, 0.0
    if not SCALE_RANGE[0] < scale < SCALE_RANGE[1]:
        raise ValueError(
            f"X has a total standard deviation of {scale:.3g}; float32 codes need one"
            f" between {SCALE_RANGE[0]:g} and {SCALE_RANGE[1]:g}: rescale X"
        )
    return mean, float(scale)


def check_not_far(samples):
    """Raise if samples are too far out by the scale of an earlier training.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, n_features)
        Scaled. Their squares must lie in the range of a scale.

    Raises
    ------
    ValueError
        If one does not.
    """
    largest = SCALE_RANGE[1] ** 0.5
    if np.abs(samples).max() >= largest:
        raise ValueError(
            f"X holds values of {largest:g} or more times the scale of the training"
            " data, with which float32 cannot compute: correct them, or leave out such"
            " samples"
        )


def inverse_power(values):
    """Return powers of two by which values become numbers between 1/2 and 1.

    A multiplication by them changes no digit. That of 0 is 1, and subnormal numbers
    remain below 1/2.
    """
    return np.ldexp(1.0, -np.frexp(values)[1].clip(min=-1022))


def scale_samples(block, mean, scale):
    """Center samples and divide them by the scale, in float64."""
    return ((block - mean) / scale).astype(np.float64, copy=False)


class SampleScaler:
    """Centers samples and divides them by a scale, chunk after chunk, in float32.

    Samples of float32 are computed in float32, others in float64 and then rounded. All
    chunks are written to the same memory, which stays in the cache. The division, the
    longer part, takes as many threads as torch has.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)

    scale : float
    """

    def __init__(self, mean, scale):
        self.mean = mean
        self.scale = scale
        # The mean in two parts, each of which float32 holds: so nothing is lost where
        # it is large beside the deviations.
        with np.errstate(over="ignore", invalid="ignore"):
            self._nearest = mean.astype(np.float32)
            rest = (mean - self._nearest).astype(np.float32)
        self._rest = torch.from_numpy(rest)
        self._memory = {}

    def __call__(self, block):
        """Return a chunk of samples centered and scaled, until the next call.

        Parameters
        ----------
        block : ndarray of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_features), dtype float32
        """
        scaled = self._room(block.shape, torch.float32)
        # NumPy subtracts first, since torch takes no array that cannot be written to.
        with np.errstate(over="ignore", invalid="ignore"):
            if block.dtype == np.float32:
                centered = scaled
                np.subtract(block, self._nearest, out=centered.numpy())
                centered.sub_(self._rest)
            else:
                centered = self._room(block.shape, torch.float64)
                np.subtract(block, self.mean, out=centered.numpy())
        return torch.div(centered, self.scale, out=scaled).numpy()

    def _room(self, shape, dtype):
        """Return a buffer for a chunk, reused if it is large enough."""
        held = self._memory.get(dtype)
        if held is None or len(held) < shape[0]:
            held = self._memory[dtype] = torch.empty(shape, dtype=dtype, device="cpu")
        return held[: shape[0]]


class ScaledSamples:
    """Centered and scaled samples of X, computed when they are indexed.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    mean : ndarray of shape (n_features,)

    scale : float

    order : ndarray of shape (n_ordered,) or None, default=None
        Samples in their order, as an index into X. By default, all in the order of X.

    basis : ndarray of shape (n_coordinates, n_features) or None, default=None
        Directions onto which the samples are projected. By default, the samples keep
        their features.

    hashes : ndarray of shape (n_ordered,) or None, default=None
        Hash of each sample, by its content.

    weights : ndarray of shape (n_ordered,) or None, default=None
        Weight of each sample; equal ones by default.
    """

    def __init__(
        self, X, mean, scale, order=None, *, basis=None, hashes=None, weights=None
    ):
        self.X = X
        self.mean = mean
        self.scale = scale
        self.order = order
        self.basis = basis
        self.hashes = hashes
        self.weights = weights

    def __len__(self):
        return self.X.shape[0] if self.order is None else len(self.order)

    @property
    def index_in_X(self):
        """Where each sample stands in X."""
        return np.arange(len(self)) if self.order is None else self.order

    @property
    def width(self):
        """Number of values of a sample."""
        return (self.X if self.basis is None else self.basis.T).shape[1]

    @property
    def sample_bytes(self):
        """Size of a sample, in bytes."""
        return np.dtype(np.float32).itemsize * self.width

    @property
    def fit_in_memory(self):
        """Whether all of them can be held at once."""
        return self.sample_bytes * len(self) <= limits.IN_MEMORY_BYTES

    def unscaled(self):
        """Return the samples as they are in X, in their order."""
        return self.X if self.order is None else self.X[self.order]

    def extremes(self):
        """Return the least and the largest value of each feature, scaled.

        Returns
        -------
        ndarray of shape (2, n_features), dtype float32
        """
        if issparse(self.X):
            found = min_max_axis(self.unscaled(), axis=0)
        else:
            chunks = iterate_chunks(self.X, self.index_in_X)
            of_chunks = [(chunk.min(axis=0), chunk.max(axis=0)) for _, chunk in chunks]
            lows, highs = zip(*of_chunks)
            found = np.min(lows, axis=0), np.max(highs, axis=0)
        return scale_samples(np.stack(found), self.mean, self.scale).astype(np.float32)

    def project(self, basis):
        """Return the same samples, projected onto a basis; None for their features."""
        return ScaledSamples(
            self.X,
            self.mean,
            self.scale,
            self.order,
            basis=basis,
            hashes=self.hashes,
            weights=self.weights,
        )

    def in_place(self):
        """Return all samples of X, in its order."""
        return ScaledSamples(self.X, self.mean, self.scale, basis=self.basis)

    def __getitem__(self, index):
        """Compute some of the samples, in float32.

        Parameters
        ----------
        index : slice or ndarray of int
            Positions in the order.

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
        samples = np.empty((len(index), self.width), dtype=np.float32)
        for steps, chunk in iterate_chunks(self.X, index):
            samples[steps] = self._prepare(chunk)
        return samples

    def _prepare(self, chunk):
        # In float64 first, so that the type of X does not change a training.
        scaled = scale_samples(chunk, self.mean, self.scale).astype(np.float32)
        return scaled if self.basis is None else scaled @ self.basis.T
