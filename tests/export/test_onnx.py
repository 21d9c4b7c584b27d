import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from torch import nn

from stable_embedding import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    ReconstructionOutlierDetector,
    SemanticHashing,
    SparseAutoencoder,
    StableAutoencoder,
    TripletVariationalAutoencoder,
    VariationalAutoencoder,
    to_onnx,
)
from stable_embedding.estimators.base import BaseStableAutoencoder
from stable_embedding.estimators.registry import ESTIMATORS
from stable_embedding.export.onnx import register_converters

onnxruntime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")

AUTOENCODERS = [
    StableAutoencoder(5, n_init=1, max_iter=3),
    StableAutoencoder(5, hidden_layer_sizes=(), max_iter=3),
    StableAutoencoder(5, init="random", activation="tanh", max_iter=3),
    StableAutoencoder(5, activation="logistic", max_iter=3),
    StableAutoencoder(5, activation="identity", max_iter=3),
    DenoisingAutoencoder(5, max_iter=3),
    SparseAutoencoder(6, max_iter=3),
    SparseAutoencoder(6, penalty="l1", max_iter=3),
    SparseAutoencoder(6, penalty="k_sparse", sparsity=2, max_iter=3),
    ContractiveAutoencoder(5, max_iter=3),
    VariationalAutoencoder(5, max_iter=3),
    VariationalAutoencoder(5, likelihood="bernoulli", max_iter=3),
    TripletVariationalAutoencoder(5, max_iter=3),
    SemanticHashing(12, max_iter=3),
    SemanticHashing(12, packed=True, max_iter=3),
]


def quick(n_components=2, **parameters):
    return StableAutoencoder(
        n_components, n_init=1, max_iter=3, random_state=0, **parameters
    )


