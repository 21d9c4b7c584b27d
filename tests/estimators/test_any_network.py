"""An estimator with a network of any modules, here a convolutional one."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from torch import nn

from stable_embedding import StableAutoencoder, to_onnx
from stable_embedding.networks import BaseAutoencoder, ModulePart
from tests.precision import assert_near

SIDE, N_MAPS = 8, 3


class Convolution(nn.Module):
    """From images to codes; zero at the start."""

    def __init__(self, n_components):
        super().__init__()
        self.convolution = nn.Conv2d(1, N_MAPS, 3, padding=1)
        self.linear = nn.Linear(N_MAPS * SIDE**2, n_components)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, samples):
        maps = self.convolution(samples.unflatten(-1, (1, SIDE, SIDE))).relu()
        return self.linear(maps.flatten(1))

    def add_to_graph(self, graph, value):
        value = graph.node("Reshape", value, np.array([-1, 1, SIDE, SIDE]))
        value = graph.node("Conv", value, *arrays(self.convolution), pads=[1] * 4)
        value = graph.node("Flatten", graph.node("Relu", value))
        return graph.node("Gemm", value, *arrays(self.linear), transB=1)


class Deconvolution(nn.Module):
    """From codes to images; zero at the start."""

    def __init__(self, n_components):
        super().__init__()
        self.linear = nn.Linear(n_components, N_MAPS * SIDE**2)
        self.convolution = nn.ConvTranspose2d(N_MAPS, 1, 3, padding=1)
        nn.init.zeros_(self.convolution.weight)
        nn.init.zeros_(self.convolution.bias)

    def forward(self, codes):
        maps = self.linear(codes).relu().unflatten(-1, (N_MAPS, SIDE, SIDE))
        return self.convolution(maps).flatten(1)

    def add_to_graph(self, graph, value):
        value = graph.node("Gemm", value, *arrays(self.linear), transB=1)
        shape = np.array([-1, N_MAPS, SIDE, SIDE])
        value = graph.node("Reshape", graph.node("Relu", value), shape)
        weights = arrays(self.convolution)
        return graph.node(
            "Flatten", graph.node("ConvTranspose", value, *weights, pads=[1] * 4)
        )


def arrays(layer):
    return layer.weight.numpy(force=True), layer.bias.numpy(force=True)


class ConvolutionalAutoencoder(StableAutoencoder):
    """A stable autoencoder of images."""

    _network_class = BaseAutoencoder
    _encoder, _decoder = Convolution, Deconvolution

    def _architecture(self, plan):
        return {"n_components": plan.n_components}

    def _build_network(self, data, plan, seed):
        axes = torch.from_numpy(data.axes)
        with torch.random.fork_rng():
            torch.manual_seed(0)  # seeds differ in the order of samples alone
            return BaseAutoencoder(
                self.n_features_in_,
                plan.n_components,
                ModulePart(self._encoder(plan.n_components), axes),
                ModulePart(self._decoder(plan.n_components), axes.T),
            )


class Undescribed(nn.Module):
    """A module that cannot describe itself to ONNX."""

    def __init__(self, n_components):
        super().__init__()
        self.linear = nn.Linear(SIDE**2, n_components)

    def forward(self, samples):
        return self.linear(samples)


class UndescribedAutoencoder(ConvolutionalAutoencoder):
    """A stable autoencoder that has no ONNX graph."""

    _encoder = Undescribed


@pytest.fixture(scope="module")
def X(digits):
    return digits[0][:600]


@pytest.fixture(scope="module")
def unseen(digits):
    return digits[0][600:900]


@pytest.fixture(scope="module")
def model(X):
    return ConvolutionalAutoencoder(5, max_iter=8, n_init=2, random_state=0).fit(X)


@pytest.fixture(scope="module")
def start(X):
    """A model whose steps are below the rounding of float32."""
    return ConvolutionalAutoencoder(5, learning_rate_init=1e-9, max_iter=1).fit(X)


@pytest.mark.numeric
def test_it_starts_as_pca(start, X):
    pca = PCA(5).fit(X)
    found, expected = start.transform(X), pca.transform(X)
    # Signs of axes are a matter of taste.
    signs = np.sign((found * expected).sum(axis=0))
    assert_near(found, expected * signs, 1e-4)
    explained = pca.explained_variance_ratio_.sum()
    assert start.score(X) == pytest.approx(explained, rel=1e-4)


def test_a_training_improves_on_pca(model, start):
    assert model.losses_["loss"] < 0.95 * start.losses_["loss"]
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    weight = model.networks_[0].encoder.module.convolution.weight
    assert weight.shape == (N_MAPS, 1, 3, 3)


@pytest.mark.numeric
def test_runs_of_a_stack_are_those_alone(model, X):
    assert model.transform_runs(X).shape == (2, 600, 5)
    parameters = {"max_iter": 8, "consensus_weight": 0, "random_state": 0}
    alone = ConvolutionalAutoencoder(5, n_init=1, **parameters).fit(X)
    together = ConvolutionalAutoencoder(5, n_init=2, **parameters).fit(X)
    first, second = together.transform_runs(X)
    # Rounding of float32 that grows with the steps.
    size = np.abs(first).max()
    np.testing.assert_allclose(alone.transform(X) / size, first / size, atol=1e-3)
    assert np.abs(second - first).max() > 1e-3 * size


def test_the_same_seed_gives_the_same_map(model, X, unseen):
    again = clone(model).fit(X)
    # The same computation.
    np.testing.assert_array_equal(again.transform(unseen), model.transform(unseen))


def test_runs_stop_early(X):
    model = ConvolutionalAutoencoder(
        5, max_iter=40, n_init=2, early_stopping=True, tol=0.1, n_iter_no_change=2
    ).fit(X)
    assert model.n_iter_ < 40
    assert len(model.history_["validation_loss"]) == model.n_iter_
    assert model.score(X) > 0.4


def test_chunks_are_trained_on(X, unseen):
    model = ConvolutionalAutoencoder(5, max_iter=3, n_init=2, random_state=0)
    model.partial_fit(X[:300])
    first = model.transform(unseen)
    model.partial_fit(X[300:])
    assert model.n_samples_seen_ == 600
    second = model.transform(unseen)
    assert 0 < np.abs(second - first).mean() < 0.3 * first.std()
    with pytest.raises(ValueError, match="training cannot resume with"):
        model.set_params(n_components=4).partial_fit(X)


def test_a_family_that_does_not_keep_sizes_can_train_on(X):
    class Forgetful(BaseAutoencoder):
        """Networks that take what perceptrons take, and use less of it."""

        def __init__(
            self, n_features, n_components, hidden_layer_sizes, activation, axes, seed
        ):
            super().__init__(
                n_features,
                n_components,
                ModulePart(Convolution(n_components), axes),
                ModulePart(Deconvolution(n_components), axes.T),
            )

    class OfForgetful(StableAutoencoder):
        _network_class = Forgetful

    model = OfForgetful(5, max_iter=1, n_init=1, random_state=0).partial_fit(X[:300])
    model.partial_fit(X[300:])
    assert model.n_samples_seen_ == 600
    model.set_params(warm_start=True).fit(X)
    with pytest.raises(ValueError, match=r"cannot resume with \{'n_components': 4\}"):
        model.set_params(n_components=4).fit(X)


@pytest.mark.numeric
def test_a_warm_start_goes_on(X):
    model = ConvolutionalAutoencoder(5, max_iter=3, random_state=0).fit(X)
    loss = model.loss_curve_[-1]
    assert model.set_params(warm_start=True).fit(X).loss_curve_[-1] < loss


@pytest.mark.numeric
def test_it_is_aligned_and_keeps_its_reconstructions(model, X, unseen):
    aligned = pickle.loads(pickle.dumps(model))
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0]
    reference = model.transform(X) @ turn + 3
    before = model.inverse_transform(model.transform(unseen))
    for _ in range(2):
        aligned.align(X, reference)
        # Rounding of float32, in units of pixels and of codes.
        np.testing.assert_allclose(aligned.transform(X), reference, atol=1e-3)
        after = aligned.inverse_transform(aligned.transform(unseen))
        np.testing.assert_allclose(after, before, atol=1e-3)


def test_a_pickle_is_the_same(model, unseen):
    other = pickle.loads(pickle.dumps(model))
    # The same computation.
    np.testing.assert_array_equal(other.transform(unseen), model.transform(unseen))
    np.testing.assert_array_equal(
        other.transform_runs(unseen), model.transform_runs(unseen)
    )
    assert other.score(unseen) == model.score(unseen)


def test_a_training_in_a_narrow_basis_returns_to_features(monkeypatch, X, unseen):
    from stable_embedding.data import pca

    monkeypatch.setattr(pca, "_WIDE_FEATURES", 32)
    model = ConvolutionalAutoencoder(5, max_iter=3, n_init=2, random_state=0).fit(X)
    assert model.network_.n_features == 64
    assert model.inverse_transform(model.transform(unseen)).shape == unseen.shape
    assert model.score(X) > 0.4


@pytest.mark.numeric
@pytest.mark.parametrize("part", ["encoder", "decoder", "both"])
def test_its_graph_computes_what_it_does(part, model, unseen):
    runtime = pytest.importorskip("onnxruntime")
    graph = to_onnx(model, part=part).SerializeToString()
    session = runtime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    codes = model.transform(unseen)
    samples = model.inverse_transform(codes)
    inputs = codes if part == "decoder" else unseen
    expected = {"encoder": [codes], "decoder": [samples], "both": [samples, codes]}
    for found, values in zip(
        session.run(None, {"X": inputs}), expected[part], strict=True
    ):
        # Rounding of float32 in other kernels.
        np.testing.assert_allclose(found, values, atol=1e-3)


def test_a_module_without_a_graph_is_named(X):
    pytest.importorskip("skl2onnx")
    model = UndescribedAutoencoder(3, max_iter=1).fit(X)
    with pytest.raises(TypeError, match="Undescribed has no add_to_graph"):
        to_onnx(model)


def test_layerwise_pretraining_is_refused(digits):
    model = ConvolutionalAutoencoder(layerwise_pretraining=True)
    with pytest.raises(ValueError, match="layerwise_pretraining=True needs a network"):
        model.fit(digits[0])
