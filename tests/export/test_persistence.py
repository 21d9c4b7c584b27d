import json
import os
import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    ReconstructionOutlierDetector,
    SemanticHashing,
    SparseAutoencoder,
    StableAutoencoder,
    TripletVariationalAutoencoder,
    VariationalAutoencoder,
    load,
    save,
)
from stable_embedding.estimators.registry import ESTIMATORS
from stable_embedding.export import persistence
from stable_embedding.export.persistence import KIND
from stable_embedding.losses import LossTerm
from stable_embedding.networks import Autoencoder
from stable_embedding.networks.tensor_file import digest
from stable_embedding.preprocessing import MixedDataEncoder

FIXTURES = Path(__file__).parents[1] / "formats"

CONFIGURATIONS = [
    StableAutoencoder(n_init=2, max_iter=3),
    StableAutoencoder(init="random", hidden_layer_sizes=np.array([5, 4]), max_iter=3),
    StableAutoencoder(neighbor_weight=1.0, hidden_layer_sizes=(), max_iter=3),
    DenoisingAutoencoder(max_iter=3),
    SparseAutoencoder(penalty="k_sparse", sparsity=1, max_iter=3),
    ContractiveAutoencoder(max_iter=3),
    VariationalAutoencoder(max_iter=3),
    TripletVariationalAutoencoder(max_iter=3),
    SemanticHashing(9, packed=True, max_iter=3),
    ReconstructionOutlierDetector(VariationalAutoencoder(max_iter=3)),
]


def outputs(model, X):
    """What a fitted estimator makes of rows."""
    names = ("transform", "predict", "score_samples", "inverse_transform")
    X = np.asarray(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without the names of a data frame
        made = {n: getattr(model, n)(X) for n in names[:3] if hasattr(model, n)}
        if hasattr(model, names[3]):
            made[names[3]] = model.inverse_transform(np.asarray(made["transform"]))
    return made


def assert_same(model, other, X):
    ours, others = outputs(model, X), outputs(other, X)
    assert ours.keys() == others.keys()
    for name, made in ours.items():
        np.testing.assert_array_equal(made, others[name], err_msg=name)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def test_every_estimator_has_a_configuration():
    assert {type(estimator) for estimator in CONFIGURATIONS} == {*ESTIMATORS.values()}


@pytest.mark.numeric
@pytest.mark.parametrize("estimator", CONFIGURATIONS, ids=repr)
def test_what_is_saved_comes_back(estimator, path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = clone(estimator).fit(X, y)
    save(model, path)
    again = load(path)
    assert type(again) is type(model)
    assert vars(again).keys() == vars(model).keys()
    assert repr(again) == repr(model)
    assert_same(model, again, X)
    if hasattr(model, "networks_"):
        rows = X.to_numpy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runs = model.transform_runs(rows), again.transform_runs(rows)
        np.testing.assert_array_equal(*runs)
        assert again.history_ == model.history_
    np.testing.assert_array_equal(again.feature_names_in_, X.columns)
    again.fit(X, y)  # it is an estimator like any other


def test_what_is_not_fitted_comes_back(path):
    save(StableAutoencoder(3, alpha=0.5, random_state=np.int64(7)), path)
    again = load(path)
    assert (
        again.get_params()
        == StableAutoencoder(3, alpha=0.5, random_state=7).get_params()
    )
    assert not hasattr(again, "network_")


@pytest.mark.numeric
def test_training_goes_on_where_it_was(path, iris):
    X, _ = iris
    model = StableAutoencoder(max_iter=5, random_state=0, n_init=2).fit(X[::2])
    save(model, path)
    again = load(path)
    for one in (model, again):
        one.partial_fit(X[1::2])
    assert_same(model, again, X)


def test_output_containers_are_kept(path, iris):
    model = StableAutoencoder(max_iter=3).set_output(transform="pandas").fit(iris[0])
    save(model, path)
    assert list(load(path).transform(iris[0]).columns) == list(
        model.transform(iris[0]).columns
    )


@pytest.mark.parametrize("kind", ESTIMATORS.values(), ids=ESTIMATORS)
def test_requests_of_metadata_are_kept(kind, path):
    with config_context(enable_metadata_routing=True):
        model = kind().set_fit_request(sample_weight="w")
        save(model, path)
        for one in (model, load(path), clone(load(path))):
            assert one.get_metadata_routing().fit.requests["sample_weight"] == "w"


def test_a_directory_for_checkpoints_is_neither_written_nor_read(content, path):
    save(StableAutoencoder(checkpoint="a directory of mine"), path)
    assert b"a directory of mine" not in path.read_bytes()
    altered = rewritten(
        content, lambda d, _: d["estimator"]["state"].update(checkpoint="there")
    )
    path.write_bytes(altered)
    assert load(path).checkpoint is None


def shared_distance(rows):
    return rows


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (StableAutoencoder(similarity=shared_distance), "StableAutoencoder.similarity"),
        (StableAutoencoder(neighbors=PCA()), "StableAutoencoder.neighbors"),
        (StableAutoencoder(callbacks=[PCA()]), "StableAutoencoder.callbacks"),
        (
            StableAutoencoder(extra_losses=[LossTerm()]),
            "StableAutoencoder.extra_losses",
        ),
        (
            StableAutoencoder(random_state=np.random.RandomState(0)),
            "StableAutoencoder.random_state",
        ),
        (
            ReconstructionOutlierDetector(PCA()),
            "ReconstructionOutlierDetector.estimator",
        ),
        (PCA(), "PCA cannot be saved"),
        (
            make_pipeline(StableAutoencoder()),
            r"Pipeline cannot be saved.*joblib.dump\(estimator, path\).*skops.io.dump",
        ),
    ],
)
def test_what_needs_code_is_refused(estimator, name, path):
    path.write_text("old")
    with pytest.raises(TypeError, match=name):
        save(estimator, path)
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == [path.name]


