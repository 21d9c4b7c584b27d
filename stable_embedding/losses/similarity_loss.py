"""Loss of pairwise similarities of samples and of their codes."""

from typing import Any

import torch
from torch import Tensor

from .base import Batch, LossTerm
from .pairs import distance_loss, mean_squared_difference
from .similarity import Similarity, distance, with_weights


def similarity_loss(
    samples: Tensor,
    codes: Tensor,
    similarity: Similarity,
    collapsed_loss: float,
    discarded_variance: float = 0.0,
    weights: Tensor | None = None,
) -> Tensor:
    r"""Compute the loss of pairwise similarities, as a fraction.

    .. math:: L_\text{sim} = \frac{1}{c}\,\operatorname{mean}_{i<j}
              \bigl(S(z)_{ij} - S(x)_{ij}\bigr)^2

    where :math:`S(x)` and :math:`S(z)` are the similarities of samples and of codes,
    and :math:`c`, ``collapsed_loss``, is the same mean for a collapsed map. It is a
    constant of the training set and not of the batch, which fixes the scale of the
    codes. Only the similarity "distance" is corrected for discarded variance. The
    weight of a pair is the product of the weights of its samples.
    """
    if similarity is distance:
        lost = distance_loss(samples, codes, discarded_variance, weights)
    else:
        similarity = with_weights(similarity, weights)
        pairs = similarity(codes), similarity(samples)
        lost = mean_squared_difference(*pairs, weights)
    return lost / collapsed_loss


def collapsed_similarity_loss(
    samples: Tensor, similarity: Similarity, weights: Tensor | None = None
) -> float:
    """Compute the mean squared difference of similarities when all codes are zero.

    For distances it is 2 (up to n / (n - 1)) and is not computed, because samples have
    unit total variance. If it would be 0, as with constant samples, it is 1.
    """
    if similarity is distance:
        return 2.0
    origin = torch.zeros_like(samples)
    similarity = with_weights(similarity, weights)
    pairs = similarity(origin), similarity(samples)
    return mean_squared_difference(*pairs, weights).item() or 1.0


class SimilarityLoss(LossTerm):
    """Loss of pairwise similarities, see :func:`similarity_loss`.

    Parameters
    ----------
    similarity : callable
        Function of samples of shape (..., n_samples, n_features) that returns one value
        for each pair.

    weight : float, default=1.0
        Weight in the total.

    collapsed_loss : float, default=2.0
        Normalizer, see :func:`similarity_loss`.

    discarded_variance : float, default=0.0
        Fraction of the variance that was discarded before the samples reached the
        network.
    """

    name = "similarity"

    def __init__(
        self,
        similarity: Similarity,
        weight: float = 1.0,
        collapsed_loss: float = 2.0,
        discarded_variance: float = 0.0,
    ):
        super().__init__(weight)
        self.similarity = similarity
        self.collapsed_loss = collapsed_loss
        self.discarded_variance = discarded_variance

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the loss of similarities, as a fraction."""
        return similarity_loss(
            batch.samples,
            outputs.codes,
            self.similarity,
            self.collapsed_loss,
            self.discarded_variance,
            batch.weights,
        )
