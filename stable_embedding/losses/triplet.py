"""Triplet loss of labeled samples."""

from typing import Any

import torch
from torch import Tensor

from ..data import limits
from .base import Batch, LossTerm, ratio, split_into_blocks, weighted_mean


def triplet_loss(
    codes: Tensor, labels: Tensor, margin: float, weights: Tensor | None = None
) -> Tensor:
    r"""Compute the mean triplet loss over all triplets within blocks.

    .. math:: \operatorname{mean} \max\bigl(0,\,
        \tfrac12 |z_a - z_p|^2 - \tfrac12 |z_a - z_n|^2 + m \bigr)

    over all anchors :math:`a`, positives :math:`p` (other samples of the same class)
    and negatives :math:`n` (samples of another class) within blocks of at most 64
    samples, with codes :math:`z` and the margin :math:`m`.

    Parameters
    ----------
    codes : Tensor of shape (..., n_samples, n_components)

    labels : Tensor of shape (..., n_samples)
        Classes. A negative label marks an unknown class; such samples are in no
        triplet.

    margin : float
        The margin :math:`m` between half squared distances. A larger one pushes classes
        further apart.

    weights : Tensor of shape (..., n_samples) or None, default=None
        Weights of the samples. The weight of a triplet is their product.

    Returns
    -------
    Tensor of shape (...)
        It equals the margin for a collapsed map, and 0 if there are no triplets.
    """
    return ratio(*sums_over_triplets(codes, labels, margin, weights))


def sums_over_triplets(
    codes: Tensor, labels: Tensor, margin: float, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the numerator and the denominator of :func:`triplet_loss`."""
    codes = split_into_blocks(codes, limits.TRIPLET_BLOCK)
    labels = split_into_blocks(labels.unsqueeze(-1), limits.TRIPLET_BLOCK)
    halves = 0.5 * (codes.unsqueeze(-2) - codes.unsqueeze(-3)).square().sum(-1)
    alike = labels == labels.mT
    known = (labels >= 0) & (labels >= 0).mT
    others = alike & ~torch.eye(alike.shape[-1], dtype=torch.bool, device=alike.device)
    positives, negatives = others & known, ~alike & known
    # Negatives are sorted by distance from each anchor. Those within the distance of a
    # positive plus the margin come first, so their sum is a cumulative sum.
    reach = halves + margin
    far, by_distance = halves.masked_fill(~negatives, torch.inf).sort()
    n_near = torch.searchsorted(far.detach(), reach.detach())
    finite = far.masked_fill(far.isinf(), 0)
    if weights is None:
        near = sum_of_first(finite, n_near)
        total = ((n_near * reach - near) * positives).sum((-2, -1))
        counts = (positives.sum(-1) * negatives.sum(-1)).sum(-1)
        return total.sum(-1), counts.sum(-1)
    weights = split_into_blocks(weights.unsqueeze(-1), limits.TRIPLET_BLOCK)
    of_others = weights.mT.expand_as(halves)
    sorted_weights = of_others.gather(-1, by_distance)
    n_near_weighted = sum_of_first(sorted_weights, n_near)
    near = sum_of_first(finite * sorted_weights, n_near)
    of_positives = positives * of_others * weights
    total = ((n_near_weighted * reach - near) * of_positives).sum((-2, -1))
    counts = (of_positives.sum(-1) * (negatives * of_others).sum(-1)).sum(-1)
    return total.sum(-1), counts.sum(-1)


def sum_of_first(values: Tensor, counts: Tensor) -> Tensor:
    """Sum the first `counts` values of each row, for each of several counts."""
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
        """Compute the mean triplet loss."""
        labels, weights = batch.labels, batch.weights
        assert labels is not None
        lost, total = sums_over_triplets(outputs.codes, labels, self.margin, weights)
        known = (labels >= 0).to(outputs.codes.dtype)
        self.counted_fraction = weighted_mean(known, weights) * (total > 0)
        return ratio(lost, total)
