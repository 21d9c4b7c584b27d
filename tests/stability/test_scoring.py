import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE, Isomap
from sklearn.metrics import get_scorer, make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    Normalizer,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.random_projection import GaussianRandomProjection

from stable_embedding import (
    StableAutoencoder,
    manifold_variance,
    manifold_variance_score,
    most_stable_within_one_standard_error,
    stability_report,
)
from stable_embedding.stability import scoring
from stable_embedding.stability.pipelines import embed, embedding_steps
from tests.random_mds import random_mds


@pytest.mark.slow
def test_score_orders_estimators_by_their_stability(iris):
    X, _ = iris
    pca = manifold_variance_score(PCA(n_components=2), X)
    stable = manifold_variance_score(StableAutoencoder(n_init=2, max_iter=150), X)
    plain = StableAutoencoder(init="random", similarity_weight=0, max_iter=150)
    random = manifold_variance_score(plain, X)
    assert pca == pytest.approx(1, abs=1e-12)
    assert pca > stable > 0.99 > random


def test_score_works_without_transform(rng):
    X = rng.normal(size=(40, 3))
    for estimator in (TSNE(init="random", perplexity=5), random_mds()):
        assert manifold_variance_score(estimator, X) < 0.9
    assert manifold_variance_score(Isomap(), X) == pytest.approx(1)


def test_a_random_state_instance_does_not_give_a_false_one(rng):
    X = rng.normal(size=(50, 20))
    projection = GaussianRandomProjection(2, random_state=np.random.RandomState(0))
    assert manifold_variance_score(projection, X) < 0.9


def test_score_leaves_the_estimator_alone(iris):
    X, _ = iris
    estimator = PCA(n_components=2, random_state=3)
    manifold_variance_score(estimator, X)
    assert not hasattr(estimator, "components_")
    assert estimator.random_state == 3


def test_score_of_a_pipeline_is_that_of_its_embedding(rng):
    X, y = rng.normal(size=(40, 10)), np.arange(40) % 2
    projection = GaussianRandomProjection(2)
    alone = manifold_variance_score(make_pipeline(StandardScaler(), projection), X)
    before = make_pipeline(StandardScaler(), projection, LogisticRegression())
    assert manifold_variance_score(before, X, y) == pytest.approx(alone)


@pytest.fixture
def no_training(monkeypatch):
    """Let every training by the scorer fail."""
    monkeypatch.setattr(scoring, "with_seed", None)


def test_runs_of_a_fit_are_scored_without_another(iris, no_training):
    X, _ = iris
    model = StableAutoencoder(n_init=3, max_iter=5, random_state=0).fit(X[::2])
    expected = 1 - manifold_variance(model.transform_runs(X[1::2]), relative=True) / 3
    assert manifold_variance_score(model, X[1::2]) == expected
    with pytest.raises(TypeError):
        manifold_variance_score(PCA(2), X)


@pytest.mark.parametrize(
    "build",
    [
        lambda model: make_pipeline(StandardScaler(), model),
        lambda model: make_pipeline(StandardScaler(), model, LogisticRegression()),
        lambda model: make_pipeline(
            StandardScaler(), make_pipeline("passthrough", model, LogisticRegression())
        ),
        lambda model: make_pipeline(
            make_pipeline(StandardScaler(), model), LogisticRegression()
        ),
        lambda model: make_pipeline(
            StandardScaler(), model, StandardScaler(), LogisticRegression()
        ),
        lambda model: make_pipeline(
            StandardScaler(), model, "passthrough", LogisticRegression()
        ),
        lambda model: make_pipeline(
            StandardScaler(), model, make_pipeline(LogisticRegression())
        ),
        lambda model: make_pipeline(
            StandardScaler(),
            model,
            make_pipeline(MinMaxScaler(), None, LogisticRegression()),
        ),
    ],
)
def test_runs_are_found_within_pipelines(build, iris, no_training):
    X, y = iris
    model = StableAutoencoder(n_init=2, max_iter=5, random_state=0)
    pipeline = build(model).fit(X, y)
    runs = model.transform_runs(StandardScaler().fit_transform(X))
    expected = 1 - manifold_variance(runs, relative=True) / 2
    # The pipeline may round the scaled samples differently, before they are float32.
    found = manifold_variance_score(pipeline, X, y)
    assert found == pytest.approx(expected, abs=1e-6)


