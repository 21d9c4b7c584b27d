r"""Loss terms of pairwise similarities.

A similarity is a pure function from samples of shape (..., n_samples, n_features) to a
matrix of shape (..., n_samples, n_samples). Its gradients are finite everywhere, even
for duplicates and for samples that are zero.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from .._ambient import CPU_FLOAT32
from ..data import limits
from .base import TINY, Batch, LossTerm, split_into_blocks, split_values

Similarity = Callable[[Tensor], Tensor]

# Smaller distances are raised to this, because their gradient would be infinite. The
# rounding error of float32 is larger.
SMALLEST_DISTANCE = 1e-6

# Number of samples on which a user's similarity is checked.
_PROBE_SAMPLES = 7


def squared_distance(samples: Tensor) -> Tensor:
    """Compute squared Euclidean distances ``|x_i - x_j|^2``.

    They are computed from inner products. Center the samples first: far from the
    origin, small distances are lost to cancellation.
    """
    products = samples @ samples.mT
    norms = products.diagonal(dim1=-2, dim2=-1)
    return (norms.unsqueeze(-1) + norms.unsqueeze(-2)).sub_(products, alpha=2)


def distance(samples: Tensor, offset: float = 0.0) -> Tensor:
    """Compute Euclidean distances, with a constant added to their squares."""
    squares = squared_distance(samples)
    if offset:
        squares += offset
    return squares.clamp_min_(SMALLEST_DISTANCE**2).sqrt_()


def inner_product(samples: Tensor, weights: Tensor | None = None) -> Tensor:
    """Compute the Gram matrix of the centered samples, as in classical scaling."""
    if weights is None:
        center = samples.mean(-2, keepdim=True)
    else:
        weights = weights.unsqueeze(-2)
        total = weights.sum(-1, keepdim=True)
        center = weights @ samples / total.clamp_min(torch.finfo(total.dtype).tiny)
    centered = samples - center
    return centered @ centered.mT


def cosine(samples: Tensor) -> Tensor:
    """Compute cosines of the angles between samples; 0 for a sample of zeros.

    Autoencoders compare centered cosines with inner products of codes, see
    :class:`GivenInnerProductLoss`, because two components cannot reproduce the angles
    between samples of many features.
    """
    unit = functional.normalize(samples, dim=-1, eps=SMALLEST_DISTANCE)
    return unit @ unit.mT


def rbf(samples: Tensor) -> Tensor:
    """Compute the Gaussian kernel ``exp(-|x_i - x_j|^2 / 2)``.

    The bandwidth is 1, the total standard deviation of scaled samples.
    """
    return torch.exp(-squared_distance(samples).clamp_min(0) / 2)


SIMILARITIES: dict[str, Similarity] = {
    "distance": distance,
    "inner_product": inner_product,
    "cosine": cosine,
    "rbf": rbf,
}


class EachBatch:
    """Apply a user's similarity to each of several batches.

    Parameters
    ----------
    similarity : callable
        Function of samples of shape (n_samples, n_features) that returns a matrix of
        shape (n_samples, n_samples).
    """

    def __init__(self, similarity: Similarity):
        self.similarity = similarity

    def __call__(self, samples: Tensor) -> Tensor:
        """Return the matrix of each batch."""
        if samples.dim() == 2:
            return self.similarity(samples)
        return torch.stack([self(batch) for batch in samples])


def resolve_similarity(similarity: str | Similarity) -> Similarity:
    """Return a similarity by its name, or wrap a callable for several batches."""
    if isinstance(similarity, str):
        return SIMILARITIES[similarity]
    if similarity in SIMILARITIES.values():
        return similarity
    return EachBatch(similarity)


def with_weights(similarity: Similarity, weights: Tensor | None) -> Similarity:
    """Return a similarity that uses weights where it centers samples."""
    if weights is None or similarity is not inner_product:
        return similarity
    return partial(inner_product, weights=weights)


def check_similarity(similarity: Similarity, n_features: int) -> None:
    """Check a user's similarity on random samples and on samples of zeros.

    Parameters
    ----------
    similarity : callable
        The user's function.

    n_features : int
        Number of features of the samples that it will receive.

    Raises
    ------
    TypeError, ValueError
        If it does not return a tensor with one value for each pair, or if a value or a
        gradient is not finite.
    """
    generator = torch.Generator("cpu").manual_seed(0)
    shape = (_PROBE_SAMPLES, n_features)
    samples = torch.randn(shape, generator=generator, **CPU_FLOAT32)
    samples /= n_features**0.5  # of unit total variance, as scaled samples are
    values = similarity(samples)
    if not isinstance(values, Tensor):
        raise TypeError(
            f"similarity={similarity!r} returned a {type(values).__name__}; it must"
            " return a torch.Tensor, so that it can be differentiated"
        )
    if values.shape != (len(samples), len(samples)):
        raise ValueError(
            f"similarity={similarity!r} returned shape {tuple(values.shape)} for"
            f" {len(samples)} samples; it must return one value for each pair of"
            " samples"
        )
    for where, at in (
        ("random samples", samples),
        ("samples of zeros", torch.zeros_like(samples)),
    ):
        at = at.clone().requires_grad_()
        values = similarity(at)
        if values.requires_grad:
            values.sum().backward()
        if at.grad is None or not (
            values.isfinite().all() and at.grad.isfinite().all()
        ):
            raise ValueError(
                f"similarity={similarity!r} must be finite and have a finite gradient"
                f" everywhere, but at {where} it does not"
            )


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


def similarity_loss(
    samples: Tensor,
    codes: Tensor,
    similarity: Similarity,
    collapsed_loss: float,
    discarded_variance: float = 0.0,
    weights: Tensor | None = None,
) -> Tensor:
    r"""Compute the loss of pairwise similarities, as a fraction.

    .. math:: L_\text{sim} = \frac{1}{c}\,\operatorname{mean}_{i<j}
              \bigl(S(z)_{ij} - S(x)_{ij}\bigr)^2

    where :math:`S(x)` and :math:`S(z)` are the similarities of samples and of codes,
    and :math:`c`, ``collapsed_loss``, is the same mean for a collapsed map. It is a
    constant of the training set and not of the batch, which fixes the scale of the
    codes. Only the similarity "distance" is corrected for discarded variance. The
    weight of a pair is the product of the weights of its samples.
    """
    if similarity is distance:
        lost = distance_loss(samples, codes, discarded_variance, weights)
    else:
        similarity = with_weights(similarity, weights)
        pairs = similarity(codes), similarity(samples)
        lost = mean_squared_difference(*pairs, weights)
    return lost / collapsed_loss


def collapsed_similarity_loss(
    samples: Tensor, similarity: Similarity, weights: Tensor | None = None
) -> float:
    """Compute the mean squared difference of similarities when all codes are zero.

    For distances it is 2 (up to n / (n - 1)) and is not computed, because samples have
    unit total variance. If it would be 0, as with constant samples, it is 1.
    """
    if similarity is distance:
        return 2.0
    origin = torch.zeros_like(samples)
    similarity = with_weights(similarity, weights)
    pairs = similarity(origin), similarity(samples)
    return mean_squared_difference(*pairs, weights).item() or 1.0


class GivenDistanceLoss(LossTerm):
    r"""Loss of given distances, such as those of a metric or of a user.

    .. math:: L_\text{sim} = \tfrac12 \operatorname{mean}_{i<j}
              \bigl(|z_i - z_j| - d_{ij} / s_d\bigr)^2

    with codes :math:`z_i`, given distances :math:`d_{ij}` and their unit :math:`s_d`.
    The unit is the root of half the mean of :math:`d_{ij}^2`, so a collapsed map has a
    loss of 1. Batches are split as in :func:`distance_loss`. The mean is that over all
    known pairs within the blocks of a batch.

    Parameters
    ----------
    distances : InputDistances
        Distances of the input by positions, nan if unknown.

    unit : float
        The unit :math:`s_d`.

    weight : float, default=1.0
        Weight in the total.
    """

    name = "similarity"

    def __init__(self, distances: Any, unit: float, weight: float = 1.0):
        super().__init__(weight)
        self.distances = distances
        self.unit = unit

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the loss of distances, as a fraction."""
        if not self.distances.has_unknown:
            return mean_over_blocks(self._lost, outputs.codes, batch) / 2
        lost, known, pairs = mean_over_blocks(self._lost_by_known, outputs.codes, batch)
        self.counted_fraction = known / pairs.clamp_min(TINY)
        return lost / self.counted_fraction.clamp_min(TINY) / 2

    def _lost(self, codes, index, weights):
        return given_distance_loss(self._wanted(codes, index), codes, weights=weights)

    def _lost_by_known(self, codes, index, weights):
        wanted = self._wanted(codes, index)
        lost = given_distance_loss(wanted, codes, True, weights)
        pairs = (
            pair_weights(distances, weights).mean((-2, -1))
            for distances in (wanted, torch.zeros_like(wanted))
        )
        return torch.stack([lost, *pairs])

    def _wanted(self, codes, index):
        return self.distances.among(index).to(codes.dtype) / self.unit


