"""The losses of a fit, and terms of a user's own among them."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from stable_embedding.estimators.base import BaseStableAutoencoder
from stable_embedding.estimators.registry import ESTIMATORS
from stable_embedding.losses import LossTerm

AUTOENCODERS = [
    kind for kind in ESTIMATORS.values() if issubclass(kind, BaseStableAutoencoder)
]
each_autoencoder = pytest.mark.parametrize(
    "kind", AUTOENCODERS, ids=lambda kind: kind.__name__
)


class Correlation(LossTerm):
    """Components that should not be correlated."""

    name = "correlation"

    def forward(self, outputs, batch):
        codes = outputs.codes - outputs.codes.mean(-2, keepdim=True)
        unit = nn.functional.normalize(codes, dim=-2, eps=1e-6)
        return (unit.mT @ unit).triu(1).square().mean((-2, -1))


class Center(LossTerm):
    """Squared distance of codes from a center that is learned."""

    name = "center"

    def __init__(self, weight=1.0):
        super().__init__(weight)
        self.center = nn.Parameter(torch.tensor(3.0))

    def forward(self, outputs, batch):
        return (outputs.codes - self.center).square().mean((-2, -1))


class Recorder(LossTerm):
    """Nothing but a record of what it is given, which copies share."""

    name = "recorder"

    def __init__(self):
        super().__init__()
        self.record = lambda *given: None

    def forward(self, outputs, batch):
        self.record(outputs, batch)
        return outputs.codes.mean((-2, -1))


@pytest.fixture
def near_plane(rng):
    """Wide samples, which without terms of a user's own are trained in a basis."""
    X = rng.normal(size=(150, 2)) @ rng.normal(size=(2, 200))
    return X + 0.1 * rng.normal(size=X.shape)


@each_autoencoder
def test_losses_of_our_own_are_plain_attributes(kind, iris):
    model = kind(max_iter=2, random_state=0).fit(*iris)
    names = model.losses_.keys() - {"loss"}
    assert names >= {"reconstruction_loss", "similarity_loss", "neighbor_loss"}
    for name in names:
        assert vars(model)[f"{name}_"] == model.losses_[name]
        assert len(model.history_[name]) == model.n_iter_


def test_a_term_of_ones_own_is_in_attributes_and_history(quick, iris):
    X, _ = iris
    model = quick(extra_losses=[Correlation(0.5)], n_init=1, random_state=0).fit(X)
    assert model.correlation_loss_ == model.losses_["correlation_loss"]
    assert len(model.history_["correlation_loss"]) == 20
    codes = model.transform(X)
    # Over batches, whose correlations are not quite those of all samples.
    whole = np.corrcoef(codes.T)[0, 1] ** 2 / 4
    assert model.correlation_loss_ == pytest.approx(whole, abs=0.01)
    terms = ["reconstruction_loss", "similarity_loss"]
    total = sum(model.losses_[name] for name in terms) + 0.5 * model.correlation_loss_
    assert model.losses_["loss"] == pytest.approx(total, rel=1e-5)  # sums in float32


def test_with_early_stopping_a_term_is_validated(quick, iris):
    model = quick(extra_losses=(Correlation(),), early_stopping=True).fit(iris[0])
    validation = model.history_["validation_correlation_loss"]
    assert len(validation) == model.n_iter_
    assert np.isfinite(validation).all()


def test_after_a_fit_without_it_a_term_is_gone(quick, iris):
    model = quick(extra_losses=[Correlation()]).fit(iris[0])
    assert model.correlation_loss_ >= 0
    model.set_params(extra_losses=()).fit(iris[0])
    assert "correlation_loss" not in model.history_
    with pytest.raises(AttributeError, match="no attribute 'correlation_loss_'"):
        model.correlation_loss_  # noqa: B018


def test_there_are_no_losses_that_are_not_of_the_fit(quick, iris):
    model = quick(extra_losses=[Correlation()])
    for _ in range(2):
        assert not hasattr(model, "foo_loss_")
        assert not hasattr(model, "loss_")
        assert not hasattr(model, "validation_correlation_loss_")
        assert hasattr(model, "correlation_loss_") == hasattr(model, "losses_")
        model.fit(iris[0])


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_keep_the_losses(copied, quick, iris):
    X, _ = iris
    model = quick(extra_losses=[Correlation()]).fit(X)
    again = copied(model)
    assert again.correlation_loss_ == model.correlation_loss_
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    assert [term.name for term in again.extra_losses] == ["correlation"]
    assert not hasattr(copied(quick()), "correlation_loss_")


@pytest.mark.numeric
def test_a_clone_has_the_terms_and_no_losses(quick, iris):
    model = quick(extra_losses=[Correlation(0.25)], random_state=0).fit(iris[0])
    again = clone(model)
    assert not hasattr(again, "correlation_loss_")
    assert again.extra_losses[0].weight == 0.25
    assert again.fit(iris[0]).losses_ == model.losses_


