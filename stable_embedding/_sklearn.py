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
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import (
    _check_feature_names_in as check_feature_names_in,
)
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "OUTPUT_CONFIG",
    "REQUESTS",
    "HasMethods",
    "Interval",
    "RealNotInt",
    "StrOptions",
    "check_feature_names_in",
    "column_positions",
    "fit_context",
    "metadata_requests",
    "num_samples",
    "returns_arrays",
    "safe_indexing",
    "set_metadata_requests",
    "validate_params",
]


# Attributes that scikit-learn sets besides parameters and what is fitted.
OUTPUT_CONFIG = "_sklearn_output_config"
REQUESTS = "_metadata_request"


def returns_arrays(transformer):
    """Tell whether `transform` returns arrays, and not data frames."""
    return _get_output_config("transform", transformer)["dense"] == "default"


def metadata_requests(estimator):
    """Return which metadata each method requests, as set by a user, or None."""
    requests = vars(estimator).get(REQUESTS)
    return None if requests is None else requests._serialize()


def set_metadata_requests(estimator, requests):
    """Set what :func:`metadata_requests` has returned."""
    routing = estimator.get_metadata_routing()
    for method, of_method in requests.items():
        known = getattr(routing, method)
        for name, alias in of_method.items():
            if alias != UNUSED or name in known.requests:
                known.add_request(param=name, alias=alias)
    setattr(estimator, REQUESTS, routing)


def column_positions(column_transformer):
    """Return the positions of each transformer's columns, by its name."""
    return column_transformer._transformer_to_input_indices