class GivenInnerProductLoss(LossTerm):
    r"""Loss of given inner products, such as centered cosines.

    .. math:: L_\text{sim} = \frac1c \operatorname{mean}_{i<j}
              \bigl(z_i^\top z_j - b_{ij} / s_d^2\bigr)^2

    with codes :math:`z_i`, given inner products :math:`b_{ij}` of centered points, the
    unit :math:`s_d` and the mean :math:`c` for a collapsed map. This is the strain of
    classical scaling, whose optimum is unique up to rotations and reflections. Batches
    are split as in :func:`distance_loss`.

    Parameters
    ----------
    products : ChordDistances
        Inner products of the input by positions.

    unit : float
        The unit :math:`s_d`.

    weight : float, default=1.0
        Weight in the total.

    collapsed_loss : float, default=1.0
        Normalizer :math:`c`, see :func:`collapsed_product_loss`.

    References
    ----------
    W. S. Torgerson, "Multidimensional scaling: I. Theory and method", Psychometrika,
    1952.
    """

    name = "similarity"

    def __init__(
        self,
        products: Any,
        unit: float,
        weight: float = 1.0,
        collapsed_loss: float = 1.0,
    ):
        super().__init__(weight)
        self.products = products
        self.unit = unit
        self.collapsed_loss = collapsed_loss

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the loss of inner products, as a fraction."""
        return mean_over_blocks(self._lost, outputs.codes, batch) / self.collapsed_loss

    def _lost(self, codes, index, weights):
        wanted = self.products.products(index).to(codes.dtype) / self.unit**2
        return mean_squared_difference(codes @ codes.mT, wanted, weights)


def collapsed_product_loss(
    products: Any, index: Tensor, unit: float, weights: Tensor | None = None
) -> float:
    """Compute the mean squared inner product of pairs, the loss of a collapsed map.

    If it would be 0, as with samples of one direction, it is 1.

    Parameters
    ----------
    products : ChordDistances

    index : Tensor of int of shape (n_samples,)
        Positions of samples that stand for all.

    unit : float
        The unit.

    weights : Tensor of shape (n_samples,) or None, default=None
        Weights of these samples.

    Returns
    -------
    float
    """
    wanted = products.products(index) / unit**2
    weights = None if weights is None else weights.to(wanted.dtype)
    origin = torch.zeros_like(wanted)
    return mean_squared_difference(origin, wanted, weights).item() or 1.0


class SimilarityLoss(LossTerm):
    """Loss of pairwise similarities, see :func:`similarity_loss`.

    Parameters
    ----------
    similarity : callable
        Function of samples of shape (..., n_samples, n_features) that returns one value
        for each pair.

    weight : float, default=1.0
        Weight in the total.

    collapsed_loss : float, default=2.0
        Normalizer, see :func:`similarity_loss`.

    discarded_variance : float, default=0.0
        Fraction of the variance that was discarded before the samples reached the
        network.
    """

    name = "similarity"

    def __init__(
        self,
        similarity: Similarity,
        weight: float = 1.0,
        collapsed_loss: float = 2.0,
        discarded_variance: float = 0.0,
    ):
        super().__init__(weight)
        self.similarity = similarity
        self.collapsed_loss = collapsed_loss
        self.discarded_variance = discarded_variance

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the loss of similarities, as a fraction."""
        return similarity_loss(
            batch.samples,
            outputs.codes,
            self.similarity,
            self.collapsed_loss,
            self.discarded_variance,
            batch.weights,
        )
