import sys
import threading

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EpochScoring, LRScheduler

from stable_embedding import (
    DenoisingAutoencoder,
    SparseAutoencoder,
    StableAutoencoder,
)
from stable_embedding.data import training_data
from stable_embedding.losses import LossTerm
from stable_embedding.losses.similarity import distance
from stable_embedding.training.plan import (
    _RESERVED_NAMES,
    TrainingPlan,
    check_callbacks,
    resolve_device,
    resolve_layer_sizes,
)


class Untouchable:
    """Data that nobody may look at."""

    def __getattribute__(self, name):
        raise AssertionError(f"{name} of the data was touched")

    def __len__(self):
        raise AssertionError("the data were touched")

    __iter__ = __getitem__ = __array__ = __len__


class Term(LossTerm):
    """A term of one's own."""

    def __init__(self, name, weight=1.0):
        super().__init__(weight)
        self.name = name

    def forward(self, outputs, batch):
        return outputs.codes.square().mean((-2, -1))


class Unnamed(LossTerm):
    """A term without a name."""


BAD = [
    (StableAutoencoder(device="cuda:99"), ValueError, "device='cuda:99' cannot be"),
    (StableAutoencoder(device="toaster"), ValueError, "device='toaster' cannot be"),
    (StableAutoencoder(callbacks=[print]), TypeError, "callbacks holds <built-in"),
    (StableAutoencoder(callbacks=[("a", 1)]), TypeError, "callbacks holds ('a', 1)"),
    (
        DenoisingAutoencoder(corruption="masking", corruption_level=1.5),
        ValueError,
        "corruption_level=1.5 must be a fraction",
    ),
    (
        SparseAutoencoder(2, penalty="k_sparse", sparsity=5),
        ValueError,
        "sparsity=5 must be at most n_components=2",
    ),
    (SparseAutoencoder(2, sparsity=1), ValueError, "sparsity=1 must be a float"),
    (
        StableAutoencoder(checkpoint="file"),
        ValueError,
        "checkpoint='file' needs an integer as random_state (it is None)",
    ),
    (
        StableAutoencoder(hidden_layer_sizes=[0]),
        ValueError,
        "hidden_layer_sizes=[0] must be positive integers",
    ),
    (StableAutoencoder(extra_losses=[print]), TypeError, "extra_losses holds <built"),
    (StableAutoencoder(extra_losses=[Term]), TypeError, "must be an instance of"),
    (
        StableAutoencoder(extra_losses=[Term("my loss")]),
        ValueError,
        "name='my loss'; a name must be a Python identifier",
    ),
    (StableAutoencoder(extra_losses=[Unnamed()]), ValueError, "with name=None; a name"),
    (
        StableAutoencoder(extra_losses=[Term("a"), Term("b"), Term("a")]),
        ValueError,
        "a term named 'a', which is taken",
    ),
    (
        StableAutoencoder(extra_losses=[Term("similarity")]),
        ValueError,
        "a term named 'similarity', which is taken",
    ),
    *[
        (
            StableAutoencoder(extra_losses=[Term("mine", weight)]),
            ValueError,
            f"the term 'mine' with weight={weight!r}; a weight must be a finite number",
        )
        for weight in ("0.1", None, [1.0], np.nan, -np.inf)
    ],
    (
        StableAutoencoder(extra_losses=[Term("validation")]),
        ValueError,
        "a term named 'validation', which is taken",
    ),
    (
        StableAutoencoder(callbacks=[("mine", LRScheduler("StepLR"))]),
        ValueError,
        "the training sets the learning rate of each step; choose its peak by",
    ),
    (
        StableAutoencoder(extra_losses=[Term("validation_similarity")]),
        ValueError,
        "'validation_similarity'; a name must not begin with 'validation_'",
    ),
    (StableAutoencoder(n_components=0), ValueError, "'n_components' parameter"),
]


@pytest.mark.parametrize(("model", "error", "message"), BAD)
def test_bad_parameters_are_refused_before_data_are_touched(model, error, message):
    for fit in (model.fit, model.partial_fit):
        if model.checkpoint is not None and fit == model.partial_fit:
            message = "must be None for partial_fit"
        with pytest.raises(error) as caught:
            fit(Untouchable())
        assert message in str(caught.value)
        assert not hasattr(model, "n_features_in_")


def test_good_parameters_let_data_be_touched():
    with pytest.raises(AssertionError, match="touched"):
        StableAutoencoder(extra_losses=[Term("a"), Term("b")]).fit(Untouchable())


def wrong_similarity(samples):
    return samples.sum(-1)


