"""How many components of a code are active."""

from typing import Any

import torch
from torch import Tensor

from .base import Batch, LossTerm, weighted_mean

# Length below which a code counts as none, in the units of scaled samples.
_SMALLEST_LENGTH = 1e-3


def kl_sparsity(
    activations: Tensor, target: float, weights: Tensor | None = None
) -> Tensor:
    r"""Divergence of the mean activation of each component from a target.

    .. math:: \operatorname{mean}_j \Bigl[\rho \log \frac{\rho}{\hat\rho_j}
        + (1 - \rho) \log \frac{1 - \rho}{1 - \hat\rho_j} \Bigr]

    for Bernoulli variables with mean :math:`\rho`, the target, and :math:`\hat\rho_j`,
    that of the batch.

    Parameters
    ----------
    activations : Tensor of shape (..., n_samples, n_components)
        Between 0 and 1.

    target : float
        Between 0 and 1, exclusive.

    weights : Tensor of shape (..., n_samples) or None, default=None
        Weights of the samples; equal ones by default.

    Returns
    -------
    Tensor of shape (...)
        In nats; 0 if and only if all means are at the target.
    """
    if weights is None:
        means = activations.mean(-2)
    else:
        # A mean of activations must lie between 0 and 1 in every batch.
        total = weights.sum(-1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)
        means = (activations * weights.unsqueeze(-1)).sum(-2) / total
    goal = torch.full_like(means, target)
    rounding = torch.finfo(means.dtype).eps
    means = means.clamp(rounding, 1 - rounding)
    divergence = (
        goal * (goal / means).log() + (1 - goal) * ((1 - goal) / (1 - means)).log()
    )
    return divergence.mean(-1)


def l1_sparsity(codes: Tensor, weights: Tensor | None = None) -> Tensor:
    r"""Mean over samples of the L1 norm of a code over its length.

    .. math:: \operatorname{mean}_i \frac{\sum_j |z_{ij}|}{\sqrt{k}\, |z_i|}

    Smaller codes with a decoder that magnifies them do not lower it.

    Parameters
    ----------
    codes : Tensor of shape (..., n_samples, n_components)

    weights : Tensor of shape (..., n_samples) or None, default=None
        Weights of the samples; equal ones by default.

    Returns
    -------
    Tensor of shape (...)
        1 for codes whose components all have one size, :math:`1 / \sqrt k` if only one
        is active.

    References
    ----------
    P. O. Hoyer, "Non-negative matrix factorization with sparseness constraints", JMLR
    5, 2004.
    """
    lengths = (codes.square().sum(-1) + _SMALLEST_LENGTH**2).sqrt()
    ratios = codes.abs().sum(-1) / lengths
    return weighted_mean(ratios, weights) / codes.shape[-1] ** 0.5


class KLSparsityLoss(LossTerm):
    """Divergence of mean activations from a target.

    Parameters
    ----------
    weight : float
        Weight in the total.

    target : float
        Mean activation that each component should have.
    """

    name = "sparsity"

    def __init__(self, weight: float, target: float):
        super().__init__(weight)
        self.target = target

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Return the divergence, in nats."""
        return kl_sparsity(outputs.codes, self.target, batch.weights)


class L1SparsityLoss(LossTerm):
    """L1 norm of codes over their length."""

    name = "sparsity"

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Return 1 for codes whose components all have one size."""
        return l1_sparsity(outputs.codes, batch.weights)
