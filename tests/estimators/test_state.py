"""What a copy and a pickle hold of estimators of a user's own."""

import copy
import pickle

import numpy as np
import pytest

from stable_embedding import StableAutoencoder
from stable_embedding.estimators.registry import ESTIMATORS
from stable_embedding.estimators.state import defaults_of


class Required(StableAutoencoder):
    """A subclass with a parameter that has no default."""

    def __init__(self, depth, *, n_components=3, max_iter=2):
        super().__init__(n_components, max_iter=max_iter, n_init=1, random_state=0)
        self.depth = depth


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_parameter_may_be_required(again, iris):
    model = Required(5)
    assert vars(again(model)) == vars(model)
    codes = model.fit_transform(iris[0])
    assert again(model).depth == 5
    np.testing.assert_array_equal(again(model).transform(iris[0]), codes)


def test_what_a_state_lacks_has_the_default_of_the_nearest_class():
    state = Required(5).__getstate__()
    for name in ("n_components", "metric"):
        del state[name]
    model = Required.__new__(Required)
    model.__setstate__(state)
    assert model.n_components == 3
    assert model.metric == StableAutoencoder().metric


@pytest.mark.parametrize("kind", ESTIMATORS.values(), ids=ESTIMATORS)
def test_defaults_are_those_of_an_estimator_without_arguments(kind):
    assert defaults_of(kind) == vars(kind())
