r"""Pairwise similarities, and how much of them the codes lose.

A similarity is a pure function from samples of shape (..., n_samples, n_features) to a
matrix of shape (..., n_samples, n_samples). Gradients are finite everywhere, also at
duplicates and at samples of zeros.
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
from .base import Batch, LossTerm, split_into_blocks, split_values

Similarity = Callable[[Tensor], Tensor]

# Distances below this count as this: their gradient would be infinite, and the rounding
# of float32 is larger anyway.
SMALLEST_DISTANCE = 1e-6

# Shape of the samples on which a user's similarity is tried.
_PROBE_SAMPLES = 7


def squared_distance(samples: Tensor) -> Tensor:
    """Squared Euclidean distances ``|x_i - x_j|^2``.

    They are computed from inner products, so center the samples: far from the origin
    the difference of large numbers loses the small ones.
    """
    products = samples @ samples.mT
    norms = products.diagonal(dim1=-2, dim2=-1)
    return (norms.unsqueeze(-1) + norms.unsqueeze(-2)).sub_(products, alpha=2)


def distance(samples: Tensor, offset: float = 0.0) -> Tensor:
    """Euclidean distances ``|x_i - x_j|``, with a constant added to their squares."""
    squares = squared_distance(samples)
    if offset:
        squares += offset
    return squares.clamp_min_(SMALLEST_DISTANCE**2).sqrt_()


def inner_product(samples: Tensor, weights: Tensor | None = None) -> Tensor:
    """Inner products of the centered samples, the Gram matrix of classical scaling."""
    if weights is None:
        center = samples.mean(-2, keepdim=True)
    else:
        weights = weights.unsqueeze(-2)
        total = weights.sum(-1, keepdim=True)
        center = weights @ samples / total.clamp_min(torch.finfo(total.dtype).tiny)
    centered = samples - center
    return centered @ centered.mT


def cosine(samples: Tensor) -> Tensor:
    """Cosines of the angles between samples; those of a sample of zeros are 0.

    Autoencoders compare them, centered, with inner products of codes, see
    :class:`GivenInnerProductLoss`. Angles of two components could not follow them.
    """
    unit = functional.normalize(samples, dim=-1, eps=SMALLEST_DISTANCE)
    return unit @ unit.mT


def rbf(samples: Tensor) -> Tensor:
    """Gaussian kernel ``exp(-|x_i - x_j|^2 / 2)``.

    Its bandwidth is 1, the standard deviation of the data after scaling.
    """
    return torch.exp(-squared_distance(samples).clamp_min(0) / 2)


SIMILARITIES: dict[str, Similarity] = {
    "distance": distance,
    "inner_product": inner_product,
    "cosine": cosine,
    "rbf": rbf,
}


class EachBatch:
    """A user's similarity of one batch, applied to each of several batches.

    Parameters
    ----------
    similarity : callable
        From samples (n_samples, n_features) to a matrix (n_samples, n_samples).
    """

    def __init__(self, similarity: Similarity):
        self.similarity = similarity

    def __call__(self, samples: Tensor) -> Tensor:
        """Return the matrix of each batch."""
        if samples.dim() == 2:
            return self.similarity(samples)
        return torch.stack([self(batch) for batch in samples])


def resolve_similarity(similarity: str | Similarity) -> Similarity:
    """Look up a similarity by its name, or let a user's take several batches."""
    if isinstance(similarity, str):
        return SIMILARITIES[similarity]
    if similarity in SIMILARITIES.values():
        return similarity
    return EachBatch(similarity)


def with_weights(similarity: Similarity, weights: Tensor | None) -> Similarity:
    """Return a similarity that centers samples by their weights, if it centers any."""
    if weights is None or similarity is not inner_product:
        return similarity
    return partial(inner_product, weights=weights)


