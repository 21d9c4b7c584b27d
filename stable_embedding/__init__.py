"""Embeddings that stay put: an autoencoder trained again gives the same map."""

from ._version import __version__
from .autoencoder import StableAutoencoder
from .stability import (
    manifold_variance,
    manifold_variance_matrix,
    manifold_variance_score,
)

__all__ = [
    "StableAutoencoder",
    "__version__",
    "manifold_variance",
    "manifold_variance_matrix",
    "manifold_variance_score",
]
