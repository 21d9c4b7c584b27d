"""Embeddings that stay put: an autoencoder trained again gives the same map."""

from ._version import __version__
from .autoencoder import StableAutoencoder
from .contractive import ContractiveAutoencoder
from .denoising import DenoisingAutoencoder
from .export import to_onnx
from .hashing import SemanticHashing
from .outliers import ReconstructionOutlierDetector
from .persistence import load, save
from .report import StabilityReport, stability_report
from .scoring import manifold_variance_score, most_stable_within_one_standard_error
from .sparse import SparseAutoencoder
from .stability import manifold_variance, manifold_variance_matrix
from .variational import TripletVariationalAutoencoder, VariationalAutoencoder

__all__ = [
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "ReconstructionOutlierDetector",
    "SemanticHashing",
    "SparseAutoencoder",
    "StabilityReport",
    "StableAutoencoder",
    "TripletVariationalAutoencoder",
    "VariationalAutoencoder",
    "__version__",
    "load",
    "manifold_variance",
    "manifold_variance_matrix",
    "manifold_variance_score",
    "most_stable_within_one_standard_error",
    "save",
    "stability_report",
    "to_onnx",
]
