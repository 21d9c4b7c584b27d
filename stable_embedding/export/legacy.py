"""The names under which files of version 0.1 know what has moved since."""

import sys
from types import ModuleType

from .. import estimators, reports
from ..losses import similarity

MOVED = {
    "autoencoder": (estimators, ["StableAutoencoder"]),
    "contractive": (estimators, ["ContractiveAutoencoder"]),
    "denoising": (estimators, ["DenoisingAutoencoder"]),
    "hashing": (estimators, ["SemanticHashing"]),
    "outliers": (estimators, ["ReconstructionOutlierDetector"]),
    "report": (reports, ["StabilityReport"]),
    "similarities": (similarity, ["cosine", "distance", "inner_product", "rbf"]),
    "sparse": (estimators, ["SparseAutoencoder"]),
    "variational": (
        estimators,
        ["TripletVariationalAutoencoder", "VariationalAutoencoder"],
    ),
}


def provide_old_modules():
    """Let pickles import classes and functions from the modules that held them."""
    package = __name__.partition(".")[0]
    for old, (module, names) in MOVED.items():
        path = f"{package}.{old}"
        sys.modules[path] = ModuleType(path, f"Moved to {module.__name__}.")
        vars(sys.modules[path]).update({name: getattr(module, name) for name in names})
