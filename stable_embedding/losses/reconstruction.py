"""The share of variance that a reconstruction does not explain."""

from typing import Any

from torch import Tensor

from .base import Batch, LossTerm


def reconstruction_loss(samples: Tensor, reconstruction: Tensor) -> Tensor:
    r"""Mean squared reconstruction error, :math:`\frac1b \sum_i |x_i - \hat x_i|^2`.

    For samples scaled to unit total variance this is the fraction of variance that is
    not explained, :math:`1 - R^2`.
    """
    return (reconstruction - samples).square().sum(-1).mean(-1)


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
        lost = reconstruction_loss(batch.samples, outputs.reconstruction)
        return lost + self.discarded_variance
