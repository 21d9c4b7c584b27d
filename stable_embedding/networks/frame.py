"""Rigid maps of an embedding: rotations and reflections with a shift."""

from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.linalg import orthogonal_procrustes, svdvals
from scipy.optimize import linear_sum_assignment

# Fraction of the largest below which a singular value is rounding: samples do not
# differ in its direction. And how much it then counts that this direction stays.
_ROUNDING = 1e-12
_UNDECIDED = 1e-9


class RigidMap(NamedTuple):
    """The map ``z -> z @ rotation + shift``, which changes no distance.

    Attributes
    ----------
    rotation : ndarray of shape (n_components, n_components)
        Orthogonal: a rotation, possibly with a reflection.

    shift : ndarray of shape (n_components,)
        Added after the rotation.
    """

    rotation: np.ndarray
    shift: np.ndarray

    def __call__(self, codes):
        """Map codes of shape (n_samples, n_components)."""
        return codes @ self.rotation + self.shift


def rigid_map_onto(codes, reference, weights=None, hold=0.0):
    r"""Find the rigid map that lays codes closest to a reference.

    Orthogonal Procrustes: the map :math:`z \mapsto zQ + t` that minimizes
    :math:`\sum_i w_i (|z_i Q + t - r_i|^2 + h |Q - I|^2)` over orthogonal :math:`Q` and
    any :math:`t`. Directions in which the samples do not differ stay as they are.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        Codes to map.

    reference : array-like of shape (n_samples, n_components)
        Where the same samples should lie.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; equal ones by default.

    hold : float, default=0.0
        How much it counts, :math:`h`, that the map keeps each direction: the variance
        along it of samples that would stay.

    Returns
    -------
    RigidMap
        In float64.

    References
    ----------
    P. H. Schönemann, "A generalized solution of the orthogonal Procrustes problem",
    Psychometrika 31, 1966.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.networks.frame import rigid_map_onto
    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> turned = square @ [[0.0, 1.0], [-1.0, 0.0]] + 5.0
    >>> bool(np.allclose(rigid_map_onto(turned, square)(turned), square))
    True
    """
    codes = np.asarray(codes, dtype=np.float64)
    reference = np.asarray(reference, dtype=np.float64)
    center = np.average(codes, axis=0, weights=weights)
    target = np.average(reference, axis=0, weights=weights)
    roots = 1.0 if weights is None else np.sqrt(weights)[:, None]
    products = (roots * (codes - center)).T @ (roots * (reference - target))
    sizes = svdvals(products)
    stay = hold * (len(codes) if weights is None else weights.sum())
    if sizes[-1] <= _ROUNDING * sizes[0]:
        stay += _UNDECIDED * sizes[0]
    axes = np.eye(len(products))
    rotation, _ = orthogonal_procrustes(axes, products + stay * axes)
    return RigidMap(rotation, target - center @ rotation)


def axis_map_onto(codes, reference, signed=True, weights=None, hold=0.0):
    r"""Find the permutation of axes that lays codes closest to a reference.

    The map :math:`z \mapsto zQ` that minimizes
    :math:`\sum_i w_i (|z_i Q - r_i|^2 + h |Q - I|^2)` over matrices with one entry in
    each row and column, which is 1 or, if signed, -1. Use it for codes whose axes have
    a meaning of their own: what is 0 stays 0. Axes that the samples do not tell apart
    stay as they are.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        Codes to map.

    reference : array-like of shape (n_samples, n_components)
        Where the same samples should lie.

    signed : bool, default=True
        Whether axes may change their sign.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; equal ones by default.

    hold : float, default=0.0
        How much it counts, :math:`h`, that the map keeps each axis.

    Returns
    -------
    RigidMap
        In float64, without a shift.

    Examples
    --------
    >>> from stable_embedding.networks.frame import axis_map_onto
    >>> axis_map_onto([[0.0, 2.0], [-3.0, 0.0]], [[2.0, 0.0], [0.0, 3.0]]).rotation
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    codes = np.asarray(codes, dtype=np.float64)
    reference = np.asarray(reference, dtype=np.float64)
    n_samples = len(codes) if weights is None else weights.sum()
    if weights is not None:
        codes = codes * weights[:, None]
    products = codes.T @ reference
    stay = hold * n_samples + _UNDECIDED * np.abs(products).max()
    products += stay * np.eye(len(products))
    gains = np.abs(products) if signed else products
    pairs = linear_sum_assignment(gains, maximize=True)
    rotation = np.zeros_like(products)
    rotation[pairs] = np.where(signed & (products[pairs] < 0), -1, 1)
    return RigidMap(rotation, np.zeros(len(rotation)))


def projection_on(kept):
    """Return the map that sets all but some components to 0.

    It is not rigid, but networks can absorb it: a decoder then ignores the others, as
    the transpose says.

    Parameters
    ----------
    kept : ndarray of shape (n_components,), dtype bool
        Which components stay as they are.

    Returns
    -------
    RigidMap
    """
    return RigidMap(np.diag(kept.astype(np.float64)), np.zeros(len(kept)))


def apply_rigid_map(network: Any, rigid_map: RigidMap) -> Any:
    """Copy a network with its codes mapped by a rigid map.

    Parameters
    ----------
    network : BaseAutoencoder
        It stays as it is.

    rigid_map : RigidMap
        In float64.

    Returns
    -------
    BaseAutoencoder
        On the same device.
    """
    device = network.device
    network = deepcopy(network).cpu()  # not every device has float64
    network.absorb_rigid_map(*map(torch.from_numpy, rigid_map))
    return network.to(device)
