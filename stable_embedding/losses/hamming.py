"""Loss term of neighborhoods in Hamming distance."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from .._ambient import CPU_FLOAT32
from ..data import limits
from .base import Batch, LossTerm, split_into_blocks, split_values
from .pairs import pair_weights
from .similarity import squared_distance

# Sizes of the neighborhoods that Hamming distances should separate from other samples.
NEIGHBORHOODS = (1, 2, 4, 8)

# The first slope of the logistic function, over the root of the number of bits: in
# standard deviations of the Hamming distance of random bits it is 1.75.
_FIRST_SLOPE = 3.5

# Number of samples in a block for which the initial thresholds are calibrated.
_USUAL_BLOCK = 256


def hamming_distance(codes: Tensor) -> Tensor:
    r"""Return the fraction of bits in which codes differ.

    Parameters
    ----------
    codes : Tensor of shape (..., n_samples, n_bits)
        Codes between 0 and :math:`h = 2 / \sqrt{k}` for :math:`k` bits.

    Returns
    -------
    Tensor of shape (..., n_samples, n_samples)
        Codes between 0 and :math:`h` count as probabilities of independent bits; the
        result is then the expected fraction.
    """
    centered = codes - codes.shape[-1] ** -0.5
    return 0.5 - 0.5 * (centered @ centered.mT)


@torch.no_grad()
def near_pairs(distances: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return which pairs are near: one is among the nearest samples of the other.

    Parameters
    ----------
    distances : Tensor of shape (..., n_samples, n_samples)
        Distances between two samples or more, or their squares; nan if unknown.

    weights : Tensor of shape (..., n_samples) or None, default=None
        Weights of the samples; one of weight 2 counts as two.

    Returns
    -------
    Tensor of shape (..., n_neighborhoods, n_samples, n_samples)
        Boolean masks for the 1, 2, 4 and 8 nearest samples, but at most half of the
        other samples.
    """
    n_others = distances.shape[-1] - 1
    distances = distances.nan_to_num(torch.inf)
    distances.diagonal(dim1=-2, dim2=-1).fill_(torch.inf)
    if weights is None:
        counts = [min(count, max(1, n_others // 2)) for count in NEIGHBORHOODS]
        nearest = distances.topk(counts[-1], largest=False).values
        radii = nearest[..., [count - 1 for count in counts]]
    else:
        ordered, index = distances.sort(dim=-1)
        others = weights.unsqueeze(-2).expand_as(distances).gather(-1, index)
        half = (weights.sum(-1, keepdim=True) - weights).unsqueeze(-1) / 2
        # In whole samples, up to rounding, unless others stand for less than two.
        whole = (half * (1 + 4 * torch.finfo(half.dtype).eps)).floor()
        most = torch.where(whole < 1, half, whole)
        wanted = others.new_tensor(NEIGHBORHOODS).minimum(most)
        at = torch.searchsorted(others.cumsum(-1), wanted)
        radii = ordered.gather(-1, at.clamp_max(n_others - 1))
    near = distances.unsqueeze(-3) <= radii.mT.unsqueeze(-1)
    # Not by the radius of the other: rounding may differ between a row and a column.
    return near | near.mT


class _HammingLoss(torch.autograd.Function):
    r"""Cross-entropy of near pairs, with a gradient that is derived by hand.

    With logits :math:`u = a (\theta - d)`, a pair adds
    :math:`\log(1 + e^{su})` with the sign :math:`s = 1 - 2y` of its label :math:`y`,
    whose slope in :math:`u` is :math:`s \sigma(su)`. One matrix of these, summed over
    neighborhoods, is all that the codes' gradient needs.
    """

    @staticmethod
    def forward(ctx, codes, log_slope, thresholds, near, pairs):
        slope = log_slope.exp()[..., None, None]
        distances = hamming_distance(codes)
        total = pairs.sum((-2, -1))
        loss, of_slope, of_thresholds = 0.0, 0.0, []
        residuals = torch.zeros_like(distances)
        for threshold, labels in zip(thresholds.unbind(-1), near.unbind(-3)):
            fraction = (pairs * labels).sum((-2, -1)) / total.clamp_min(1e-12)
            entropy = torch.special.entr(fraction) + torch.special.entr(1 - fraction)
            # If all pairs are near, or none is, there is nothing to separate.
            counts = (entropy > 1e-6) & (total > 0)
            unit = counts / torch.where(counts, total * entropy, 1.0)
            # With signed logits, near and far pairs have the same loss function.
            signs = 1 - 2 * labels.to(codes.dtype)
            wrong = torch.sub(threshold[..., None, None], distances)
            wrong.mul_(slope).mul_(signs)
            loss = loss + unit * (pairs * functional.softplus(wrong)).sum((-2, -1))
            slopes = wrong.sigmoid().mul_(pairs).mul_(unit[..., None, None])
            of_slope = of_slope + (slopes * wrong).sum((-2, -1))
            slopes.mul_(signs)
            of_thresholds.append(slopes.sum((-2, -1)))
            residuals += slopes
        ctx.save_for_backward(
            codes, residuals, slope, of_slope, torch.stack(of_thresholds, -1)
        )
        ctx.fraction = 1 / len(of_thresholds)
        return loss * ctx.fraction

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        codes, residuals, slope, of_slope, of_thresholds = ctx.saved_tensors
        gradient = gradient * ctx.fraction
        centered = codes - codes.shape[-1] ** -0.5
        of_codes = slope * (residuals @ centered) * gradient[..., None, None]
        return (
            of_codes,
            of_slope * gradient,
            slope.squeeze(-1) * of_thresholds * gradient.unsqueeze(-1),
            None,
            None,
        )


def hamming_loss(
    codes: Tensor,
    distances: Tensor,
    log_slope: Tensor,
    thresholds: Tensor,
    weights: Tensor | None = None,
) -> Tensor:
    r"""Cross-entropy of predicting near pairs from their Hamming distance.

    .. math:: L_\text{ham} = \operatorname{mean}_m \frac{1}{H(p_m)}
              \operatorname{mean}_{i \ne j}
              \log\bigl(1 + e^{u_{mij}}\bigr) - y_{mij} u_{mij}, \qquad
              u_{mij} = a (\theta_m - d_{ij})

    with the Hamming distance :math:`d_{ij}` as a fraction of the bits, the slope
    :math:`a`, and a threshold :math:`\theta_m` for each neighborhood size :math:`m` =
    1, 2, 4 and 8. The label :math:`y_{mij}` is 1 if :math:`i` is one of the :math:`m`
    samples nearest to :math:`j`, or :math:`j` one of those nearest to :math:`i`, and
    else 0. :math:`p_m` is the fraction of near pairs and :math:`H(p_m)` its entropy, so
    the loss is 1 for bits that are independent of the neighborhoods. Pairs in a sparse
    region are near at a larger distance than others; the common threshold makes their
    Hamming distances comparable.

    Parameters
    ----------
    codes : Tensor of shape (..., n_samples, n_bits)
        Codes between 0 and :math:`2 / \sqrt{k}` for :math:`k` bits.

    distances : Tensor of shape (..., n_samples, n_samples)
        Distances of the samples, or their squares; pairs with nan do not count.

    log_slope : Tensor of shape (...)
        Logarithm of the slope :math:`a`.

    thresholds : Tensor of shape (..., n_neighborhoods)
        The thresholds :math:`\theta_m`.

    weights : Tensor of shape (..., n_samples) or None, default=None
        Weights of the samples; that of a pair is their product.

    Returns
    -------
    Tensor of shape (...)
        0 if there are no pairs, or all are near.
    """
    if codes.shape[-2] < 2:
        return 0 * codes.sum((-2, -1))
    near = near_pairs(distances, weights)
    pairs = pair_weights(distances, weights)
    return _HammingLoss.apply(codes, log_slope, thresholds, near, pairs)


def first_thresholds(codes: np.ndarray, weights: np.ndarray | None = None) -> Tensor:
    """Return initial thresholds: as many pairs are below each as are near.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_bits)
        Codes of some samples at the start.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; those of weight 0 do not count.

    Returns
    -------
    Tensor of shape (n_neighborhoods,)
    """
    if weights is not None:
        codes = codes[weights > 0]
    some = torch.from_numpy(codes)
    of_pairs = hamming_distance(some)[*torch.triu_indices(len(some), len(some), 1)]
    fractions = some.new_tensor(NEIGHBORHOODS) / _USUAL_BLOCK
    return of_pairs.quantile(fractions)


class HammingLoss(LossTerm):
    """Loss of neighborhoods in Hamming distance.

    Batches of more than 512 samples are split into blocks of at most 512; a few samples
    at their end may be left out.

    Parameters
    ----------
    weight : float
        Weight in the total.

    n_bits : int
        Number of bits.

    thresholds : Tensor of shape (n_runs, n_neighborhoods) or (n_neighborhoods,)
        Initial thresholds, which are learned.

    distances : InputDistances or None, default=None
        Distances of the input by positions, nan if unknown. By default, Euclidean
        distances of the samples in the batch.

    discarded : Tensor of shape (n_samples_trained_on,) or None, default=None
        Squared length of the part of each sample that was discarded before it reached
        the network. It is added to squared distances; otherwise two samples that lost
        much would seem near.
    """

    name = "hamming"
    discarded: Tensor | None

    def __init__(
        self,
        weight: float,
        n_bits: int,
        thresholds: Tensor,
        distances: Any = None,
        discarded: Tensor | None = None,
    ):
        super().__init__(weight)
        slope = torch.tensor(_FIRST_SLOPE * n_bits**0.5, **CPU_FLOAT32)
        self.log_slope = nn.Parameter(slope.log().expand(thresholds.shape[:-1]).clone())
        self.thresholds = nn.Parameter(thresholds)
        self.distances = distances
        self.register_buffer("discarded", discarded)

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the cross-entropy of near pairs, relative to a blind guess."""
        codes = split_into_blocks(outputs.codes, limits.NEGATIVE_BLOCK)
        distances = self._distances(batch).to(codes.dtype)
        weights = batch.weights
        if weights is not None:
            weights = split_values(weights, limits.NEGATIVE_BLOCK)
        log_slope = self.log_slope.unsqueeze(-1)
        thresholds = self.thresholds.unsqueeze(-2)
        return hamming_loss(codes, distances, log_slope, thresholds, weights).mean(-1)

    def _distances(self, batch):
        """Return distances within blocks, or squared ones of the samples."""
        if self.distances is not None:
            return self.distances.among(
                split_values(batch.index, limits.NEGATIVE_BLOCK)
            )
        samples = split_into_blocks(batch.samples, limits.NEGATIVE_BLOCK)
        squares = squared_distance(samples)
        if self.discarded is None:
            return squares
        # What two samples lost is nearly orthogonal in many dimensions.
        lost = self.discarded[split_values(batch.index, limits.NEGATIVE_BLOCK)]
        return squares + lost.unsqueeze(-1) + lost.unsqueeze(-2)
