"""Distances between training samples, by their positions in the training set.

A training needs the distances among the samples of a batch. They come from a matrix, a
callable or coordinates, or from a metric as in :mod:`.metric_distances`. Positions
refer to the training set, which orders samples by content.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn.utils import gen_batches
from torch import Tensor

from .._progress import progress_over
from . import limits
from .metrics import check_range, checked


class InputDistances:
    """Distances between the samples of a training.

    Parameters
    ----------
    n_samples : int
        Number of samples.

    order : ndarray of shape (n_samples,) or None, default=None
        Index of the sample at each position in the data that were passed. By default,
        positions are these indices.

    name : str, default="distances"
        What an error calls their source.

    Attributes
    ----------
    has_unknown : bool
        Whether some distances are unknown, and therefore nan.
    """

    has_unknown = False

    def __init__(
        self, n_samples: int, order: np.ndarray | None = None, name: str = "distances"
    ):
        self.n_samples = n_samples
        self.order = np.arange(n_samples) if order is None else order
        self.name = name

    def __len__(self) -> int:
        return self.n_samples

    def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Compute the distances of some samples from others.

        Parameters
        ----------
        first, second : ndarray of int of shape (n_first,), (n_second,)
            Positions.

        Returns
        -------
        ndarray of shape (n_first, n_second), dtype float64
        """
        raise NotImplementedError(f"{type(self).__name__} must define between")

    def among(self, index: Tensor) -> Tensor:
        """Compute the distances among the samples of each of several batches.

        Parameters
        ----------
        index : Tensor of int of shape (..., n_samples_of_batch)
            Positions.

        Returns
        -------
        Tensor of shape (..., n_samples_of_batch, n_samples_of_batch), dtype float32
        """
        batches = index.reshape(-1, index.shape[-1]).cpu().numpy()
        found = np.stack([self.within(batch) for batch in batches])
        values = torch.from_numpy(found.astype(np.float32)).to(index.device)
        return values.reshape(*index.shape, index.shape[-1])

    def within(self, batch: np.ndarray) -> np.ndarray:
        """Compute the distances among the samples of one batch; hook.

        Parameters
        ----------
        batch : ndarray of int of shape (n_samples_of_batch,)
            Positions.

        Returns
        -------
        ndarray of shape (n_samples_of_batch, n_samples_of_batch)
        """
        return self.between(batch, batch)

    def all_pairs(self, verbose: bool = False) -> np.ndarray:
        """Compute the distances of all pairs, in float32."""
        everyone = np.arange(len(self))
        matrix = np.empty((len(self), len(self)), dtype=np.float32)
        parts, largest = self.parts(everyone), 0.0
        for part in progress_over(parts, len(self), "distances", verbose):
            found = self.between(everyone[part], everyone)
            largest = max(largest, found.max())
            with np.errstate(over="ignore"):
                matrix[part] = found
        check_range(largest, self.name)
        return matrix

    def parts(self, index: np.ndarray) -> Any:
        """Slice positions such that their distances from all can be held."""
        return gen_batches(len(index), max(1, limits.PAIRS_AT_ONCE // len(self)))


class MatrixDistances(InputDistances):
    """Distances from a full matrix, in memory or memory-mapped.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_samples)

    order : ndarray of shape (n_samples,) or None, default=None

    name : str, default="distances"
    """

    def __init__(
        self,
        matrix: np.ndarray,
        order: np.ndarray | None = None,
        name: str = "distances",
    ):
        super().__init__(len(matrix) if order is None else len(order), order, name)
        self.matrix = matrix
        self._tensor: Tensor | None = None
        if order is None and matrix.dtype == np.float32:
            self._tensor = torch.from_numpy(matrix)

    def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Look up the distances of some samples from others."""
        found = self.matrix[np.ix_(self.order[first], self.order[second])]
        return np.asarray(found, dtype=np.float64)

    def among(self, index: Tensor) -> Tensor:
        """Look up the distances among the samples of each of several batches."""
        if self._tensor is None:
            return super().among(index)
        self._tensor = self._tensor.to(index.device)
        return self._tensor[index.unsqueeze(-1), index.unsqueeze(-2)]


class SparseMatrixDistances(InputDistances):
    """Distances from a sparse matrix; pairs that are not stored are unknown.

    Parameters
    ----------
    matrix : sparse matrix of shape (n_samples, n_samples)
        Symmetric.

    order : ndarray of shape (n_samples,) or None, default=None
    """

    has_unknown = True

    def __init__(self, matrix: Any, order: np.ndarray | None = None):
        super().__init__(matrix.shape[0] if order is None else len(order), order)
        # In place of a stored distance of 0, which would look like a missing entry.
        self.stored = csr_array(matrix, dtype=np.float64, copy=True)
        self.stored.data[self.stored.data == 0] = -1
        if order is not None:
            self.stored = self.stored[order][:, order]
        self.stored.sort_indices()

    def known_pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the positions of both samples of each known pair, and its distance."""
        stored = self.stored.tocoo()
        is_pair = stored.row != stored.col
        distances = np.maximum(stored.data[is_pair], 0)
        return stored.row[is_pair], stored.col[is_pair], distances

    def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Look up the distances of some samples from others; nan if unknown."""
        stored = self.stored[first][:, second].toarray()
        distances = np.where(stored == 0, np.nan, np.maximum(stored, 0))
        distances[first[:, None] == second] = 0
        return distances


class CallableDistances(InputDistances):
    """Distances that a user's callable computes.

    Parameters
    ----------
    distances : callable
        Function of two arrays of indices of the user's samples. It returns the matrix
        of distances between samples of the first and of the second.

    n_samples : int

    order : ndarray of shape (n_samples,) or None, default=None
    """

    def __init__(
        self, distances: Callable, n_samples: int, order: np.ndarray | None = None
    ):
        super().__init__(n_samples, order)
        self.distances = distances

    def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Call the callable."""
        found = np.asarray(self.distances(self.order[first], self.order[second]))
        expected = len(first), len(second)
        if found.shape != expected:
            raise ValueError(
                f"distances={self.distances!r} returned shape {found.shape} for"
                f" {expected[0]} and {expected[1]} positions; it must return an array"
                f" of shape {expected}"
            )
        return checked(found, f"distances={self.distances!r}")


class CoordinateDistances(InputDistances):
    """Euclidean distances of coordinates that stand for the samples.

    Parameters
    ----------
    coordinates : ndarray of shape (n_samples, n_coordinates)
        In the order of the training.

    factor : float, default=1.0
        Factor of the distances.

    name : str, default="distances"
    """

    def __init__(
        self, coordinates: np.ndarray, factor: float = 1.0, name: str = "distances"
    ):
        super().__init__(len(coordinates), name=name)
        self.coordinates = coordinates
        self.factor = factor
        self._tensor = torch.from_numpy(coordinates.astype(np.float32))

    def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Compute the distances of some samples from others."""
        return self.factor * cdist(self.coordinates[first], self.coordinates[second])

    def among(self, index: Tensor) -> Tensor:
        """Compute the distances among the samples of each of several batches."""
        self._tensor = self._tensor.to(index.device)
        return squared_distances(self._tensor[index]).sqrt_().mul_(self.factor)


def squared_distances(rows: Tensor) -> Tensor:
    """Compute the squared Euclidean distances among rows, for all batches at once."""
    products = rows @ rows.mT
    norms = products.diagonal(dim1=-2, dim2=-1)
    squares = norms.unsqueeze(-1) + norms.unsqueeze(-2) - 2 * products
    return squares.clamp_min_(0)


def held_if_few(distances: InputDistances, verbose: bool = False) -> InputDistances:
    """Compute all distances as a matrix, if there are not too many samples."""
    if len(distances) > limits.ALL_PAIRS_SAMPLES:
        return distances
    return MatrixDistances(distances.all_pairs(verbose), name=distances.name)


def nearest(
    distances: InputDistances,
    n_neighbors: int,
    among: slice,
    update: Callable[[int], Any] = int,
) -> Any:
    """Find the nearest samples of each, by comparing all pairs.

    Parameters
    ----------
    distances : InputDistances

    n_neighbors : int

    among : slice
        Positions of the samples, all of whose neighbors are there.

    update : callable
        Told the number of samples after each part that is done.

    Returns
    -------
    counts : ndarray of shape (n_samples,)
        Number of neighbors of each, which is smaller where few distances are known.

    positions : ndarray of shape (n_found,)
        Positions of the neighbors of all, the nearest of each first. Of samples at
        equal distances the one that comes first is nearer.
    """
    index = np.arange(among.start, among.stop)
    counts, positions = [], []
    n_neighbors = min(n_neighbors, len(index) - 1)
    for part in distances.parts(index):
        found = distances.between(index[part], index)
        found[np.arange(len(found)), np.arange(len(index))[part]] = np.inf
        found[np.isnan(found)] = np.inf
        order = smallest(found, n_neighbors)
        by_distance = np.take_along_axis(found, order, axis=1).argsort(kind="stable")
        order = np.take_along_axis(order, by_distance, axis=1)
        known = np.isfinite(np.take_along_axis(found, order, axis=1))
        counts.append(known.sum(axis=1))
        positions.append(index[order[known]])
        update(len(found))
    return np.concatenate(counts), np.concatenate(positions)


def smallest(values: np.ndarray, n_kept: int) -> np.ndarray:
    """Find the smallest values of each row, of equal ones those that come first.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)

    n_kept : int
        Less than the number of columns.

    Returns
    -------
    ndarray of shape (n_rows, n_kept)
        Columns, in ascending order.
    """
    limit = np.partition(values, n_kept, axis=1)[:, n_kept, None]
    below, at_limit = values < limit, values == limit
    n_left = n_kept - below.sum(axis=1, keepdims=True)
    kept = below | (at_limit & (at_limit.cumsum(axis=1) <= n_left))
    return kept.nonzero()[1].reshape(len(values), n_kept)