class Sampler(BaseEstimator):
    """A step that only a pipeline of its own kind knows how to pass."""


class SamplingPipeline(Pipeline):
    """A pipeline of another package."""

    def transform(self, X):
        for _, step in self.steps:
            X = X if isinstance(step, Sampler) else step.transform(X)
        return X


@pytest.mark.parametrize("nested", [False, True])
def test_pipelines_keep_their_class_and_memory(nested, iris, tmp_path):
    X, _ = iris
    scaler = StandardScaler().fit(X)
    steps = [("scale", scaler), ("embed", PCA(2).fit(scaler.transform(X)))]
    pipeline = SamplingPipeline([("sample", Sampler()), *steps], memory=tmp_path)
    whole = pipeline
    pipeline.steps.append(("classify", LogisticRegression()))
    if nested:
        whole = Pipeline([("same", "passthrough"), ("inner", pipeline)])
    found = embedding_steps(whole)
    inner = found[-1] if nested else found
    assert type(inner) is SamplingPipeline
    assert inner.memory == tmp_path
    assert [name for name, _ in inner.steps] == ["sample", "scale", "embed"]
    assert len(pipeline) == 4
    np.testing.assert_array_equal(
        inner.transform(X), steps[1][1].transform(scaler.transform(X))
    )


@pytest.mark.parametrize(
    "pipeline",
    [
        make_pipeline(PCA(3), Normalizer()),
        make_pipeline(StandardScaler(), MinMaxScaler(), LogisticRegression()),
        make_pipeline(
            make_pipeline(PCA(3)), make_pipeline(Normalizer()), "passthrough"
        ),
    ],
)
def test_scalers_without_an_embedding_embed_and_so_does_a_normalizer(pipeline, iris):
    X, y = iris
    pipeline.fit(X, y)
    expected = X
    for step in pipeline:
        if hasattr(step, "transform"):
            expected = step.transform(expected)
    np.testing.assert_array_equal(embed(pipeline, X), expected)


@pytest.mark.parametrize(
    "model", [PCA(2), TSNE(2), StableAutoencoder(n_init=1, max_iter=2)]
)
@pytest.mark.parametrize("end", [[], [LogisticRegression()]])
def test_scalers_after_any_embedding_are_left_out(model, end):
    scalers = make_pipeline(StandardScaler(), QuantileTransformer()), MinMaxScaler()
    whole = make_pipeline(StandardScaler(), model, None, *scalers, *end)
    assert list(embedding_steps(whole).named_steps.values()) == list(whole[:2])
    assert embedding_steps(make_pipeline(model, *scalers, *end))[-1] is model
    normalized = make_pipeline(PCA(3), Normalizer(), *scalers, *end)
    assert isinstance(embedding_steps(normalized)[-1], Normalizer)


def test_a_step_after_the_network_is_scored_too(iris):
    X, _ = iris
    model = StableAutoencoder(4, n_init=2, max_iter=5, random_state=0)
    projected = make_pipeline(model, GaussianRandomProjection(2)).fit(X)
    assert manifold_variance_score(model, X) > 0.99
    assert manifold_variance_score(projected, X) < 0.9


def test_a_pipeline_of_runs_takes_data_frames(iris, no_training):
    X = pd.DataFrame(iris[0], columns=["a", "b", "c", "d"])
    model = StableAutoencoder(n_init=2, max_iter=5, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model).set_output(transform="pandas")
    assert np.isfinite(manifold_variance_score(pipeline.fit(X), X))


def test_a_predictor_is_no_embedding(iris):
    X, _ = iris
    clustering = make_pipeline(GaussianRandomProjection(2), KMeans(3, n_init=1))
    alone = manifold_variance_score(GaussianRandomProjection(2), X)
    assert manifold_variance_score(clustering, X) == pytest.approx(alone)
    with pytest.raises(TypeError, match="has no fit_transform"):
        manifold_variance_score(LogisticRegression(), X)


