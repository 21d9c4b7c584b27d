"""What version 0.1 has written is read, and serves as before."""

import copy
import importlib
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning

from stable_embedding import ReconstructionOutlierDetector, load, save
from stable_embedding.estimators.registry import ESTIMATORS
from stable_embedding.export.legacy import MOVED
from stable_embedding.losses.similarity import distance

pytestmark = pytest.mark.filterwarnings(
    f"ignore::{InconsistentVersionWarning.__module__}.InconsistentVersionWarning"
)

FIXTURES = Path(__file__).parents[1] / "formats"
SAVED = ["bernoulli", "packed", "kl", "detector"]
PICKLED = [*SAVED, "callable"]
EXPECTED = np.load(FIXTURES / "0.1.0.npz")

old_models = pytest.mark.parametrize(
    ("container", "name"),
    [
        *(("safetensors", name) for name in SAVED),
        *(("pickle", name) for name in PICKLED),
    ],
)


def read(container, name):
    if container == "safetensors":
        return load(FIXTURES / f"0.1.0-{name}.safetensors")
    return pickle.loads((FIXTURES / "0.1.0.pickle").read_bytes())[name]


def samples_for(name, iris):
    X, _ = iris
    return (X - X.min(axis=0)) / np.ptp(X, axis=0) if name == "bernoulli" else X


def outputs(model, X):
    """What a model makes of samples, by method."""
    made = {"score_samples": model.score_samples(X)}
    if hasattr(model, "transform"):
        made["transform"] = model.transform(X)
        made["inverse_transform"] = model.inverse_transform(made["transform"])
    return made


def assert_same(model, other, X):
    expected = outputs(other, X)
    for method, found in outputs(model, X).items():
        np.testing.assert_array_equal(found, expected[method], err_msg=method)


@pytest.mark.numeric
@old_models
def test_an_old_model_gives_what_it_gave(container, name, iris):
    made = outputs(read(container, name), samples_for(name, iris))
    assert {f"{name}/{method}" for method in made} == {
        key for key in EXPECTED.files if key.startswith(f"{name}/")
    }
    for method, found in made.items():
        expected = EXPECTED[f"{name}/{method}"]
        # Written by other kernels, which round otherwise.
        np.testing.assert_allclose(
            found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max()
        )


def test_every_old_output_is_compared():
    assert {key.partition("/")[0] for key in EXPECTED.files} == set(PICKLED)


@pytest.mark.numeric
@old_models
def test_an_old_model_is_saved_again(container, name, iris, tmp_path):
    model, X = read(container, name), samples_for(name, iris)
    if name == "callable":
        with pytest.raises(TypeError, match=r"StableAutoencoder\.similarity"):
            save(model, tmp_path / "model")
        model.set_params(similarity="distance")
    save(model, tmp_path / "model")
    assert_same(load(tmp_path / "model"), model, X)


@pytest.mark.numeric
@old_models
def test_an_old_model_is_copied(container, name, iris):
    model, X = read(container, name), samples_for(name, iris)
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert vars(again).keys() == vars(model).keys()
        assert_same(again, model, X)
    parameters = clone(model).get_params(deep=False)
    assert parameters.keys() == type(model)().get_params().keys()


@old_models
def test_an_old_model_has_all_that_a_new_one_has(container, name, iris):
    model, X = read(container, name), samples_for(name, iris)
    assert repr(clone(model)) == repr(model)
    assert vars(clone(model).fit(X)).keys() == vars(model).keys()
    inner = getattr(model, "estimator_", model)
    for loss, value in inner.losses_.items():
        assert getattr(inner, f"{loss}_", value) == value
    assert inner.losses_["reconstruction_loss"] == inner.reconstruction_loss_


@pytest.mark.numeric
@old_models
def test_an_old_model_is_aligned_and_trained_on(container, name, iris):
    model, X = read(container, name), samples_for(name, iris)
    model = getattr(model, "estimator_", model)
    codes = model.transform(X)
    model.align(X, codes)
    if codes.dtype == np.uint8:
        # Two bits that are opposite in all samples but one may change places.
        different = np.unpackbits(model.transform(X) ^ codes, axis=1)
        assert different.mean() < 0.01
    else:  # it lies there already, but for the rounding of a rotation
        scale = np.abs(codes).max()
        np.testing.assert_allclose(model.transform(X), codes, atol=1e-4 * scale)
    model.partial_fit(X[::2])
    assert model.n_samples_seen_ == 150 + 75
    assert np.isfinite(model.transform(X)).all()


@pytest.mark.parametrize("old", MOVED)
def test_old_modules_resolve(old):
    module = importlib.import_module(f"stable_embedding.{old}")
    place, names = MOVED[old]
    for name in names:
        assert getattr(module, name) is getattr(place, name)


def test_every_estimator_and_similarity_of_old_has_its_old_name():
    names = {name for _, names in MOVED.values() for name in names}
    assert names >= ESTIMATORS.keys()
    assert importlib.import_module("stable_embedding.similarities").rbf
    assert read("pickle", "callable").similarity is distance
    assert isinstance(read("pickle", "detector"), ReconstructionOutlierDetector)


@pytest.mark.slow
def test_an_old_pickle_needs_no_import_before():
    program = """
import pickle, sys, warnings
warnings.simplefilter("ignore")
with open(sys.argv[1], "rb") as file:
    print(sorted(pickle.load(file)))
"""
    found = subprocess.run(
        [sys.executable, "-c", program, FIXTURES / "0.1.0.pickle"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(sorted(PICKLED))
