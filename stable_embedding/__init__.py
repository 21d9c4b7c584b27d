"""Embeddings that stay put: an autoencoder trained again gives the same map."""

from ._version import __version__
from .autoencoder import StableAutoencoder
from .report import StabilityReport, stability_report
from .scoring import manifold_variance_score, most_stable_within_one_standard_error
from .stability import manifold_variance, manifold_variance_matrix

__all__ = [
    "StabilityReport",
    "StableAutoencoder",
    "__version__",
    "manifold_variance",
    "manifold_variance_matrix",
    "manifold_variance_score",
    "most_stable_within_one_standard_error",
    "stability_report",
]
