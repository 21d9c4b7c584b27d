"""Similarities of pairs of samples, by name or callable.

A similarity is a pure function from samples of shape (..., n_samples, n_features) to a
matrix of shape (..., n_samples, n_samples). Its gradients are finite everywhere, even
for duplicates and for samples that are zero.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from .._ambient import CPU_FLOAT32

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
    :class:`.GivenInnerProductLoss`, because two components cannot reproduce the angles
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
