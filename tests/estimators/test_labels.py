"""Maps that are drawn by labels, of which some may be unknown."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import (
    DenoisingAutoencoder,
    SemanticHashing,
    StableAutoencoder,
    TripletVariationalAutoencoder,
    VariationalAutoencoder,
    load,
    save,
)
from stable_embedding.stability import displacement

FEW = {"n_init": 1, "max_iter": 3, "random_state": 0, "label_weight": 1.0}


@pytest.fixture(scope="module")
def X(digits):
    return digits[0][:600]


@pytest.fixture(scope="module")
def y(digits):
    return digits[1][:600]


@pytest.fixture(scope="module")
def partly(y):
    """Classes of one sample in ten; -1 for the others."""
    return np.where(np.arange(len(y)) % 10, -1, y)


def gain(X, y, labels, **parameters):
    """Accuracy of unseen samples with labels, and without."""
    train, unseen = slice(400), slice(400, None)
    found = []
    for weight in (parameters.pop("label_weight"), 0):
        model = StableAutoencoder(
            n_init=1, random_state=0, label_weight=weight, **parameters
        ).fit(X[train], labels[train])
        knn = KNeighborsClassifier().fit(model.transform(X[train]), y[train])
        found.append(knn.score(model.transform(X[unseen]), y[unseen]))
    return found


@pytest.mark.parametrize("neighbor_weight", [0, 1])
def test_classes_come_together_for_unseen_samples_too(X, y, neighbor_weight):
    with_labels, without = gain(
        X, y, y, label_weight=1.0, neighbor_weight=neighbor_weight, max_iter=40
    )
    assert with_labels > without + 0.02


@pytest.mark.slow
def test_a_few_labels_help(X, y, partly):
    with_labels, without = gain(X, y, partly, label_weight=3.0)
    assert with_labels > without


@pytest.mark.slow
def test_numbers_order_the_map():
    X, y = load_diabetes(return_X_y=True)
    X, train, unseen = StandardScaler().fit_transform(X), slice(300), slice(300, None)
    scores = []
    for weight in (0, 3.0):
        model = StableAutoencoder(
            n_init=1, random_state=0, label_weight=weight, target_type="continuous"
        ).fit(X[train], y[train])
        knn = KNeighborsRegressor(10).fit(model.transform(X[train]), y[train])
        scores.append(knn.score(model.transform(X[unseen]), y[unseen]))
    assert scores[1] > scores[0]


def test_names_of_classes_do_not_count(X, y, partly):
    plain, named = (
        StableAutoencoder(**FEW).fit(X, labels).transform(X)
        for labels in (y, np.array(list("qwertyuiop"))[y])
    )
    # The same computation.
    np.testing.assert_array_equal(plain, named)
    letters = [None if label < 0 else "qwertyuiop"[label] for label in partly]
    some, named = (
        StableAutoencoder(**FEW).fit(X, labels).transform(X)
        for labels in (partly, letters)
    )
    np.testing.assert_array_equal(some, named)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_without_a_weight_labels_are_ignored(X, y, weight):
    model = StableAutoencoder(**FEW | {"label_weight": weight}).fit(X, y)
    assert hasattr(model, "label_loss_") == bool(weight)
    plain = StableAutoencoder(**FEW | {"label_weight": 0}).fit(X)
    assert (model.transform(X) == plain.transform(X)).all() == (not weight)


def test_the_order_of_samples_does_not_count(X, partly):
    order = np.random.default_rng(0).permutation(len(X))
    model = StableAutoencoder(**FEW).fit(X, partly)
    shuffled = StableAutoencoder(**FEW).fit(X[order], partly[order])
    np.testing.assert_array_equal(model.transform(X), shuffled.transform(X))


@pytest.mark.slow
def test_a_map_by_labels_stays_put(X, partly):
    def fit(n_dropped, seed):
        return StableAutoencoder(
            label_weight=1.0,
            neighbor_weight=1.0,
            n_init=2,
            max_iter=30,
            random_state=seed,
        ).fit(X[n_dropped:], partly[n_dropped:])

    codes = fit(0, 0).transform(X)
    # .002 as it is; .022 where labels belong to the next sample.
    assert displacement(codes, fit(1, 0).transform(X)) < 0.01
    assert displacement(codes, fit(0, 1).transform(X)) < 0.01


@pytest.mark.parametrize(
    "kind", [DenoisingAutoencoder, VariationalAutoencoder, SemanticHashing]
)
def test_siblings_take_labels(kind, X, partly):
    first = 8 if kind is SemanticHashing else 2
    model = kind(first, **FEW).fit(X, partly)
    assert 0 < model.label_loss_ < 2


@pytest.mark.parametrize("n_init", [1, 2])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "geodesic"])
@pytest.mark.filterwarnings("ignore:the graph of neighbors has")
def test_it_goes_with_runs_metrics_and_early_stopping(X, partly, n_init, metric):
    model = StableAutoencoder(
        metric=metric, early_stopping=True, **FEW | {"n_init": n_init, "max_iter": 5}
    ).fit(X[:200], partly[:200])
    assert len(model.history_["validation_label_loss"]) == model.n_iter_
    assert np.isfinite(model.transform(X)).all()


def test_it_goes_on(X, y, tmp_path):
    model = StableAutoencoder(**FEW).partial_fit(X[:300], y[:300])
    model.partial_fit(X[300:], y[300:])
    model.set_params(warm_start=True).fit(X, y)
    save(model, tmp_path / "model.safetensors")
    for other in (
        load(tmp_path / "model.safetensors"),
        pickle.loads(pickle.dumps(model)),
    ):
        np.testing.assert_array_equal(other.transform(X), model.transform(X))


@pytest.mark.parametrize(
    ("labels", "parameters", "message"),
    [
        (None, {}, "requires y to be passed.*label_weight=1.0"),
        ([-1] * 600, {}, "y labels no sample"),
        ([1] * 599 + [-1], {}, "y holds one class"),
        ([0] * 599, {}, "inconsistent numbers of samples"),
        (["a"] * 600, {"target_type": "continuous"}, "y cannot be read as numbers"),
        ([0.5] * 600, {}, "do not differ"),
        ([np.nan] * 600, {"target_type": "continuous"}, "y holds 0 known numbers"),
        ([0.5, np.inf] * 300, {"target_type": "continuous"}, "y holds infinity"),
        ([0.5, 1.2] * 300, {"target_type": "multiclass"}, "which is no class; classes"),
        ([0, 1] * 300, {"target_type": "binary"}, "target_type"),
        ([0, 1] * 300, {"label_weight": -1}, "label_weight"),
    ],
)
def test_labels_without_meaning_are_named(X, labels, parameters, message):
    model = StableAutoencoder(**FEW | parameters)
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(X, labels)
    assert not hasattr(model, "n_features_in_")


CHUNKS = {
    "no label": ([0, 1, 2], [-1]),
    "one class": ([0, 1, 2], [1]),
    "one class in part": ([0, 1, 2], [1, -1]),
    "no number": ([0.5, 1.2, 3.1], [np.nan]),
    "one number": ([0.5, 1.2, 3.1], [1.2]),
    "one number in part": ([0.5, 1.2, 3.1], [1.2, np.nan]),
}


@pytest.mark.parametrize("kind", [StableAutoencoder, SemanticHashing])
@pytest.mark.parametrize("n_init", [1, 2])
@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_later_chunk_may_tell_nothing(kind, n_init, chunk, X):
    first, later = (np.resize(labels, 60) for labels in CHUNKS[chunk])
    model = kind(4, **FEW | {"n_init": n_init}).partial_fit(X[:60], first)
    assert model.label_loss_ > 0
    weights = np.arange(60) % 3
    for one in (None, weights):
        model.partial_fit(X[60:120], later, sample_weight=one)
        assert model.label_loss_ == 0
    model.set_params(warm_start=True).fit(X[:60], later)
    assert model.label_loss_ == 0
    assert model.partial_fit(X[:60], first).label_loss_ > 0
    if chunk != "one class":  # which may be all that there are
        with pytest.raises(ValueError, match="y "):
            model.set_params(warm_start=False).fit(X[:60], later)


@pytest.mark.parametrize("later", [[-1], [1], [1, -1]])
@pytest.mark.parametrize("n_init", [1, 2])
def test_a_later_chunk_may_have_no_triplets(later, n_init, X):
    few = {"n_init": n_init, "max_iter": 3, "random_state": 0}
    model = TripletVariationalAutoencoder(**few)
    model.partial_fit(X[:60], np.resize([0, 1, -1], 60))
    assert model.triplet_loss_ > 0
    assert model.partial_fit(X[60:120], np.resize(later, 60)).triplet_loss_ == 0


def test_any_container_of_labels(X, y):
    codes = StableAutoencoder(**FEW).fit(X, y).transform(X)
    for labels in (y.tolist(), pd.Series(y), pd.Series(y, dtype="category")):
        found = StableAutoencoder(**FEW).fit(X, labels).transform(X)
        np.testing.assert_array_equal(found, codes)


def test_it_takes_part_in_pipelines_and_searches(X, y):
    pipeline = make_pipeline(
        StandardScaler(), StableAutoencoder(**FEW), LogisticRegression()
    )
    assert np.isfinite(cross_val_score(pipeline, X, y, cv=2)).all()
    search = GridSearchCV(
        pipeline, {"stableautoencoder__label_weight": [0.0, 1.0]}, cv=2
    )
    assert np.isfinite(search.fit(X, y).cv_results_["mean_test_score"]).all()


def test_the_label_of_a_sample_of_weight_0_decides_nothing(iris):
    X, y = iris[0], iris[1].astype(float)
    y[7], weights = 0.5, np.ones(150)
    weights[7] = 0
    model = StableAutoencoder(label_weight=1, n_init=1, max_iter=2, random_state=0)
    found = model.fit(X, y, sample_weight=weights).transform(X)
    kept = weights > 0
    # The sample is left out before anything is computed: both are one computation.
    np.testing.assert_array_equal(model.fit(X[kept], y[kept]).transform(X), found)


def test_of_few_numbers_that_tell_nothing_a_map_loses_all(rng):
    X, known = rng.normal(size=(1_000, 5)), rng.random(1_000) < 0.015
    numbers = np.where(known, rng.normal(size=1_000), np.nan)
    model = StableAutoencoder(**FEW | {"label_weight": 1e-6}).fit(X, numbers)
    assert 0.8 < model.label_loss_ < 1.5