def run(model, X):
    """What onnxruntime makes of samples, in an array or a data frame."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    if not hasattr(X, "columns"):
        return session.run(None, {"X": X})
    return session.run(None, {name: column_of(X, name) for name in X.columns})


def column_of(frame, name):
    values = np.asarray(frame[name])[:, np.newaxis]
    return values.astype(object) if values.dtype.kind in "OU" else values


def near(found, expected, atol=1e-4):
    expected = np.asarray(expected, dtype=np.float64)
    assert found.shape == expected.shape
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found / scale, expected / scale, atol=atol)


@pytest.fixture(scope="module")
def split(digits):
    X, y = digits
    X = (X / 16).astype(np.float32)
    return X[:797], y[:797], X[797:]


@pytest.mark.numeric
@pytest.mark.parametrize("estimator", AUTOENCODERS, ids=repr)
def test_onnx_gives_what_the_estimator_does(estimator, split):
    X, y, unseen = split
    model = clone(estimator).set_params(random_state=0)
    if model.n_init == "auto":
        model.set_params(n_init=2)
    model.fit(X, y)
    if isinstance(model, SemanticHashing):  # near one half rounding decides on a bit
        clear = (np.abs(model.bit_probabilities(unseen) - 0.5) > 1e-4).all(axis=1)
        assert clear.mean() > 0.9
        unseen = unseen[clear]
    codes = model.transform(unseen)
    rows = model.inverse_transform(codes)
    [found] = run(to_onnx(model, X=unseen), unseen)
    assert found.dtype == codes.dtype
    near(found, codes)
    [found] = run(to_onnx(model, part="decoder"), codes)
    assert found.dtype == rows.dtype
    near(found, rows)
    found, found_codes = run(to_onnx(model, part="both"), unseen.astype(np.float64))
    near(found_codes, codes)
    near(found, rows)


def test_every_autoencoder_is_converted():
    autoencoders = {
        kind for kind in ESTIMATORS.values() if issubclass(kind, BaseStableAutoencoder)
    }
    assert {type(estimator) for estimator in AUTOENCODERS} == autoencoders


@pytest.mark.numeric
@pytest.mark.parametrize("n_rows", [1, 2, 777])
def test_batches_may_have_any_size(n_rows, split):
    X, _y, unseen = split
    model = quick().fit(X)
    [found] = run(to_onnx(model, X=unseen), unseen[:n_rows])
    near(found, model.transform(unseen[:n_rows]))


@pytest.mark.numeric
def test_a_large_offset_is_as_precise_as_the_input(split):
    X, _y, unseen = split
    X, unseen = X + np.float32(1e4), unseen + np.float32(1e4)
    model = quick().fit(X)
    near(run(to_onnx(model, X=unseen), unseen)[0], model.transform(unseen))


@pytest.fixture(scope="module")
def events():
    """Times in seconds, which float32 holds to two minutes, beside small numbers."""
    rng = np.random.default_rng(0)
    times = 1_700_000_000 + rng.integers(0, 100, size=(300, 2))
    return np.hstack([times, rng.integers(-50, 50, size=(300, 2))])


@pytest.mark.numeric
@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint32])
@pytest.mark.parametrize("scaler", [None, StandardScaler(), MinMaxScaler()])
def test_times_are_as_precise_as_they_are(scaler, dtype, events):
    X = np.abs(events).astype(dtype)
    steps = [quick(3)] if scaler is None else [clone(scaler), quick(3)]
    model = make_pipeline(*steps).fit(X)
    codes = model.transform(X)
    spread = codes.std(axis=0).max()
    found = run(to_onnx(model, X=X), X)[0]
    near((found - codes.mean(axis=0)) / spread, (codes - codes.mean(axis=0)) / spread)
    if dtype == np.float64:
        np.testing.assert_array_equal(run(to_onnx(model), X)[0], found)


@pytest.mark.numeric
def test_times_are_reconstructed_as_precisely(events):
    X = events.astype(np.float64)
    model = quick(3).fit(X)
    codes = model.transform(X)
    samples = model.inverse_transform(codes)
    [decoded] = run(to_onnx(model, part="decoder"), codes)
    both, both_codes = run(to_onnx(model, part="both"), X)
    for found in (decoded, both):
        # In seconds: the rounding of float32 codes, not that of times.
        np.testing.assert_allclose(found, samples, atol=1e-2)
    near(both_codes, codes)


def test_float32_is_refused_where_it_was_not_asked_for(events):
    model = to_onnx(quick().fit(events))
    with pytest.raises(Exception, match=r"expected: \(tensor\(double\)\)"):
        run(model, events.astype(np.float32))


@pytest.mark.numeric
@pytest.mark.parametrize(
    "dtype",
    ["bool", "float16", "float32", "int8", "int16", "int32", "uint8", "uint16"],
)
def test_numbers_of_any_type_are_taken(dtype, rng):
    X = rng.integers(0, 100, size=(60, 4)).astype(dtype)
    model = quick().fit(X)
    [found] = run(to_onnx(model, X=X[:1]), X)
    assert found.dtype == np.float32
    near(found, model.transform(X))


@pytest.mark.numeric
@pytest.mark.parametrize("kind", [list, "sparse"])
def test_samples_may_be_of_any_kind(kind, rng):
    X = rng.normal(size=(60, 4))
    sample = X.tolist() if kind is list else csr_array(X)
    model = quick().fit(X)
    near(run(to_onnx(model, X=sample), X)[0], model.transform(X))


@pytest.mark.numeric
def test_a_pipeline_is_converted_whole(split, tmp_path):
    X, y, unseen = split
    pipeline = make_pipeline(
        StandardScaler(), quick(5), LogisticRegression(max_iter=500)
    ).fit(X, y)
    path = tmp_path / "model.onnx"
    model = to_onnx(pipeline, path)
    assert path.read_bytes() == model.SerializeToString()
    labels, probabilities = run(model, unseen.astype(np.float64))
    found = [[of_row[label] for label in range(10)] for of_row in probabilities]
    near(np.array(found), pipeline.predict_proba(unseen))
    same_labels(labels, pipeline, unseen)


def same_labels(found, classifier, X):
    probabilities = np.sort(classifier.predict_proba(X))
    clear = probabilities[:, -1] - probabilities[:, -2] > 2e-4
    assert clear.mean() > 0.9  # between nearer ones rounding decides
    np.testing.assert_array_equal(found[clear], classifier.predict(X)[clear])


@pytest.fixture(scope="module")
def customers():
    """A mixed table, whose columns have names that skl2onnx does not allow."""
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    n = 200
    return pandas.DataFrame(
        {
            "age (years)": rng.integers(20, 80, n),
            "variable": rng.normal(5e4, 1e3, n).astype(np.float32),
            "last seen": 1.7e9 + rng.integers(0, 3600, n),
            "city": rng.choice(["Seoul", "Suwon", "Busan"], n),
            "kind": pandas.Categorical(rng.choice(["new", "old"], n)),
            "label": rng.random(n) < 0.5,
            "n_children": rng.integers(0, 4, n).astype(np.int8),
        }
    )


def bought(customers):
    return np.where(customers["age (years)"] > 50, "yes", "no")


NUMBERS = ["age (years)", "variable", "last seen"]
WORDS = ["city", "kind"]

SELECTIONS = {
    "names": [("n", StandardScaler(), NUMBERS), ("w", OneHotEncoder(), WORDS)],
    "one by one": [
        ("w", OneHotEncoder(), ["n_children", "kind", "label"]),
        ("dropped", "drop", ["city"]),
        ("age", MinMaxScaler(), ["age (years)"]),
        ("seen", StandardScaler(), ["last seen"]),
    ],
    "positions": [("n", StandardScaler(), [0, 2]), ("w", OneHotEncoder(), [3])],
    "slice": [("n", StandardScaler(), slice("age (years)", "last seen"))],
    "mask": [
        ("n", StandardScaler(), [False, True, True, False, False, False, True]),
        ("w", OneHotEncoder(), [False, False, False, False, True, False, False]),
    ],
    "pipelines": [
        ("n", make_pipeline(StandardScaler(), PCA(2)), ["n_children", *NUMBERS]),
        ("w", make_pipeline(OneHotEncoder(handle_unknown="ignore")), WORDS),
    ],
}


@pytest.mark.numeric
@pytest.mark.parametrize("selection", SELECTIONS)
def test_columns_of_a_frame_are_chosen_as_by_the_pipeline(selection, customers):
    columns = ColumnTransformer(SELECTIONS[selection])
    pipeline = make_pipeline(columns, quick()).fit(customers)
    model = to_onnx(pipeline, X=customers[:3])
    assert [one.name for one in model.graph.input] == list(customers.columns)
    unseen = customers[::-1]
    near(run(model, unseen)[0], pipeline.transform(unseen))


@pytest.mark.numeric
def test_what_remains_of_a_frame_is_converted_too(customers):
    columns = ColumnTransformer(
        [("w", OneHotEncoder(), WORDS)], remainder=StandardScaler()
    )
    customers = customers.drop(columns="label").astype({"n_children": int})
    pipeline = make_pipeline(columns, quick()).fit(customers)
    near(
        run(to_onnx(pipeline, X=customers), customers)[0], pipeline.transform(customers)
    )


@pytest.mark.numeric
@pytest.mark.parametrize(
    "classifier",
    [LogisticRegression(), GaussianNB()],
    ids=repr,
)
def test_a_classifier_of_a_frame_says_the_same(classifier, customers):
    columns = ColumnTransformer(SELECTIONS["names"])
    pipeline = make_pipeline(columns, quick(3), classifier)
    pipeline.fit(customers, bought(customers))
    options = {"zipmap": False}
    labels, probabilities = run(
        to_onnx(pipeline, X=customers, options=options), customers
    )
    near(probabilities, pipeline.predict_proba(customers))
    same_labels(labels, pipeline, customers)


@pytest.mark.numeric
def test_a_frame_may_be_of_polars_and_in_another_order(customers):
    polars = pytest.importorskip("polars")
    columns = ColumnTransformer(SELECTIONS["names"])
    frame = customers.astype({"kind": "str"})
    pipeline = make_pipeline(columns, quick()).fit(frame)
    other = polars.DataFrame(
        {name: frame[name].tolist() for name in reversed(frame.columns)}
    )
    found = run(to_onnx(pipeline, X=other), other)[0]
    near(found, pipeline.transform(frame))


@pytest.mark.numeric
@pytest.mark.parametrize("steps", [[], [StandardScaler()], [PCA(3)]], ids=repr)
def test_a_frame_of_numbers_needs_no_column_transformer(steps, customers):
    frame = customers[[*NUMBERS, "label", "n_children"]]
    model = make_pipeline(*map(clone, steps), quick()).fit(frame)
    near(run(to_onnx(model, X=frame), frame)[0], model.transform(frame))
    found = run(to_onnx(model), frame.to_numpy(dtype=np.float64))[0]
    near(found, model.transform(frame))


@pytest.mark.numeric
@pytest.mark.parametrize("selection", [["age", "income"], [2, 0], slice(1, 3)])
def test_columns_of_a_frame_of_numbers_are_chosen(selection, rng):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(rng.normal(size=(50, 3)), columns=["age", "debt", "income"])
    columns = ColumnTransformer([("scaled", StandardScaler(), selection)])
    pipeline = make_pipeline(columns, quick()).fit(frame)
    near(run(to_onnx(pipeline, X=frame), frame)[0], pipeline.transform(frame))


@pytest.mark.numeric
def test_inputs_are_those_that_skl2onnx_takes(customers):
    from skl2onnx.common import data_types

    columns = ColumnTransformer(
        [("n", StandardScaler(), NUMBERS), ("w", OneHotEncoder(), ["city"])]
    )
    frame = customers[["city", *NUMBERS]]
    pipeline = make_pipeline(columns, quick()).fit(frame)
    types = [
        ("words", data_types.StringTensorType([None, 1])),
        ("numbers", data_types.DoubleTensorType([None, 3])),
    ]
    model = to_onnx(pipeline, initial_types=types)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    inputs = {
        "words": column_of(frame, "city"),
        "numbers": frame[NUMBERS].to_numpy(dtype=np.float64),
    }
    near(session.run(None, inputs)[0], pipeline.transform(frame))
    types = [("X", data_types.FloatTensorType([None, None]))]
    X = StandardScaler().fit_transform(frame[NUMBERS[:2]]).astype(np.float32)
    model = quick().fit(X)
    near(run(to_onnx(model, initial_types=types), X)[0], model.transform(X))


@pytest.mark.numeric
def test_codes_go_beside_other_columns_into_a_classifier(customers):
    columns = ColumnTransformer(
        [
            ("codes", quick(), ["last seen", "variable"]),
            ("n", StandardScaler(), NUMBERS),
        ]
    )
    pipeline = make_pipeline(columns, StandardScaler(), LogisticRegression())
    pipeline.fit(customers, bought(customers))
    with pytest.raises(ValueError, match=r'pass options=\{"zipmap": False\}'):
        to_onnx(pipeline, X=customers)
    model = to_onnx(pipeline, X=customers, options={"zipmap": False})
    near(run(model, customers)[1], pipeline.predict_proba(customers))


@pytest.mark.numeric
def test_codes_and_features_are_united(events):
    union = make_union(quick(), StandardScaler()).fit(events)
    near(run(to_onnx(union, X=events), events)[0], union.transform(events))


UNIONS = {
    "two maps": make_union(quick(), quick(3)),
    "one map": make_union(quick()),
    "weights": FeatureUnion(
        [("a", quick()), ("b", quick(3))], transformer_weights={"a": 3.0}
    ),
    "columns": ColumnTransformer(
        [("a", quick(), [0, 9, 20, 36]), ("b", quick(1), [20, 21, 36])],
        transformer_weights={"a": 2.0, "b": 3.0},
    ),
    "a union within": make_union(make_union(quick()), quick(3)),
    "a scaler": FeatureUnion(
        [("a", StandardScaler()), ("b", quick(3))], transformer_weights={"b": 2.0}
    ),
}


@pytest.mark.numeric
@pytest.mark.parametrize("union", UNIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_union_of_maps_goes_into_the_next_step(dtype, union, split):
    X, y, unseen = split
    unseen = unseen.astype(dtype)
    steps = [[], [StandardScaler()], [PCA(2)]]
    for rest in (*steps, [StandardScaler(), LogisticRegression(max_iter=500)]):
        model = make_pipeline(UNIONS[union], *rest).fit(X, y)
        options = {"zipmap": False} if hasattr(model, "predict") else None
        *_, found = run(to_onnx(model, X=unseen, options=options), unseen)
        embed = getattr(model, "predict_proba", None) or model.transform
        near(found, embed(unseen))


def bits(**parameters):
    return SemanticHashing(12, n_init=1, max_iter=3, random_state=0, **parameters)


@pytest.mark.numeric
@pytest.mark.parametrize(
    "estimator",
    [
        *(make_pipeline(bits(packed=packed), Ridge()) for packed in (False, True)),
        make_pipeline(bits(), StandardScaler()),
        make_pipeline(bits(), PCA(2)),
        make_pipeline(make_pipeline(bits()), "passthrough", MinMaxScaler()),
        make_pipeline(make_union(bits(), bits()), StandardScaler()),
        make_pipeline(make_union(bits(), StandardScaler()), StandardScaler()),
        FeatureUnion([("b", bits()), ("s", quick())], transformer_weights={"b": 0.5}),
        make_pipeline(bits(), quick()),
        GridSearchCV(make_pipeline(bits(), Ridge()), {"ridge__alpha": [1, 2]}, cv=2),
    ],
    ids=str,
)
def test_bits_go_into_steps_that_take_floats(estimator, split):
    X, y, unseen = split
    estimator.fit(X, y)
    embed = estimator.predict if hasattr(estimator, "predict") else estimator.transform
    expected = embed(unseen)
    [found] = run(to_onnx(estimator, X=unseen), unseen)
    # Near one half rounding decides on a bit, and so on all that follows.
    near_ones = np.isclose(
        found, expected.reshape(found.shape), rtol=0, atol=1e-4 * np.abs(expected).max()
    ).all(axis=1)
    assert near_ones.mean() > 0.9


@pytest.mark.numeric
def test_bits_go_into_a_classifier_and_stay_bits_at_the_end(split):
    X, y, unseen = split
    model = make_pipeline(bits(), LogisticRegression()).fit(X, y)
    labels, probabilities = run(to_onnx(model, X=unseen), unseen)
    assert np.mean(labels == model.predict(unseen)) > 0.9
    assert set(probabilities[0]) == set(y)
    for last in (bits(), make_union(bits(), bits())):
        model = make_pipeline(StandardScaler(), last).fit(X)
        [found] = run(to_onnx(model, X=unseen), unseen)
        assert found.dtype == np.uint8


@pytest.mark.numeric
def test_float64_is_taken_where_skl2onnx_is_asked(split):
    from skl2onnx.common.data_types import DoubleTensorType

    X, _y, unseen = split
    columns = ColumnTransformer([("all", quick(3), [0, 9, 20, 36])])
    X, unseen = X.astype(np.float64) + 1e6, unseen.astype(np.float64) + 1e6
    model = columns.fit(X)
    register_converters()
    found = skl2onnx.to_onnx(
        model, initial_types=[("X", DoubleTensorType([None, X.shape[1]]))]
    )
    near(run(found, unseen)[0], model.transform(unseen))


@pytest.mark.numeric
def test_skl2onnx_may_be_asked_for_a_frame(customers):
    frame = customers[NUMBERS].set_axis(["age", "spent", "seen"], axis="columns")
    model = quick().fit(frame)
    register_converters()
    near(run(skl2onnx.to_onnx(model, frame), frame)[0], model.transform(frame))


DETECTED_BY = [
    quick(),
    StableAutoencoder(2, n_init=2, activation="tanh", max_iter=3),
    SparseAutoencoder(4, n_init=1, max_iter=3),
    SparseAutoencoder(4, penalty="k_sparse", sparsity=2, n_init=2, max_iter=3),
    SemanticHashing(6, n_init=2, max_iter=3),
    VariationalAutoencoder(2, n_init=1, max_iter=3),
    VariationalAutoencoder(2, n_init=2, hidden_layer_sizes=(), max_iter=3),
    make_pipeline(
        MinMaxScaler(clip=True),
        VariationalAutoencoder(2, likelihood="bernoulli", n_init=2, max_iter=3),
    ),
    make_pipeline(StandardScaler(), quick()),
    make_pipeline(quick()),
    make_pipeline(StandardScaler(), make_pipeline(MinMaxScaler(), quick())),
    quick(
        encoder=nn.Sequential(
            *(nn.Linear(4, 4), nn.LeakyReLU(0.2), nn.Linear(4, 4), nn.ELU(0.5)),
            nn.Linear(4, 2),
        ),
        decoder=nn.Sequential(nn.Linear(2, 4), nn.Softplus(2), nn.Linear(4, 4)),
    ),
]


@pytest.mark.numeric
@pytest.mark.parametrize("scorer", DETECTED_BY, ids=repr)
def test_a_detector_calls_out_the_same_samples(scorer, events):
    X, unseen = events[:200].astype(np.float64), events[200:].astype(np.float64)
    detector = ReconstructionOutlierDetector(scorer, random_state=0).fit(X)
    model = to_onnx(detector)
    assert [one.name for one in model.graph.output] == ["label", "scores"]
    label, scores = run(model, unseen)
    expected = detector.decision_function(unseen)
    assert 0 < np.mean(expected < 0) < 1
    # In float64, as the scores of the detector are.
    near(scores, expected[:, np.newaxis], atol=1e-9)
    clear = np.abs(expected) > 1e-9 * np.abs(expected).max()
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(label[clear, 0], detector.predict(unseen)[clear])


@pytest.mark.numeric
@pytest.mark.parametrize("is_last", [True, False])
def test_a_detector_of_a_frame_calls_out_the_same_samples(is_last, customers):
    columns = ColumnTransformer(SELECTIONS["names"])
    detector = (
        make_pipeline(columns, ReconstructionOutlierDetector(quick()))
        if is_last
        else ReconstructionOutlierDetector(make_pipeline(columns, quick()))
    ).fit(customers)
    label, scores = run(to_onnx(detector, X=customers), customers)
    near(scores, detector.decision_function(customers)[:, np.newaxis], atol=1e-6)
    assert (label[:, 0] != detector.predict(customers)).mean() < 0.02
    assert set(label.ravel()) == {-1, 1}


@pytest.mark.numeric
@pytest.mark.parametrize("within", [False, True])
def test_a_detector_of_a_frozen_map_calls_out_the_same_samples(within, customers):
    columns = ColumnTransformer(SELECTIONS["names"])
    fitted = make_pipeline(columns, quick()).fit(customers)
    codes = fitted.transform(customers)
    estimator = FrozenEstimator(fitted)
    if within:
        estimator = make_pipeline(fitted[0], FrozenEstimator(fitted[-1]))
    detector = ReconstructionOutlierDetector(estimator).fit(customers)
    np.testing.assert_array_equal(fitted.transform(customers), codes)
    scores = run(to_onnx(detector, X=customers), customers)[1]
    near(scores, detector.decision_function(customers)[:, np.newaxis], atol=1e-6)


@pytest.mark.numeric
@pytest.mark.parametrize("kept", ["whole", "map", "columns", "encoder", "union"])
def test_what_is_frozen_is_converted_as_what_is_within(kept, customers):
    columns = ColumnTransformer(SELECTIONS["names"])
    fitted = make_pipeline(columns, StandardScaler(with_mean=False), quick())
    fitted.fit(customers)
    codes = fitted.transform(customers)
    columns, scaler, model = fitted
    if kept == "encoder":
        columns.transformers_ = [
            (name, FrozenEstimator(one), places)
            for name, one, places in columns.transformers_
        ]
    frozen = {
        "whole": lambda: FrozenEstimator(fitted),
        "map": lambda: make_pipeline(columns, scaler, FrozenEstimator(model)),
        "columns": lambda: make_pipeline(FrozenEstimator(fitted[:2]), model),
        "encoder": lambda: fitted,
        "union": lambda: make_pipeline(
            columns, make_union(FrozenEstimator(scaler)), model
        ),
    }[kept]()
    [found] = run(to_onnx(frozen, X=customers), customers)
    near(found, codes)
    detector = ReconstructionOutlierDetector(frozen).fit(customers)
    scores = run(to_onnx(detector, X=customers), customers)[1]
    near(scores, detector.decision_function(customers)[:, np.newaxis], atol=1e-6)


@pytest.mark.numeric
@pytest.mark.parametrize("passing", ["passthrough", None])
@pytest.mark.parametrize("at", ["first", "middle", "last", "within", "alone"])
def test_steps_that_pass_samples_through_are_left_out(at, passing, customers):
    columns = ColumnTransformer(SELECTIONS["names"])
    steps = {
        "first": [passing, columns, quick()],
        "middle": [columns, passing, quick()],
        "last": [columns, make_pipeline(quick(), passing)],
        "within": [make_pipeline(passing, columns), quick()],
        "alone": [columns, make_pipeline(passing), quick()],
    }[at]
    model = make_pipeline(*steps).fit(customers)
    [found] = run(to_onnx(model, X=customers), customers)
    near(found, model.transform(customers))
    if hasattr(model, "score_samples"):
        detector = ReconstructionOutlierDetector(model).fit(customers)
        scores = run(to_onnx(detector, X=customers), customers)[1]
        near(scores, detector.decision_function(customers)[:, np.newaxis], atol=1e-6)


@pytest.mark.numeric
def test_parts_that_pass_columns_through_or_drop_them_are_taken(events):
    columns = ColumnTransformer(
        [
            ("same", make_pipeline("passthrough"), [3, 0]),
            ("none", "drop", [1]),
            ("codes", quick(1), [0, 2]),
        ]
    )
    union = make_union("passthrough", make_pipeline("passthrough"), "drop", columns)
    X = events.astype(np.float64)
    near(run(to_onnx(union.fit(X)), X)[0], union.transform(X))


def test_the_decoder_of_a_frozen_map_is_that_of_the_map(events):
    model = quick().fit(events)
    found = to_onnx(FrozenEstimator(model), part="decoder").SerializeToString()
    assert found == to_onnx(model, part="decoder").SerializeToString()


def test_outputs_are_named_and_shaped_as_those_of_scikit_learns_detectors(events):
    X = events[:, 2:].astype(np.float32)
    theirs = skl2onnx.to_onnx(LocalOutlierFactor(novelty=True).fit(X), X)
    ours = to_onnx(ReconstructionOutlierDetector(quick(1)).fit(X))
    assert [one.name for one in ours.graph.output] == [
        one.name for one in theirs.graph.output
    ]
    for found, expected in zip(run(ours, X.astype(np.float64)), run(theirs, X)):
        assert found.shape == expected.shape


class ScoredOtherwise(StableAutoencoder):
    """A stable autoencoder that has other scores."""

    def score_samples(self, X):
        return -super().score_samples(X)


@pytest.mark.parametrize(
    "scorer",
    [PCA(2), ScoredOtherwise(n_init=1, max_iter=1)],
    ids=repr,
)
def test_a_detector_by_other_scores_is_refused(scorer, events):
    detector = ReconstructionOutlierDetector(scorer).fit(events)
    name = type(scorer).__name__
    with pytest.raises(TypeError, match=f"by the scores of {name} cannot be converted"):
        to_onnx(detector)


# Where the packages of a training are not: a service has onnxruntime and numpy.
SERVICE = """
import sys

