"""Loss terms of the variational autoencoder."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from .base import Batch, LossTerm, weighted_mean
from .reconstruction import reconstruction_loss


def kl_divergence(means: Tensor, log_variances: Tensor) -> Tensor:
    r"""Compute the KL divergence of diagonal normal distributions from N(0, I).

    .. math:: \tfrac12 \sum_j (\sigma_j^2 + \mu_j^2 - 1 - \log \sigma_j^2)

    with the mean :math:`\mu_j` and the variance :math:`\sigma_j^2` of component
    :math:`j`.

    Parameters
    ----------
    means, log_variances : Tensor of shape (..., n_components)

    Returns
    -------
    Tensor of shape (...)
        In nats.
    """
    terms = log_variances.exp() + means.square() - 1 - log_variances
    return 0.5 * terms.sum(-1)


def unscale(samples: Tensor, mean: Tensor, scale: float) -> Tensor:
    """Undo the scaling of samples, and clip them to between 0 and 1."""
    return (samples * scale + mean).clamp(0, 1)


def cross_entropies(logits: Tensor, target: Tensor) -> Tensor:
    """Compute the cross-entropy of each sample, in nats."""
    return binary_cross_entropy_with_logits(logits, target, reduction="none").sum(-1)


class CrossEntropyLoss(LossTerm):
    """Cross-entropy of features between 0 and 1, relative to that of their mean.

    It replaces the reconstruction loss, under the same name.

    Parameters
    ----------
    mean : Tensor of shape (n_features,)
        Mean that the scaling subtracted from the samples.

    scale : float
        Scale by which the samples were divided.
    """

    name = "reconstruction"

    def __init__(self, mean: Tensor, scale: float):
        super().__init__()
        self.mean = mean
        self.scale = scale
        probability = mean.clamp(0, 1)  # from which rounding may have taken it
        of_mean = torch.special.entr(probability) + torch.special.entr(1 - probability)
        self.of_mean = of_mean.sum().item() or 1.0

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the cross-entropy of the logits, relative to that of the mean."""
        target = unscale(batch.samples, self.mean.to(batch.samples), self.scale)
        entropies = cross_entropies(outputs.reconstruction, target)
        return weighted_mean(entropies, batch.weights) / self.of_mean


class GaussianKLLoss(LossTerm):
    r"""KL divergence of codes from the prior, for a Gaussian likelihood.

    The negative log likelihood with noise variance :math:`\sigma^2` is the squared
    error over :math:`2 \sigma^2`, plus a constant. The maximum-likelihood variance for
    :math:`p` features is :math:`L_\text{rec} / p`, where :math:`L_\text{rec}` is the
    reconstruction loss. So the divergence in nats is multiplied by
    :math:`2 L_\text{rec} / p`, through which no gradient flows.

    Parameters
    ----------
    weight : float
        Weight in the total.

    n_features : int
        Number of features, :math:`p`.

    discarded_variance : float, default=0.0
        Fraction of the variance that was discarded before the samples reached the
        network.
    """

    name = "kl"

    def __init__(self, weight: float, n_features: int, discarded_variance: float = 0.0):
        super().__init__(weight)
        self.n_features = n_features
        self.discarded_variance = discarded_variance

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the divergence, as a fraction of variance."""
        lost = reconstruction_loss(batch.samples, outputs.reconstruction, batch.weights)
        lost = lost + self.discarded_variance
        divergence = divergence_of_codes(outputs, batch.weights)
        return 2 * lost.detach() / self.n_features * divergence


class BernoulliKLLoss(LossTerm):
    """KL divergence of codes from the prior, for a Bernoulli likelihood.

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
        """Compute the divergence, in the units of the cross-entropy term."""
        return 1 / self.entropy_of_mean * divergence_of_codes(outputs, batch.weights)


def divergence_of_codes(outputs: Any, weights: Tensor | None = None) -> Tensor:
    """Compute the mean KL divergence of a batch's codes from the prior, in nats."""
    standardized = outputs.codes * outputs.codes.shape[-1] ** 0.5
    divergences = kl_divergence(standardized, outputs.log_variances)
    return weighted_mean(divergences, weights)
