"""Loss term that draws neighbors together."""

import math
from itertools import repeat
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..data import limits
from .base import (
    Batch,
    LossTerm,
    split_into_blocks,
    split_values,
    weighted_mean,
)

# Initial scale of the kernel, times the root mean squared distance of neighbors. It is
# above 1 to draw neighbors nearer than they are.
_FIRST_SHARPNESS = 3.0

# Range of the initial scale. Larger scales exceed the precision of squared distances.
_SCALE_RANGE = (1.0, 1e3)


def student_kernel(codes: Tensor) -> Tensor:
    """Compute ``1 / (1 + |z_i - z_l|^2)`` for all pairs of codes, in one product."""
    squares = codes.square().sum(-1, keepdim=True)
    ones = torch.ones_like(squares)
    left = torch.cat([-2 * codes, 1 + squares, ones], dim=-1)
    right = torch.cat([codes, ones, squares], dim=-1)
    return (left @ right.mT).clamp_min_(1).reciprocal_()


def _loss_and_gradients(
    codes: Tensor, log_scale: Tensor, weights: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Compute the loss of :func:`neighbor_loss`, and its gradients, derived by hand.

    For :math:`m` codes, with weights :math:`w_i`, 1 if they are None, and the positive
    :math:`j` of :math:`i`,

    .. math:: \frac{\partial L}{\partial |z_i - z_l|^2} = \frac{c^2 w_i}{m \log(m - 1)}
              \Bigl([l = j]\, q_{il} - \frac{v_l\, q_{il}^2}{S_i}\Bigr), \qquad
              S_i = \sum_{l \ne i} v_l\, q_{il}, \qquad v_l = \frac{w_l}{\bar w}

    Returns
    -------
    loss, of_codes, of_log_scale : Tensor
        The loss, of the shape of `log_scale`, and its gradients.
    """
    n_codes, tiny = codes.shape[-2], torch.finfo(codes.dtype).tiny
    scale = log_scale.exp()[..., None, None]
    kernel = student_kernel(codes * scale)
    kernel.diagonal(dim1=-2, dim2=-1).zero_()
    n_anchors = n_codes // 2
    of_positives = kernel.diagonal(n_anchors, -2, -1).clone()
    own: Any = 1.0
    half: Any = 1.0
    by_negative: Any = 1.0
    if weights is None:
        totals = kernel.sum(-1)
    else:
        own, half = weights, weights[..., :n_anchors]
        relative = weights / weights.mean(-1, keepdim=True).clamp_min(tiny)
        by_negative = relative.unsqueeze(-2)
        totals = (by_negative @ kernel).squeeze(-2).clamp_min(tiny)
    loss = weighted_mean(totals.log(), own) - weighted_mean(of_positives.log(), half)
    by_anchor = (-own / totals).unsqueeze(-2)
    of_positives *= half
    # Slopes need no matrix of their own: they are squares, times a factor for each
    # anchor and one for each negative. The row of ones sums them, and products with few
    # rows on the left are fast.
    rows = torch.cat([codes.mT, torch.ones_like(codes.mT[..., :1, :])], dim=-2)
    factors = torch.cat([rows * by_anchor, rows * by_negative], dim=-2)
    columns, lines = (factors @ kernel.square_()).chunk(2, dim=-2)
    columns = columns * by_negative
    of_pairs = torch.cat([of_positives, of_positives], dim=-1).unsqueeze(-2)
    pulls = columns + lines * by_anchor + 2 * of_pairs * rows.roll(n_anchors, -1)
    pull = pulls[..., -1:, :].mT * codes - pulls[..., :-1, :].mT
    # Each slope times c^2 |z_i - z_l|^2 = 1 / q_il - 1, summed up.
    of_scale = -columns[..., -1, :].sum(-1) - of_pairs.sum((-2, -1))
    fraction = 1 / math.log(n_codes - 1)
    factor = 2 * fraction / n_codes
    return loss * fraction, pull * scale.square() * factor, of_scale * factor


class _NeighborLoss(torch.autograd.Function):
    """Cross-entropy of positives, with gradients that are computed beside it."""

    @staticmethod
    def forward(ctx, codes, log_scale, weights):
        n_at_once = len(codes)
        if codes.device.type == "cpu":  # as many as its cache can hold
            n_at_once = max(1, limits.KERNEL_VALUES // codes.shape[-2] ** 2)
        found = map(
            _loss_and_gradients,
            codes.split(n_at_once),
            log_scale.split(n_at_once),
            repeat(None) if weights is None else weights.split(n_at_once),
        )
        loss, *gradients = map(torch.cat, zip(*found))
        ctx.save_for_backward(*gradients)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        of_codes, of_log_scale = ctx.saved_tensors
        return of_codes * gradient[..., None, None], of_log_scale * gradient, None


def neighbor_loss(
    codes: Tensor, log_scale: Tensor, weights: Tensor | None = None
) -> Tensor:
    r"""Cross-entropy of each sample's positive among all codes of a batch.

    .. math:: L_\text{nbr} = \frac{1}{\log(m - 1)} \operatorname{mean}_i \Bigl[
              \log \sum_{l \ne i} q_{il} - \log q_{ij} \Bigr], \qquad
              q_{il} = \frac{1}{1 + c^2 |z_i - z_l|^2}

    over the :math:`m` codes of anchors and their positives, where :math:`j` is the
    positive of :math:`i` and :math:`q_{il}` the Student kernel of :math:`z_i` and
    :math:`z_l` with scale :math:`c`. :math:`\log(m - 1)` is the cross-entropy of a
    uniform guess, so the loss of a collapsed map is 1.

    Parameters
    ----------
    codes : Tensor of shape (..., 2 * n_anchors, n_components)
        Codes of the anchors, followed by the code of one positive for each anchor. More
        than 512 anchors are split into blocks of at most 512, and a few at the end may
        be dropped.

    log_scale : Tensor of shape (...)
        Logarithm of the scale :math:`c` of the kernel.

    weights : Tensor of shape (..., n_anchors) or None, default=None
        Weights of the anchors. A positive has the weight of its anchor. A code also has
        this weight as a negative of others.

    Returns
    -------
    Tensor of shape (...)

    References
    ----------
    L. van der Maaten, "Learning a parametric embedding by preserving local structure",
    AISTATS 2009, for the Student kernel of a network's codes.

    A. van den Oord, Y. Li and O. Vinyals, "Representation learning with contrastive
    predictive coding", arXiv 1807.03748, for the loss, InfoNCE.

    S. Damrich, J. N. Böhm, F. A. Hamprecht and D. Kobak, "From t-SNE to UMAP with
    contrastive learning", ICLR 2023, for their combination.
    """
    n_anchors = codes.shape[-2] // 2
    halves = codes[..., :n_anchors, :], codes[..., n_anchors:, :]
    codes = torch.cat(
        [split_into_blocks(half, limits.NEGATIVE_BLOCK) for half in halves], dim=-2
    )
    if weights is not None:
        weights = split_values(weights, limits.NEGATIVE_BLOCK)
        weights = torch.cat([weights, weights], dim=-1).flatten(0, -2)
    log_scale = log_scale.unsqueeze(-1).expand(codes.shape[:-2])
    loss = _NeighborLoss.apply(codes.flatten(0, -3), log_scale.flatten(), weights)
    return loss.unflatten(0, codes.shape[:-2]).mean(-1)


def initial_kernel_scale(
    codes: np.ndarray, neighbor_codes: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Compute the initial scale of the kernel from codes of neighbors.

    Parameters
    ----------
    codes, neighbor_codes : ndarray of shape (n_samples, n_components)
        Codes of some samples, and of one neighbor of each.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; equal ones by default.
    """
    squares = np.square(codes - neighbor_codes).sum(axis=1)
    length = np.sqrt(np.average(squares, weights=weights))
    with np.errstate(divide="ignore"):
        return float(np.clip(_FIRST_SHARPNESS / length, *_SCALE_RANGE))


class NeighborLoss(LossTerm):
    """Loss of neighborhoods.

    Parameters
    ----------
    weight : float, default=1.0
        Weight in the total.

    scale : Tensor of shape (n_runs,) or () or None, default=None
        Initial scale of the kernel, which is learned. It may be None if the weight
        is 0.
    """

    name = "neighbor"
    uses_positives = True

    def __init__(self, weight: float = 1.0, scale: Tensor | None = None):
        super().__init__(weight)
        self.log_scale = None if scale is None else nn.Parameter(scale.log())

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the cross-entropy of positives, relative to a blind guess."""
        weights = batch.weights
        if weights is not None:
            weights = weights[..., : weights.shape[-1] // 2]
        return neighbor_loss(outputs.codes, self.log_scale, weights)  # type: ignore[arg-type]
