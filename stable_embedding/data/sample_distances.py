"""Distances that a user passes to `fit`, and how a search splits them."""

from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.utils import check_array, gen_batches

from . import limits
from .columns import columns_named
from .containers import canonical, readable
from .input_distances import (
    CallableDistances,
    InputDistances,
    MatrixDistances,
    SparseMatrixDistances,
    held_if_few,
)
from .metrics import check_range
from .sample_ids import check_same_pairs, check_same_samples, has_index
from .subsample import fixed_subsample

# What an estimator says that its codes follow if a user passed distances.
GIVEN_DISTANCES = "distances"

# Largest asymmetry, and largest distance of a sample from itself, relative to the
# largest distance.
_ROUNDING = 1e-5


class SampleDistances:
    """Distances between samples that a search can split.

    Use it to pass `distances` to a search. A search splits arguments along their first
    axis, which would turn a square matrix into a rectangle. These distances are split
    along both axes, without a copy.

    Parameters
    ----------
    distances : {array-like, sparse matrix} of shape (n_all, n_all) or callable
        A matrix, or a callable from two arrays of ids to an array of the distances
        between samples of the first and of the second. The index of a data frame is
        compared with that of X.

    ids : array-like of shape (n_samples,) or None, default=None
        Id of each sample: an argument of the callable, or an index into the matrix. By
        default, all samples of the matrix in order. Required for a callable.

    Attributes
    ----------
    shape : tuple of int
        Number of samples, twice.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding import SampleDistances
    >>> words = np.array(["tea", "ten", "sun"])
    >>> def differing(first, second):
    ...     letters = [[list(word) for word in words] for words in (first, second)]
    ...     first, second = map(np.array, letters)
    ...     return (first[:, None] != second[None]).sum(axis=-1)
    >>> distances = SampleDistances(differing, ids=words)
    >>> distances[[0, 2]](np.array([0]), np.array([0, 1]))
    array([[0, 3]])
    """

    # The ids of a data frame, as one without columns.
    _named = None

    def __init__(self, distances, ids=None):
        if callable(distances) and ids is None:
            raise ValueError(
                f"ids=None, but distances={distances!r} is a callable; pass the ids of"
                " the samples, with which it is called"
            )
        if not callable(distances):
            frame = distances
            distances = distances if issparse(distances) else np.asanyarray(distances)
            if distances.ndim != 2 or distances.shape[0] != distances.shape[1]:
                raise ValueError(
                    f"distances has shape {distances.shape}; it must be square, or a"
                    " callable"
                )
            if has_index(frame):
                self._named = frame.iloc[:, :0]
                check_same_pairs(self._named, frame, "distances")
            n_all = distances.shape[0]
            ids = np.arange(n_all) if ids is None else np.asarray(ids)
            bad = ~np.isin(ids, np.arange(n_all)) | (ids.dtype == bool)
            if bad.any():
                raise ValueError(
                    f"ids holds {ids[bad].tolist()[0]!r}, but distances is of {n_all}"
                    f" samples; ids must be numbers from 0 to {n_all - 1}"
                )
            ids = ids.astype(np.intp)
        self.distances = distances
        self.ids = np.asarray(ids)

    @property
    def shape(self):
        """Number of samples, twice."""
        return len(self.ids), len(self.ids)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, key):
        """Return the distances of some samples from each other."""
        if isinstance(key, tuple):  # as of an array, whose other axes go along
            key = key[0]
        chosen = SampleDistances(self.distances, self.ids[key])
        chosen._named = self._named
        return chosen

    def check_ids(self, X):
        """Raise if the samples of X have other ids than the data frame of distances.

        Parameters
        ----------
        X : object
            Samples, which may have ids in their index.

        Raises
        ------
        ValueError
            If both have ids, in another order.
        """
        if self._named is None:
            return
        try:
            check_same_samples(X, self._named.iloc[self.ids], "the frame")
        except ValueError as error:
            raise ValueError(
                f"distances are of other samples: {error}. Turn both sides before it"
                " is wrapped, as in SampleDistances(frame.loc[X.index, X.index])"
            ) from None

    def __call__(self, first, second):
        """Return the distances of some samples from others.

        Parameters
        ----------
        first, second : ndarray of int of shape (n_first,), (n_second,)
            Positions among the samples.

        Returns
        -------
        ndarray of shape (n_first, n_second)
        """
        first, second = self.ids[first], self.ids[second]
        if callable(self.distances):
            return self.distances(first, second)
        if issparse(self.distances):
            raise TypeError(
                "distances are a sparse matrix, which lacks some pairs; use matrix()"
            )
        return self.distances[np.ix_(first, second)]

    def matrix(self):
        """Return the distances of the samples as a sparse matrix."""
        return csr_array(self.distances)[self.ids][:, self.ids]


