import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import (
    ReconstructionOutlierDetector,
    SemanticHashing,
    StableAutoencoder,
)
from stable_embedding.retraining.steps import (
    embed_by_map,
    inputs_at,
    path_to_map,
    paths_to_maps,
    step_at,
    steps_after,
    with_steps,
)
from tests.precision import assert_near

QUICK = {"max_iter": 2, "n_init": 2, "random_state": 0}


@pytest.fixture
def nested():
    inner = make_pipeline(StandardScaler(), StableAutoencoder(**QUICK), "passthrough")
    return make_pipeline("passthrough", PCA(3), inner, LogisticRegression())


def test_a_map_is_found_wherever_a_pipeline_holds_it(nested):
    assert path_to_map(StableAutoencoder()) == ()
    assert path_to_map(nested) == ("pipeline", "stableautoencoder")
    assert step_at(nested, path_to_map(nested)) is nested[2][1]
    assert [name for name, _ in steps_after(nested, path_to_map(nested))] == [
        "logisticregression"
    ]


def test_inputs_are_what_the_map_was_fitted_on(nested, iris):
    X, y = iris
    nested.fit(X, y)
    inputs = inputs_at(nested, path_to_map(nested), X)
    expected = nested[2][0].transform(nested[1].transform(X))
    np.testing.assert_array_equal(inputs, expected)


@pytest.mark.parametrize("kept", ["all", "inner", "map"])
def test_a_frozen_map_is_found_as_well(kept, nested, iris):
    X, y = iris
    nested.fit(X, y)
    scaled, codes = nested[1].transform(X), nested[:-1].transform(X)
    inner = nested[2]
    frozen = {
        "all": lambda: FrozenEstimator(nested),
        "inner": lambda: make_pipeline(nested[1], FrozenEstimator(inner), nested[-1]),
        "map": lambda: make_pipeline(
            nested[1], inner[0], FrozenEstimator(inner[1]), nested[-1]
        ),
    }[kept]()
    path = path_to_map(frozen)
    assert step_at(frozen, path) is inner[1]
    assert [step for _, step in steps_after(frozen, path)] == [nested[-1]]
    expected = inner[0].transform(scaled)
    np.testing.assert_array_equal(inputs_at(frozen, path, X), expected)
    np.testing.assert_array_equal(embed_by_map(frozen, X)[0], codes)
    copied = with_steps(
        frozen, path, before=lambda s: s, at=lambda s: s, after=lambda s: s
    )
    np.testing.assert_array_equal(copied.predict(X), nested.predict(X))
    assert paths_to_maps(copied) == [path]


@pytest.mark.numeric
def test_samples_are_embedded_by_the_map(nested, iris):
    X, y = iris
    codes, std = embed_by_map(nested.fit(X, y), X)
    assert_near(codes, nested[:-1].transform(X))
    assert std.shape == (150,)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (PCA(2), "must be a fitted autoencoder"),
        (StableAutoencoder, "old=StableAutoencoder must be"),
        (
            make_pipeline(StableAutoencoder(**QUICK), SemanticHashing(**QUICK)),
            "holds 2 autoenc",
        ),
        (
            GridSearchCV(StableAutoencoder(**QUICK), {"alpha": [1.0]}, cv=2),
            "pass its best_estimator_",
        ),
        (
            ReconstructionOutlierDetector(StableAutoencoder(**QUICK)),
            "pass its estimator_",
        ),
    ],
    ids=["other", "class", "two", "search", "detector"],
)
def test_what_holds_no_single_map_is_refused(estimator, message, iris):
    if hasattr(estimator, "fit") and not isinstance(estimator, type):
        estimator.fit(iris[0])
    with pytest.raises(TypeError, match=message):
        path_to_map(estimator, "old")


def test_steps_are_replaced_in_a_copy(nested):
    steps = list(nested.steps)
    new = with_steps(
        nested,
        path_to_map(nested),
        before=lambda step: "before",
        at=lambda step: "map",
        after=lambda step: "after",
    )
    assert nested.steps == steps
    assert [step for _, step in new.steps if isinstance(step, str)] == [
        "passthrough",
        "before",
        "after",
    ]
    assert [step for _, step in new.steps[2][1].steps] == [
        "before",
        "map",
        "passthrough",
    ]


def test_others_embed_by_their_last_step(iris):
    X, _ = iris
    pipeline = make_pipeline(StandardScaler(), PCA(2)).fit(X)
    assert paths_to_maps(pipeline) == []
    codes, std = embed_by_map(pipeline, X)
    np.testing.assert_array_equal(codes, pipeline.transform(X))
    assert std is None


@pytest.mark.parametrize(
    "estimator", [SemanticHashing(3, **QUICK), StableAutoencoder(n_init=1, max_iter=2)]
)
def test_there_is_no_deviation_without_runs_or_of_bits(estimator, iris):
    codes, std = embed_by_map(estimator.fit(iris[0]), iris[0])
    assert codes.dtype == np.float64
    assert std is None


class Own(StableAutoencoder):
    """A subclass whose codes have no deviation."""

    def transform(self, X):
        return super().transform(X)


def test_a_subclass_may_have_no_deviations(iris):
    codes, std = embed_by_map(Own(**QUICK).fit(iris[0]), iris[0])
    assert std is None
    assert len(codes) == 150
