"""What a fit trains on, records and leaves behind."""

import signal

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.preprocessing import minmax_scale
from skorch.callbacks import Callback

from stable_embedding import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SemanticHashing,
    SparseAutoencoder,
    StableAutoencoder,
    TripletVariationalAutoencoder,
    VariationalAutoencoder,
)
from stable_embedding.data.shrinkage import alpha_of_size
from stable_embedding.estimators.base import BaseStableAutoencoder
from stable_embedding.estimators.registry import ESTIMATORS
from stable_embedding.losses import LossTerm
from stable_embedding.losses.similarity import SIMILARITIES, distance


def assert_untouched(estimator, before):
    """Assert that every attribute is the very object that it was."""
    after = vars(estimator)
    assert after.keys() == before.keys()
    assert all(after[name] is value for name, value in before.items())


def taxicab(samples):
    """Sums of absolute differences: a similarity that a user might bring."""
    return (samples.unsqueeze(0) - samples.unsqueeze(1)).abs().sum(-1)


@pytest.mark.parametrize("similarity", [*SIMILARITIES, distance, taxicab])
def test_every_similarity_trains(quick, similarity, iris):
    X, _ = iris
    model = quick(3, similarity=similarity, random_state=0).fit(X)
    assert np.isfinite(model.transform(X)).all()
    assert 0 <= model.similarity_loss_ < 1


@pytest.mark.numeric
def test_a_callable_is_its_name(quick, iris):
    X, _ = iris
    named, called = (
        quick(similarity=s, random_state=0).fit_transform(X)
        for s in ("rbf", SIMILARITIES["rbf"])
    )
    np.testing.assert_array_equal(named, called)


@pytest.mark.numeric
def test_on_wide_data_a_callable_is_its_name(quick, rng):
    # Near a plane: both are trained in a narrow basis, or neither.
    X = rng.normal(size=(150, 2)) @ rng.normal(size=(2, 200))
    X += 0.1 * rng.normal(size=X.shape)
    named, called = (
        quick(similarity=s, random_state=0).fit_transform(X)
        for s in ("distance", distance)
    )
    np.testing.assert_array_equal(named, called)


def test_losses_are_recorded_term_by_term(quick, iris):
    X, _ = iris
    model = quick(n_init=1, random_state=0).fit(X)
    assert model.n_iter_ == len(model.loss_curve_) == 20
    assert model.loss_curve_ == model.history_["loss"]
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.reconstruction_loss_ == pytest.approx(1 - model.score(X), abs=1e-5)


def test_callbacks_are_called(quick, iris):
    class Count(Callback):
        epochs = 0

        def on_epoch_end(self, net, **kwargs):
            self.epochs += 1

    X, _ = iris
    count = Count()
    quick(callbacks=[count]).fit(X)
    assert count.epochs == 20


@pytest.mark.parametrize("n_init", [1, 2])
def test_a_callback_ends_the_training_at_an_epoch(quick, n_init, iris):
    class End(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 3:
                raise KeyboardInterrupt

    X, _ = iris
    model = quick(n_init=n_init, callbacks=[End()], random_state=0).fit(X)
    assert model.n_iter_ == len(model.loss_curve_) == 3


def test_a_callback_that_ends_no_epoch_is_refused(quick, iris):
    class End(Callback):
        def on_batch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    X, _ = iris
    model = quick(random_state=0).fit(X).set_params(callbacks=[End()])
    before = dict(vars(model))
    with pytest.raises(ValueError, match="raise KeyboardInterrupt in on_epoch_end"):
        model.fit(X)
    assert_untouched(model, before)


def test_verbose_shows_progress(quick, iris, capsys):
    X, _ = iris
    quick().fit(X)
    assert capsys.readouterr().err == ""
    quick(verbose=1).fit(X)
    assert "20/20" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_says_what_to_lower(quick, iris):
    X, _ = iris
    model = quick(random_state=0).fit(X)
    codes = model.transform(X)
    with pytest.raises(ValueError, match="lower learning_rate_init"):
        model.set_params(learning_rate_init=1e30).fit(X)
    np.testing.assert_array_equal(model.transform(X), codes)


@pytest.mark.parametrize(
    "kind",
    [kind for kind in ESTIMATORS.values() if issubclass(kind, BaseStableAutoencoder)],
)
def test_the_weight_decay_that_was_found_can_be_set(kind, rng):
    # Near a plane, where PCA leaves nothing that could be predicted.
    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6))
    X += 1e-3 * rng.normal(size=X.shape)
    y = np.arange(200) % 2
    found = kind(n_init=1, max_iter=3, random_state=0).fit(X, y)
    model = clone(found).set_params(alpha=found.alpha_).fit(X, y)
    assert model.alpha_ == found.alpha_
    np.testing.assert_array_equal(
        model.inverse_transform(model.transform(X)),
        found.inverse_transform(found.transform(X)),
    )
    np.testing.assert_array_equal(model.loss_curve_, found.loss_curve_)


class SizeOfCodes(LossTerm):
    name = "size_of_codes"

    def forward(self, outputs, batch):
        return outputs.codes.square().sum(-1).mean(-1)


@pytest.mark.parametrize(
    ("model", "asks_for_more"),
    [
        (StableAutoencoder(), False),
        (StableAutoencoder(label_weight=1), True),
        (StableAutoencoder(extra_losses=[SizeOfCodes()]), True),
        (StableAutoencoder(extra_losses=[SizeOfCodes(0.0)]), False),
        (DenoisingAutoencoder(), True),
        (DenoisingAutoencoder(corruption_level=0), False),
        (ContractiveAutoencoder(), True),
        (ContractiveAutoencoder(contraction_weight=0), False),
        (SparseAutoencoder(), True),
        (SparseAutoencoder(penalty="k_sparse", sparsity=1), True),
        (SparseAutoencoder(penalty="l1"), True),
        (SparseAutoencoder(penalty="l1", sparsity_weight=0), False),
        (VariationalAutoencoder(), False),
        (VariationalAutoencoder(likelihood="bernoulli"), True),
        (TripletVariationalAutoencoder(), True),
        (TripletVariationalAutoencoder(triplet_weight=0), False),
        (SemanticHashing(), True),
    ],
)
def test_a_loss_of_more_than_a_reconstruction_is_not_held_at_pca(
    model, asks_for_more, rng
):
    # Near a plane, where PCA leaves nothing that could be predicted.
    X = minmax_scale(rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6)))
    X = (X + 1e-3 * rng.normal(size=X.shape)).clip(0, 1)
    model = clone(model).set_params(n_init=1, max_iter=1, random_state=0)
    model.fit(X, np.arange(200) % 2)
    assert (model.alpha_ == alpha_of_size(200)) == asks_for_more


def test_an_interrupted_fit_leaves_the_earlier_one(quick, iris):
    class PressCtrlC(Callback):
        def on_batch_end(self, net, **kwargs):
            signal.raise_signal(signal.SIGINT)

    X, _ = iris
    model = quick(random_state=0).fit(X).set_params(callbacks=[PressCtrlC()])
    before, codes = dict(vars(model)), model.transform(X)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:50])
    assert_untouched(model, before)
    np.testing.assert_array_equal(model.transform(X), codes)
