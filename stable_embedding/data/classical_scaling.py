"""Classical multidimensional scaling of distances, by landmarks."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh

from .._progress import progress_over
from .input_distances import InputDistances

# Eigenvalues below this fraction of the largest are rounding errors.
_ROUNDING = 1e-10


class ClassicalScaling(NamedTuple):
    r"""Function that maps distances to the landmarks to coordinates.

    Attributes
    ----------
    axes : ndarray of shape (n_coordinates, n_landmarks)
        Eigenvectors of the landmarks' doubly centered squared distances, times the
        roots of weights.

    variances : ndarray of shape (n_coordinates,)
        Eigenvalues of the axes, in decreasing order; 0 where they are not positive.

    squares : ndarray of shape (n_landmarks,)
        Mean squared distance of each landmark from all of them, by their weights.
    """

    axes: np.ndarray
    variances: np.ndarray
    squares: np.ndarray

    def __call__(self, distances: np.ndarray) -> np.ndarray:
        """Compute coordinates of samples from their distances to the landmarks.

        Parameters
        ----------
        distances : ndarray of shape (n_samples, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples, n_coordinates)
        """
        roots = np.sqrt(self.variances)
        inverse = np.divide(1, roots, out=np.zeros_like(roots), where=roots > 0)
        return -0.5 * (np.square(distances) - self.squares) @ (inverse * self.axes.T)


def classical_scaling(
    distances: np.ndarray,
    n_coordinates: int,
    at_most: int | None = None,
    weights: np.ndarray | None = None,
) -> ClassicalScaling:
    r"""Compute classical scaling of landmarks from their distances.

    Let :math:`J = I - \frac1m 1 1^\top` for :math:`m` landmarks with squared distances
    :math:`D^2`, and let :math:`V` and :math:`\Lambda` be the leading eigenvectors and
    eigenvalues of :math:`-\frac12 J D^2 J`. The coordinates of the landmarks are
    :math:`V \Lambda^{1/2}`. Those of a sample with squared distances :math:`\delta` to
    the landmarks are
    :math:`-\frac12 \Lambda^{-1/2} V^\top (\delta - \bar\delta)`, where
    :math:`\bar\delta` is the mean squared distance of each landmark. For a landmark
    both are equal.

    Parameters
    ----------
    distances : ndarray of shape (n_landmarks, n_landmarks)

    n_coordinates : int
        Least number of coordinates. Those without a positive eigenvalue are 0.

    at_most : int or None, default=None
        If given, use up to this number of coordinates: one for each eigenvalue that is
        larger than the absolute value of the most negative one. Smaller eigenvalues are
        within the error of a Euclidean approximation.

    weights : ndarray of shape (n_landmarks,) or None, default=None
        Weights of the landmarks, of mean 1; equal ones by default. A landmark of weight
        2 has the effect of two.

    Returns
    -------
    ClassicalScaling

    References
    ----------
    V. de Silva and J. B. Tenenbaum, "Sparse multidimensional scaling using landmark
    points", technical report, Stanford University, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.data.classical_scaling import classical_scaling
    >>> x = np.array([0.0, 3.0, 7.0])
    >>> D = abs(x[:, None] - x)
    >>> np.ptp(classical_scaling(D, 1)(D)).round(6)
    np.float64(7.0)
    """
    squares = np.square(distances, dtype=np.float64)
    means = np.average(squares, axis=1, weights=weights)
    gram = squares - means - means[:, None] + np.average(means, weights=weights)
    n_landmarks = len(gram)
    roots = np.ones(n_landmarks) if weights is None else np.sqrt(weights)
    gram *= -0.5 * np.outer(roots, roots)
    n_found = min(at_most or n_coordinates, n_landmarks)
    variances, vectors = leading_eigenvectors(gram, n_found)
    if at_most is not None:
        lowest = eigh(gram, eigvals_only=True, subset_by_index=[0, 0]).min(initial=0.0)
        n_above = np.count_nonzero(variances > max(0.0, -lowest))
        n_coordinates = max(n_coordinates, int(n_above))
    n_found = min(n_coordinates, n_found)
    axes, kept = np.zeros((n_coordinates, n_landmarks)), np.zeros(n_coordinates)
    axes[:n_found] = vectors[:n_found] * roots
    # An eigenvalue that is due to rounding would be divided by.
    is_found = variances > _ROUNDING * max(variances[0], 0.0)
    kept[:n_found] = np.where(is_found, variances, 0.0)[:n_found]
    return ClassicalScaling(axes, kept, means)


def leading_eigenvectors(gram: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute the largest eigenvalues of a symmetric matrix and their eigenvectors.

    Parameters
    ----------
    gram : ndarray of shape (n_samples, n_samples)

    n : int
        Number of eigenvalues.

    Returns
    -------
    values : ndarray of shape (n,)
        In decreasing order.

    vectors : ndarray of shape (n, n_samples)
        Eigenvectors as rows.
    """
    size = len(gram)
    values, vectors = eigh(gram, subset_by_index=[size - n, size - 1])
    if len(values) < n:
        # LAPACK may miss equal eigenvalues when it selects them by index.
        values, vectors = eigh(gram)
    return values[::-1][:n], vectors.T[::-1][:n]


def place_by_landmarks(
    distances: InputDistances,
    landmarks: np.ndarray,
    scaling: ClassicalScaling,
    verbose: bool = False,
) -> np.ndarray:
    """Compute coordinates of all samples from their distances to landmarks.

    Parameters
    ----------
    distances : InputDistances

    landmarks : ndarray of int of shape (n_landmarks,)
        Positions of the landmarks.

    scaling : ClassicalScaling
        Scaling of these landmarks.

    verbose : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    ndarray of shape (n_samples, n_coordinates), dtype float64
    """
    everyone = np.arange(len(distances))
    parts = distances.parts(everyone)
    return np.concatenate(
        [
            scaling(distances.between(everyone[part], landmarks))
            for part in progress_over(parts, len(everyone), "placement", verbose)
        ]
    )
