import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from stable_embedding import (
    ReconstructionOutlierDetector,
    SemanticHashing,
    StableAutoencoder,
    drift_report,
    movement_report,
    retrain,
)
from stable_embedding.estimators.registry import ESTIMATORS
from stable_embedding.preprocessing import MixedDataEncoder
from stable_embedding.retraining.successor import STRATEGIES
from stable_embedding.stability import displacement, neighbor_overlap
from tests.precision import assert_same_map

QUICK = {"max_iter": 10, "n_init": 2, "random_state": 0}
# A weight decay that is given is the same by hand.
GIVEN = QUICK | {"alpha": 1.0}


def customers(numbers, rng):
    """Draw customers by their numbers."""
    return pd.DataFrame(
        {
            "spend": rng.gamma(2, 50, len(numbers)),
            "age": rng.normal(40, 10, len(numbers)),
            "plan": rng.choice(["free", "pro", "team"], len(numbers)),
        },
        index=[f"customer {i}" for i in numbers],
    )


@pytest.fixture
def months(rng):
    """Return last month, and this one: some have left, and some are new."""
    everyone = customers(range(90), rng)
    return everyone[:80], everyone[3:]


def encoders():
    ignoring = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return {
        "column transformer": make_column_transformer(
            (StandardScaler(), ["spend", "age"]), (ignoring, ["plan"])
        ),
        "mixed data encoder": MixedDataEncoder(handle_unknown="ignore"),
    }


def state_of(estimator):
    return pickle.dumps(estimator)


# ------------------------------------------------------------------- the new map


@pytest.mark.parametrize("encoder", encoders())
def test_the_next_month_of_a_pipeline(encoder, months):
    june, july = months
    labels = np.arange(len(july)) % 2
    pipeline = make_pipeline(
        encoders()[encoder], StableAutoencoder(**QUICK), KNeighborsClassifier()
    ).fit(june, np.arange(80) % 2)
    july.iloc[-1, 2] = "a plan that is new"
    before = state_of(pipeline)
    result = retrain(pipeline, july, labels, reference=june)
    assert state_of(pipeline) == before
    assert result.ids == july.index[:77].tolist()
    new = result.estimator
    assert new.predict(july).shape == (87,)
    assert new[1].n_features_in_ == pipeline[1].n_features_in_
    old_codes, codes = pipeline[:-1].transform(july), new[:-1].transform(july)
    assert result.displacement == displacement(old_codes[:77], codes[:77]) < 0.01
    assert result.neighbor_overlap == neighbor_overlap(old_codes[:77], codes[:77])
    np.testing.assert_allclose(
        result.sample_displacement,
        np.linalg.norm(codes.astype(float) - old_codes, axis=1)[:77],
    )
    inputs = pipeline[0].transform(july)
    assert result.r2_before == pipeline[1].score(inputs)
    assert result.r2_after == new[1].score(inputs)
    assert new[2].n_samples_fit_ == 87
    # The classifier was fitted on the new codes, where they lie.
    np.testing.assert_array_equal(new[2]._fit_X, codes)


def test_ids_may_be_repeated_without_a_reference(months):
    june, july = (month[["spend", "age"]] for month in months)
    model = StableAutoencoder(1, n_init=1, max_iter=2, random_state=0).fit(june)
    repeated = july.set_axis([*"abc"] * 29)
    result = retrain(model, repeated)
    assert result.ids == [*"abc"] * 29
    assert result in {result}
    assert result != retrain(model, repeated)
    assert len(result.to_frame()) == 87
    with pytest.raises(ValueError, match="the id 'a' 29 times"):
        retrain(model, repeated, reference=june)


