"""How far classes are from lying apart."""

from typing import Any

import torch
from torch import Tensor

from ..data import limits
from .base import Batch, LossTerm, split_into_blocks


def triplet_loss(
    codes: Tensor, labels: Tensor, margin: float, weights: Tensor | None = None
) -> Tensor:
    r"""Mean over triplets by how much a sample of another class is too near.

    .. math:: \operatorname{mean} \max\bigl(0,\,
        \tfrac12 |z_a - z_p|^2 - \tfrac12 |z_a - z_n|^2 + m \bigr)

    over all samples :math:`a`, others :math:`p` of the same class and :math:`n` of
    another, within blocks of at most 64 samples.

    Parameters
    ----------
    codes : Tensor of shape (..., n_samples, n_components)

    labels : Tensor of shape (..., n_samples)
        Classes. Samples with a negative label, whose class is not known, are in no
        triplet.

    margin : float
        The :math:`m` by which half the squared distances should differ.

    weights : Tensor of shape (..., n_samples) or None, default=None
        Weights of the samples; that of a triplet is their product.

    Returns
    -------
    Tensor of shape (...)
        The margin for a collapsed map; 0 if there is no triplet.
    """
    codes = split_into_blocks(codes, limits.TRIPLET_BLOCK)
    labels = split_into_blocks(labels.unsqueeze(-1), limits.TRIPLET_BLOCK)
    halves = 0.5 * (codes.unsqueeze(-2) - codes.unsqueeze(-3)).square().sum(-1)
    alike = labels == labels.mT
    known = (labels >= 0) & (labels >= 0).mT
    others = alike & ~torch.eye(alike.shape[-1], dtype=torch.bool, device=alike.device)
    positives, negatives = others & known, ~alike & known
    # Of each sample, the negatives by their distance: those nearer than a positive and
    # the margin come first, and their sum is a sum of so many.
    reach = halves + margin
    far, by_distance = halves.masked_fill(~negatives, torch.inf).sort()
    n_near = torch.searchsorted(far.detach(), reach.detach())
    finite = far.masked_fill(far.isinf(), 0)
    if weights is None:
        near = sum_of_first(finite, n_near)
        total = ((n_near * reach - near) * positives).sum((-2, -1))
        counts = (positives.sum(-1) * negatives.sum(-1)).sum(-1)
        return total.sum(-1) / counts.sum(-1).clamp_min(1)
    weights = split_into_blocks(weights.unsqueeze(-1), limits.TRIPLET_BLOCK)
    of_others = weights.mT.expand_as(halves)
    sorted_weights = of_others.gather(-1, by_distance)
    n_near_weighted = sum_of_first(sorted_weights, n_near)
    near = sum_of_first(finite * sorted_weights, n_near)
    of_positives = positives * of_others * weights
    total = ((n_near_weighted * reach - near) * of_positives).sum((-2, -1))
    counts = (of_positives.sum(-1) * (negatives * of_others).sum(-1)).sum(-1)
    tiny = torch.finfo(counts.dtype).tiny
    return total.sum(-1) / counts.sum(-1).clamp_min(tiny)


def sum_of_first(values: Tensor, counts: Tensor) -> Tensor:
    """Sum the first values of each row, so many as each of several counts says."""
    sums = torch.nn.functional.pad(values.cumsum(-1), (1, 0))
    return sums.gather(-1, counts)


class TripletLoss(LossTerm):
    """Triplet loss of labeled samples.

    Parameters
    ----------
    weight : float
        Weight in the total.

    margin : float
        Margin of the triplets.
    """

    name = "triplet"

    def __init__(self, weight: float, margin: float):
        super().__init__(weight)
        self.margin = margin

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Return the mean excess over triplets."""
        assert batch.labels is not None
        return triplet_loss(outputs.codes, batch.labels, self.margin, batch.weights)