CHANGES = [
    ({"similarity": shared_distance}, r"set_params\(similarity='distance'\)"),
    ({"neighbors": PCA()}, r"set_params\(neighbors='auto'\)"),
    ({"extra_losses": [LossTerm()]}, r"set_params\(extra_losses=\(\)\)"),
    ({"callbacks": [print]}, r"set_params\(callbacks=None\)"),
    (
        {"random_state": np.random.RandomState(0)},
        r"set_params\(random_state=None\)",
    ),
]


@pytest.mark.parametrize(("change", "way_out"), CHANGES)
def test_the_way_out_that_is_named_is_one(change, way_out, path, iris):
    X, _ = iris
    model = StableAutoencoder(n_init=1, max_iter=2, random_state=0).fit(X)
    model.set_params(**change)
    with pytest.raises(TypeError, match=way_out):
        save(model, path)
    with pytest.raises(TypeError, match=way_out) as caught:
        save(ReconstructionOutlierDetector(model), path)
    assert "StableAutoencoder." in str(caught.value)
    expression = re.search(way_out, str(caught.value)).group()
    eval(f"model.{expression}", {"model": model})
    save(model, path)
    assert_same(model, load(path), X)


def test_a_detector_of_another_estimator_goes_by_joblib(path, iris):
    detector = ReconstructionOutlierDetector(PCA(2)).fit(iris[0])
    with pytest.raises(TypeError, match="estimator=PCA.*text. Write it with joblib.d"):
        save(detector, path)


def test_a_device_is_saved_by_its_name(path):
    save(StableAutoencoder(device=torch.device("cuda:1")), path)
    assert load(path).device == "cuda:1"


# ----------------------------------------------------------------- files that are bad


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model"
    X, _ = load_iris(return_X_y=True)
    model = StableAutoencoder(hidden_layer_sizes=(3,), max_iter=2, random_state=0)
    save(model.fit(X), path)
    return path.read_bytes()


