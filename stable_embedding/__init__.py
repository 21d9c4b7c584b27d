"""Embeddings that stay put: an autoencoder trained again gives the same map."""

from ._version import __version__
from .data.sample_distances import SampleDistances
from .estimators import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    ReconstructionOutlierDetector,
    SemanticHashing,
    SparseAutoencoder,
    StableAutoencoder,
    TripletVariationalAutoencoder,
    VariationalAutoencoder,
)
from .export import load, save, to_onnx
from .export.legacy import provide_old_modules
from .reports import (
    DriftReference,
    DriftReport,
    MovementReport,
    StabilityReport,
    drift_report,
    movement_report,
    stability_report,
)
from .retraining import Retraining, align, retrain
from .stability import (
    manifold_variance,
    manifold_variance_matrix,
    manifold_variance_score,
    most_stable_within_one_standard_error,
)

__all__ = [
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "DriftReference",
    "DriftReport",
    "MovementReport",
    "ReconstructionOutlierDetector",
    "Retraining",
    "SampleDistances",
    "SemanticHashing",
    "SparseAutoencoder",
    "StabilityReport",
    "StableAutoencoder",
    "TripletVariationalAutoencoder",
    "VariationalAutoencoder",
    "__version__",
    "align",
    "drift_report",
    "load",
    "manifold_variance",
    "manifold_variance_matrix",
    "manifold_variance_score",
    "most_stable_within_one_standard_error",
    "movement_report",
    "retrain",
    "save",
    "stability_report",
    "to_onnx",
]

provide_old_modules()
