"""Embeddings that stay put: an autoencoder trained again gives the same map."""

import sys
from importlib import import_module

from ._version import __version__
from .estimators.autoencoder import StableAutoencoder
from .estimators.contractive import ContractiveAutoencoder
from .estimators.denoising import DenoisingAutoencoder
from .estimators.hashing import SemanticHashing
from .estimators.outliers import ReconstructionOutlierDetector
from .estimators.sparse import SparseAutoencoder
from .estimators.variational import (
    TripletVariationalAutoencoder,
    VariationalAutoencoder,
)
from .export.onnx import to_onnx
from .export.persistence import load, save
from .stability.measures import manifold_variance, manifold_variance_matrix
from .stability.report import StabilityReport, stability_report
from .stability.scoring import (
    manifold_variance_score,
    most_stable_within_one_standard_error,
)

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

# Modules by the names that pickles of version 0.1 know them by.
_MOVED = {
    "autoencoder": "estimators.autoencoder",
    "contractive": "estimators.contractive",
    "denoising": "estimators.denoising",
    "hashing": "estimators.hashing",
    "outliers": "estimators.outliers",
    "persistence": "export.persistence",
    "report": "stability.report",
    "scoring": "stability.scoring",
    "similarities": "losses.similarity",
    "sparse": "estimators.sparse",
    "variational": "estimators.variational",
}
for _old, _new in _MOVED.items():
    sys.modules[f"{__name__}.{_old}"] = import_module(f"{__name__}.{_new}")
