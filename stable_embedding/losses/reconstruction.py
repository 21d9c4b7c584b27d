"""Reconstruction loss: the fraction of variance that is not explained."""

from typing import Any

from torch import Tensor

from .base import Batch, LossTerm, weighted_mean


def reconstruction_loss(
    samples: Tensor, reconstruction: Tensor, weights: Tensor | None = None
) -> Tensor:
    r"""Compute the mean squared error, :math:`\frac1b \sum_i w_i |x_i - \hat x_i|^2`.

    Here :math:`x_i` are the :math:`b` samples of a batch, :math:`\hat x_i` their
    reconstructions and :math:`w_i` their weights. For samples that are scaled to unit
    total variance this is the fraction of variance that is not explained,
    :math:`1 - R^2`.
    """
    return weighted_mean((reconstruction - samples).square().sum(-1), weights)


class ReconstructionLoss(LossTerm):
    """Fraction of the samples' variance that the reconstruction does not explain.

    Parameters
    ----------
    discarded_variance : float, default=0.0
        Fraction of the variance that was discarded before the samples reached the
        network. It is added to the loss.
    """

    name = "reconstruction"

    def __init__(self, discarded_variance: float = 0.0):
        super().__init__()
        self.discarded_variance = discarded_variance

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the fraction of variance that is not explained."""
        lost = reconstruction_loss(batch.samples, outputs.reconstruction, batch.weights)
        return lost + self.discarded_variance
