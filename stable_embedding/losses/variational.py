"""How unlikely samples and codes are."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from .base import Batch, LossTerm, weighted_mean
from .reconstruction import reconstruction_loss


def kl_divergence(means: Tensor, log_variances: Tensor) -> Tensor:
    r"""Divergence of diagonal normal distributions from the standard one, in nats.

    .. math:: \tfrac12 \sum_j (\sigma_j^2 + \mu_j^2 - 1 - \log \sigma_j^2)

    Parameters
    ----------
    means, log_variances : Tensor of shape (..., n_components)

    Returns
    -------
    Tensor of shape (...)
    """
    terms = log_variances.exp() + means.square() - 1 - log_variances
    return 0.5 * terms.sum(-1)


def unscale(samples: Tensor, mean: Tensor, scale: float) -> Tensor:
    """Return scaled samples as they were, clipped to between 0 and 1."""
    return (samples * scale + mean).clamp(0, 1)


def cross_entropies(logits: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy of each sample, in nats."""
    return binary_cross_entropy_with_logits(logits, target, reduction="none").sum(-1)


class CrossEntropyLoss(LossTerm):
    """Cross-entropy of features between 0 and 1, over that of their mean.

    It takes the place of the reconstruction loss, and has its name.

    Parameters
    ----------
    mean : Tensor of shape (n_features,)
        What was subtracted from samples when they were scaled.

    scale : float
        By what they were divided.
    """

    name = "reconstruction"

    def __init__(self, mean: Tensor, scale: float):
        super().__init__()
        self.mean = mean
        self.scale = scale
        of_mean = torch.special.entr(mean) + torch.special.entr(1 - mean)
        self.of_mean = of_mean.sum().item() or 1.0

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Return the cross-entropy of logits, as a share of the mean's."""
        target = unscale(batch.samples, self.mean.to(batch.samples), self.scale)
        entropies = cross_entropies(outputs.reconstruction, target)
        return weighted_mean(entropies, batch.weights) / self.of_mean


class GaussianKLLoss(LossTerm):
    r"""Divergence of codes from the prior, where the likelihood is normal.

    Minus the log likelihood for normal noise of variance :math:`\sigma^2` has the slope
    of the squared error over :math:`2 \sigma^2`, and the likeliest variance is
    :math:`L_\text{rec} / p` for :math:`p` features. So the divergence in nats is
    multiplied by :math:`2 L_\text{rec} / p`, a constant to the gradient.

    Parameters
    ----------
    weight : float
        Weight in the total.

    n_features : int
        Number of features, :math:`p`.

    discarded_variance : float, default=0.0
        Fraction of the variance that samples lost before they reached the network.
    """

    name = "kl"

    def __init__(self, weight: float, n_features: int, discarded_variance: float = 0.0):
        super().__init__(weight)
        self.n_features = n_features
        self.discarded_variance = discarded_variance

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Return the divergence, as a fraction of variance."""
        lost = reconstruction_loss(batch.samples, outputs.reconstruction, batch.weights)
        lost = lost + self.discarded_variance
        divergence = divergence_of_codes(outputs, batch.weights)
        return 2 * lost.detach() / self.n_features * divergence


class BernoulliKLLoss(LossTerm):
    """Divergence of codes from the prior, where features are between 0 and 1.

    Parameters
    ----------
    weight : float
        Weight in the total.

    entropy_of_mean : float
        Cross-entropy of the mean sample in nats, by which the divergence is divided.
    """

    name = "kl"

    def __init__(self, weight: float, entropy_of_mean: float):
        super().__init__(weight)
        self.entropy_of_mean = entropy_of_mean

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Return the divergence, in the units of the cross-entropy term."""
        return 1 / self.entropy_of_mean * divergence_of_codes(outputs, batch.weights)


def divergence_of_codes(outputs: Any, weights: Tensor | None = None) -> Tensor:
    """Return the mean divergence of a batch's codes from the prior, in nats."""
    standardized = outputs.codes * outputs.codes.shape[-1] ** 0.5
    divergences = kl_divergence(standardized, outputs.log_variances)
    return weighted_mean(divergences, weights)