FORBIDDEN = {"scipy", "sklearn", "skl2onnx", "skorch", "stable_embedding", "torch"}


class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise ModuleNotFoundError(f"{name} is not there")


sys.meta_path.insert(0, Forbid())
for name in FORBIDDEN:
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise AssertionError(f"{name} is there")

import numpy as np
import onnxruntime

folder = sys.argv[1]
session = onnxruntime.InferenceSession(f"{folder}/model.onnx")
inputs = np.load(f"{folder}/inputs.npz")
words = {name: inputs[name].astype(object) for name in inputs if name == "city"}
found = session.run(None, {**inputs, **words})
np.save(f"{folder}/found.npy", found[0])
"""


@pytest.mark.slow
@pytest.mark.numeric
@pytest.mark.parametrize("kind", ["encoder", "decoder", "pipeline", "detector"])
def test_a_service_needs_onnxruntime_alone(kind, events, customers, tmp_path):
    path = tmp_path / "model.onnx"
    inputs = {"X": events.astype(np.float64)}
    if kind == "pipeline":
        frame = customers[["city", *NUMBERS]].rename(columns={"age (years)": "age"})
        numbers = [name for name in frame if name != "city"]
        columns = ColumnTransformer(
            [("n", StandardScaler(), numbers), ("w", OneHotEncoder(), ["city"])]
        )
        pipeline = make_pipeline(columns, quick()).fit(frame)
        to_onnx(pipeline, path, X=frame)
        expected = pipeline.transform(frame)
        inputs = {name: column_of(frame, name) for name in frame}
        inputs["city"] = inputs["city"].astype(str)
    elif kind == "detector":
        detector = ReconstructionOutlierDetector(quick()).fit(inputs["X"])
        to_onnx(detector, path)
        expected = detector.predict(inputs["X"])[:, np.newaxis]
    else:
        model = quick().fit(inputs["X"])
        to_onnx(model, path, part=kind)
        expected = model.transform(inputs["X"])
        if kind == "decoder":
            inputs = {"X": expected}
            expected = model.inverse_transform(expected)
    np.savez(tmp_path / "inputs.npz", **inputs)
    subprocess.run([sys.executable, "-c", SERVICE, str(tmp_path)], check=True)
    near(np.load(tmp_path / "found.npy"), expected)


def test_what_cannot_be_converted_is_said(split):
    X, _y, _ = split
    with pytest.raises(ValueError, match="part='middle' must be one of 'encoder'"):
        to_onnx(quick().fit(X), part="middle")
    for unfitted in (StableAutoencoder(), ReconstructionOutlierDetector()):
        with pytest.raises(NotFittedError):
            to_onnx(unfitted)
    pipeline = make_pipeline(StandardScaler(), quick()).fit(X)
    with pytest.raises(ValueError, match="part='decoder' is of an autoencoder"):
        to_onnx(pipeline, part="decoder")
    with pytest.raises(ValueError, match="not of a ReconstructionOutlierDetector"):
        to_onnx(ReconstructionOutlierDetector(quick()).fit(X), part="both")
    with pytest.raises(TypeError, match="pipeline is not an estimator instance"):
        to_onnx("pipeline")
    with pytest.raises(TypeError, match=r"path is of ndarray.* as X="):
        to_onnx(pipeline, X)


class Unknown(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X


def test_a_step_without_a_converter_is_named(split):
    X, _y, _ = split
    pipeline = make_pipeline(Unknown(), quick()).fit(X)
    with pytest.raises(TypeError, match=r"no converter to ONNX.*Unknown"):
        to_onnx(pipeline)


@pytest.mark.parametrize("error", [AttributeError, KeyError, RuntimeError])
def test_an_error_from_within_skl2onnx_names_the_estimator(error, events, monkeypatch):
    def fail(*_, **__):
        raise error("within")

    monkeypatch.setattr("skl2onnx.convert_sklearn", fail)
    pipeline = make_pipeline(StandardScaler(), quick()).fit(events)
    with pytest.raises(ValueError, match="skl2onnx cannot convert this Pipeline"):
        to_onnx(pipeline, X=events)


def test_samples_that_cannot_be_given_are_named(customers, events, tmp_path):
    pandas = pytest.importorskip("pandas")
    columns = ColumnTransformer(SELECTIONS["names"])
    model = make_pipeline(columns, quick()).fit(customers)
    path = tmp_path / "model.onnx"

    def refused(error, match, estimator=model, **inputs):
        with pytest.raises(error, match=match):
            to_onnx(estimator, path, **inputs)
        assert not path.exists()

    refused(
        ValueError,
        r"fitted on columns \['city'\].*does not know \['town'\]",
        X=customers.rename(columns={"city": "town"}),
    )
    refused(
        ValueError,
        r"have \[1, 1, 1, 1, 1, 1\] columns, but Pipeline was fitted on 7",
        X=customers.drop(columns="city"),
    )
    dates = customers.assign(city=pandas.Timestamp("2020-01-01"))
    refused(TypeError, "column 'city' of X has dtype datetime64", X=dates)
    mixture = customers.assign(city=[1, *["Seoul"] * 199])
    refused(TypeError, "column 'city' of X has dtype object", X=mixture)
    refused(TypeError, "X has dtype object", X=customers.to_numpy(dtype=object))
    refused(ValueError, "skl2onnx cannot convert this Pipeline for the inputs 'X'")
    model = quick().fit(events)
    refused(ValueError, r"X has shape \(4,\)", model, X=events[0])
    refused(ValueError, r"\[3\] columns, but StableAuto", model, X=events[:, :3])
    unnamed = pandas.DataFrame(events)
    refused(TypeError, "names of columns must be strings", model, X=unnamed)
    message = "the decoder of StableAutoencoder was fitted on 2"
    refused(ValueError, message, model, X=events, part="decoder")


@pytest.mark.parametrize("dtype", [object, str])
def test_words_of_any_type_are_taken(dtype):
    words = np.array([["a", "x"], ["b", "y"], ["c", "x"]] * 10, dtype=dtype)
    model = make_pipeline(OneHotEncoder(), quick()).fit(words)
    [found] = run(to_onnx(model, X=words), words.astype(object))
    near(found, model.transform(words))


UNKNOWN = np.array([["a", "x"], ["new", "y"], ["c", "new"]], dtype=object)


@pytest.mark.parametrize("handling", ["ignore", "infrequent_if_exist"])
def test_a_level_that_is_not_known_is_encoded_as_by_the_pipeline(handling):
    words = np.array([["a", "x"], ["b", "y"], ["c", "x"]] * 10, dtype=object)
    model = make_pipeline(OneHotEncoder(handle_unknown=handling), quick()).fit(words)
    [found] = run(to_onnx(model, X=words), UNKNOWN)
    near(found, model.transform(UNKNOWN))
    assert model[0].handle_unknown == handling


def test_a_search_is_converted_as_its_best_estimator():
    words = np.array([["a", "x"], ["b", "y"], ["c", "x"]] * 10, dtype=object)
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist")
    model = make_pipeline(encoder, FrozenEstimator(StandardScaler(with_mean=False)))
    model[1].estimator.fit(encoder.fit_transform(words))
    search = GridSearchCV(make_pipeline(model, quick()), {}, cv=2).fit(words)
    [found] = run(to_onnx(search, X=words), UNKNOWN)
    near(found, search.transform(UNKNOWN))
    assert search.best_estimator_[0][0].handle_unknown == "infrequent_if_exist"


@pytest.mark.parametrize("within", ["pipeline", "columns", "detector", "search"])
def test_unknown_levels_among_rare_ones_are_refused(within):
    words = np.array([["a", "x"], ["b", "y"]] * 15 + [["rare", "x"]], dtype=object)
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=2)
    step = "onehotencoder"
    if within == "columns":
        encoder, step = ColumnTransformer([("words", encoder, [0, 1])]), "words"
    model = make_pipeline(encoder, quick())
    if within == "detector":
        model = ReconstructionOutlierDetector(model)
    if within == "search":
        model = GridSearchCV(model, {}, cv=2)
    model.fit(words)
    with pytest.raises(ValueError, match=f"step '{step}' has handle_unknown='infreq"):
        to_onnx(model, X=words)


HOLDERS = {
    "one versus rest": OneVsRestClassifier,
    "stacking": lambda inner: StackingClassifier([("inner", inner)], cv=2),
    "voting": lambda inner: VotingClassifier(
        [("inner", inner)], voting="soft", flatten_transform=False
    ),
}


@pytest.mark.numeric
@pytest.mark.parametrize("place", ["before", "within"])
@pytest.mark.parametrize("holder", HOLDERS)
def test_a_map_before_or_within_a_classifier_that_holds_others(holder, place, split):
    X, y, unseen = split
    steps = [StandardScaler(), quick(5), LogisticRegression(max_iter=1_000)]
    if place == "before":
        model = make_pipeline(*steps[:2], HOLDERS[holder](steps[2]))
    else:
        model = HOLDERS[holder](make_pipeline(*steps))
    graph = to_onnx(model.fit(X, y), options={"zipmap": False})
    near(run(graph, unseen.astype(np.float64))[1], model.predict_proba(unseen))


@pytest.mark.parametrize("place", ["alone", "step", "search"])
@pytest.mark.parametrize(
    ("inner", "method", "message"),
    [
        (
            make_pipeline(StandardScaler(), LogisticRegression()),
            "sigmoid",
            "a Pipeline, for",
        ),
        (
            GridSearchCV(LogisticRegression(), {}, cv=2),
            "sigmoid",
            "a GridSearchCV, for which",
        ),
        (
            LogisticRegression(),
            "isotonic",
            "method='isotonic', .*; use 'sigmoid'$",
        ),
        (
            OneVsRestClassifier(make_pipeline(StandardScaler(), LogisticRegression())),
            "sigmoid",
            "a OneVsRestClassifier, for",
        ),
    ],
    ids=["pipeline", "search", "isotonic", "one versus rest"],
)
def test_calibrations_with_graphs_of_other_probabilities_are_refused(
    inner, method, message, place, split
):
    X, y, _ = split
    model = CalibratedClassifierCV(inner, method=method, cv=2)
    if place == "step":
        model = make_pipeline(quick(), model)
    if place == "search":
        model = GridSearchCV(model, {}, cv=2)
    with pytest.raises(ValueError, match=f"^CalibratedClassifierCV .*{message}"):
        to_onnx(model.fit(X, y > 4))


def test_a_tuned_threshold_is_not_lost(split):
    X, y, _ = split
    tuned = TunedThresholdClassifierCV(LogisticRegression(), cv=2)
    with pytest.raises(ValueError, match="threshold skl2onnx leaves out"):
        to_onnx(make_pipeline(quick(), tuned).fit(X, y > 4))


@pytest.mark.numeric
def test_a_calibrated_classifier_after_a_map_gives_the_same_probabilities(split):
    X, y, unseen = split
    calibrated = CalibratedClassifierCV(LogisticRegression(), cv=2)
    model = make_pipeline(StandardScaler(), quick(5), calibrated)
    graph = to_onnx(model.fit(X, y), options={"zipmap": False})
    near(run(graph, unseen.astype(np.float64))[1], model.predict_proba(unseen))


def test_inputs_that_are_none_are_named(events):
    from skl2onnx.common import data_types

    model = quick().fit(events)
    kind = data_types.FloatTensorType([None, 4])
    for types in (3, [kind], "X"):
        with pytest.raises(TypeError, match="must be a list of names and types"):
            to_onnx(model, initial_types=types)
    for types in ([("X", np.float32)], [(3, kind)]):
        with pytest.raises(TypeError, match="initial_types holds"):
            to_onnx(model, initial_types=types)
    with pytest.raises(ValueError, match="initial_types is empty"):
        to_onnx(model, initial_types=[])
    complex_type = data_types.Complex64TensorType([None, 4])
    with pytest.raises(TypeError, match="'X' has type Complex64TensorType"):
        to_onnx(model, initial_types=[("X", complex_type)])
    with pytest.raises(ValueError, match=r"'X' has shape \[\]"):
        to_onnx(model, initial_types=[("X", data_types.FloatTensorType())])
    half = data_types.FloatTensorType([None, 2])
    with pytest.raises(ValueError, match="names must differ"):
        to_onnx(model, initial_types=[("X", half), ("X", half)])
    with pytest.raises(ValueError, match="X and initial_types are both given"):
        to_onnx(model, X=events, initial_types=[("X", kind)])


def test_of_texts_it_is_said_what_to_pass():
    pipeline = make_pipeline(CountVectorizer(), quick())
    pipeline.fit(["a map", "a code", "a map of codes", "words"] * 5)
    with pytest.raises(ValueError, match="pass some samples as X, or initial_types"):
        to_onnx(pipeline)


def test_without_skl2onnx_it_is_said_what_to_install(split, monkeypatch):
    model = quick().fit(split[0])
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    for convert in (register_converters, lambda: to_onnx(model)):
        with pytest.raises(
            ImportError, match=r"pip install 'stable_embedding\[onnx\]'"
        ):
            convert()
