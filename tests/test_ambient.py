"""What a user has set in torch and scikit-learn changes no result, to the last bit."""

import copy
import pickle
import threading
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import chain

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.neighbors import KNeighborsTransformer
from sklearn.preprocessing import scale

import stable_embedding
from stable_embedding import ReconstructionOutlierDetector, StableAutoencoder
from stable_embedding._ambient import (
    _MATMUL_BACKENDS,
    exclusive_random_stream,
    own_random_stream,
    own_settings,
    seed_streams,
)
from stable_embedding.estimators.registry import ESTIMATORS
from stable_embedding.export import to_onnx
from tests.ambient import CONTEXTS


def inner_product(samples):
    return samples @ samples.mT


QUICK = {"n_init": 2, "max_iter": 2, "random_state": 0}
CONFIGURATIONS = {
    name: ReconstructionOutlierDetector(StableAutoencoder(**QUICK))
    if kind is ReconstructionOutlierDetector
    else kind(**QUICK)
    for name, kind in ESTIMATORS.items()
} | {
    "neighbors": StableAutoencoder(neighbor_weight=1.0, **QUICK),
    "own neighbors": StableAutoencoder(
        neighbor_weight=1.0, neighbors=KNeighborsTransformer(n_neighbors=5), **QUICK
    ),
    "early stopping": StableAutoencoder(early_stopping=True, **QUICK),
    "own similarity": StableAutoencoder(similarity=inner_product, **QUICK),
    "random": StableAutoencoder(
        init="random", layerwise_pretraining=True, max_iter=2, random_state=0
    ),
    "pretrained": StableAutoencoder(layerwise_pretraining=True, **QUICK),
    "one run": StableAutoencoder(n_init=1, max_iter=2, random_state=0),
}

# Those that hold a function or a transformer, which no file holds.
WITH_CODE = {"own neighbors", "own similarity"}

# Each setting is tried alone by these, and together with others by all.
EACH_ALONE = ["StableAutoencoder", "early stopping"]

# Of two settings of one thing, each is in another group: the later one would hide it.
TOGETHER = [
    [
        "default_dtype",
        "default_device",
        "no_grad",
        "matmul_precision",
        "anomalies",
        "pandas",
        "working_memory",
        "denormal",
    ],
    [
        "device",
        "inference_mode",
        "autocast",
        "generic_precision",
        "deterministic",
        "polars",
        "metadata_routing",
        "assume_finite",
    ],
]

METHODS = ("transform", "transform_runs", "predict", "score", "score_samples")


@cache
def data():
    X, y = load_iris(return_X_y=True)
    return scale(X)[::3], y[::3]


def of_weights(model):
    """All that a fitted estimator has learned, as arrays."""
    model = getattr(model, "estimator_", model)
    return [
        weight.numpy(force=True)
        for network in model.networks_
        for weight in network.state_dict().values()
    ]


def everything(name, path):
    """Results of all that an estimator does, by name."""
    X, y = data()
    model = clone(CONFIGURATIONS[name]).fit(X, y)
    results = {"fit": of_weights(model)}
    for method in METHODS:
        if hasattr(model, method):
            results[method] = np.asarray(getattr(model, method)(X))
    if hasattr(model, "inverse_transform"):
        codes = results["transform"]
        results["inverse_transform"] = model.inverse_transform(codes)
        results["align"] = of_weights(copy.deepcopy(model).align(X[5:], codes[:-5]))
    if hasattr(model, "partial_fit"):
        again = copy.deepcopy(model).partial_fit(X[::2], y[::2])
        results["partial_fit"] = of_weights(again)
    results["deepcopy"] = of_weights(copy.deepcopy(model))
    results["pickle"] = of_weights(pickle.loads(pickle.dumps(model)))
    if name not in WITH_CODE:
        stable_embedding.save(model, path)
        results["save"] = of_weights(stable_embedding.load(path))
    results["to_onnx"] = to_onnx(model).SerializeToString()
    return results


@cache
def plain_results(name, path):
    return everything(name, path)


def assert_unchanged(name, contexts, path):
    plain = plain_results(name, path)
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(CONTEXTS[context]())
        found = everything(name, path)
    assert found.keys() == plain.keys()
    for operation, value in plain.items():
        np.testing.assert_equal(found[operation], value, err_msg=operation)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("ambient") / "model.safetensors"


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("name", EACH_ALONE)
def test_no_setting_changes_a_result(name, context, path):
    assert_unchanged(name, [context], path)


