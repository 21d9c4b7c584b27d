"""Whatever parameters come together: a finite map, or a refusal that names one."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from torch import nn

from stable_embedding import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SemanticHashing,
    SparseAutoencoder,
    StableAutoencoder,
    TripletVariationalAutoencoder,
    VariationalAutoencoder,
)
from tests.generated import MANY
from tests.test_any_input import CULPRITS, assert_finite_or_said

pytestmark = pytest.mark.slow

FAMILY = [
    StableAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    ContractiveAutoencoder,
    VariationalAutoencoder,
    TripletVariationalAutoencoder,
    SemanticHashing,
]

# Defaults come first. Each is drawn half of the time, or most draws would be refused.
CHOICES = {
    "n_components": [2, 1, 8],
    "hidden_layer_sizes": ["auto", (), (5,)],
    "activation": ["relu", "tanh"],
    "metric": ["euclidean", "cosine", "canberra"],
    "similarity": ["distance", "inner_product", "cosine", "rbf"],
    "similarity_weight": [1.0, 0.0],
    "neighbor_weight": [0.0, 1.0],
    "n_neighbors": [15, 1],
    "label_weight": [0.0, 1.0],
    "target_type": ["auto", "continuous"],
    "init": ["pca", "random"],
    "layerwise_pretraining": [False, True],
    "n_init": ["auto", 1, 2],
    "consensus_weight": ["auto", 0.0, 2.0],
    "batch_size": ["auto", 2, 7],
    "alpha": ["auto", 0.0, 200.0],
    "early_stopping": [False, True],
    "validation_fraction": [0.1, 0.5],
    "warm_start": [False, True],
}


@st.composite
def models(draw):
    """Estimators of any class, with any values of parameters."""
    kind = draw(st.sampled_from(FAMILY))
    parameters = {
        name: draw(st.sampled_from(CHOICES[name])) for name in sorted(CHOICES)
    }
    model = kind(parameters.pop("n_components"), max_iter=2, random_state=0)
    taken = model.get_params(deep=False).keys()
    return model.set_params(
        **{name: value for name, value in parameters.items() if name in taken}
    )


@st.composite
def samples(draw):
    """Few samples, with labels of two classes or none; some are alike."""
    n_samples = draw(st.sampled_from([30, 4, 2]))
    n_features = draw(st.sampled_from([4, 1, 150]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    X = rng.normal(size=(n_samples, n_features))
    if draw(st.booleans()):
        X[1] = X[0]
    y = np.arange(n_samples) % 2
    if n_samples > 4 and draw(st.booleans()):
        y[::3] = -1
    return X, y


def everything_of(model, X):
    """What a fitted estimator gives."""
    codes = model.transform(X)
    yield codes
    yield model.transform_runs(X)
    yield model.inverse_transform(codes)
    yield model.score_samples(X)
    yield model.jacobian(X)
    yield model.feature_sensitivity(X)
    yield model.loss_curve_
    yield list(model.losses_.values())
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).transform(X), codes)


def module(n_inputs, n_outputs):
    """A module of the user's own, whose weights are not drawn by a test's chance."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(n_inputs, 4), nn.Tanh(), nn.Linear(4, n_outputs))


def with_modules(model, X, draw):
    """Give a model an encoder or a decoder of the user's own, or neither."""
    if "encoder" not in model.get_params(deep=False):  # its codes are of another kind
        return model
    n_features, n_components = X.shape[1], model.n_components
    if draw(st.integers(0, 3)) == 0:
        model.set_params(encoder=module(n_features, n_components))
    if draw(st.integers(0, 3)) == 0:
        model.set_params(decoder=module(n_components, n_features))
    return model


def arguments_of_fit(model, X, draw):
    """What else `fit` is given: distances of the samples, places for some of them."""
    arguments = {}
    if draw(st.integers(0, 7)) == 0:
        square = cdist(np.abs(X), np.abs(X), "cityblock")
        kinds = [
            square,
            csr_array(square),
            lambda rows, columns: square[rows][:, columns],
        ]
        arguments["distances"] = draw(st.sampled_from(kinds))
    if draw(st.integers(0, 3)) == 0:
        places = np.random.default_rng(0).normal(size=(len(X), model.n_components))
        places[::3] = np.nan
        arguments["reference"] = places
    return arguments


@MANY
@given(data=st.data())
def test_any_combination(data):
    model, (X, y) = data.draw(models()), data.draw(samples())
    model = with_modules(model, X, data.draw)
    arguments = arguments_of_fit(model, X, data.draw)
    before = dict(vars(deepcopy(model)))

    def fit():
        yield from everything_of(model.fit(X, y, **arguments), X)

    names = [*model.get_params(), *arguments, *CULPRITS, "y "]
    assert_finite_or_said(lambda: list(fit()), *names)
    if not hasattr(model, "network_"):  # a call that failed leaves nothing
        assert vars(model).keys() == before.keys()
        return
    again = data.draw(st.sampled_from(["fit", "partial_fit"]))
    method = getattr(model, again)
    assert_finite_or_said(lambda: list(everything_of(method(X, y), X)), *names)
