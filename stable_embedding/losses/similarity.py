"""Pairwise similarities of a batch, each a pure function from rows to a matrix.

Every function takes a tensor of shape (..., n_rows, n_features), where leading axes
stand for separate batches, and returns one of shape (..., n_rows, n_rows). Gradients
are finite everywhere, also at duplicated rows and at rows of zeros.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Similarity = Callable[[Tensor], Tensor]

# Distances below this are taken as this: their gradient would be infinite, and the
# rounding of float32 is larger anyway.
SMALLEST_DISTANCE = 1e-6


def squared_distance(rows: Tensor) -> Tensor:
    """Squared Euclidean distances ``|x_i - x_j|^2``.

    Computed from inner products, so rows should be centered: far from the origin the
    difference of large numbers loses the small ones.
    """
    products = rows @ rows.mT
    norms = products.diagonal(dim1=-2, dim2=-1)
    return (norms.unsqueeze(-1) + norms.unsqueeze(-2)).sub_(products, alpha=2)


def distance(rows: Tensor, offset: float = 0.0) -> Tensor:
    """Euclidean distances ``|x_i - x_j|``, with a constant added to their squares."""
    squares = squared_distance(rows)
    if offset:
        squares += offset
    return squares.clamp_min_(SMALLEST_DISTANCE**2).sqrt_()


def inner_product(rows: Tensor) -> Tensor:
    """Inner products of the centered rows, the Gram matrix of classical scaling."""
    centered = rows - rows.mean(-2, keepdim=True)
    return centered @ centered.mT


def cosine(rows: Tensor) -> Tensor:
    """Cosines of the angles between rows; of a row of zeros they are 0."""
    unit = functional.normalize(rows, dim=-1, eps=SMALLEST_DISTANCE)
    return unit @ unit.mT


def rbf(rows: Tensor) -> Tensor:
    """Gaussian kernel ``exp(-|x_i - x_j|^2 / 2)``.

    Its bandwidth is 1, the standard deviation of the data after scaling.
    """
    return torch.exp(-squared_distance(rows).clamp_min(0) / 2)


SIMILARITIES: dict[str, Similarity] = {
    "distance": distance,
    "inner_product": inner_product,
    "cosine": cosine,
    "rbf": rbf,
}


def resolve_similarity(similarity: str | Similarity) -> Similarity:
    """Look up a similarity by its name; of a user's, take one batch at a time."""
    if isinstance(similarity, str):
        return SIMILARITIES[similarity]
    if similarity in SIMILARITIES.values():
        return similarity

    def of_each_batch(rows: Tensor) -> Tensor:
        if rows.dim() == 2:
            return similarity(rows)
        return torch.stack([of_each_batch(batch) for batch in rows])

    return of_each_batch