def test_a_fit_changes_no_term_of_the_user(quick, iris):
    seen, term = [], Center()
    term.register_forward_pre_hook(
        lambda module, args: seen.append(module.center.item())
    )
    quick(extra_losses=[term], random_state=0).fit(iris[0])
    assert seen[0] == 3
    assert seen[-1] < 2.99  # it was learned, in a copy
    assert term.center.item() == 3
    assert term.center.grad is None
    assert term.training


@pytest.mark.numeric
def test_terms_have_a_value_for_each_run(quick, iris):
    X, _ = iris
    shapes, recorder = set(), Recorder()
    recorder.record = lambda outputs, batch: shapes.add(outputs.codes.shape[:-2])
    parameters = {"max_iter": 2, "init": "random", "consensus_weight": 0}
    runs = quick(
        **parameters, extra_losses=[Correlation(), recorder], n_init=3, random_state=0
    ).fit(X)
    assert shapes == {(3,)}
    seeds = np.random.RandomState(0)
    alone = [
        quick(
            **parameters | {"n_init": 1},
            extra_losses=[Correlation(), recorder],
            random_state=seeds,
        )
        .fit(X)
        .correlation_loss_
        for _ in range(3)
    ]
    # A stack rounds otherwise.
    assert runs.correlation_loss_ == pytest.approx(np.mean(alone), rel=1e-3)
    assert len({round(value, 4) for value in alone}) == 3


def test_with_neighbors_terms_see_anchors_and_positives(quick, iris):
    X, _ = iris
    seen, recorder = [], Recorder()
    recorder.record = lambda outputs, batch: seen.append(
        (torch.is_grad_enabled(), outputs.codes.shape[-2], batch.samples.shape[-2])
    )
    model = quick(neighbor_weight=1.0, extra_losses=[recorder], max_iter=1).fit(X)
    assert {n_codes == n_samples for _, n_codes, n_samples in seen} == {True}
    of_training, of_evaluation = (
        sum(size for trained, size, _ in seen if trained is kind)
        for kind in (True, False)
    )
    # A batch of 128 samples before training, the same in it, with a positive for each,
    # and all distinct samples after it.
    n_distinct = len(np.unique(X, axis=0))
    assert (of_training, of_evaluation) == (2 * 128, 128 + n_distinct)
    assert np.isfinite(model.recorder_loss_)


@pytest.mark.parametrize("n_init", [1, 2])
def test_on_wide_data_terms_see_all_features(quick, n_init, near_plane):
    widths, recorder = set(), Recorder()
    recorder.record = lambda outputs, batch: widths.update(
        {outputs.reconstruction.shape[-1], batch.samples.shape[-1]}
    )
    model = quick(extra_losses=[recorder], n_init=n_init, max_iter=2)
    assert np.isfinite(model.fit(near_plane).recorder_loss_)
    assert widths == {200}


def test_partial_fit_has_the_terms(quick, iris):
    X, _ = iris
    model = quick(extra_losses=[Correlation()], random_state=0)
    model.partial_fit(X[::2])
    first = model.correlation_loss_
    model.partial_fit(X[1::2])
    assert model.correlation_loss_ != first
    assert len(model.history_["correlation_loss"]) == 20


@each_autoencoder
def test_every_autoencoder_takes_terms(kind, iris):
    X, y = iris
    plain, model = (
        kind(3, extra_losses=terms, max_iter=3, random_state=0).fit(X, y)
        for terms in ([], [Center(10.0)])
    )
    assert vars(plain).keys() == vars(model).keys()
    assert 0 < model.center_loss_ < np.inf
    assert np.isfinite(model.transform(X)).all()
    # 9 and more, ten times, is added at the start.
    assert model.loss_curve_[0] > plain.loss_curve_[0] + 20


@pytest.mark.parametrize("value", [-5.0, 5.0])
def test_a_constant_term_does_not_stop_the_others(value, quick, iris):
    class Constant(LossTerm):
        name = "constant"

        def forward(self, outputs, batch):
            return 0 * outputs.codes.sum((-2, -1)) + value

    X, _ = iris
    model = quick(init="random", n_init=1, extra_losses=[Constant()]).fit(X)
    losses = model.history_["reconstruction_loss"]
    assert losses[-1] < 0.9 * losses[0]


def test_a_term_of_positives_needs_neighbors(quick, iris):
    term = Correlation()
    term.uses_positives = True
    with pytest.raises(ValueError, match="'correlation', which uses positives"):
        quick(extra_losses=[term]).fit(iris[0])
    term.weight = 0
    quick(extra_losses=[term], max_iter=1).fit(iris[0])
