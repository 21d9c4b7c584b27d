"""Measure how much an embedding changes when it is trained again."""

from .measures import (
    displacement,
    manifold_variance,
    manifold_variance_matrix,
    neighbor_overlap,
)
from .scoring import manifold_variance_score, most_stable_within_one_standard_error

__all__ = [
    "displacement",
    "manifold_variance",
    "manifold_variance_matrix",
    "manifold_variance_score",
    "most_stable_within_one_standard_error",
    "neighbor_overlap",
]