@pytest.mark.parametrize("n_init", [1, 2])
def test_cross_validation_by_stability(n_init, iris):
    X, _ = iris
    model = StableAutoencoder(n_init=n_init, max_iter=30)
    scores = cross_val_score(model, X, scoring=manifold_variance_score, cv=2)
    assert ((scores > 0.98) & (scores <= 1)).all()


@pytest.mark.parametrize(
    ("routing", "n_jobs"),
    [(False, None), (True, None), pytest.param(True, 2, marks=pytest.mark.slow)],
)
def test_grid_search_of_a_pipeline_by_two_scores(routing, n_jobs, iris):
    X, y = iris
    with config_context(enable_metadata_routing=routing):
        scaler, classifier = StandardScaler(), LogisticRegression()
        accuracy = get_scorer("accuracy")
        fit_parameters = {}
        if routing:
            scaler.set_fit_request(sample_weight=False)
            classifier.set_fit_request(sample_weight=True)
            accuracy = accuracy.set_score_request(sample_weight=True)
            fit_parameters["sample_weight"] = np.ones(len(X))
        model = StableAutoencoder(n_init=2, max_iter=30)
        if routing:
            model.set_fit_request(sample_weight=True)
        search = GridSearchCV(
            make_pipeline(scaler, model, classifier),
            {"stableautoencoder__init": ["random", "pca"]},
            scoring={"stability": manifold_variance_score, "accuracy": accuracy},
            refit=partial(
                most_stable_within_one_standard_error, reconstruction="accuracy"
            ),
            cv=2,
            n_jobs=n_jobs,
        ).fit(X, y, **fit_parameters)
    stability = search.cv_results_["mean_test_stability"]
    assert stability[0] < stability[1]
    assert np.isfinite(search.predict_proba(X)).all()


@pytest.mark.slow
def test_digits_the_rule_takes_the_pca_start_and_weight_adds_stability(digits):
    X, _ = digits
    search = GridSearchCV(
        StableAutoencoder(10, n_init=3, max_iter=30, random_state=0),
        {"init": ["random", "pca"], "similarity_weight": [0, 3]},
        scoring={"stability": manifold_variance_score, "reconstruction": None},
        refit=most_stable_within_one_standard_error,
        cv=2,
    ).fit(X)
    assert search.best_params_["init"] == "pca"
    random, pca = search.cv_results_["mean_test_stability"].reshape(2, 2)
    assert random[0] < random[1] < pca[0] < pca[1]
    assert np.isfinite(search.transform(X)).all()


class Collapse(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.zeros((len(X), 2))


def test_a_collapsed_candidate_gets_nan(iris):
    X, y = iris
    pipeline = Pipeline([("embed", PCA(2)), ("classify", LogisticRegression())])
    search = GridSearchCV(
        pipeline,
        {"embed": [PCA(2), Collapse()]},
        scoring=manifold_variance_score,
        cv=2,
        refit=False,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X, y)
    assert any("collapsed" in str(one.message) for one in caught)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] == pytest.approx(1)
    assert np.isnan(scores[1])


def test_a_collapsed_candidate_gets_nan_beside_other_scores(iris):
    X, y = iris
    search = GridSearchCV(
        Pipeline([("embed", PCA(2)), ("classify", LogisticRegression())]),
        {"embed": [PCA(2), Collapse()]},
        scoring={"stability": manifold_variance_score, "accuracy": "accuracy"},
        cv=2,
        refit=partial(most_stable_within_one_standard_error, reconstruction="accuracy"),
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X, y)
    assert any("collapsed" in str(one.message) for one in caught)
    assert np.isnan(search.cv_results_["mean_test_stability"][1])
    assert search.best_index_ == 0


def results(reconstruction, stability):
    """Results of a search, of shape (n_splits, n_candidates) for each score."""
    found = {}
    for name, scores in (("reconstruction", reconstruction), ("stability", stability)):
        scores = np.asarray(scores, dtype=float)
        found |= {f"split{i}_test_{name}": row for i, row in enumerate(scores)}
        found[f"mean_test_{name}"] = scores.mean(axis=0)
    return found


