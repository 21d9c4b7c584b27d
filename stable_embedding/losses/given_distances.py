"""Losses of distances and inner products that are given beside the samples."""

from typing import Any

import torch
from torch import Tensor

from .base import TINY, Batch, LossTerm
from .pairs import (
    given_distance_loss,
    mean_over_blocks,
    mean_squared_difference,
    pair_weights,
)


class GivenDistanceLoss(LossTerm):
    r"""Loss of given distances, such as those of a metric or of a user.

    .. math:: L_\text{sim} = \tfrac12 \operatorname{mean}_{i<j}
              \bigl(|z_i - z_j| - d_{ij} / s_d\bigr)^2

    with codes :math:`z_i`, given distances :math:`d_{ij}` and their unit :math:`s_d`.
    The unit is the root of half the mean of :math:`d_{ij}^2`, so a collapsed map has a
    loss of 1. Batches are split as in :func:`.distance_loss`. The mean is that over all
    known pairs within the blocks of a batch.

    Parameters
    ----------
    distances : InputDistances
        Distances of the input by positions, nan if unknown.

    unit : float
        The unit :math:`s_d`.

    weight : float, default=1.0
        Weight in the total.
    """

    name = "similarity"

    def __init__(self, distances: Any, unit: float, weight: float = 1.0):
        super().__init__(weight)
        self.distances = distances
        self.unit = unit

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the loss of distances, as a fraction."""
        if not self.distances.has_unknown:
            return mean_over_blocks(self._lost, outputs.codes, batch) / 2
        lost, known, pairs = mean_over_blocks(self._lost_by_known, outputs.codes, batch)
        self.counted_fraction = known / pairs.clamp_min(TINY)
        return lost / self.counted_fraction.clamp_min(TINY) / 2

    def _lost(self, codes, index, weights):
        return given_distance_loss(self._wanted(codes, index), codes, weights=weights)

    def _lost_by_known(self, codes, index, weights):
        wanted = self._wanted(codes, index)
        lost = given_distance_loss(wanted, codes, True, weights)
        pairs = (
            pair_weights(distances, weights).mean((-2, -1))
            for distances in (wanted, torch.zeros_like(wanted))
        )
        return torch.stack([lost, *pairs])

    def _wanted(self, codes, index):
        return self.distances.among(index).to(codes.dtype) / self.unit


class GivenInnerProductLoss(LossTerm):
    r"""Loss of given inner products, such as centered cosines.

    .. math:: L_\text{sim} = \frac1c \operatorname{mean}_{i<j}
              \bigl(z_i^\top z_j - b_{ij} / s_d^2\bigr)^2

    with codes :math:`z_i`, given inner products :math:`b_{ij}` of centered points, the
    unit :math:`s_d` and the mean :math:`c` for a collapsed map. This is the strain of
    classical scaling, whose optimum is unique up to rotations and reflections. Batches
    are split as in :func:`.distance_loss`.

    Parameters
    ----------
    products : ChordDistances
        Inner products of the input by positions.

    unit : float
        The unit :math:`s_d`.

    weight : float, default=1.0
        Weight in the total.

    collapsed_loss : float, default=1.0
        Normalizer :math:`c`, see :func:`collapsed_product_loss`.

    References
    ----------
    W. S. Torgerson, "Multidimensional scaling: I. Theory and method", Psychometrika,
    1952.
    """

    name = "similarity"

    def __init__(
        self,
        products: Any,
        unit: float,
        weight: float = 1.0,
        collapsed_loss: float = 1.0,
    ):
        super().__init__(weight)
        self.products = products
        self.unit = unit
        self.collapsed_loss = collapsed_loss

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the loss of inner products, as a fraction."""
        return mean_over_blocks(self._lost, outputs.codes, batch) / self.collapsed_loss

    def _lost(self, codes, index, weights):
        wanted = self.products.products(index).to(codes.dtype) / self.unit**2
        return mean_squared_difference(codes @ codes.mT, wanted, weights)


def collapsed_product_loss(
    products: Any, index: Tensor, unit: float, weights: Tensor | None = None
) -> float:
    """Compute the mean squared inner product of pairs, the loss of a collapsed map.

    If it would be 0, as with samples of one direction, it is 1.

    Parameters
    ----------
    products : ChordDistances

    index : Tensor of int of shape (n_samples,)
        Positions of samples that stand for all.

    unit : float
        The unit.

    weights : Tensor of shape (n_samples,) or None, default=None
        Weights of these samples.

    Returns
    -------
    float
    """
    wanted = products.products(index) / unit**2
    weights = None if weights is None else weights.to(wanted.dtype)
    origin = torch.zeros_like(wanted)
    return mean_squared_difference(origin, wanted, weights).item() or 1.0
