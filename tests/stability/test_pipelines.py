import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
)

from stable_embedding import (
    DriftReference,
    ReconstructionOutlierDetector,
    SemanticHashing,
    StableAutoencoder,
    drift_report,
    manifold_variance_score,
    movement_report,
    retrain,
    stability_report,
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


def measures(model, X):
    """Measure a map in every way that compares codes."""
    result = retrain(model, X, strategy="align")
    yield repr(result)
    yield result.sample_displacement
    yield repr(movement_report(model, result.estimator, X))
    yield manifold_variance_score(model, X)
    yield drift_report(model, X[:60], X[60:]).rows
    yield embed(model, X)
    yield repr(stability_report({"map": model}, X, n_runs=2, perturbations=["seed"]))


@pytest.mark.parametrize("n_init", [1, 2])
@pytest.mark.parametrize("form", [lambda model: model, make_pipeline, FrozenEstimator])
def test_packed_bits_are_measured_as_bits(form, n_init, iris):
    X, _ = iris
    model = SemanticHashing(12, n_init=n_init, max_iter=5, random_state=0)
    plain, packed = (
        form(clone(model).set_params(packed=packed).fit(X[:120]))
        for packed in (False, True)
    )
    for expected, found in zip(measures(plain, X), measures(packed, X), strict=True):
        np.testing.assert_equal(found, expected)
    assert packed.transform(X).shape == (150, 2)
    new = retrain(packed, X, strategy="warm_start").estimator
    assert new.transform(X).shape == (150, 2)


def holders(model):
    """Return pipelines without a step that embeds, and what their last step holds."""
    regressor = TransformedTargetRegressor(make_pipeline(model, Ridge()))
    search = GridSearchCV(make_pipeline(model, Ridge()), {"ridge__alpha": [1]}, cv=2)
    return {
        "estimator_": make_pipeline(
            StandardScaler(), ReconstructionOutlierDetector(model)
        ),
        "regressor_": make_pipeline(OneHotEncoder(sparse_output=False), regressor),
        "best_estimator_": make_pipeline(None, StandardScaler(), search),
    }


@pytest.mark.parametrize("name", ["estimator_", "regressor_", "best_estimator_"])
@pytest.mark.parametrize(
    "use",
    [
        embedding_steps,
        lambda estimator: manifold_variance_score(estimator, np.eye(10)[:, :4]),
        lambda estimator: stability_report({"map": estimator}, np.eye(10)[:, :4]),
        lambda estimator: DriftReference.from_estimator(estimator, np.eye(10)[:, :4]),
        lambda estimator: retrain(estimator, np.eye(10)[:, :4]),
    ],
)
def test_of_a_map_within_the_last_step_it_is_said_what_to_pass(use, name, iris):
    X, _ = iris
    X = X[::10].round()
    model = StableAutoencoder(n_init=1, max_iter=1, random_state=0)
    estimator = holders(model)[name].fit(X, X[:, 0])
    with pytest.raises(TypeError, match=f"pass the {name} of its last step"):
        use(estimator)


def test_a_map_before_a_step_that_holds_another_is_taken(iris):
    X, _ = iris
    model = StableAutoencoder(n_init=1, max_iter=1, random_state=0)
    detector = ReconstructionOutlierDetector(model)
    estimator = make_pipeline(StandardScaler(), PCA(2), detector).fit(X)
    assert last_step(embedding_steps(estimator)) is estimator[1]
    estimator = make_pipeline(model, StandardScaler(), detector).fit(X)
    assert embedding_steps(estimator) is not estimator
    assert last_step(embedding_steps(estimator)) is estimator[0]


class Projection(TransformerMixin, BaseEstimator):
    """An embedding that does not name its components, as of other packages."""

    def __init__(self, n_components=2):
        self.n_components = n_components

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X[:, : self.n_components]


@pytest.mark.parametrize(
    "model",
    [
        LinearDiscriminantAnalysis(n_components=2),
        PLSRegression(2),
    ],
)
def test_a_transformer_that_can_predict_embeds_if_no_step_before_does(model, iris):
    X, y = iris
    estimator = make_pipeline(make_pipeline(None, StandardScaler()), model, None)
    estimator.fit(X, y)
    assert last_step(embedding_steps(estimator)) is model
    np.testing.assert_array_equal(embed(estimator, X), estimator.transform(X))
    for first in (PCA(2), Projection(), make_pipeline(StandardScaler(), PCA(2))):
        estimator = make_pipeline(first, None, model).fit(X, y)
        expected = estimator[0].transform(X)
        np.testing.assert_array_equal(embed(estimator, X), expected)


class OwnEmbedding(TransformerMixin, BaseEstimator):
    """An embedding that tells nothing about itself."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X)[:, :2]

    def __sklearn_is_fitted__(self):
        return True


@pytest.mark.parametrize(
    "embedding",
    [
        OwnEmbedding(),
        FunctionTransformer(lambda X: X[:, :2]),
        make_union(PCA(1), PCA(1)),
        make_column_transformer((PCA(1), [0, 1]), (StandardScaler(), [2, 3])),
    ],
)
@pytest.mark.parametrize(
    "last", [LinearDiscriminantAnalysis(), KMeans(2, n_init=1, random_state=0)]
)
def test_a_step_that_may_embed_is_taken_before_one_that_can_predict(
    embedding, last, iris
):
    X, y = iris
    estimator = make_pipeline(StandardScaler(), embedding, last).fit(X, y)
    assert last_step(embedding_steps(estimator)) is estimator[1]


def test_distances_to_the_centers_of_clusters_are_no_embedding(iris):
    estimator = make_pipeline(StandardScaler(), KMeans(2, n_init=1)).fit(iris[0])
    assert last_step(embedding_steps(estimator)) is estimator[0]


@pytest.mark.parametrize("model", [GaussianMixture(2), LogisticRegression()])
def test_a_predictor_that_transforms_nothing_does_not_embed(model, iris):
    X, y = iris
    estimator = make_pipeline(StandardScaler(), model).fit(X, y)
    assert last_step(embedding_steps(estimator)) is estimator[0]
