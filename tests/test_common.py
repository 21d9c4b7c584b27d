"""scikit-learn's own checks, all of them, with nothing excused."""

import inspect
import re
from dataclasses import is_dataclass

import numpy as np
import pytest
from numpydoc.docscrape import NumpyDocString
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
    preprocessing,
    quality,
)
from stable_embedding.estimators.base import BaseStableAutoencoder
from stable_embedding.estimators.registry import ESTIMATORS
from stable_embedding.losses import LossTerm

# One of each class, with few runs and epochs: the checks ask how an estimator behaves,
# not how well it fits.
CONFIGURATIONS = [
    StableAutoencoder(n_init=2, max_iter=3),
    DenoisingAutoencoder(n_init=2, max_iter=3),
    SparseAutoencoder(n_init=2, max_iter=3),
    ContractiveAutoencoder(n_init=2, max_iter=3),
    VariationalAutoencoder(n_init=2, max_iter=3),
    TripletVariationalAutoencoder(n_init=2, max_iter=3),
    SemanticHashing(n_init=2, max_iter=3),
    ReconstructionOutlierDetector(StableAutoencoder(n_init=2, max_iter=3)),
]
# Other settings, with few epochs as well.
FEW = {"n_init": 2, "max_iter": 5}
SETTINGS = [
    StableAutoencoder(n_init=1, max_iter=20),
    StableAutoencoder(init="random", similarity_weight=0, **FEW),
    StableAutoencoder(neighbor_weight=1.0, **FEW),
    StableAutoencoder(layerwise_pretraining=True, **FEW),
    DenoisingAutoencoder(corruption="salt_and_pepper", **FEW),
    SparseAutoencoder(penalty="l1", **FEW),
    SparseAutoencoder(penalty="k_sparse", **FEW),
    SemanticHashing(packed=True, **FEW),
]
AUTOENCODERS = [
    one
    for one in [*CONFIGURATIONS, *SETTINGS]
    if isinstance(one, BaseStableAutoencoder)
]
CLASSES = list(ESTIMATORS.values())

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


def configuration(kind):
    """A new estimator of a class, with few epochs."""
    return next(clone(one) for one in CONFIGURATIONS if type(one) is kind)


def test_every_estimator_has_a_configuration():
    assert {type(estimator) for estimator in CONFIGURATIONS} == set(CLASSES)


@parametrize_with_checks(CONFIGURATIONS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(SETTINGS)
def test_scikit_learns_checks_of_other_settings(estimator, check):
    check(estimator)


# Rounding grows over a training: what compares two of them is run with all epochs too.
@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "check_fit_idempotent",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
        "check_sample_weight_equivalence_on_dense_data",
        "check_transformer_general",
    ],
)
def test_scikit_learns_checks_hold_after_all_epochs(name):
    estimator = StableAutoencoder(n_init=1)
    getattr(estimator_checks, name)("StableAutoencoder", estimator)


# The checks themselves pass arrays to estimators that were fitted on data frames.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize("name", EXTRA_CHECKS)
@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_scikit_learns_extra_checks(kind, name):
    estimator = configuration(kind)
    about_transform = "transform" in name or "feature_names_out" in name
    if about_transform and not hasattr(estimator, "transform"):
        pytest.skip("it transforms nothing")
    getattr(estimator_checks, name)(kind.__name__, estimator)


def public_objects():
    """Classes, their methods and functions that a user may call."""
    things = [getattr(stable_embedding, name) for name in stable_embedding.__all__]
    things += members(quality, inspect.isfunction)
    things += members(plotting, inspect.isclass)
    things += [preprocessing.MixedDataEncoder]
    things.append(LossTerm)
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


def documented(thing, section):
    """What the docstring of a thing says itself in a section, by name."""
    items = NumpyDocString(inspect.cleandoc(thing.__doc__ or ""))[section]
    return {name: item for item in items for name in item.name.split(", ")}


def documented_with_parents(kind, section):
    """What the docstrings of a class and of its parents say in a section, by name."""
    found = {}
    for one in kind.__mro__:
        if one.__module__.startswith("stable_embedding"):
            found = documented(one, section) | found
    return found


@pytest.mark.parametrize("thing", list(public_objects()), ids=lambda x: x.__qualname__)
def test_documented_parameters_are_those_of_the_signature(thing):
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    signature = [
        stars.get(parameter.kind, "") + name
        for name, parameter in inspect.signature(thing).parameters.items()
        if name != "self"
    ]
    # What a dataclass is made of are its attributes too, and documented as these.
    section = "Attributes" if is_dataclass(thing) else "Parameters"
    own = list(documented(thing, section))
    assert own == [name for name in signature if name in own]
    if not inspect.isclass(thing):
        assert own == signature
        return
    every = documented_with_parents(thing, section).keys()
    assert every >= set(signature)
    # Parameters of a parent that are not taken.
    sentence = " ".join(thing.__doc__.split()).partition("It does not take ")[2]
    not_taken = re.findall(r"`(\w+)`", sentence.partition(".")[0])
    assert sorted(not_taken) == sorted(every - set(signature))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_documented_defaults_are_those_of_the_signature(kind):
    parameters = inspect.signature(kind).parameters
    for name, item in documented_with_parents(kind, "Parameters").items():
        if name in parameters:
            shown = item.type.rsplit("default=", 1)[1]
            assert eval(shown) == parameters[name].default, name


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_documented_attributes_are_those_of_a_fit(kind, iris):
    model = configuration(kind).fit(*iris)
    found = {name for name in vars(model) if name.endswith("_")}
    every = documented_with_parents(kind, "Attributes").keys()
    assert every - {"feature_names_in_"} == found


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_siblings_agree_with_their_parents(kind):
    parameters = inspect.signature(kind).parameters
    for parent in kind.__mro__[1:]:
        if parent in CLASSES:
            of_parent = inspect.signature(parent).parameters
            for name in parameters.keys() & of_parent.keys():
                assert parameters[name] == of_parent[name], name


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_parameter_arrives(kind):
    # Anything may be passed: a constructor only assigns.
    values = {name: object() for name in inspect.signature(kind).parameters}
    found = kind(**values).get_params(deep=False)
    assert found.keys() == values.keys()
    for name, value in values.items():
        assert found[name] is value, name
        assert getattr(kind(**{name: value}), name) is value, name


@pytest.mark.parametrize(
    "estimator",
    [
        pytest.param(one, marks=pytest.mark.slow if one in SETTINGS else ())
        for one in AUTOENCODERS
    ],
    ids=repr,
)
def test_everything_fitted_is_finite(estimator, iris):
    X, y = iris
    model = clone(estimator).fit(X, y)
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite(model.inverse_transform(model.transform(X))).all()
    assert np.isfinite(model.loss_curve_).all()
