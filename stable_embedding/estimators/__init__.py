"""Samples in, embeddings out: the autoencoder, its siblings, the outlier detector."""

from .autoencoder import StableAutoencoder
from .contractive import ContractiveAutoencoder
from .denoising import DenoisingAutoencoder
from .hashing import SemanticHashing
from .outliers import ReconstructionOutlierDetector
from .sparse import SparseAutoencoder
from .triplet import TripletVariationalAutoencoder
from .variational import VariationalAutoencoder

__all__ = [
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "ReconstructionOutlierDetector",
    "SemanticHashing",
    "SparseAutoencoder",
    "StableAutoencoder",
    "TripletVariationalAutoencoder",
    "VariationalAutoencoder",
]