def test_the_rule_looks_within_one_standard_error():
    # The best mean is 0.6 with a standard error of 0.1.
    reconstruction = [[0.5, 0.41, 0.39], [0.7, 0.61, 0.59]]
    stability = [[0.1, 0.2, 0.9], [0.1, 0.2, 0.9]]
    choose = most_stable_within_one_standard_error
    assert choose(results(reconstruction, stability)) == 1
    assert choose(results(reconstruction[:1], stability[:1])) == 0
    assert choose(results([[1, 1]] * 2, [[0.5, 0.7]] * 2)) == 1


def test_the_rule_reads_no_scorer_whose_name_ends_alike():
    found = results([[1, 1]] * 2, [[0.5, 0.7]] * 2)
    found |= {f"split{i}_test_old_test_stability": [9, 0] for i in range(2)}
    found |= {f"split{i}_test_my_test_reconstruction": [9, 0] for i in range(2)}
    assert most_stable_within_one_standard_error(found) == 1


def test_the_rule_ignores_candidates_without_a_score():
    nan = np.nan
    choose = most_stable_within_one_standard_error
    assert choose(results([[0.9, 0.5], [0.9, 0.5]], [[nan, 0.1], [1, 0.1]])) == 1
    assert choose(results([[nan, 0.5], [0.9, 0.5]], [[1, 0.1], [1, 0.1]])) == 1
    with pytest.raises(ValueError, match="no candidate has finite scores"):
        choose(results([[nan]], [[1]]))
    found = results([[1]], [[1]]) | {"mean_train_score": 1}
    message = (
        r"no scorer named 'trust'; it has \['reconstruction', 'stability'\].*"
        r"refit=functools.partial\(most_stable_within_one_standard_error, stability="
    )
    with pytest.raises(ValueError, match=message):
        choose(found, reconstruction="trust")


def test_the_rule_takes_the_results_of_a_search():
    search = GridSearchCV(PCA(), {})
    with pytest.raises(TypeError, match="cv_results is a GridSearchCV; it must be a"):
        most_stable_within_one_standard_error(search)


def test_the_scorer_says_how_it_is_used(iris):
    X, y = iris
    message = "estimator is a ndarray; .* scoring, without make_scorer, and pass emb"
    with pytest.raises(TypeError, match=message):
        cross_val_score(
            LogisticRegression(max_iter=1_000),
            X,
            y,
            scoring=make_scorer(manifold_variance_score),
            error_score="raise",
        )
    with pytest.raises(TypeError, match="estimator is a list; it must be a transf"):
        manifold_variance_score([X, X], X)
    with pytest.raises(TypeError, match=r"estimator=PCA is a class; .* as PCA\(\)"):
        manifold_variance_score(PCA, X)


def test_targets_with_ids_in_another_order_are_refused(iris):
    X = pd.DataFrame(iris[0]).set_axis([f"c{i}" for i in range(150)])
    y = pd.Series(iris[1], index=X.index[::-1])
    with pytest.raises(ValueError, match="y has the id 'c149' where X has 'c0'"):
        manifold_variance_score(PCA(2), X, y)


def test_new_trainings_would_lack_distances_of_the_user(iris):
    X = iris[0][::3]
    D = cdist(X[:, :2], X[:, :2])
    model = StableAutoencoder(n_init=1, max_iter=2, random_state=0)
    for score in (
        manifold_variance_score,
        lambda estimator, X: stability_report({"map": estimator}, X),
    ):
        with pytest.raises(ValueError, match="StableAutoencoder was fitted with dist"):
            score(model.fit(X, distances=D), X)
    model.set_params(n_init=2).fit(X, distances=D)
    variance = manifold_variance(model.transform_runs(X), relative=True)
    assert manifold_variance_score(model, X) == 1 - variance / 2
    with pytest.raises(ValueError, match="StableAutoencoder was fitted with dist"):
        stability_report({"map": model}, X)
