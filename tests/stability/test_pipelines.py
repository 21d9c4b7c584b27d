import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from stable_embedding import (
    DriftReference,
    StableAutoencoder,
    drift_report,
    manifold_variance_score,
    movement_report,
)
from stable_embedding.plotting import (
    EmbeddingDisplay,
    FeatureSensitivityDisplay,
    LossCurveDisplay,
    ShepardDisplay,
)
from stable_embedding.stability.pipelines import (
    embed,
    embed_with_std,
    embedding_steps,
    inputs_of_last,
    last_step,
)


@pytest.fixture
def fitted(iris):
    X, _ = iris
    model = StableAutoencoder(n_init=2, max_iter=2, random_state=0)
    return make_pipeline(StandardScaler(), model).fit(X)


def frozen_forms(fitted, X, y):
    """Freeze a pipeline of a scaler and a map, as a whole or in parts."""
    scaler, model = fitted
    end = MinMaxScaler().fit(fitted.transform(X))
    predictor = LogisticRegression().fit(end.transform(fitted.transform(X)), y)
    frozen = FrozenEstimator
    return {
        "whole": frozen(fitted),
        "twice": frozen(frozen(fitted)),
        "last": make_pipeline(scaler, frozen(model)),
        "within": make_pipeline(frozen(fitted), frozen(end), frozen(predictor)),
    }


@pytest.mark.parametrize("form", ["whole", "twice", "last", "within"])
def test_a_frozen_map_embeds_like_the_map(form, fitted, iris):
    X, y = iris
    estimator = frozen_forms(fitted, X, y)[form]
    steps = embedding_steps(estimator)
    assert last_step(steps) is fitted[-1]
    np.testing.assert_array_equal(inputs_of_last(steps, X), fitted[0].transform(X))
    np.testing.assert_array_equal(embed(estimator, X), fitted.transform(X))
    assert embed_with_std(estimator, X)[1].shape == (150,)
    expected = manifold_variance_score(fitted, X)
    assert manifold_variance_score(estimator, X) == expected


@pytest.mark.parametrize("form", ["whole", "last", "within"])
def test_reports_and_displays_take_a_frozen_map(form, fitted, iris):
    plt = pytest.importorskip("matplotlib.pyplot")
    X, y = iris
    estimator = frozen_forms(fitted, X, y)[form]
    reference = DriftReference.from_estimator(fitted, X)
    assert not drift_report(estimator, X, reference).drifted
    assert movement_report(estimator, fitted, X).summary["displacement"] == 0
    EmbeddingDisplay.from_estimator(estimator, X)
    FeatureSensitivityDisplay.from_estimator(estimator, X)
    LossCurveDisplay.from_estimator(estimator)
    shepard = ShepardDisplay.from_estimator(estimator, X)
    expected = ShepardDisplay.from_estimator(fitted, X).distances
    np.testing.assert_array_equal(shepard.distances, expected)
    plt.close("all")


def test_new_trainings_of_a_frozen_map_train_it_and_no_frozen_step_before(iris):
    X, _ = iris
    scaler = StandardScaler().fit(X[:50])
    model = StableAutoencoder(
        init="random", n_init=1, max_iter=2, random_state=0, similarity_weight=0
    ).fit(scaler.transform(X))
    estimator = make_pipeline(FrozenEstimator(scaler), FrozenEstimator(model))
    steps = embedding_steps(estimator)
    assert clone(steps)[0].estimator is scaler
    assert manifold_variance_score(estimator, X) < 1 - 1e-9
    assert isinstance(estimator[-1], FrozenEstimator)
    assert estimator[-1].estimator is model


def test_a_frozen_transformer_of_others_embeds(iris):
    X, _ = iris
    pca = PCA(2).fit(X)
    assert embedding_steps(FrozenEstimator(pca)) is pca
