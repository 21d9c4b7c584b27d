"""Loss terms of sparse codes."""

from typing import Any

import torch
from torch import Tensor

from .base import Batch, LossTerm, weighted_mean

# Added in quadrature to the length of a code: the ratio of a zero code is then finite.
_SMALLEST_LENGTH = 1e-3


def kl_sparsity(
    activations: Tensor, target: float, weights: Tensor | None = None
) -> Tensor:
    r"""Compute the KL divergence of mean activations from a target.

    .. math:: \operatorname{mean}_j \Bigl[\rho \log \frac{\rho}{\hat\rho_j}
        + (1 - \rho) \log \frac{1 - \rho}{1 - \hat\rho_j} \Bigr]

    between Bernoulli variables, where :math:`\rho` is the target and
    :math:`\hat\rho_j` the mean activation of component :math:`j` in the batch.

    Parameters
    ----------
    activations : Tensor of shape (..., n_samples, n_components)
        Activations between 0 and 1.

    target : float
        Mean activation that each component should have, between 0 and 1, exclusive. A
        smaller target makes codes sparser.

    weights : Tensor of shape (..., n_samples) or None, default=None
        Weights of the samples; equal ones by default.

    Returns
    -------
    Tensor of shape (...)
        In nats; 0 if and only if all means equal the target.
    """
    if weights is None:
        means = activations.mean(-2)
    else:
        # Dividing by the batch's total weight keeps means between 0 and 1.
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
    r"""Compute the mean ratio of the L1 norm to the L2 norm of codes.

    .. math:: \operatorname{mean}_i \frac{\sum_j |z_{ij}|}{\sqrt{k}\, |z_i|}

    for codes :math:`z_i` with :math:`k` components. The scale of the codes does not
    change it, so the network cannot lower it by smaller codes and larger weights of the
    decoder.

    Parameters
    ----------
    codes : Tensor of shape (..., n_samples, n_components)

    weights : Tensor of shape (..., n_samples) or None, default=None
        Weights of the samples; equal ones by default.

    Returns
    -------
    Tensor of shape (...)
        1 for codes whose components have equal absolute values, :math:`1 / \sqrt k` for
        codes with one active component.

    References
    ----------
    P. O. Hoyer, "Non-negative matrix factorization with sparseness constraints", JMLR
    5, 2004.
    """
    lengths = (codes.square().sum(-1) + _SMALLEST_LENGTH**2).sqrt()
    ratios = codes.abs().sum(-1) / lengths
    return weighted_mean(ratios, weights) / codes.shape[-1] ** 0.5


class KLSparsityLoss(LossTerm):
    """KL divergence of mean activations from a target.

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
    """Ratio of the L1 norm to the L2 norm of codes."""

    name = "sparsity"

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the mean ratio; it is 1 for components of equal absolute value."""
        return l1_sparsity(outputs.codes, batch.weights)
