"""Loss term that draws samples with the same label together."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from .._ambient import CPU_FLOAT32
from ..data import limits
from .base import TINY, Batch, LossTerm, ratio, split_into_blocks, split_values
from .neighbor import student_kernel

# Initial scale of the kernel, for codes of unit variance. The scale is learned.
_FIRST_SCALE = 3.0

# Width of the Gaussian agreement of numbers, in units of their standard deviation.
_WIDTH = 0.3


def agreement(labels: Tensor) -> Tensor:
    """Compute the agreement of the labels of each pair, between 0 and 1.

    Parameters
    ----------
    labels : Tensor of shape (..., n_samples, n_values)
        One value: a class as an integer, negative if unknown, or a standardized number,
        nan if unknown. Several values: probabilities of the classes.

    Returns
    -------
    Tensor of shape (..., n_samples, n_samples)
        For classes 1 if they are equal, for probabilities their inner product, and for
        numbers a Gaussian of their difference with standard deviation 0.3. It is 0 for
        an unknown label, and for a sample with itself.
    """
    if labels.shape[-1] > 1:
        found = labels @ labels.mT
    elif labels.is_floating_point():
        found = torch.exp(-0.5 * ((labels - labels.mT) / _WIDTH).square())
    else:
        found = ((labels == labels.mT) & (labels >= 0)).to(torch.float32)
    found = found.nan_to_num(0.0)
    found.diagonal(dim1=-2, dim2=-1).zero_()
    return found


def certainty(labels: Tensor) -> Tensor:
    """Return the certainty of each label: 1 if it is known, 0 if it is not.

    For probabilities of classes it is 1 minus their entropy, relative to the entropy of
    equal probabilities.
    """
    if labels.shape[-1] > 1:
        entropy = torch.special.entr(labels).sum(-1)
        return (1 - entropy / math.log(labels.shape[-1])).clamp(0, 1)
    if labels.is_floating_point():
        return labels.isfinite().squeeze(-1).to(torch.float32)
    return (labels >= 0).squeeze(-1).to(torch.float32)


def label_loss(
    codes: Tensor, labels: Tensor, log_scale: Tensor, weights: Tensor | None = None
) -> Tensor:
    r"""Cross-entropy of finding a sample with the same label among neighbors.

    .. math:: L_\text{label} = \frac{\sum_i w_i \bigl[ \log \sum_{l \ne i} w_l q_{il}
              - \log \sum_{l \ne i} w_l a_{il} q_{il} \bigr]}
              {\sum_i w_i \bigl[ \log \sum_{l \ne i} w_l
              - \log \sum_{l \ne i} w_l a_{il} \bigr]}, \qquad
              q_{il} = \frac{1}{1 + c^2 |z_i - z_l|^2}

    where :math:`q_{il}` is the Student kernel of codes :math:`z_i` and :math:`z_l` with
    scale :math:`c`, :math:`a_{il}` the agreement of their labels, and :math:`w_i` the
    certainty of a label times the sample's weight. The denominator is the numerator of
    a collapsed map, whose loss is therefore 1. Samples whose label agrees with no other
    or with all others do not count. A class may form several clusters.

    Parameters
    ----------
    codes : Tensor of shape (..., n_samples, n_components)
        Codes. More than 512 samples are split into blocks of at most 512, and a few at
        the end may be dropped.

    labels : Tensor of shape (..., n_samples) or (..., n_samples, n_classes)
        Labels, as in :func:`agreement`.

    log_scale : Tensor of shape (...)
        Logarithm of the scale :math:`c` of the kernel.

    weights : Tensor of shape (..., n_samples) or None, default=None
        Weights of the samples; equal ones by default.

    Returns
    -------
    Tensor of shape (...)
        0 if no two labels differ.

    References
    ----------
    J. Goldberger, S. Roweis, G. Hinton and R. Salakhutdinov, "Neighbourhood components
    analysis", NIPS 2004.
    """
    lost, of_collapsed, _ = label_entropies(codes, labels, log_scale, weights)
    return ratio(lost, of_collapsed)


def label_entropies(
    codes: Tensor, labels: Tensor, log_scale: Tensor, weights: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the parts of :func:`label_loss`, and the fraction that it counts.

    These are its numerator, its denominator, and the mean certainty of labels by
    weight; this is 0 where no two labels differ.
    """
    if labels.dim() < codes.dim():
        labels = labels.unsqueeze(-1)
    codes = split_into_blocks(codes, limits.NEGATIVE_BLOCK)
    labels = split_into_blocks(labels, limits.NEGATIVE_BLOCK)
    certain = certainty(labels)
    if weights is not None:
        certain = certain * split_values(weights, limits.NEGATIVE_BLOCK)
    others = certain.unsqueeze(-2).repeat_interleave(certain.shape[-1], -2)
    others.diagonal(dim1=-2, dim2=-1).zero_()
    alike = others * agreement(labels)
    kernel = student_kernel(codes * log_scale.exp()[..., None, None, None])
    expected = alike.sum(-1) / others.sum(-1).clamp_min(TINY)
    found = (alike * kernel).sum(-1) / (others * kernel).sum(-1).clamp_min(TINY)
    counts = (expected > 0) & (expected < 1)
    of_samples = certain * counts
    found, expected = (
        -torch.where(counts, fraction, 1.0).clamp_min(TINY).log()
        for fraction in (found, expected)
    )
    lost, of_collapsed = (
        (of_samples * entropy).sum((-2, -1)) for entropy in (found, expected)
    )
    return lost, of_collapsed, certain.mean((-2, -1)) * (of_collapsed > 0)


class LabelLoss(LossTerm):
    """Loss of labels.

    Parameters
    ----------
    weight : float
        Weight in the total.

    n_runs : int, default=1
        Number of runs, each of which learns a scale of the kernel.
    """

    name = "label"

    def __init__(self, weight: float, n_runs: int = 1):
        super().__init__(weight)
        scales = torch.full((n_runs,), math.log(_FIRST_SCALE), **CPU_FLOAT32)
        self.log_scale = nn.Parameter(scales.squeeze(0))

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the cross-entropy of labels, relative to that of a collapsed map."""
        assert batch.labels is not None
        lost, of_collapsed, self.counted_fraction = label_entropies(
            outputs.codes, batch.labels, self.log_scale, batch.weights
        )
        return ratio(lost, of_collapsed)
