"""The names of scikit-learn that are private, imported here and nowhere else."""

from sklearn.base import _fit_context as fit_context
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    validate_params,
)
from sklearn.utils.validation import _check_n_features as check_n_features
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "HasMethods",
    "Interval",
    "RealNotInt",
    "StrOptions",
    "check_n_features",
    "column_positions",
    "fit_context",
    "num_samples",
    "safe_indexing",
    "validate_params",
]


def column_positions(column_transformer):
    """Return the positions of each transformer's columns, by its name."""
    return column_transformer._transformer_to_input_indices