def check_distances(
    distances: Any, n_samples: int, weights: np.ndarray | None = None
) -> Any:
    """Validate a user's distances.

    Parameters
    ----------
    distances : {array-like, sparse matrix} or callable

    n_samples : int
        Number of samples of X.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; equal ones by default.

    Returns
    -------
    {ndarray, csr_array} of shape (n_samples, n_samples) or callable

    Raises
    ------
    TypeError, ValueError
        If they are not square, finite, symmetric and 0 or more, not 0 between a sample
        and itself, or too large or small for float32, or if a matrix is all 0 between
        samples with a weight above 0. The symmetry of a large dense matrix is checked
        on a part, and so are the values of one in :class:`SampleDistances`, of which no
        copy is made.
    """
    if isinstance(distances, SampleDistances):
        if len(distances) != n_samples:
            raise ValueError(
                f"distances is of {len(distances)} samples, but X has {n_samples}"
            )
        if issparse(distances.distances):
            distances = distances.matrix()
        elif not callable(distances.distances):
            _check_selected(distances)
            return distances
    if callable(distances):
        _check_callable(distances, n_samples)
        return distances
    distances = readable(distances, "distances")
    with columns_named(distances, "distances"):
        distances = check_array(
            distances,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,
            input_name="distances",
        )
    distances = canonical(distances)
    if distances.shape != (n_samples, n_samples):
        raise ValueError(
            f"distances has shape {distances.shape}, but it must have"
            f" {(n_samples, n_samples)}: the distances of all samples of X from each"
            " other. A search splits its rows alone; pass"
            " stable_embedding.SampleDistances(distances), which it splits on both"
            " sides"
        )
    _check_values(distances.data if issparse(distances) else distances)
    if issparse(distances):
        distances = csr_array(distances)
        _check_sparse(distances)
    else:
        check_symmetric(distances, "distances")
    _check_apart(distances, weights)
    return distances


def check_symmetric(distances: np.ndarray, name: str) -> None:
    """Raise if distances differ in both directions, or are not 0 on the diagonal.

    Parameters
    ----------
    distances : ndarray of shape (n_samples, n_samples)
        If there are many samples, the symmetry is checked on a part.

    name : str
        Name of the parameter, for the message.
    """
    index = fixed_subsample(len(distances), limits.LANDMARKS)
    part = distances[np.ix_(index, index)]
    _check_pairs(part, part.T, part.max(initial=0), np.diagonal(distances), name)


def _check_selected(distances):
    """Check the part of a matrix that was selected, by some of its samples."""
    index = fixed_subsample(len(distances), limits.LANDMARKS)
    part = check_distances(distances(index, index), len(index))
    diagonal = distances.distances[distances.ids, distances.ids]
    _check_diagonal(diagonal, part.max())


def _check_values(values):
    """Raise if a distance is negative, no finite number, or beyond float32."""
    largest = 0.0
    size = max(1, limits.PAIRS_AT_ONCE // (values.shape[-1] if values.ndim > 1 else 1))
    for start in range(0, len(values), size):
        part = slice(start, start + size)
        bad = ~(np.isfinite(values[part]) & (values[part] >= 0))
        if bad.any():
            raise ValueError(
                f"distances holds {values[part][bad][0]}; distances must be finite"
                " numbers of 0 or more. Pass a sparse matrix to leave out unknown pairs"
            )
        largest = max(largest, float(values[part].max()))
    check_range(largest, "distances")


def _check_apart(distances, weights):
    """Raise if no samples that count are apart."""
    n_samples = distances.shape[0]
    kept = np.arange(n_samples) if weights is None else np.flatnonzero(weights)
    parts = gen_batches(len(kept), max(1, limits.PAIRS_AT_ONCE // n_samples))
    if not any(distances[kept[part]][:, kept].max() > 0 for part in parts):
        of_whom = "" if weights is None else " of samples with a weight above 0"
        raise ValueError(
            f"distances holds no distance above 0{of_whom}; some samples must be apart"
        )


def _check_pairs(there, back, largest, diagonal, name="distances"):
    difference = abs(there - back).max() if there.size else 0
    if difference > _ROUNDING * largest:
        raise ValueError(
            f"{name} is not symmetric: for some pair both distances differ by"
            f" {difference}; pass ({name} + {name}.T) / 2, or {name} + {name}.T if"
            " it holds each distance once"
        )
    _check_diagonal(diagonal, largest, name)


def _check_diagonal(diagonal, largest, name="distances"):
    if np.abs(diagonal).max(initial=0) > _ROUNDING * largest:
        raise ValueError(
            f"{name} holds {np.abs(diagonal).max()} on its diagonal, where the"
            " distance of a sample from itself must be 0"
        )


def _check_sparse(matrix):
    stored = matrix.copy()
    stored.data[:] = 1
    if (stored != stored.T).nnz:
        raise ValueError(
            "distances is sparse and holds the distance of some pair in one direction"
            " only; store both: distances.maximum(distances.T)"
        )
    _check_pairs(matrix, matrix.T, matrix.data.max(initial=0), matrix.diagonal())


def _check_callable(distances, n_samples):
    index = fixed_subsample(n_samples, 8)
    called = CallableDistances(distances, n_samples)
    there, back = called.between(index, index[::-1]), called.between(index[::-1], index)
    _check_pairs(there, back.T, there.max(), np.diagonal(there[:, ::-1]))


def user_distances(
    distances: Any, n_samples: int, order: np.ndarray | None, verbose: bool = False
) -> InputDistances:
    """Return a user's distances, which were checked, by positions of a training."""
    if callable(distances):
        return held_if_few(CallableDistances(distances, n_samples, order), verbose)
    if issparse(distances):
        return SparseMatrixDistances(distances, order)
    return held_if_few(MatrixDistances(distances, order), verbose)
