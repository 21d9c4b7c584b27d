import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SemanticHashing,
    SparseAutoencoder,
    StableAutoencoder,
    TripletVariationalAutoencoder,
    VariationalAutoencoder,
    to_onnx,
)
from stable_embedding.estimators.base import BaseStableAutoencoder
from stable_embedding.estimators.registry import ESTIMATORS
from stable_embedding.export.onnx import CONVERTED, register_converters

onnxruntime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")

AUTOENCODERS = [
    StableAutoencoder(5, max_iter=3),
    StableAutoencoder(5, hidden_layer_sizes=(), max_iter=3),
    StableAutoencoder(5, init="random", activation="tanh", max_iter=3),
    StableAutoencoder(5, activation="logistic", max_iter=3),
    StableAutoencoder(5, activation="identity", n_init=2, max_iter=3),
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


def run(model, X):
    """What onnxruntime makes of rows."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"X": X})


def near(found, expected):
    expected = np.asarray(expected, dtype=np.float64)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found / scale, expected / scale, atol=1e-4)


@pytest.fixture(scope="module")
def split(digits):
    X, y = digits
    X = (X / 16).astype(np.float32)
    return X[:797], y[:797], X[797:]


@pytest.mark.numeric
@pytest.mark.parametrize("estimator", AUTOENCODERS, ids=repr)
def test_onnx_gives_what_the_estimator_does(estimator, split):
    X, y, unseen = split
    model = clone(estimator).set_params(random_state=0).fit(X, y)
    if isinstance(model, SemanticHashing):  # near one half rounding decides on a bit
        clear = (np.abs(model.bit_probabilities(unseen) - 0.5) > 1e-4).all(axis=1)
        assert clear.mean() > 0.9
        unseen = unseen[clear]
    codes = model.transform(unseen)
    rows = model.inverse_transform(codes)
    [found] = run(to_onnx(model), unseen)
    assert found.dtype == codes.dtype
    near(found, codes)
    [found] = run(to_onnx(model, part="decoder"), codes)
    near(found, rows)
    found, found_codes = run(to_onnx(model, part="both"), unseen)
    near(found_codes, codes)
    near(found, rows)


def test_every_autoencoder_is_converted():
    autoencoders = {
        kind for kind in ESTIMATORS.values() if issubclass(kind, BaseStableAutoencoder)
    }
    assert {type(estimator) for estimator in AUTOENCODERS} == autoencoders
    assert set(CONVERTED) == autoencoders


@pytest.mark.numeric
@pytest.mark.parametrize("n_rows", [1, 2, 777])
def test_batches_may_have_any_size(n_rows, split):
    X, _y, unseen = split
    model = StableAutoencoder(2, max_iter=3).fit(X)
    [found] = run(to_onnx(model), unseen[:n_rows])
    near(found, model.transform(unseen[:n_rows]))


@pytest.mark.numeric
def test_a_large_offset_is_as_precise_as_the_input(split):
    X, _y, unseen = split
    X, unseen = X + np.float32(1e4), unseen + np.float32(1e4)
    model = StableAutoencoder(2, max_iter=3).fit(X)
    near(run(to_onnx(model), unseen)[0], model.transform(unseen))


@pytest.mark.numeric
def test_a_pipeline_is_converted_whole(split, tmp_path):
    X, y, unseen = split
    pipeline = make_pipeline(
        StandardScaler(),
        StableAutoencoder(5, max_iter=3, random_state=0),
        LogisticRegression(max_iter=500),
    ).fit(X, y)
    path = tmp_path / "model.onnx"
    model = to_onnx(pipeline, path)
    assert path.read_bytes() == model.SerializeToString()
    labels, probabilities = run(model, unseen)
    expected = pipeline.predict_proba(unseen)
    second, first = np.sort(expected)[:, -2:].T
    clear = first - second > 2e-4  # between nearer ones rounding decides
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(labels[clear], pipeline.predict(unseen)[clear])
    found = [[of_row[label] for label in range(10)] for of_row in probabilities]
    near(np.array(found), expected)


@pytest.mark.numeric
def test_float64_is_taken_where_skl2onnx_is_asked(split):
    from skl2onnx.common.data_types import DoubleTensorType

    X, _y, unseen = split
    columns = ColumnTransformer(
        [("all", StableAutoencoder(3, max_iter=3), [0, 9, 20, 36])]
    )
    X, unseen = X.astype(np.float64) + 1e6, unseen.astype(np.float64) + 1e6
    model = columns.fit(X)
    register_converters()
    found = skl2onnx.to_onnx(
        model, initial_types=[("X", DoubleTensorType([None, X.shape[1]]))]
    )
    near(run(found, unseen)[0], model.transform(unseen))


def test_what_cannot_be_converted_is_said(split):
    X, _y, _ = split
    with pytest.raises(ValueError, match="part='middle' must be one of 'encoder'"):
        to_onnx(StableAutoencoder(max_iter=1).fit(X), part="middle")
    with pytest.raises(NotFittedError):
        to_onnx(StableAutoencoder())
    pipeline = make_pipeline(StandardScaler(), StableAutoencoder(max_iter=1)).fit(X)
    with pytest.raises(ValueError, match="part='decoder' is of an autoencoder"):
        to_onnx(pipeline, part="decoder")


def test_without_skl2onnx_it_is_said_what_to_install(split, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'stable_embedding\[onnx\]'"):
        register_converters()
