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
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import (
    _check_feature_names_in as check_feature_names_in,
)
from sklearn.utils.validation import _check_n_features as check_n_features
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "HasMethods",
    "Interval",
    "RealNotInt",
    "StrOptions",
    "check_feature_names_in",
    "check_n_features",
    "column_positions",
    "fit_context",
    "num_samples",
    "returns_arrays",
    "safe_indexing",
    "validate_params",
]


def returns_arrays(transformer):
    """Tell whether `transform` returns arrays, and not data frames."""
    return _get_output_config("transform", transformer)["dense"] == "default"


def column_positions(column_transformer):
    """Return the positions of each transformer's columns, by its name."""
    return column_transformer._transformer_to_input_indices