@pytest.mark.slow
@pytest.mark.parametrize("together", TOGETHER, ids="-".join)
@pytest.mark.parametrize(
    "name", [each for each in CONFIGURATIONS if each not in EACH_ALONE]
)
def test_settings_together_change_no_result(name, together, path):
    assert_unchanged(name, together, path)


def test_each_setting_is_among_those_that_come_together():
    assert {*chain(*TOGETHER)} == CONTEXTS.keys()


def test_settings_are_left_as_they_were(iris):
    model = StableAutoencoder(**QUICK)
    with CONTEXTS["matmul_precision"](), torch.device("meta"), torch.no_grad():
        before = precision_settings()
        model.fit(iris[0]).transform(iris[0])
        with pytest.raises(ValueError, match="n_features_in_|features"):
            model.transform(iris[0][:, :2])
        assert precision_settings() == before != (*before[:-1], "ieee")
        assert torch.empty(0).device.type == "meta"
        assert not torch.is_grad_enabled()


def test_one_thread_does_not_undo_the_precision_of_another():
    entered, may_leave = threading.Event(), threading.Event()

    def compute():
        with own_settings():
            entered.set()
            may_leave.wait(60)

    with CONTEXTS["matmul_precision"]():
        before = precision_settings()
        other = threading.Thread(target=compute)
        with own_settings():
            other.start()
            entered.wait(60)
        assert precision_settings() != before
        may_leave.set()
        other.join()
        assert precision_settings() == before


def precision_settings():
    return tuple(backend.fp32_precision for backend in _MATMUL_BACKENDS)


def test_one_thread_does_not_undo_the_random_stream_of_another():
    meeting = threading.Barrier(2, timeout=60)

    def enter_first():
        with own_random_stream(1):
            meeting.wait()
            meeting.wait()
        meeting.wait()

    def leave_last():
        meeting.wait()
        with own_random_stream(2):
            meeting.wait()
            meeting.wait()

    before = torch.get_rng_state()
    threads = [threading.Thread(target=one) for one in (enter_first, leave_last)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("step", ["enter", "seed", "leave"])
def test_no_other_thread_sets_an_exclusive_random_stream(step):
    may_go_on, is_over = threading.Event(), threading.Event()
    has_come = threading.Event()

    def act():
        def wait_before(name):
            if name == step:
                has_come.set()
                may_go_on.wait(60)

        wait_before("enter")
        with own_random_stream(2):
            wait_before("seed")
            seed_streams(3, "cpu")
            wait_before("leave")
            if step != "leave":
                is_over.wait(60)

    with exclusive_random_stream(1):
        expected = torch.stack([torch.rand(3), torch.rand(3)])
    other = threading.Thread(target=act)
    other.start()
    has_come.wait(60)
    with exclusive_random_stream(1):
        first = torch.rand(3)
        may_go_on.set()
        other.join(0.2)
        # The same draws, from the same state.
        assert torch.equal(torch.stack([first, torch.rand(3)]), expected)
    is_over.set()
    other.join()


def test_a_random_stream_goes_on_after_one_within_it():
    with own_random_stream(1):
        expected = torch.stack([torch.rand(3), torch.rand(3)])
    with own_random_stream(1):
        first = torch.rand(3)
        with own_random_stream(2):
            torch.rand(3)
        # The same draws, from the same state.
        assert torch.equal(torch.stack([first, torch.rand(3)]), expected)


class Streams:
    """Streams of random numbers of two devices, as torch has them for CUDA."""

    def __init__(self):
        self.current, self.seeds = 0, {}

    @contextmanager
    def device(self, device):
        earlier, self.current = self.current, device.index
        yield
        self.current = earlier

    def manual_seed(self, seed):
        self.seeds[self.current] = seed


@pytest.mark.parametrize(("device", "seeded"), [("cuda", 0), ("cuda:1", 1)])
def test_the_stream_of_the_device_itself_is_seeded(device, seeded, monkeypatch):
    streams = Streams()
    monkeypatch.setattr(torch, "get_device_module", lambda device: streams)
    with torch.random.fork_rng(devices=[]):
        seed_streams(7, device)
    assert streams.seeds == {seeded: 7}
    assert streams.current == 0