def test_a_similarity_of_a_wrong_shape_is_refused_before_the_mean(iris, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("the mean was computed")

    monkeypatch.setattr(training_data, "mean_and_scale", refuse)
    X, _ = iris
    model = StableAutoencoder(similarity=wrong_similarity)
    with pytest.raises(ValueError, match=r"returned shape \(7,\) for 7 samples"):
        model.fit(X)
    # It is not computed without a weight.
    with pytest.raises(AssertionError, match="the mean was computed"):
        model.set_params(similarity_weight=0).fit(X)


def test_a_plan_resolves_parameters():
    model = StableAutoencoder(
        3,
        hidden_layer_sizes=np.array([8, 4]),
        n_init=2,
        early_stopping=True,
        tol=0.5,
        random_state=0,
        verbose=1,
        device="cpu",
    )
    plan = TrainingPlan.from_estimator(model)
    assert (plan.n_components, plan.hidden_layer_sizes) == (3, (8, 4))
    assert plan.similarity is distance
    assert len(set(plan.seeds)) == 2
    assert plan.stopping_rule == (0.1, 10, 0.5)
    assert (plan.callbacks, plan.extra_losses) == ((), ())
    assert (plan.verbose, plan.device, plan.checkpoint) == (True, "cpu", None)
    assert plan.seeds == TrainingPlan.from_estimator(model).seeds
    model.set_params(early_stopping=False)
    assert TrainingPlan.from_estimator(model).stopping_rule is None


def test_what_must_see_features_is_not_projected():
    def projects(requires_features=False, resume=False, **parameters):
        model = StableAutoencoder(n_init=1, **parameters)
        return TrainingPlan.from_estimator(
            model, requires_features=requires_features, resume=resume
        ).may_project

    assert projects()
    assert not projects(requires_features=True)
    assert not projects(resume=True)
    assert not projects(init="random")
    assert projects(similarity="cosine")
    assert not projects(similarity="rbf")
    assert not projects(similarity=wrong_similarity)
    assert not projects(extra_losses=[Term("a")])


def identity(**parameters):
    defaults = {"random_state": 0, "checkpoint": "directory"}
    return TrainingPlan.from_estimator(
        StableAutoencoder(**(defaults | parameters))
    ).identity


def test_an_identity_tells_trainings_apart():
    same = {"verbose": 1, "callbacks": [Callback()], "device": "cpu"}
    assert identity() == identity(**same, checkpoint="another")
    assert identity(random_state=np.int64(0)) == identity()
    others = [{"max_iter": 3}, {"n_components": 3}, {"tol": 0.5}, {"random_state": 1}]
    assert len({identity(**other) for other in [{}, *others]}) == 5


def test_what_another_process_cannot_have_is_named():
    term = Term("a")
    term.lock = threading.Lock()
    with pytest.raises(TypeError, match="extra_losses=.*cannot be pickled.*lock"):
        identity(extra_losses=[term])
    model = StableAutoencoder(extra_losses=[term])
    TrainingPlan.from_estimator(model)  # without a checkpoint nobody asks


def test_a_checkpoint_is_a_directory(tmp_path):
    file = tmp_path / "file"
    file.write_text("my thesis")
    model = StableAutoencoder(checkpoint=file, random_state=0)
    with pytest.raises(ValueError, match="checkpoint=.*is a file; it must be a direct"):
        model.fit(Untouchable())
    assert file.read_text() == "my thesis"


def test_the_plan_of_a_layer_is_plain(make_plan, tmp_path):
    plan = make_plan(callbacks=(Callback(),), checkpoint=tmp_path, seeds=[1, 2])
    layer = plan.for_layer(7)
    assert layer.seeds == [7]
    assert (layer.callbacks, layer.checkpoint, layer.stopping_rule) == ((), None, None)
    assert layer.batch_size == plan.batch_size


def test_the_weight_of_a_term_may_be_a_tensor():
    term = Term("mine", torch.tensor(0.5))
    plan = TrainingPlan.from_estimator(StableAutoencoder(extra_losses=[term]))
    assert plan.extra_losses == (term,)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [(5, (5,)), ((), ()), ([8, 4], (8, 4)), (np.array([8, 4]), (8, 4))],
)
def test_layer_sizes_are_a_tuple(sizes, expected):
    assert resolve_layer_sizes(sizes, 0) == expected
    assert all(type(size) is int for size in resolve_layer_sizes(sizes, 0))


def test_layer_sizes_are_chosen():
    assert resolve_layer_sizes("auto", 0) == (128, 32)
    assert resolve_layer_sizes("auto", 1) == (128, 128, 128)


@pytest.mark.parametrize(
    "sizes", [[0], [-1], [1.5], [[3]], ["a"], [None], True, (True,), (True, 8)]
)
def test_layer_sizes_are_positive_integers(sizes):
    with pytest.raises(ValueError, match="must be positive integers"):
        resolve_layer_sizes(sizes, 0)


def test_a_device_is_tried():
    assert resolve_device("cpu", None) == "cpu"
    torch.empty(0, device=resolve_device("auto", None))


def test_callbacks_may_be_classes_and_have_names():
    scoring = EpochScoring("r2")
    check_callbacks(None)
    check_callbacks([Callback, Callback(), ("mine", scoring), ("class", EpochScoring)])


def test_names_of_all_our_terms_are_reserved():
    def derived(kind):
        for one in kind.__subclasses__():
            yield one
            yield from derived(one)

    ours = {
        kind.name
        for kind in derived(LossTerm)
        if kind.__module__.startswith("stable_embedding.")
        and hasattr(kind, "name")
        # An example of a docstring is of the module, but not in it.
        and getattr(sys.modules[kind.__module__], kind.__name__, None) is kind
    }
    assert ours <= _RESERVED_NAMES
    assert {"reconstruction", "triplet", "hamming", "contraction"} <= ours
