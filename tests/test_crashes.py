"""What is left of a training that did not come to its end."""

import multiprocessing
import os
import signal
import threading
import warnings

import numpy as np
import pytest
import torch
from joblib import Parallel, cpu_count, delayed, parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from stable_embedding import (
    DenoisingAutoencoder,
    StableAutoencoder,
    TripletVariationalAutoencoder,
    VariationalAutoencoder,
)
from stable_embedding.data import limits
from tests.precision import assert_near

N_EPOCHS = 12


class Kill(Callback):
    """Kills its process at the end of an epoch or in the midst of one."""

    def __init__(self, epoch, midst):
        self.epoch = epoch
        self.midst = midst

    def on_batch_end(self, net, **kwargs):
        if self.midst and len(net.history) == self.epoch:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            os.kill(os.getpid(), signal.SIGKILL)


class Interrupt(Callback):
    """Presses Ctrl-C at the beginning of a batch, and counts the batches that end."""

    n_ended = 0

    def on_batch_begin(self, net, **kwargs):
        if len(net.history) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    def on_batch_end(self, net, **kwargs):
        self.n_ended += len(net.history) == 3


ESTIMATORS = {
    "plain": StableAutoencoder(max_iter=N_EPOCHS, random_state=0),
    "several": StableAutoencoder(
        max_iter=N_EPOCHS, random_state=0, n_init=2, early_stopping=True
    ),
    "neighbors": StableAutoencoder(
        max_iter=N_EPOCHS, random_state=0, neighbor_weight=1.0, init="random"
    ),
    "stopped": StableAutoencoder(
        max_iter=60,
        random_state=0,
        early_stopping=True,
        n_iter_no_change=2,
        tol=1e-2,
    ),
    "denoising": DenoisingAutoencoder(max_iter=N_EPOCHS, random_state=0),
    "pretrained": VariationalAutoencoder(
        max_iter=N_EPOCHS, random_state=0, layerwise_pretraining=True
    ),
}


def train(name, path, X, kill, n_threads):
    """Train in a child that is killed."""
    torch.set_num_threads(n_threads)  # other threads are another computation
    clone(ESTIMATORS[name]).set_params(checkpoint=path, callbacks=[kill]).fit(X)


def spawn(*arguments):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["stable_embedding", "tests.test_crashes"])
    n_threads = torch.get_num_threads()
    child = context.Process(target=train, args=(*arguments, n_threads))
    child.start()
    child.join()
    return child.exitcode


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoints"


def assert_same(model, other, X):
    np.testing.assert_array_equal(model.transform(X), other.transform(X))
    np.testing.assert_array_equal(model.transform_runs(X), other.transform_runs(X))
    assert model.history_ == other.history_
    assert model.n_iter_ == other.n_iter_


@pytest.mark.parametrize("turn", range(2))
@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.slow
def test_a_training_that_is_killed_goes_on(name, turn, path, iris):
    X, _ = iris
    whole = clone(ESTIMATORS[name]).fit(X)
    rng = np.random.default_rng([turn, len(name)])
    epoch, midst = int(rng.integers(1, whole.n_iter_ + 1)), bool(turn % 2)
    assert spawn(name, path, X, Kill(epoch, midst)) == -signal.SIGKILL
    assert len(os.listdir(path)) == (epoch > 1)
    model = clone(ESTIMATORS[name]).set_params(checkpoint=path).fit(X)
    assert_same(model, whole, X)
    assert os.listdir(path) == []


def test_a_checkpoint_changes_nothing_and_is_removed(path, iris):
    X, _ = iris
    models = [
        StableAutoencoder(max_iter=5, n_init=1, random_state=0, checkpoint=at).fit(X)
        for at in (None, path / "deep", str(path))
    ]
    for model in models[1:]:
        assert_same(model, models[0], X)
    assert os.listdir(path / "deep") == []
    assert os.listdir(path) == ["deep"]


CHANGES = [
    {"similarity_weight": 0.5},
    {"max_iter": 4},
    {"random_state": 1},
    {"corruption_level": 0.6},
    {"corruption": "masking"},
    {"similarity": "cosine"},
    {"activation": "tanh"},
]


