"""Measures of how well an embedding preserves the data.

Pass samples as an array, a sparse matrix, a data frame, a tensor or lists of finite
numbers, the largest between 1e-140 and 1e140. If a pipeline encodes or imputes before
it embeds, pass the input of its last step: ``pipeline[:-1].transform(X)``.

Distances in the embedding are Euclidean. Distances in the data are too, unless a
function has a `metric`. Most functions compare all pairs of samples: their time grows
with the square of the number of samples, so pass a few thousand at most.
"""

from .classes import neighbor_accuracy, triplet_accuracy
from .distances import distance_correlation, lipschitz_estimate, normalized_stress
from .neighbors import (
    NeighborhoodPreservation,
    continuity,
    neighborhood_preservation,
    trustworthiness,
)
from .variance import explained_variance

__all__ = [
    "NeighborhoodPreservation",
    "continuity",
    "distance_correlation",
    "explained_variance",
    "lipschitz_estimate",
    "neighbor_accuracy",
    "neighborhood_preservation",
    "normalized_stress",
    "triplet_accuracy",
    "trustworthiness",
]