def rewritten(content, change, sign=True):
    """A file whose description was changed, and signed anew."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    metadata, tensors = header["__metadata__"], tensors_of(content)
    document = json.loads(metadata[KIND])
    change(document, tensors)
    metadata[KIND] = json.dumps(document)
    if sign:
        metadata["sha256"] = digest(metadata[KIND], tensors)
    return bytes_of(tensors, metadata)


def settings_of(document):
    state = document["estimator"]["state"]
    return state["networks_"][0]["dict"]["settings"]["dict"]


def test_an_encoder_is_refused_with_what_save_takes(tmp_path):
    message = "save takes .*StableAutoencoder.* an encoder, .* with joblib.dump"
    with pytest.raises(TypeError, match=message):
        save(MixedDataEncoder(), tmp_path / "encoder.safetensors")


BAD = {
    "is not a safetensors file": [
        lambda content: b"",
        lambda content: b"PK",
        lambda content: content[:-1],
        lambda content: content[:100],
        lambda content: pickle.dumps(3),
    ],
    "holds no estimator of stable_embedding": [
        lambda content: bytes_of({"weight": torch.zeros(2)}),
        lambda content: bytes_of({"weight": torch.zeros(2)}, {"format": "pt"}),
    ],
    "was altered": [
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: rewritten(
            content, lambda d, _: d["estimator"]["state"].update(n_components=3), False
        ),
    ],
    "install a later one": [
        lambda content: rewritten(content, lambda d, _: d.update(format=99)),
        lambda content: rewritten(content, lambda d, _: d.update(format="2")),
    ],
    "has no readable description": [
        lambda content: rewritten(content, lambda d, _: d.pop("format"))
    ],
    "class 'Popen' is unknown": [
        lambda content: rewritten(
            content, lambda d, _: d["estimator"].update({"class": "Popen"})
        )
    ],
    "has no parameter 'transform'": [
        lambda content: rewritten(
            content, lambda d, _: d["estimator"]["state"].update(transform="x")
        )
    ],
    "should have": [
        lambda content: rewritten(
            content, lambda d, _: settings_of(d).update(n_features=10**12)
        ),
        lambda content: rewritten(
            content, lambda d, _: settings_of(d).update(n_components=10**9)
        ),
    ],
    "describes no estimator": [
        lambda content: rewritten(
            content, lambda d, _: d["estimator"]["state"].update(mean_=[1.0])
        ),
        lambda content: rewritten(
            content, lambda d, _: d["estimator"]["state"].update(networks_=[])
        ),
        lambda content: rewritten(
            content,
            lambda d, _: d["estimator"]["state"].update(scale_={"_class__": "x"}),
        ),
        lambda content: rewritten(content, lambda d, tensors: tensors.popitem()),
    ],
}


@pytest.mark.parametrize(
    ("message", "spoil"),
    [(message, spoil) for message, spoils in BAD.items() for spoil in spoils],
)
def test_what_is_wrong_with_a_file_is_said(message, spoil, content, path):
    path.write_bytes(spoil(content))
    with pytest.raises(ValueError, match=message):
        load(path)


def test_a_file_that_is_not_there_is_pythons_error(path):
    with pytest.raises(FileNotFoundError):
        load(path)


def test_deeply_nested_text_is_refused(path):
    text = "[" * 10**6
    metadata = {KIND: text, "sha256": digest(text, {})}
    path.write_bytes(bytes_of({"weight": torch.zeros(2)}, metadata))
    with pytest.raises(ValueError, match="was altered"):
        load(path)
    tensors = {"weight": torch.zeros(2)}
    metadata["sha256"] = digest(text, tensors)
    path.write_bytes(bytes_of(tensors, metadata))
    with pytest.raises(ValueError, match="has no readable description"):
        load(path)


def mutated(content, rng):
    """A copy of a file with some of its bytes changed, moved, cut or doubled."""
    spoiled = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        at, to = sorted(rng.integers(len(spoiled) + 1, size=2))
        kind = rng.integers(6)
        if kind == 0:
            spoiled[at:to] = b""
        elif kind == 1:
            spoiled[at:at] = rng.bytes(rng.integers(1, 40))
        elif kind == 2:
            spoiled[at : at + 1] = rng.bytes(1)
        elif kind == 3:
            spoiled[at:at] = spoiled[at : at + rng.integers(1, 40)]
        elif kind == 4:
            spoiled[:8] = rng.bytes(8)
        else:
            header = rng.integers(8, 3_000)
            spoiled[header : header + 1] = rng.bytes(1)
        if not spoiled:
            break
    return bytes(spoiled)


def changed_text(content, rng):
    """A copy of a file whose description was changed somewhere, and signed anew."""

    def change(document, tensors):
        text = json.dumps(document["estimator"])
        at = rng.integers(len(text))
        piece = rng.choice(["", "9", "-", "0", "1e9", "null", '"', "[", "{}", "true"])
        try:
            changed = json.loads(text[:at] + piece + text[at + rng.integers(2) :])
        except ValueError:
            changed = piece
        document["estimator"] = changed

    return rewritten(content, change)


@pytest.mark.parametrize("n_files", [200, pytest.param(2_000, marks=pytest.mark.slow)])
def test_no_mutated_file_does_more_than_fail(n_files, content, path):
    rng = np.random.default_rng(0)
    X = load_iris(return_X_y=True)[0]
    n_read = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        for turn in range(n_files):
            spoil = changed_text if turn % 4 == 0 else mutated
            path.write_bytes(spoil(content, rng))
            try:
                model = load(path)
            except ValueError:
                continue
            n_read += 1
            assert isinstance(model, StableAutoencoder)
            if spoil is mutated:  # in a place that says nothing
                assert np.isfinite(model.transform(X)).all()
    assert n_read < n_files / 5


def he_init(document, tensors):
    settings_of(document).update(hidden_layer_sizes=[10**9])


def emptied(document, tensors):
    """A network of so many features and no weights."""
    settings_of(document).update(
        hidden_layer_sizes=[], n_components=0, n_features=2 * 10**9
    )
    weights = document["estimator"]["state"]["networks_"][0]["dict"]["weights"]["dict"]
    name = weights["encoder.mlp.0.weight"]["array"]
    tensors[name] = torch.zeros(0, 2 * 10**9)


def repeated(document, tensors):
    tensors["large"] = torch.zeros(2**20)
    document["estimator"]["state"]["found_"] = [{"array": "large"}] * 1_000


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory by Linux's means")
@pytest.mark.parametrize("change", [he_init, emptied, repeated])
@pytest.mark.slow
def test_reading_takes_little_more_than_the_file_holds(change, content, path):
    path.write_bytes(rewritten(content, change))
    program = """
