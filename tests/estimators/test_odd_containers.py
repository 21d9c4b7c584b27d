"""Each method refuses what it cannot read, with advice, and changes nothing."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from stable_embedding import ReconstructionOutlierDetector, StableAutoencoder
from stable_embedding.estimators.registry import ESTIMATORS

X = np.random.default_rng(0).uniform(size=(16, 4))
Y = np.arange(16) % 2
NAMES = ["a", "b", "c", "price"]

AUTOENCODERS = [
    estimator
    for estimator in ESTIMATORS.values()
    if estimator is not ReconstructionOutlierDetector
]


def frame(library, values):
    return library.DataFrame(dict(zip(NAMES, [*X.T[:3], values])))


ODD = {
    "lazy": (frame(pl, X[:, 3]).lazy(), r"X\.collect\(\)"),
    "sparse tensor": (torch.from_numpy(X).to_sparse(), r"X\.to_dense\(\)"),
    "meta tensor": (torch.from_numpy(X).to("meta"), "meta"),
    "images": (X.reshape(16, 2, 2), r"X\.reshape\(len\(X\), -1\)"),
    "text": (frame(pd, ["12,5"] * 16), "'12,5' in column 'price'"),
    "missing": (frame(pl, [None, *X[1:, 3]]), "NaN in column 'price'"),
    "infinite": (frame(pd, [np.inf, *X[1:, 3]]), "infinity.* in column 'price'"),
    "dates": (frame(pd, pd.date_range("2020", periods=16)), "dates .*'price'"),
    "lists": (frame(pl, [[1, 2]] * 16), "column 'price' of X holds"),
}

# What a method is given as codes; frames of the right width have another test.
ODD_CODES = ["lazy", "sparse tensor", "meta tensor", "images", "text", "missing"]


def untouched(estimator, before):
    return {key: id(value) for key, value in vars(estimator).items()} == before


@pytest.fixture(scope="module", params=AUTOENCODERS, ids=lambda kind: kind.__name__)
def fitted(request):
    model = request.param(2, n_init=1, max_iter=1, random_state=0)
    return model.fit(frame(pd, X[:, 3]), Y)


def methods(model):
    places = np.zeros((16, model._n_features_out))
    yield "fit", lambda odd: model.fit(odd, Y)
    yield "partial_fit", lambda odd: model.partial_fit(odd, Y)
    yield "align", lambda odd: model.align(odd, places)
    for name in ("transform", "transform_runs", "score", "score_samples"):
        yield name, getattr(model, name)


@pytest.mark.parametrize("kind", ODD)
def test_odd_samples(fitted, kind):
    odd, message = ODD[kind]
    before = {key: id(value) for key, value in vars(fitted).items()}
    for name, method in methods(fitted):
        with pytest.raises((TypeError, ValueError), match=message):
            method(odd)
        assert untouched(fitted, before), name


@pytest.mark.parametrize("kind", ODD_CODES)
def test_odd_codes(fitted, kind):
    odd, message = ODD[kind]
    before = {key: id(value) for key, value in vars(fitted).items()}
    with pytest.raises((TypeError, ValueError), match=message):
        fitted.inverse_transform(odd)
    with pytest.raises(
        (TypeError, ValueError), match=message.replace("X", "reference")
    ):
        fitted.align(frame(pd, X[:, 3]), odd)
    assert untouched(fitted, before)


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (pl.DataFrame(X[:, :2]).lazy(), r"reference\.collect\(\)"),
        (pd.DataFrame({"x": ["12,5"] * 16, "y": 1.0}), "'12,5' in column 'x' of refer"),
        (np.where(X[:, :2] < 0.5, np.inf, -np.inf), "reference contains infinity"),
    ],
)
def test_odd_references(odd, message):
    model = StableAutoencoder(2, n_init=1, max_iter=1)
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(X, reference=odd)
    assert not hasattr(model, "network_")


@pytest.mark.parametrize("kind", ODD)
def test_an_outlier_detector_says_the_same(kind):
    odd, message = ODD[kind]
    detector = ReconstructionOutlierDetector(StableAutoencoder(n_init=1, max_iter=1))
    with pytest.raises((TypeError, ValueError), match=message):
        detector.fit(odd)
    detector.fit(frame(pd, X[:, 3]))
    for method in (detector.predict, detector.score_samples):
        with pytest.raises((TypeError, ValueError), match=message):
            method(odd)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.from_numpy(X).requires_grad_(),
        torch.from_numpy(X).bfloat16(),
        [*torch.from_numpy(X).requires_grad_()],
    ],
    ids=["gradient", "bfloat16", "list"],
)
def test_tensors_embed_as_the_arrays_they_hold(tensor):
    model = StableAutoencoder(n_init=1, max_iter=1, random_state=0)
    array = np.array([row.tolist() for row in tensor])
    codes = model.fit(array).transform(array)
    np.testing.assert_allclose(model.transform(tensor), codes, atol=1e-6)
    np.testing.assert_allclose(model.fit_transform(tensor), codes, atol=1e-5)
    np.testing.assert_array_equal(
        model.inverse_transform(torch.from_numpy(codes).requires_grad_()),
        model.inverse_transform(codes),
    )
    reference = torch.from_numpy(codes).requires_grad_()
    np.testing.assert_allclose(
        model.align(tensor, reference).transform(tensor), codes, atol=1e-5
    )
    assert model.fit(tensor, reference=reference).transform(tensor).shape == (16, 2)
