"""Mean squared differences over pairs, within blocks of a batch."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..data import limits
from .base import Batch, split_into_blocks, split_values
from .similarity import SMALLEST_DISTANCE, distance


def mean_squared_difference(
    first: Tensor, second: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Compute the mean squared difference of two symmetric matrices over pairs i < j.

    The weight of a pair is the product of the weights of its samples.
    """
    n_samples = first.shape[-1]
    difference = first - second
    if weights is not None:
        roots = weights.sqrt()
        difference = difference * (roots.unsqueeze(-1) * roots.unsqueeze(-2))
    on_diagonal = difference.diagonal(dim1=-2, dim2=-1).square().sum(-1)
    total = difference.square().sum((-2, -1)) - on_diagonal
    # A single sample has no pairs; its loss is 0, where an empty mean would be NaN.
    return total / max(n_samples * (n_samples - 1), 1)


class _DistanceLoss(torch.autograd.Function):
    r"""Mean squared difference of distances, with its gradient derived by hand.

    .. math:: \partial L / \partial z_i = \frac{4}{b (b - 1)}
              \sum_j (1 - d^x_{ij} / d^z_{ij}) (z_i - z_j)

    where :math:`d^x_{ij}` and :math:`d^z_{ij}` are the given distances and those of the
    :math:`b` codes :math:`z`. This needs one matrix of weights and one product with it.
    Automatic differentiation of a square root would need several matrices.
    """

    @staticmethod
    def forward(ctx, codes, wanted, has_unknown, of_samples):
        n_samples = codes.shape[-2]
        found = distance(codes)
        weights = torch.div(wanted, found).neg_().add_(1)
        weights.diagonal(dim1=-2, dim2=-1).zero_()
        ctx.n_pairs = max(n_samples * (n_samples - 1), 1)
        if has_unknown:
            weights.nan_to_num_(0.0)
        squares = (weights * found).square_()
        if of_samples is not None:
            of_pairs = of_samples.unsqueeze(-1) * of_samples.unsqueeze(-2)
            squares *= of_pairs
            weights *= of_pairs
        loss = squares.sum((-2, -1))
        # Codes that coincide have no direction in which to separate.
        weights.masked_fill_(found <= SMALLEST_DISTANCE, 0)
        ctx.save_for_backward(codes, weights)
        return loss / ctx.n_pairs

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        codes, weights = ctx.saved_tensors
        pull = weights.sum(-1, keepdim=True) * codes - weights @ codes
        pull = pull * (4 / ctx.n_pairs * gradient)[..., None, None]
        return pull, None, None, None


def given_distance_loss(
    wanted: Tensor,
    codes: Tensor,
    has_unknown: bool = False,
    weights: Tensor | None = None,
) -> Tensor:
    """Compute the mean squared difference of code distances from given distances.

    Parameters
    ----------
    wanted : Tensor of shape (..., n_samples, n_samples)
        Distances that the codes should have.

    codes : Tensor of shape (..., n_samples, n_components)
        Codes.

    has_unknown : bool, default=False
        Whether some distances are nan. Their pairs count as if the map kept them:
        divide by the fraction of known pairs for the mean over these.

    weights : Tensor of shape (..., n_samples) or None, default=None
        Weights of the samples. The weight of a pair is their product.

    Returns
    -------
    Tensor of shape (...)
    """
    return _DistanceLoss.apply(codes, wanted, has_unknown, weights)


def pair_weights(distances: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the weight of each pair; 0 on the diagonal and for unknown distances."""
    known = (~distances.isnan()).to(distances.dtype)
    known.diagonal(dim1=-2, dim2=-1).zero_()
    if weights is None:
        return known
    return known * weights.unsqueeze(-1) * weights.unsqueeze(-2)


def distance_loss(
    samples: Tensor,
    codes: Tensor,
    discarded_variance: float = 0.0,
    weights: Tensor | None = None,
) -> Tensor:
    """Compute the mean squared difference of distances of codes and of samples.

    A batch of more than 128 samples is split into blocks of at most 128, and only pairs
    within a block are compared. So the cost is linear in the number of samples. A few
    samples at the end may be dropped.

    Twice the discarded variance is added to squared distances of samples: the discarded
    features add this to them on average, and in many dimensions nearly to each.
    """
    if samples.shape[-2] <= limits.PAIR_BLOCK:
        wanted = distance(samples, 2 * discarded_variance)
        return given_distance_loss(wanted, codes, weights=weights)
    samples = split_into_blocks(samples, limits.PAIR_BLOCK)
    codes = split_into_blocks(codes, limits.PAIR_BLOCK)
    if weights is not None:
        weights = split_values(weights, limits.PAIR_BLOCK)
    wanted = distance(samples, 2 * discarded_variance)
    return given_distance_loss(wanted, codes, weights=weights).mean(-1)


def mean_over_blocks(
    loss: Callable[[Tensor, Tensor, Tensor | None], Tensor], codes: Tensor, batch: Batch
) -> Tensor:
    """Average a loss of pairs over blocks of a batch, as in :func:`distance_loss`.

    Parameters
    ----------
    loss : callable
        Function of codes, positions, and weights or None; its last axis is that of
        the blocks.

    codes : Tensor of shape (..., n_samples, n_components)

    batch : Batch
        With the positions of the samples.

    Returns
    -------
    Tensor of shape (...)
    """
    index, weights = batch.index, batch.weights
    if codes.shape[-2] <= limits.PAIR_BLOCK:
        return loss(codes, index, weights)
    codes = split_into_blocks(codes, limits.PAIR_BLOCK)
    index = split_values(index, limits.PAIR_BLOCK)
    if weights is not None:
        weights = split_values(weights, limits.PAIR_BLOCK)
    return loss(codes, index, weights).mean(-1)