def check_similarity(similarity: Similarity, n_features: int) -> None:
    """Raise if a user's similarity is not a matrix of pairs, finite with its gradient.

    Parameters
    ----------
    similarity : callable
        As a user gave it.

    n_features : int
        Number of features of the samples that it will be given.
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
    """Mean over pairs i < j of the squared difference of two symmetric matrices.

    With weights of the samples, that of a pair is their product.
    """
    n_samples = first.shape[-1]
    difference = first - second
    if weights is not None:
        roots = weights.sqrt()
        difference = difference * (roots.unsqueeze(-1) * roots.unsqueeze(-2))
    on_diagonal = difference.diagonal(dim1=-2, dim2=-1).square().sum(-1)
    total = difference.square().sum((-2, -1)) - on_diagonal
    # A single sample has no pair; its loss is 0, where a mean of nothing would be NaN.
    return total / max(n_samples * (n_samples - 1), 1)


class _DistanceLoss(torch.autograd.Function):
    r"""Mean squared difference of distances, with its gradient derived by hand.

    .. math:: \partial L / \partial z_i = \frac{4}{b (b - 1)}
              \sum_j (1 - d^x_{ij} / d^z_{ij}) (z_i - z_j)

    That is one matrix of weights and a product with it. Automatic differentiation of a
    square root would keep and pass through several matrices.
    """

    @staticmethod
    def forward(ctx, codes, wanted, has_unknown, of_samples):
        n_samples = codes.shape[-2]
        found = distance(codes)
        weights = torch.div(wanted, found).neg_().add_(1)
        weights.diagonal(dim1=-2, dim2=-1).zero_()
        ctx.n_pairs = max(n_samples * (n_samples - 1), 1)
        if has_unknown:
            known = weights.isfinite()
            weights.masked_fill_(~known, 0)
            ctx.n_pairs = (known.sum((-2, -1)) - n_samples).clamp_min_(1)
        squares = (weights * found).square_()
        if of_samples is not None:
            of_pairs = of_samples.unsqueeze(-1) * of_samples.unsqueeze(-2)
            squares *= of_pairs
            weights *= of_pairs
        loss = squares.sum((-2, -1))
        # Codes that coincide have no direction in which to part.
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
    """Mean squared difference of the distances of codes from given ones, over pairs.

    Parameters
    ----------
    wanted : Tensor of shape (..., n_samples, n_samples)
        Distances that codes should have.

    codes : Tensor of shape (..., n_samples, n_components)
        The codes.

    has_unknown : bool, default=False
        Whether some distances are nan. These pairs do not count.

    weights : Tensor of shape (..., n_samples) or None, default=None
        Weights of the samples; that of a pair is their product.

    Returns
    -------
    Tensor of shape (...)
    """
    return _DistanceLoss.apply(codes, wanted, has_unknown, weights)


def distance_loss(
    samples: Tensor,
    codes: Tensor,
    discarded_variance: float = 0.0,
    weights: Tensor | None = None,
) -> Tensor:
    """Mean squared difference of distances, over pairs within blocks of 128 samples.

    A batch of more samples is split into blocks of at most 128, so that the number of
    pairs grows with that of samples and not with its square. A few samples at its end
    may be left out.

    Twice the discarded variance is added to squared distances of samples: that is what
    it adds to them in the mean, and in many dimensions nearly to each.
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
    """Mean of a loss of pairs over the blocks of a batch, split as for `distance_loss`.

    Parameters
    ----------
    loss : callable
        A function of codes, positions and weights or None.

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
    r"""Squared difference between the similarities of the input and of the codes.

    .. math:: L_\text{sim} = \frac{1}{c}\,\operatorname{mean}_{i<j}
              \bigl(S(z)_{ij} - S(x)_{ij}\bigr)^2

    with :math:`c` the same mean for a collapsed map, ``collapsed_loss``. It is a
    constant of the training set, never of the batch: the scale of the codes is part
    of their stability. Discarded variance is made up for in distances alone. With
    weights of the samples, that of a pair is their product.
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
    """Mean squared difference that is left when every code is the origin.

    Samples have unit total variance, so for distances this is 2 (up to n / (n - 1)) and
    is not computed. Where nothing can be lost, as with constant samples, it is 1.
    """
    if similarity is distance:
        return 2.0
    origin = torch.zeros_like(samples)
    similarity = with_weights(similarity, weights)
    pairs = similarity(origin), similarity(samples)
    return mean_squared_difference(*pairs, weights).item() or 1.0


class GivenDistanceLoss(LossTerm):
    r"""Loss of distances that are given for pairs of samples, by their positions.

    .. math:: L_\text{sim} = \tfrac14 \operatorname{mean}_{i<j}
              \bigl(|z_i - z_j| - d_{ij} / s_d\bigr)^2

    with the unit :math:`s_d`, the root of half the mean of :math:`d_{ij}^2` over the
    training set: the loss is 1 for a collapsed map. Batches are split as for
    :func:`distance_loss`.

    Parameters
    ----------
    distances : InputDistances
        Its `among` returns distances for positions, some of which may be unknown.

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
        """Return the share of distances that is lost."""
        return mean_over_blocks(self._lost, outputs.codes, batch) / 2

    def _lost(self, codes, index, weights):
        wanted = self.distances.among(index).to(codes.dtype) / self.unit
        has_unknown = self.distances.has_unknown
        return given_distance_loss(wanted, codes, has_unknown, weights)


class GivenInnerProductLoss(LossTerm):
    r"""Loss of inner products that are given for pairs of samples, by their positions.

    .. math:: L_\text{sim} = \frac1c \operatorname{mean}_{i<j}
              \bigl(z_i^\top z_j - b_{ij} / s_d^2\bigr)^2

    with the given products :math:`b`, those of centered points, the unit :math:`s_d`,
    and the mean :math:`c` for a collapsed map. For distances of these points, it is the
    strain of classical scaling, whose optimum is unique up to rotation. Batches are
    split as for :func:`distance_loss`.

    Parameters
    ----------
    products : ChordDistances
        Its `products` returns inner products for positions.

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
        """Return the share of inner products that is lost."""
        return mean_over_blocks(self._lost, outputs.codes, batch) / self.collapsed_loss

    def _lost(self, codes, index, weights):
        wanted = self.products.products(index).to(codes.dtype) / self.unit**2
        return mean_squared_difference(codes @ codes.mT, wanted, weights)


def collapsed_product_loss(
    products: Any, index: Tensor, unit: float, weights: Tensor | None = None
) -> float:
    """Mean squared inner product of pairs, which a collapsed map loses.

    Where nothing can be lost, as with samples of one direction, it is 1.

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
    """Loss of pairwise similarities.

    Parameters
    ----------
    similarity : callable
        From samples (..., n_samples, n_features) to a matrix of pairs.

    weight : float, default=1.0
        Weight in the total.

    collapsed_loss : float, default=2.0
        Normalizer, see :func:`similarity_loss`.

    discarded_variance : float, default=0.0
        Fraction of the variance that samples lost before they reached the network.
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
        """Return the share of similarities that is lost."""
        return similarity_loss(
            batch.samples,
            outputs.codes,
            self.similarity,
            self.collapsed_loss,
            self.discarded_variance,
            batch.weights,
        )