def test_no_training_resumes_another(path, iris):
    X, _ = iris
    whole = DenoisingAutoencoder(max_iter=5, n_init=1, random_state=0)
    model = clone(whole).set_params(checkpoint=path)
    with pytest.raises(KeyboardInterrupt):
        clone(model).set_params(callbacks=[Interrupt()]).fit(X)
    (file,) = path.iterdir()
    content = file.read_bytes()
    clone(model).fit(X[1:])
    for change in CHANGES:
        clone(model).set_params(**change).fit(X)
    StableAutoencoder(max_iter=5, n_init=1, random_state=0, checkpoint=path).fit(X)
    assert list(path.iterdir()) == [file]
    assert file.read_bytes() == content
    assert_same(model.fit(X), whole.fit(X), X)
    assert list(path.iterdir()) == []


def test_labels_are_part_of_a_training(path, iris):
    X, y = iris
    model = TripletVariationalAutoencoder(
        max_iter=4, n_init=1, random_state=0, checkpoint=path
    )
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[Interrupt()]).fit(X, y)
    model.set_params(callbacks=None).fit(X, y[::-1])
    assert len(os.listdir(path)) == 1
    model.fit(X, y)
    assert len(os.listdir(path)) == 0


def test_a_checkpoint_needs_a_training_that_can_be_done_again(path, iris):
    X, _ = iris
    for random_state in (None, np.random.RandomState(0)):
        model = StableAutoencoder(checkpoint=path, random_state=random_state)
        with pytest.raises(ValueError, match="needs an integer as random_state"):
            model.fit(X)
    model = StableAutoencoder(max_iter=2, checkpoint=path, random_state=0)
    with pytest.raises(ValueError, match="must be None for partial_fit"):
        model.partial_fit(X)


def test_a_warm_start_goes_on_after_a_crash(path, iris):
    X, _ = iris
    models = [StableAutoencoder(max_iter=5, random_state=0).fit(X) for _ in range(2)]
    for model in models:
        model.set_params(warm_start=True)
    models[0].fit(X)
    with pytest.raises(KeyboardInterrupt):
        models[1].set_params(checkpoint=path, callbacks=[Interrupt()]).fit(X)
    models[1].set_params(callbacks=None).fit(X)
    assert_same(models[1], models[0], X)


def test_a_warm_start_does_not_go_on_from_samples_in_another_unit(path, iris):
    X, _ = iris
    models = [StableAutoencoder(max_iter=5, random_state=0).fit(X) for _ in range(2)]
    for model in models:
        # The weight decay is given, as one that was found would differ too.
        model.set_params(warm_start=True, alpha=0.1)
    models[0].fit(X)
    with pytest.raises(KeyboardInterrupt):
        models[1].set_params(checkpoint=path, callbacks=[Interrupt()]).fit(2 * X)
    models[1].set_params(callbacks=None).fit(X)
    assert_same(models[1], models[0], X)


def test_chunks_go_on_after_a_crash(path, iris, monkeypatch):
    X, _ = iris
    monkeypatch.setattr(limits, "IN_MEMORY_BYTES", 1)
    monkeypatch.setattr(limits, "READ_BYTES", 600)
    whole = DenoisingAutoencoder(max_iter=6, random_state=0).fit(X)
    model = DenoisingAutoencoder(max_iter=6, random_state=0, checkpoint=path)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[Interrupt()]).fit(X)
    assert_same(model.set_params(callbacks=None).fit(X), whole, X)


def test_ctrl_c_is_given_back_whatever_happens(iris):
    class Fails(Callback):
        def on_train_end(self, net, **kwargs):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        StableAutoencoder(max_iter=2, callbacks=[Fails()]).fit(iris[0])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_ends_a_training_after_the_batch(iris):
    X, _ = iris
    model = StableAutoencoder(max_iter=3, random_state=0).fit(X)
    codes = model.transform(X)
    pressed = Interrupt()
    with pytest.raises(KeyboardInterrupt):
        model.set_params(max_iter=10, callbacks=[pressed]).fit(X)
    assert pressed.n_ended == 1
    np.testing.assert_array_equal(model.transform(X), codes)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupted_training_goes_on(path, iris):
    X, _ = iris
    whole = StableAutoencoder(max_iter=10, random_state=0).fit(X)
    model = StableAutoencoder(max_iter=10, random_state=0, checkpoint=path)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[Interrupt()]).fit(X)
    assert len(os.listdir(path)) == 1
    assert_same(model.set_params(callbacks=None).fit(X), whole, X)