import resource, sys
from stable_embedding import load
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28,) * 2)
try:
    load(sys.argv[1])
except ValueError as error:
    print("refused:", type(error.__cause__).__name__)
"""
    found = subprocess.run(
        [sys.executable, "-c", program, path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() in ("refused: ValueError", "refused: KeyError")


# ------------------------------------------------------------ whole, or not at all


@pytest.mark.slow
def test_a_save_that_is_killed_leaves_the_old_file(content, path):
    path.write_bytes(content)
    program = """
import os, sys
from stable_embedding import StableAutoencoder, load, save
os.fsync = lambda file: os.kill(os.getpid(), 9)
save(StableAutoencoder(), sys.argv[1])
"""
    found = subprocess.run([sys.executable, "-c", program, path], check=False)
    assert found.returncode == -9
    assert path.read_bytes() == content
    load(path)


def test_a_save_that_fails_leaves_nothing(content, path, monkeypatch):
    path.write_bytes(content)

    def full(file):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        save(StableAutoencoder(), path)
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


# ------------------------------------------------------------------- formats and others


@pytest.mark.numeric
@pytest.mark.parametrize("version", range(1, persistence.FORMAT + 1))
def test_files_of_every_format_are_read(version, iris):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        model = load(FIXTURES / f"format-{version}.safetensors")
    expected = np.load(FIXTURES / f"format-{version}.npy")
    np.testing.assert_allclose(model.transform(iris[0]), expected, rtol=1e-4, atol=1e-5)
    assert not model.is_constant_


@pytest.mark.parametrize("estimator", CONFIGURATIONS, ids=repr)
def test_pickles_hold_little_more_than_the_weights(estimator, iris):
    model = clone(estimator).fit(*iris)
    pickled = pickle.dumps(model)
    assert_same(model, pickle.loads(pickled), iris[0])
    inner = getattr(model, "estimator_", model)
    weights = sum(
        weight.numel() * weight.element_size()
        for network in inner.networks_
        for weight in network.parameters()
    )
    assert len(pickled) < weights + 12_000


@pytest.mark.parametrize("estimator", CONFIGURATIONS, ids=repr)
def test_pickles_may_lie_in_memory_that_is_read_only(estimator, iris):
    """As those that joblib sends to its workers, or maps from a file."""
    model, buffers = clone(estimator).fit(*iris), []
    pickled = pickle.dumps(model, 5, buffer_callback=buffers.append)
    other = pickle.loads(pickled, buffers=[bytes(one) for one in buffers])
    assert buffers
    assert_same(model, other, iris[0])
    getattr(other, "estimator_", other).partial_fit(*iris)


def test_joblib_reads_what_it_writes(path, iris):
    model = StableAutoencoder(max_iter=3).fit(iris[0])
    joblib.dump(model, path)
    assert_same(model, joblib.load(path), iris[0])


def test_a_pipeline_remembers(tmp_path, iris):
    X, y = iris
    steps = StandardScaler(), StableAutoencoder(max_iter=3, random_state=0)
    first, second = (
        make_pipeline(*steps, LogisticRegression(), memory=str(tmp_path)).fit(X, y)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    np.testing.assert_array_equal(first[:-1].transform(X), second[:-1].transform(X))


def test_skops_needs_to_trust_the_class_alone(iris):
    sio = pytest.importorskip("skops.io")
    model = make_pipeline(StandardScaler(), StableAutoencoder(max_iter=3)).fit(iris[0])
    content = sio.dumps(model)
    trusted = ["stable_embedding.estimators.autoencoder.StableAutoencoder"]
    assert sio.get_untrusted_types(data=content) == trusted
    again = sio.loads(content, trusted=trusted)
    np.testing.assert_array_equal(again.transform(iris[0]), model.transform(iris[0]))


def test_a_network_that_does_not_fit_its_weights_is_refused():
    state = Autoencoder(4, 2, (3,), "relu").state()
    for change in ({"n_features": 5}, {"hidden_layer_sizes": (3, 3)}, {"init": "pca"}):
        with pytest.raises(ValueError, match="should have"):
            Autoencoder.restored(**state | {"settings": state["settings"] | change})
    restored = Autoencoder.restored(**state)
    for name, weight in restored.state_dict().items():
        np.testing.assert_array_equal(weight, state["weights"][name])
