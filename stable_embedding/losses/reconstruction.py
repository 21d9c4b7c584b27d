"""The share of variance that a reconstruction does not explain."""

from typing import Any

from torch import Tensor

from .base import Batch, LossTerm, weighted_mean


def reconstruction_loss(
    samples: Tensor, reconstruction: Tensor, weights: Tensor | None = None
) -> Tensor:
    r"""Mean squared error, :math:`\frac1b \sum_i w_i |x_i - \hat x_i|^2`.

    For samples scaled to unit total variance this is the fraction of variance that is
    not explained, :math:`1 - R^2`.
    """
    return weighted_mean((reconstruction - samples).square().sum(-1), weights)


class ReconstructionLoss(LossTerm):
    """Reconstruction loss of the samples.

    Parameters
    ----------
    discarded_variance : float, default=0.0
        Fraction of the variance that samples lost before they reached the network, and
        that no reconstruction explains.
    """

    name = "reconstruction"

    def __init__(self, discarded_variance: float = 0.0):
        super().__init__()
        self.discarded_variance = discarded_variance

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Return the fraction of variance that is not explained."""
        lost = reconstruction_loss(batch.samples, outputs.reconstruction, batch.weights)
        return lost + self.discarded_variance