def test_in_another_thread_ctrl_c_is_left_to_others(iris):
    handlers = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            handlers.append(signal.getsignal(signal.SIGINT))

    model = StableAutoencoder(max_iter=2, callbacks=[Watch()])
    thread = threading.Thread(target=model.fit, args=(iris[0],))
    thread.start()
    thread.join()
    assert set(handlers) == {signal.default_int_handler}


def test_threads_embed_as_one_does(digits):
    X, _ = digits
    model = StableAutoencoder(5, n_init=1, max_iter=1, random_state=0).fit(X)
    codes, found = model.transform(X), [None] * 8

    def embed(at):
        for _ in range(20):
            found[at] = model.transform(X)

    threads = [threading.Thread(target=embed, args=(at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A thread's first products may be computed by more threads than torch has been set.
    for of_thread in found:
        assert_near(of_thread, codes)


def test_a_fork_embeds_as_its_parent_does(iris):
    X, _ = iris
    model = StableAutoencoder(max_iter=3, random_state=0).fit(X)
    codes = model.transform(X)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks with threads
        child = context.Process(target=lambda: results.put(model.transform(X)))
        child.start()
    np.testing.assert_array_equal(results.get(timeout=60), codes)
    child.join(60)
    assert child.exitcode == 0


def threads_of_a_worker():
    """The threads that torch takes in a worker of joblib's."""
    return torch.get_num_threads()


@pytest.mark.slow
def test_workers_take_no_more_threads_than_there_are_cores():
    n_jobs = 2
    counts = Parallel(n_jobs)(delayed(threads_of_a_worker)() for _ in range(n_jobs))
    assert sum(counts) <= max(cpu_count(), n_jobs)


class Fail(Callback):
    """Fails in an epoch, and counts the epochs that end."""

    n_ended = 0

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        type(self).n_ended += 1
        if len(net.history) == self.epoch:
            raise RuntimeError("crashed")


def search_with(checkpoint, callbacks, **parameters):
    model = StableAutoencoder(
        max_iter=4, n_init=1, random_state=0, checkpoint=checkpoint, callbacks=callbacks
    )
    grid = {"similarity_weight": [0, 1], "alpha": [0, 1]}
    return GridSearchCV(model, grid, cv=2, **parameters)


@pytest.mark.parametrize(
    ("n_jobs", "backend"),
    [
        (1, "sequential"),
        (2, "threading"),
        pytest.param(2, "loky", marks=pytest.mark.slow),
    ],
)
def test_trainings_of_a_search_share_a_directory(n_jobs, backend, path, iris):
    X, _ = iris
    alone = search_with(None, None, refit=False).fit(X)
    with parallel_config(backend):
        with pytest.raises(ValueError, match="All the 8 fits failed"):
            search_with(path, [Fail(3)], n_jobs=n_jobs).fit(X)
        assert len(os.listdir(path)) == 8
        search = search_with(path, [Fail(None)], n_jobs=n_jobs).fit(X)
    assert os.listdir(path) == []
    assert search.best_params_ == alone.best_params_
    scores = [one.cv_results_["mean_test_score"] for one in (search, alone)]
    # Workers have threads of their own.
    np.testing.assert_allclose(*scores, rtol=1e-4)


def test_a_search_resumes_the_training_that_was_killed(path, iris):
    X, _ = iris
    with pytest.raises(RuntimeError, match="crashed"):
        search_with(path, [Fail(3)], error_score="raise").fit(X)
    assert len(os.listdir(path)) == 1
    Fail.n_ended = 0
    search_with(path, [Fail(None)]).fit(X)
    # Of eight trainings and the last, one had two epochs behind it.
    assert Fail.n_ended == 9 * 4 - 2


@pytest.mark.slow
def test_a_search_in_workers_finds_what_one_alone_does(iris):
    X, _ = iris
    searches = [
        GridSearchCV(
            StableAutoencoder(max_iter=3, random_state=0),
            {"similarity_weight": [0, 1]},
            cv=2,
            n_jobs=n_jobs,
        ).fit(X)
        for n_jobs in (None, 2)
    ]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_allclose(*scores, rtol=1e-4)  # workers have threads of their own