class Log(TransformerMixin, BaseEstimator):
    """Learns nothing, and has no attribute of a fitted estimator."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.log1p(X)


@pytest.mark.parametrize("refit", [False, True])
def test_a_step_that_learns_nothing_may_come_first(refit, iris):
    X, _ = iris
    pipeline = make_pipeline(Log(), None, Log(), StableAutoencoder(**QUICK)).fit(X)
    result = retrain(pipeline, X, refit_preprocessing=refit)
    assert isinstance(result.estimator[0], Log)
    assert isinstance(result.estimator[2], Log)
    assert movement_report(result.estimator, pipeline, X).summary["displacement"] < 0.1
    assert drift_report(pipeline, X, X).drifted is False


def test_the_strategies_are_those_by_hand(iris):
    X, _ = iris
    old = StableAutoencoder(**GIVEN).fit(X[:120])
    places = np.full((150, 2), np.nan)
    places[:120] = old.transform(X)[:120]
    by_hand = {
        "pull": StableAutoencoder(**GIVEN).fit(X, reference=places),
        "align": StableAutoencoder(**GIVEN).fit(X).align(X[:120], places[:120]),
        "warm_start": pickle.loads(pickle.dumps(old))
        .set_params(warm_start=True)
        .fit(X)
        .align(X[:120], places[:120]),
    }
    assert set(by_hand) == set(STRATEGIES)
    numbers = np.arange(150)
    for strategy, expected in by_hand.items():
        found = retrain(
            old, X, ids=numbers, reference=numbers[:120], strategy=strategy
        ).estimator
        np.testing.assert_array_equal(found.transform(X), expected.transform(X))
        assert found.get_params() == old.get_params()


@pytest.mark.parametrize(("given", "weight"), [("auto", 6.0), (0.5, 0.5)])
def test_neighbors_are_outweighed_by_the_pull(given, weight, iris):
    X = iris[0][::3]
    old = StableAutoencoder(neighbor_weight=1, consensus_weight=given, **QUICK).fit(X)
    found = retrain(old, X).estimator
    expected = clone(old).set_params(consensus_weight=weight)
    expected.fit(X, reference=old.transform(X))
    np.testing.assert_array_equal(found.transform(X), expected.transform(X))
    assert found.consensus_weight == given


def test_a_pulled_map_moves_less_than_one_that_is_aligned(digits):
    X = digits[0][:600]
    old = StableAutoencoder(n_init=2, max_iter=40, random_state=0).fit(X[:500])
    numbers = np.arange(600)
    moved = {
        strategy: retrain(
            old, X, ids=numbers, reference=numbers[:500], strategy=strategy
        ).displacement
        for strategy in ("pull", "align")
    }
    assert moved["pull"] < moved["align"] / 2


def test_a_map_that_is_pcas_is_pulled_to_other_axes_than_pcas(rng):
    # Of independent features, the principal axes of other samples are others.
    X = rng.normal(size=(400, 6))
    previous = StableAutoencoder(n_init=1, max_iter=5, alpha=100.0).fit(X[:360])
    moved = {
        strategy: retrain(
            previous,
            X[20:],
            ids=range(20, 400),
            reference=range(360),
            strategy=strategy,
        ).displacement
        for strategy in ("pull", "align")
    }
    assert moved["pull"] < 0.1 * moved["align"]


def test_without_a_reference_all_samples_are_kept_in_place(iris):
    X, _ = iris
    old = StableAutoencoder(**GIVEN).fit(X[:100])
    result = retrain(old, X)
    assert result.ids == list(range(150))
    expected = clone(old).fit(X, reference=old.transform(X))
    np.testing.assert_array_equal(result.estimator.transform(X), expected.transform(X))
    assert len(result.to_frame()) == 150
    assert "150 common samples" in repr(result)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_weight_decay_changes_half_as_much_as_that_of_the_data(strategy, rng):
    # Of independent columns residuals cannot be predicted, but by chance.
    X = rng.normal(size=(300, 5))
    old = StableAutoencoder(**QUICK).fit(X[:200])
    old.alpha_ /= 50
    anew = StableAutoencoder(**QUICK).fit(X[100:])
    found = retrain(old, X[100:], strategy=strategy).estimator
    assert found.alpha_ == pytest.approx((old.alpha_ * anew.alpha_) ** 0.5)
    # It is for the retraining alone, and not for what the user does with the new one.
    assert found.set_params(warm_start=False).fit(X[100:]).alpha_ == anew.alpha_


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_another_number_of_components_is_refused(strategy, iris):
    old = StableAutoencoder(**QUICK).fit(iris[0]).set_params(n_components=3)
    with pytest.raises(ValueError, match="n_components=2, but now has .*=3"):
        retrain(old, iris[0], strategy=strategy)


def test_another_number_of_bits_is_refused(iris):
    X, _ = iris
    old = SemanticHashing(4, **(QUICK | {"max_iter": 2})).fit(X).set_params(n_bits=6)
    with pytest.raises(ValueError, match="with n_bits=4, but now has n_bits=6"):
        retrain(old, X, strategy="align")


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "name", sorted(set(ESTIMATORS) - {"ReconstructionOutlierDetector"})
)
def test_every_autoencoder(name, strategy, iris):
    X, y = iris
    old = ESTIMATORS[name](**(QUICK | {"max_iter": 2})).fit(X[::2], y[::2])
    if name == "SemanticHashing" and strategy == "pull":
        with pytest.raises(ValueError, match="strategy='pull' is not for"):
            retrain(old, X, y)
        return
    result = retrain(old, X, y, strategy=strategy)
    assert type(result.estimator) is type(old)
    assert result.aligned_displacement <= result.displacement + 1e-12
    assert np.isfinite([result.r2_before, result.r2_after]).all()


def test_a_map_within_an_inner_pipeline(iris):
    X, _ = iris
    inner = make_pipeline(StandardScaler(), StableAutoencoder(**QUICK))
    old = Pipeline([("pca", PCA(3)), ("inner", inner), ("last", "passthrough")]).fit(X)
    old.memory = "a folder that is not written to"
    result = retrain(old, X[:140], strategy="align")
    new = result.estimator
    assert [name for name, _ in new.steps] == ["pca", "inner", "last"]
    assert new.memory == old.memory
    assert result.displacement == displacement(
        old.transform(X[:140]), new.transform(X[:140])
    )
    for kept, of_old in ((new[0], old[0]), (new[1][0], old[1][0])):
        assert kept is not of_old
        assert state_of(kept) == state_of(of_old)


# ------------------------------------------------------------------ preprocessing


def test_preprocessing_is_fitted_anew_where_that_is_asked_for(months):
    june, july = months
    july = july.assign(plan=["a plan that is new"] * 5 + july["plan"][5:].tolist())
    encoder = MixedDataEncoder(handle_unknown="ignore")
    old = make_pipeline(encoder, StableAutoencoder(**QUICK)).fit(june)
    kept = retrain(old, july, reference=june).estimator
    new = retrain(old, july, reference=june, refit_preprocessing=True)
    assert kept[1].n_features_in_ == old[1].n_features_in_ == 5
    assert new.estimator[1].n_features_in_ == 6
    assert "plan_a plan that is new" in new.estimator[0].get_feature_names_out()
    common = july[:77]
    expected = displacement(old.transform(common), new.estimator.transform(common))
    assert new.displacement == expected
    assert new.r2_before == old[1].score(old[0].transform(common))


def test_an_encoder_that_refuses_what_is_new(months):
    june, july = months
    july.iloc[-1, 2] = "a plan that is new"
    old = make_pipeline(MixedDataEncoder(), StableAutoencoder(**QUICK)).fit(june)
    before = state_of(old)
    with pytest.raises(ValueError, match="'a plan that is new'") as caught:
        retrain(old, july, reference=june)
    assert "handle_unknown='ignore'" in caught.value.__notes__[0]
    assert "refit_preprocessing=True" in caught.value.__notes__[0]
    assert state_of(old) == before
    # What it advises.
    assert len(retrain(old, july, reference=june, refit_preprocessing=True).ids) == 77


def test_columns_in_another_order_are_said_to_be_so(months):
    june, july = months
    old = make_pipeline(MixedDataEncoder(), StableAutoencoder(**QUICK)).fit(june)
    with pytest.raises(ValueError, match="same order") as caught:
        retrain(old, july[["plan", "age", "spend"]], reference=june)
    assert "X must have their columns, in their order" in caught.value.__notes__[0]


def test_a_step_that_its_user_has_frozen_stays_so(iris):
    X, _ = iris
    frozen = FrozenEstimator(StandardScaler().fit(X))
    old = make_pipeline(frozen, StableAutoencoder(**QUICK)).fit(X)
    for refit in (False, True):
        new = retrain(old, X, refit_preprocessing=refit).estimator
        assert isinstance(new[0], FrozenEstimator)
        np.testing.assert_array_equal(new[0].mean_, frozen.mean_)


def test_labels_of_the_samples_in_another_order_are_refused(months):
    june, july = months
    columns = ["spend", "age"]
    labels = pd.Series(np.arange(len(july)) % 2, index=july.index)
    old = make_pipeline(StableAutoencoder(**QUICK), KNeighborsClassifier())
    old.fit(june[columns], np.arange(80) % 2)
    with pytest.raises(ValueError, match="y has the id 'customer 89' where X has"):
        retrain(old, july[columns], labels[::-1], reference=june)
    # Without ids of their own, positions decide.
    for y in (labels, labels.to_numpy(), labels.reset_index(drop=True)):
        new = retrain(old, july[columns], y, reference=june).estimator
        np.testing.assert_array_equal(new[1]._y, labels)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kept", ["map", "pipeline", "last step"])
def test_a_frozen_map_is_trained_again_and_stays_as_it_was(kept, strategy, iris):
    X, _ = iris
    scaler = StandardScaler().fit(X)
    model = StableAutoencoder(**QUICK).fit(scaler.transform(X))
    old = {
        "map": FrozenEstimator(model),
        "pipeline": FrozenEstimator(make_pipeline(scaler, model)),
        "last step": make_pipeline(scaler, FrozenEstimator(model)),
    }[kept]
    samples = scaler.transform(X) if kept == "map" else X
    before = pickle.dumps(model)
    new = retrain(old, np.vstack([samples, samples[:9] + 0.1]), strategy=strategy)
    assert pickle.dumps(model) == before
    trained = new.estimator if kept == "map" else new.estimator[-1]
    assert isinstance(trained, StableAutoencoder)
    assert trained is not model
    assert trained.n_samples_seen_ >= 159
    assert new.displacement < 0.1


def test_detectors_of_each_month_lead_to_the_next(months):
    june, july = months
    pipeline = make_pipeline(MixedDataEncoder(), StableAutoencoder(**QUICK)).fit(june)
    alarm = ReconstructionOutlierDetector(pipeline).fit(june)
    for _ in range(3):
        result = retrain(alarm.estimator_, july, reference=june)
        assert result.displacement < 0.1
        frozen = FrozenEstimator(result.estimator)
        alarm = ReconstructionOutlierDetector(frozen).fit(july)
        assert alarm.estimator_ is result.estimator


# ----------------------------------------------------------------------- metadata


def test_a_frozen_classifier_goes_on_reading_codes_and_needs_no_labels(iris):
    X, y = iris
    codes = StableAutoencoder(**QUICK).fit(X)
    classifier = FrozenEstimator(KNeighborsClassifier().fit(codes.transform(X), y))
    old = Pipeline([("map", codes), ("classify", classifier)])
    new = retrain(old, X).estimator
    assert new[-1] is not old[-1]
    assert (new.predict(X) == old.predict(X)).mean() > 0.95


def test_a_pull_without_a_weight_is_refused(iris):
    X, _ = iris
    old = StableAutoencoder(**QUICK, consensus_weight=0).fit(X)
    with pytest.raises(ValueError, match="consensus_weight, which is 0"):
        retrain(old, X)
    assert retrain(old, X, strategy="align").displacement < 1


def test_weights_and_distances_go_through(iris):
    X, _ = iris
    weights = np.arange(150) % 3 + 1.0
    old = StableAutoencoder(**GIVEN).fit(X)
    expected = clone(old).fit(X, sample_weight=weights, reference=old.transform(X))
    found = retrain(old, X, sample_weight=weights).estimator
    np.testing.assert_array_equal(found.transform(X), expected.transform(X))
    pipeline = make_pipeline(StandardScaler(), StableAutoencoder(**QUICK)).fit(X)
    found = retrain(pipeline, X, stableautoencoder__sample_weight=weights).estimator
    assert found[-1].n_samples_seen_ == weights.sum()
    matrix = np.abs(X[:, None] - X[None]).sum(axis=-1)
    follows = StableAutoencoder(**QUICK).fit(X, distances=matrix)
    found = retrain(follows, X, distances=matrix).estimator
    assert found.code_scale_ == follows.code_scale_


def test_metadata_are_routed_where_they_are_requested(iris):
    X, _ = iris
    weights = np.arange(150) % 3 + 1.0
    with config_context(enable_metadata_routing=True):
        model = StableAutoencoder(**QUICK).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        old = make_pipeline(scaler, model).fit(X, sample_weight=weights)
        new = retrain(old, X, sample_weight=weights).estimator
    assert new[-1].n_samples_seen_ == weights.sum()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_metadata_are_routed_through_an_inner_pipeline(strategy, iris):
    X, y = iris
    weights = np.arange(150) % 3 + 1.0
    with config_context(enable_metadata_routing=True):
        model = StableAutoencoder(**QUICK).set_fit_request(sample_weight=True)
        classifier = LogisticRegression().set_fit_request(sample_weight=True)
        old = make_pipeline(make_pipeline(model), classifier)
        old.fit(X, y, sample_weight=weights)
        new = retrain(old, X, y, sample_weight=weights, strategy=strategy).estimator
    assert new[0][0].n_samples_seen_ == weights.sum()


# ------------------------------------------------------------------ what is refused


@pytest.fixture(scope="module")
def fitted(iris):
    X, y = iris
    return make_pipeline(StableAutoencoder(**QUICK), LogisticRegression()).fit(X, y)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"y": None}, ValueError, "y=None, but the step 'logisticregression'"),
        ({"strategy": "freeze"}, ValueError, "'strategy' parameter of retrain"),
        ({"n_neighbors": 150}, ValueError, "n_neighbors=150 must be less than"),
        ({"reference": np.arange(9)}, ValueError, "X does not say who its samples"),
        ({"ids": np.zeros(150)}, ValueError, "ids holds the id 0.0 150 times"),
        (
            {"ids": np.arange(150), "reference": np.arange(143, 200)},
            ValueError,
            "7 ids in common, for instance \\[0\\] in X and \\[143\\] in reference",
        ),
        (
            {"ids": range(150), "reference": pd.Series(["a", "b"], index=[0, 1])},
            ValueError,
            "n_neighbors=10 needs 11 or more. If its index holds ids, pass reference.i",
        ),
        (
            {"ids": range(150), "reference": range(2), "n_neighbors": 1},
            ValueError,
            "aligning 2 components needs 3 or more",
        ),
    ],
)
def test_an_argument_that_is_not_as_described(arguments, error, message, fitted, iris):
    X, y = iris
    before = state_of(fitted)
    with pytest.raises(error, match=message):
        retrain(fitted, X, **({"y": y} | arguments))
    assert state_of(fitted) == before


def test_what_is_not_fitted_or_keeps_no_map(iris):
    X, _ = iris
    with pytest.raises(NotFittedError):
        retrain(StableAutoencoder(), X)
    with pytest.raises(TypeError, match="previous=PCA"):
        retrain(PCA(2).fit(X), X)
    constant = StableAutoencoder(**QUICK).fit(np.ones((20, 4)))
    with pytest.raises(ValueError, match="at one point"):
        retrain(constant, X)


def test_a_training_that_fails_leaves_the_old_one(iris, monkeypatch):
    X, _ = iris
    old = make_pipeline(StandardScaler(), StableAutoencoder(**QUICK)).fit(X)
    before = state_of(old)
    with pytest.raises(ValueError, match="sample_weight"):
        retrain(old, X, stableautoencoder__sample_weight=-np.ones(150))
    assert state_of(old) == before


@pytest.mark.parametrize("kind", [csr_array, lambda X: X.tolist(), pd.DataFrame])
def test_containers(kind, iris):
    X, _ = iris
    old = StableAutoencoder(**(QUICK | {"n_init": 1})).fit(kind(X))
    assert retrain(old, kind(X), ids=range(150), reference=range(90)).displacement < 0.1


def test_hashes_are_aligned_by_bits(iris):
    X, _ = iris
    old = SemanticHashing(4, **QUICK).fit(X)
    result = retrain(old, X, strategy="align")
    codes = old.transform(X).astype(float), result.estimator.transform(X).astype(float)
    assert result.displacement == displacement(*codes)


def test_samples_of_weight_0_lay_no_map(rng):
    X = rng.normal(size=(150, 6)) * [5, 4, 2, 1, 1, 0.5]
    old = StableAutoencoder(**QUICK).fit(X[:120])
    july = X[10:].copy()
    july[:5] = 300 * rng.normal(size=(5, 6))
    weights = np.ones(len(july))
    weights[:5] = 0
    settings = {"reference": range(120), "strategy": "align"}
    found = retrain(old, july, ids=range(10, 150), sample_weight=weights, **settings)
    alone = retrain(old, july[5:], ids=range(15, 150), **settings)
    assert_same_map(found.estimator.transform(X), alone.estimator.transform(X))


@pytest.mark.numeric
@pytest.mark.parametrize("strategy", ["align", "warm_start"])
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("StableAutoencoder", {}),
        ("SparseAutoencoder", {}),
        ("SemanticHashing", {}),
        ("SemanticHashing", {"packed": True}),
    ],
)
def test_a_weight_counts_in_the_alignment_as_often_as_the_sample_does(
    name, parameters, strategy, rng
):
    X = rng.normal(size=(120, 5))
    X[:, 3] = X[:, 0] ** 2
    weights = np.where(np.arange(120) < 40, 20, 1)
    old = ESTIMATORS[name](3, **QUICK, **parameters).fit(X[:80])
    weighted = retrain(old, X, strategy=strategy, sample_weight=weights).estimator
    repeated = retrain(old, X.repeat(weights, axis=0), strategy=strategy).estimator
    assert_same_map(weighted.transform(X), repeated.transform(X))


def test_ids_of_several_levels_are_an_index_of_several(rng):
    index = pd.MultiIndex.from_product([["kr"], range(40)])
    X = pd.DataFrame(rng.normal(size=(40, 4)), index, columns=list("abcd"))
    old = StableAutoencoder(**QUICK).fit(X[:30])
    result = retrain(old, X[5:], reference=X[:30])
    assert result.to_frame().index.equals(index[5:30])
    report = movement_report(old, result.estimator, X)
    assert report.to_frame().index.equals(index)


@pytest.mark.parametrize("names", [["shop", "customer"], ["customer"], [None, None]])
def test_frames_can_be_joined_with_the_samples(names, rng):
    numbers = np.arange(40)
    index = [numbers // 8, numbers] if len(names) == 2 else [numbers + 3]
    index = pd.MultiIndex.from_arrays(index, names=names)
    index = index if len(names) == 2 else index.get_level_values(0)
    X = pd.DataFrame(rng.normal(size=(40, 4)), index, columns=list("abcd"))
    old = StableAutoencoder(**QUICK).fit(X[:30])
    result = retrain(old, X[5:], reference=X[:30])
    stored = pd.DataFrame(rng.normal(size=(40, 2)), index)
    for report, samples in (
        (result, X[5:30]),
        (movement_report(old, result.estimator, X), X),
        (movement_report(stored, stored + 1), X),
        (movement_report(stored, old, X), X),
        (movement_report(old, stored, X), X),
    ):
        frame = report.to_frame()
        assert X.join(frame)["displacement"].notna().sum() == len(samples)
        assert list(frame.index.names) == names
        if None not in names:
            merged = X.reset_index().merge(frame.reset_index(), on=names)
            assert len(merged) == len(samples)


def test_a_series_of_ids_names_the_index(rng):
    X = rng.normal(size=(40, 4))
    old = StableAutoencoder(**QUICK).fit(X)
    for ids, name in (
        (pd.Series(range(40), name="customer"), "customer"),
        (pd.Index(range(40), name="customer"), "customer"),
        (pl.Series("customer", range(40)), "customer"),
        (pl.Series(range(40)), "id"),
        (list(range(40)), "id"),
        (None, "id"),
    ):
        for report in (retrain(old, X, ids=ids), movement_report(old, old, X, ids=ids)):
            assert list(report.to_frame().index.names) == [name]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_map_by_distances_of_the_user_needs_them_again(strategy, iris):
    X = iris[0][::3]
    D = cdist(X[:, :2], X[:, :2])
    model = StableAutoencoder(**(QUICK | {"max_iter": 2}))
    pipeline = make_pipeline(StandardScaler(), model)
    pipeline.fit(X, stableautoencoder__distances=D)
    with pytest.raises(ValueError, match="fitted with distances.*name of the step"):
        retrain(pipeline, X, strategy=strategy)
    found = retrain(pipeline, X, strategy=strategy, stableautoencoder__distances=D)
    assert found.estimator[-1].distance_source_ == "distances"
