"""scikit-learn's own checks, all of them, with nothing excused."""

import inspect

import numpy as np
import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import stable_embedding
from stable_embedding import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    ReconstructionOutlierDetector,
    SemanticHashing,
    SparseAutoencoder,
    StableAutoencoder,
    TripletVariationalAutoencoder,
    VariationalAutoencoder,
    plotting,
    quality,
)

# One of each class, with few epochs: the checks ask how an estimator behaves, not how
# well it fits.
ESTIMATORS = [
    StableAutoencoder(max_iter=3),
    DenoisingAutoencoder(max_iter=3),
    SparseAutoencoder(max_iter=3),
    ContractiveAutoencoder(max_iter=3),
    VariationalAutoencoder(max_iter=3),
    TripletVariationalAutoencoder(max_iter=3),
    SemanticHashing(max_iter=3),
    ReconstructionOutlierDetector(StableAutoencoder(max_iter=3)),
]
# The defaults, with all of their epochs, and other settings.
SETTINGS = [
    StableAutoencoder(),
    StableAutoencoder(init="random", similarity_weight=0, max_iter=20),
    StableAutoencoder(n_init=2, max_iter=20),
    StableAutoencoder(neighbor_weight=1.0, max_iter=20),
    StableAutoencoder(layerwise_pretraining=True, max_iter=5),
    DenoisingAutoencoder(corruption="salt_and_pepper", n_init=2, max_iter=20),
    SparseAutoencoder(penalty="l1", max_iter=20),
    SparseAutoencoder(penalty="k_sparse", max_iter=20),
    ContractiveAutoencoder(max_iter=20),
    VariationalAutoencoder(max_iter=20),
    TripletVariationalAutoencoder(max_iter=20),
    SemanticHashing(packed=True, max_iter=20),
]
CLASSES = [type(one) for one in ESTIMATORS]

# What scikit-learn runs on its own estimators beyond `check_estimator`.
EXTRA_CHECKS = [
    "check_dataframe_column_names_consistency",
    "check_get_feature_names_out_error",
    "check_global_output_transform_pandas",
    "check_inplace_ensure_writeable",
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(SETTINGS)
def test_scikit_learns_checks_of_other_settings(estimator, check):
    check(estimator)


# The checks themselves pass arrays to estimators that were fitted on data frames.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize("name", EXTRA_CHECKS)
@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_scikit_learns_extra_checks(kind, name):
    [estimator] = [clone(one) for one in ESTIMATORS if type(one) is kind]
    about_transform = "transform" in name or "feature_names_out" in name
    if about_transform and not hasattr(estimator, "transform"):
        pytest.skip("it transforms nothing")
    getattr(estimator_checks, name)(kind.__name__, estimator)


def public_objects():
    """Classes, their methods and functions that a user may call."""
    things = [getattr(stable_embedding, name) for name in stable_embedding.__all__]
    things += members(quality, inspect.isfunction)
    things += members(plotting, inspect.isclass)
    for thing in things:
        if inspect.isclass(thing):
            yield thing
            for method_name, method in inspect.getmembers(thing, inspect.isfunction):
                if method_name in vars(thing) and not method_name.startswith("_"):
                    yield method
        elif callable(thing):
            yield thing


def members(module, kind):
    """What a module defines itself, less what is private."""
    for name, thing in inspect.getmembers(module, kind):
        if thing.__module__.startswith(module.__name__) and not name.startswith("_"):
            yield thing


@pytest.mark.parametrize("thing", list(public_objects()), ids=lambda x: x.__qualname__)
def test_documented_parameters_are_those_of_the_signature(thing):
    doc = ClassDoc(thing) if inspect.isclass(thing) else FunctionDoc(thing)
    documented = [name for item in doc["Parameters"] for name in item.name.split(", ")]
    signature = [name for name in inspect.signature(thing).parameters if name != "self"]
    assert documented == signature


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_documented_defaults_are_those_of_the_signature(kind):
    parameters = inspect.signature(kind).parameters
    for item in ClassDoc(kind)["Parameters"]:
        default = parameters[item.name].default
        shown = item.type.rsplit("default=", 1)[1]
        assert eval(shown) == default, item.name


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_documented_attributes_are_those_of_a_fit(kind, iris):
    [estimator] = [one for one in ESTIMATORS if type(one) is kind]
    model = clone(estimator).fit(*iris)
    documented = {item.name for item in ClassDoc(kind)["Attributes"]}
    found = {name for name in vars(model) if name.endswith("_")}
    assert documented - {"feature_names_in_"} == found


@pytest.mark.parametrize("estimator", [*ESTIMATORS[:-1], *SETTINGS], ids=repr)
def test_everything_fitted_is_finite(estimator, iris):
    X, y = iris
    model = clone(estimator).fit(X, y)
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite(model.inverse_transform(model.transform(X))).all()
    assert np.isfinite(model.loss_curve_).all()
