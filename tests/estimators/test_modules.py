"""Estimators whose encoder or decoder is a module that a user gave."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback
from torch import nn
from torch.utils.checkpoint import checkpoint

from stable_embedding import (
    DenoisingAutoencoder,
    StableAutoencoder,
    load,
    save,
    to_onnx,
)
from stable_embedding.networks import (
    Autoencoder,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
)
from tests.precision import TRAINING, assert_near, assert_same_map

FEW = {"n_init": 2, "max_iter": 4, "random_state": 0}


def perceptron(*sizes):
    """A perceptron with ReLU, drawn from a seed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = []
        for n_inputs, n_outputs in pairwise(sizes):
            layers += [nn.Linear(n_inputs, n_outputs), nn.ReLU()]
        return nn.Sequential(*layers[:-1])


def convolutional(**parameters):
    """An estimator with convolutions both ways."""
    return StableAutoencoder(
        encoder=ConvolutionalEncoder((8, 8), n_maps=(6,), hidden_layer_sizes=(16,)),
        decoder=ConvolutionalDecoder((8, 8), n_maps=(6,), hidden_layer_sizes=(16,)),
        **FEW | parameters,
    )


@pytest.fixture(scope="module")
def images(digits):
    return digits[0][:400].reshape(-1, 8, 8)


@pytest.fixture(scope="module")
def X(images):
    return images.reshape(len(images), -1)


@pytest.fixture(scope="module")
def model(images):
    return convolutional().fit(images)


def of_its_own(X, sizes):
    """Encoder and decoder with the weights of a network of these sizes."""
    network = Autoencoder(X.shape[1], 2, sizes, "relu", axes=torch.zeros(2, X.shape[1]))
    return network.encoder.mlp, network.decoder.mlp


@pytest.mark.numeric
@pytest.mark.parametrize("n_init", [1, 2])
def test_a_perceptron_given_as_module_ends_where_ours_does(X, n_init):
    encoder, decoder = of_its_own(X, (12, 7))
    parameters = FEW | {"n_init": n_init, "max_iter": 2}
    ours = StableAutoencoder(hidden_layer_sizes=(12, 7), **parameters).fit(X)
    given = StableAutoencoder(encoder=encoder, decoder=decoder, **parameters).fit(X)
    for name, loss in ours.losses_.items():
        # Rounding of float32 that grows with the steps.
        assert given.losses_[name] == pytest.approx(loss, rel=1e-4, abs=1e-6), name
    assert_same_map(given.transform(X), ours.transform(X), TRAINING)


@pytest.mark.numeric
@pytest.mark.parametrize("last", [nn.Identity(), nn.Sigmoid()])
def test_it_starts_as_pca(X, last):
    encoder = nn.Sequential(perceptron(64, 8, 2), last)
    model = StableAutoencoder(
        encoder=encoder, learning_rate_init=1e-9, max_iter=1, n_init=1
    ).fit(X)
    pca = PCA(2).fit(X)
    found, expected = model.transform(X), pca.transform(X)
    # Signs of axes are a matter of taste.
    assert_near(found, expected * np.sign((found * expected).sum(axis=0)), 1e-4)


@pytest.mark.parametrize("n_init", [1, 2])
def test_a_gain_that_starts_at_zero_is_trained(n_init, X):
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.module, self.gain = perceptron(64, 8, 2), nn.Parameter(torch.zeros(()))

        def forward(self, samples):
            return self.gain * self.module(samples)

    model = StableAutoencoder(encoder=Gated(), **FEW | {"n_init": n_init}).fit(X)
    for run in model.networks_:
        assert run.encoder.module.gain


@pytest.mark.parametrize("n_init", [1, 2])
def test_buffers_that_a_callback_changes_are_kept(n_init, X):
    class FadeIn(nn.Linear):
        def __init__(self):
            super().__init__(64, 2)
            # One number in memory for both.
            self.register_buffer("share", torch.tensor([0.5]).expand(2))

        def forward(self, samples):
            return self.share * super().forward(samples)

    class Raise(Callback):
        def on_epoch_begin(self, net, **kwargs):
            for buffer in net.module_.buffers():
                buffer.fill_(1)

    model = StableAutoencoder(
        encoder=FadeIn(), callbacks=[Raise()], **FEW | {"n_init": n_init}
    ).fit(X)
    for run in model.networks_:
        assert run.encoder.module.share.tolist() == [1, 1]
    # The loss is found on batches.
    assert 1 - model.score(X) == pytest.approx(model.reconstruction_loss_, abs=0.05)


@pytest.mark.parametrize("n_init", [1, 2])
def test_a_module_may_keep_what_it_found_of_a_batch(n_init, X):
    class Penalized(nn.Linear):
        def forward(self, samples):
            codes = super().forward(samples)
            if self.training:
                self.penalty = codes.square().mean()
            return codes

    model = StableAutoencoder(encoder=Penalized(64, 2), **FEW | {"n_init": n_init})
    model.fit(X).partial_fit(X)
    assert np.isfinite(model.transform(X)).all()


def test_a_fit_changes_no_module_and_no_random_stream(X):
    encoder = perceptron(64, 8, 2)
    before, state = copy.deepcopy(encoder.state_dict()), torch.get_rng_state()
    model = StableAutoencoder(encoder=encoder, **FEW).fit(X)
    assert model.encoder is encoder
    assert encoder.training
    assert torch.equal(torch.get_rng_state(), state)
    for name, weight in encoder.state_dict().items():
        assert torch.equal(weight, before[name])


@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("neighbor_weight", [0, 1])
def test_it_is_trained_in_every_setting(X, init, neighbor_weight):
    model = StableAutoencoder(
        encoder=perceptron(64, 8, 2),
        init=init,
        neighbor_weight=neighbor_weight,
        early_stopping=True,
        **FEW | {"max_iter": 10, "learning_rate_init": 1e-2},
    ).fit(X)
    assert np.isfinite(model.transform(X)).all()
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert (model.init == "random") == (model.networks_[0].init == "random")


def test_runs_from_a_random_start_have_weights_of_their_own(X):
    model = StableAutoencoder(
        encoder=perceptron(64, 8, 2), init="random", learning_rate_init=1e-9, **FEW
    ).fit(X)
    first, second = (run.encoder.module[0].weight for run in model.networks_)
    assert not torch.allclose(first, second)


@pytest.mark.parametrize("init", ["pca", "random"])
def test_one_of_the_modules_may_have_no_weights(init, X):
    class TwoPixels(nn.Module):
        def forward(self, samples):
            return samples[..., 10:12]

    class Transposed(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("matrix", torch.eye(2, 64))

        def forward(self, codes):
            return codes @ self.matrix

    for modules in ({"encoder": TwoPixels()}, {"decoder": Transposed()}):
        model = StableAutoencoder(init=init, **modules, **FEW).fit(X)
        assert len(model.networks_) == FEW["n_init"]
        assert np.isfinite(model.partial_fit(X).transform_runs(X)).all()


@pytest.mark.parametrize("n_init", [1, 2])
def test_modules_of_which_nothing_is_trained_are_named(n_init, X):
    modules = {
        "encoder": nn.Linear(64, 2).requires_grad_(False),
        "decoder": nn.ConstantPad1d((0, 62), 0.0),
    }
    model = StableAutoencoder(**modules, **FEW | {"n_init": n_init})
    with pytest.raises(ValueError, match=r"encoder=Linear.* and decoder=Const.*no we"):
        model.set_params(init="random").fit(X)
    model.set_params(init="pca").fit(X)


def test_frozen_weights_stay(X):
    encoder = perceptron(64, 8, 2)
    encoder[0].requires_grad_(False)
    for n_init in (1, 2):
        model = StableAutoencoder(encoder=encoder, **FEW | {"n_init": n_init}).fit(X)
        for run in model.networks_:
            assert torch.equal(run.encoder.module[0].weight, encoder[0].weight)
            assert run.encoder.module[2].weight.any()


@pytest.mark.parametrize("n_init", [1, 2])
def test_integers_that_are_parameters_stay(n_init, X):
    class Taking(nn.Module):
        def __init__(self):
            super().__init__()
            self.at = nn.Parameter(torch.arange(8), requires_grad=False)

        def forward(self, samples):
            return samples[:, self.at]

    encoder = nn.Sequential(Taking(), nn.Linear(8, 2))
    model = StableAutoencoder(encoder=encoder, **FEW | {"n_init": n_init})
    for run in model.set_params(early_stopping=True).fit(X).networks_:
        assert torch.equal(run.encoder.module[0].at, torch.arange(8))


def test_frozen_statistics_of_batches_are_kept_by_several_runs(X):
    class Frozen(nn.BatchNorm1d):
        def train(self, mode=True):
            return super().train(False)

    encoder = nn.Sequential(nn.Linear(64, 8), Frozen(8), nn.Linear(8, 2))
    model = StableAutoencoder(encoder=encoder, **FEW).fit(X)
    assert not any(run.encoder.module[1].running_mean.any() for run in model.networks_)


def test_statistics_of_batches_are_kept_by_one_run(X):
    encoder = nn.Sequential(nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    model = StableAutoencoder(encoder=encoder, **FEW)
    with pytest.raises(ValueError, match="set n_init=1"):
        model.fit(X)
    model.set_params(n_init=1).fit(X)
    assert model.score(X) > 0.2
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    # Each sample by itself.
    np.testing.assert_allclose(model.transform(X)[:1], model.transform(X[:1]), 1e-4)


@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_running_scales_are_kept_by_one_run(name, X):
    class RunningScale(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("scale", torch.ones(()))

        def forward(self, samples):
            if self.training:
                spread = nn.functional.dropout(samples.detach()).square().mean()
                self.scale.mul_(0.5).add_(0.5 * spread)
            return samples / self.scale

    sizes = (64, 8, 2) if name == "encoder" else (2, 8, 64)
    module = nn.Sequential(RunningScale(), perceptron(*sizes))
    model = StableAutoencoder(**{name: module}, **FEW)
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=f"{name} holds a RunningScale.*n_init=1"):
        model.fit(X)
    assert module[0].scale == 1
    assert torch.equal(torch.get_rng_state(), state)
    trained = model.set_params(n_init=1).fit(X).network_.modules_given[name]
    assert dict(trained.named_buffers()).popitem()[1] != 1


def test_what_cannot_be_differentiated_in_a_stack_is_said_before_training(X):
    class Recomputed(nn.Linear):
        def forward(self, samples):
            return checkpoint(super().forward, samples, use_reentrant=False)

    model = StableAutoencoder(encoder=Recomputed(64, 2), **FEW)
    with pytest.raises(ValueError, match=r"n_init=2 needs.*set n_init=1"):
        model.fit(X)
    model.set_params(n_init=1).fit(X)


def test_what_cannot_be_stacked_is_said_before_training(X):
    class Branches(nn.Linear):
        def forward(self, samples):
            codes = super().forward(samples)
            return codes if codes.sum() > 0 else 2 * codes

    model = StableAutoencoder(encoder=Branches(64, 2), **FEW)
    with pytest.raises(ValueError, match=r"n_init=2 needs.*set n_init=1"):
        StableAutoencoder(encoder=Branches(64, 2), **FEW).fit(X)
    assert not hasattr(model, "network_")


@pytest.mark.parametrize("n_init", [1, 2])
def test_an_error_of_a_training_comes_through(n_init, X):
    class Mistaken(nn.Linear):
        def forward(self, samples):
            if self.training:
                raise KeyError("no such layer")
            return super().forward(samples)

    model = StableAutoencoder(encoder=Mistaken(64, 2), **FEW | {"n_init": n_init})
    with pytest.raises(KeyError, match="no such layer") as raised:
        model.fit(X)
    notes = str(getattr(raised.value, "__notes__", []))
    assert ("n_init=2 needs; if they need more" in notes) == (n_init == 2)


def test_dropout_acts_in_training_alone(X):
    encoder = nn.Sequential(
        nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 2)
    )
    state = torch.get_rng_state()
    model = StableAutoencoder(encoder=encoder, **FEW).fit(X)
    again = clone(model).fit(X)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(model.transform(X), model.transform(X))
    np.testing.assert_array_equal(model.transform(X), again.transform(X))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"encoder": nn.Linear(64, 3)}, r"encoder=Linear.*returned shape \(4, 3\)"),
        ({"decoder": nn.Linear(2, 63)}, r"decoder=Linear.*returned shape \(4, 63\)"),
        ({"encoder": nn.Linear}, "The 'encoder' parameter"),
        ({"encoder": "linear"}, "The 'encoder' parameter"),
        (
            {"encoder": nn.Linear(64, 2), "layerwise_pretraining": True},
            "layerwise_pretraining=True.*as encoder",
        ),
        ({"encoder": ConvolutionalEncoder((8, 8), 3)}, "n_components=3, but"),
    ],
)
def test_a_module_that_does_not_fit_is_named(X, parameters, message):
    model = StableAutoencoder(**FEW | parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(X)
    assert not hasattr(model, "n_features_in_")


def test_images_and_rows_are_the_same(model, images, X):
    assert model.sample_shape_ == (8, 8)
    codes = model.transform(images)
    np.testing.assert_array_equal(model.transform(X), codes)
    np.testing.assert_array_equal(model.transform(images[:, None]), codes)
    np.testing.assert_array_equal(model.transform(torch.from_numpy(images)), codes)
    assert model.score(images) == model.score(X)
    assert model.inverse_transform(codes).shape == images.shape
    assert model.transform_runs(images).shape == (2, len(images), 2)
    assert model.score_samples(images).shape == (len(images),)
    copy.deepcopy(model).align(images, codes)
    flat = clone(model).fit(X)
    np.testing.assert_array_equal(flat.transform(X), codes)
    assert flat.inverse_transform(codes).shape == X.shape


def test_only_a_fit_decides_on_the_shape_of_samples(model, images, X):
    model = copy.deepcopy(model)
    model.feature_sensitivity(X)
    model.score(X)
    assert model.sample_shape_ == (8, 8)


def test_parameters_set_after_a_fit_change_no_shape_of_samples(model, images, X):
    codes = model.transform(X)
    for encoder in (None, ConvolutionalEncoder((4, 16), n_maps=(6,))):
        changed = copy.deepcopy(model).set_params(encoder=encoder)
        for again in (changed, copy.deepcopy(changed)):
            np.testing.assert_array_equal(again.transform(images), codes)
            np.testing.assert_array_equal(again.transform(X), codes)
    flat = StableAutoencoder(**FEW).fit(X).set_params(encoder=model.encoder)
    with pytest.raises(ValueError, match="dim 3"):
        flat.transform(images)


def test_a_module_with_a_frozen_end_declares_the_shape_of_images(images, X):
    encoder = ConvolutionalEncoder((8, 8), 2, n_maps=(6,), hidden_layer_sizes=())
    encoder.layers[-1].requires_grad_(False)
    model = StableAutoencoder(encoder=encoder, **FEW).fit(images)
    np.testing.assert_array_equal(model.transform(images), model.transform(X))


@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("n_init", [1, 2])
def test_frozen_convolutions_stay(init, n_init, images):
    encoder = ConvolutionalEncoder((8, 8), 2, n_maps=(6,), hidden_layer_sizes=(8,))
    convolution = encoder.layers[1].requires_grad_(False)
    model = StableAutoencoder(
        encoder=encoder, init=init, **FEW | {"n_init": n_init}
    ).fit(images)
    for _ in range(2):
        assert not model.encoder.layers[1].weight.requires_grad
        for run in model.networks_:
            found = run.encoder.module.layers[1]
            assert torch.equal(found.weight, convolution.weight)
            assert not found.weight.requires_grad
        model = pickle.loads(pickle.dumps(model)).partial_fit(images)


def test_changed_layers_stay(images, tmp_path):
    encoder = ConvolutionalEncoder((8, 8), 2, n_maps=(6,), hidden_layer_sizes=(8,))
    encoder.layers[2] = nn.GELU()
    model = StableAutoencoder(encoder=encoder, **FEW).fit(images)
    again = pickle.loads(pickle.dumps(model))
    for run in (*model.networks_, *again.networks_):
        assert type(run.encoder.module.layers[2]) is nn.GELU
    assert repr(again.encoder) == repr(encoder)
    np.testing.assert_array_equal(again.transform(images), model.transform(images))
    with pytest.raises(TypeError, match=r"StableAutoencoder\.encoder="):
        save(model, tmp_path / "model.safetensors")


def test_images_of_another_shape_are_named(model, images):
    for call in (model.transform, model.score, clone(model).fit):
        with pytest.raises(ValueError, match=r"\(8, 7\).*image_shape is \(8, 8\)"):
            call(images[:, :, :7])
    with pytest.raises(ValueError, match="must have"):
        StableAutoencoder().fit(images)


def test_a_training_goes_on(images):
    model = convolutional().partial_fit(images[:200]).partial_fit(images[200:])
    assert model.n_samples_seen_ == 400
    model.set_params(warm_start=True).fit(images)
    model.set_params(encoder=ConvolutionalEncoder((8, 8), n_maps=(5,)))
    with pytest.raises(ValueError, match=r"training cannot resume with.*n_maps=\(5,\)"):
        model.fit(images)


def test_a_checkpoint_knows_its_modules(images, tmp_path):
    model = convolutional(checkpoint=tmp_path, n_init=1)

    class Killed(Exception):
        pass

    class Kill(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                raise Killed

    with pytest.raises(Killed):
        clone(model).set_params(callbacks=[Kill()]).fit(images)
    [file] = tmp_path.iterdir()
    clone(model).set_params(
        encoder=ConvolutionalEncoder((8, 8), n_maps=(5,), hidden_layer_sizes=(16,))
    ).fit(images)
    assert list(tmp_path.iterdir()) == [file]  # another training has another file
    resumed = clone(model).fit(images)
    whole = convolutional(n_init=1).fit(images)
    np.testing.assert_array_equal(resumed.transform(images), whole.transform(images))
    assert not list(tmp_path.iterdir())


def test_files_and_pickles_are_the_same(model, images, tmp_path):
    save(model, tmp_path / "model.safetensors")
    for other in (
        load(tmp_path / "model.safetensors"),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ):
        codes = other.transform(images)
        np.testing.assert_array_equal(codes, model.transform(images))
        assert other.inverse_transform(codes).shape == images.shape
        assert repr(other) == repr(model)
        other.set_params(warm_start=True).fit(images)


def test_skops_trusts_the_class_alone(model, images):
    sio = pytest.importorskip("skops.io")
    content = sio.dumps(model)
    trusted = ["stable_embedding.estimators.autoencoder.StableAutoencoder"]
    assert sio.get_untrusted_types(data=content) == trusted
    again = sio.loads(content, trusted=trusted)
    np.testing.assert_array_equal(again.transform(images), model.transform(images))


def test_a_module_of_a_users_own_is_saved_by_its_code(X, tmp_path):
    model = StableAutoencoder(encoder=perceptron(64, 8, 2), **FEW).fit(X)
    with pytest.raises(
        TypeError,
        match=r"(?s)StableAutoencoder.encoder=.*text. Write it with joblib.dump",
    ):
        save(model, tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))


@pytest.mark.numeric
@pytest.mark.parametrize("kind", ["shipped", "own", "gated"])
def test_its_graph_computes_what_it_does(kind, model, X):
    runtime = pytest.importorskip("onnxruntime")
    if kind != "shipped":
        encoder = perceptron(64, 8, 2)
        if kind == "gated":
            encoder.append(nn.Sigmoid())
        model = StableAutoencoder(encoder=encoder, **FEW).fit(X)
    graph = to_onnx(model, part="both").SerializeToString()
    session = runtime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    samples, codes = session.run(None, {session.get_inputs()[0].name: X})
    expected = model.transform(X)
    # Rounding of float32 in other kernels.
    assert_near(codes, expected, 1e-4)
    assert_near(samples, model.inverse_transform(expected).reshape(len(X), -1), 1e-4)


def test_it_takes_part_in_pipelines_and_searches(X, digits):
    pipeline = make_pipeline(
        StandardScaler(), StableAutoencoder(**FEW), LogisticRegression(max_iter=2_000)
    )
    modules = [None, perceptron(64, 8, 2)]
    search = GridSearchCV(pipeline, {"stableautoencoder__encoder": modules}, cv=2)
    search.fit(X, digits[1][:400])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_denoising_autoencoder_takes_modules_too(images):
    model = DenoisingAutoencoder(
        encoder=ConvolutionalEncoder((8, 8), n_maps=(6,)), **FEW
    ).fit(images)
    assert model.denoise(images).shape == images.shape


def test_neighbors_and_a_callable_similarity_go_with_it(X):
    model = StableAutoencoder(
        encoder=perceptron(64, 8, 2),
        similarity=lambda samples: samples @ samples.mT,
        neighbor_weight=1.0,
        **FEW,
    ).fit(X)
    assert np.isfinite(model.transform(X)).all()


def test_a_training_with_dropout_resumes_from_its_checkpoint(digits, tmp_path):
    class Stop(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 3:
                raise RuntimeError("stopped")

    X = digits[0][:300]
    module = nn.Sequential(nn.Linear(64, 8), nn.Dropout(), nn.Linear(8, 2))
    parameters = {"encoder": module, "n_init": 2, "max_iter": 4, "random_state": 0}
    whole = StableAutoencoder(**parameters).fit(X)
    model = StableAutoencoder(**parameters, checkpoint=tmp_path, callbacks=[Stop()])
    with pytest.raises(RuntimeError, match="stopped"):
        model.fit(X)
    model.set_params(callbacks=None).fit(X)
    # The same computation.
    np.testing.assert_array_equal(model.transform(X), whole.transform(X))


def stopped_early(module, callback):
    """Return an estimator whose best epoch is the first that counts."""
    return StableAutoencoder(
        encoder=module,
        n_init=1,
        early_stopping=True,
        max_iter=20,
        n_iter_no_change=2,
        tol=1.0,  # no epoch after the first that counts is better
        callbacks=[callback],
        random_state=0,
    )


def test_early_stopping_returns_to_the_statistics_of_the_best_epoch(digits):
    class Recorder(Callback):
        def on_epoch_end(self, net, **kwargs):
            statistics.append(net.module_.encoder.module[1].running_mean.clone())

    statistics, X = [], digits[0][:300]
    module = nn.Sequential(nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    model = stopped_early(module, Recorder()).fit(X)
    found = model.networks_[0].encoder.module[1].running_mean
    assert any(torch.equal(found, one) for one in statistics[:-1])
    assert not torch.equal(found, statistics[-1])


class RunningScale(nn.Module):
    """Divides by a running scale, and hides nothing by its mask."""

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))

    def forward(self, inputs):
        if self.training:
            self.scale.lerp_(inputs.detach().std(), 0.1)
        return inputs / self.scale


def test_early_stopping_returns_to_the_buffers_of_the_best_epoch(digits):
    class Recorder(Callback):
        def on_epoch_end(self, net, **kwargs):
            scales.append(net.module_.encoder.module[1].scale.item())

    scales, X = [], digits[0][:300]
    module = nn.Sequential(nn.Linear(64, 8), RunningScale(), nn.Linear(8, 2))
    model = stopped_early(module, Recorder()).fit(X)
    found = model.networks_[0].encoder.module[1]
    assert found.scale.item() in scales[:-1]
    assert found.mask.tolist() == [0, -np.inf]
    assert len(set(scales)) == len(scales) > 2
    model.set_params(early_stopping=False, callbacks=None).partial_fit(X[:100])
    assert model.networks_[0].encoder.module[1].mask.tolist() == [0, -np.inf]


def test_early_stopping_takes_weights_of_no_axes(iris):
    # A module whose last layer is bounded gets a scalar gain.
    encoder = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2), nn.Sigmoid())
    model = StableAutoencoder(
        encoder=encoder, n_init=1, early_stopping=True, max_iter=20, random_state=0
    ).fit(iris[0])
    assert any(weight.dim() == 0 for weight in model.networks_[0].parameters())
    assert np.isfinite(model.transform(iris[0])).all()


def test_a_module_that_mixes_samples_a_little_is_refused(digits):
    class Centered(nn.Linear):
        def forward(self, inputs):
            outputs = super().forward(inputs)
            return outputs - 0.01 * outputs.mean(0)

    with pytest.raises(ValueError, match="another value for a sample"):
        StableAutoencoder(encoder=Centered(64, 2), n_init=1).fit(digits[0])


class Applies(nn.Module):
    """A layer that shows the function it applies, with its address."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def extra_repr(self):
        return f"function={self.function}"

    def forward(self, x):
        return self.function(x)


def test_functions_at_another_address_do_not_keep_a_training_from_resuming(iris):
    def encoder():
        # As in another process, where functions have other addresses.
        function = lambda x: x.tanh()  # noqa: E731
        return nn.Sequential(nn.Linear(4, 8), Applies(function), nn.Linear(8, 2))

    X, _ = iris
    model = StableAutoencoder(encoder=encoder(), n_init=1, max_iter=1).fit(X)
    model.set_params(encoder=encoder(), warm_start=True).fit(X)
    with pytest.raises(ValueError, match="training cannot resume with .'encoder'"):
        model.set_params(encoder=nn.Linear(4, 2)).fit(X)


class Keeps(nn.Linear):
    """Keeps its output in a list and a dictionary."""

    def __init__(self, kept, named):
        super().__init__(5, 5)
        self.kept, self.named = kept, named

    def forward(self, samples):
        outputs = super().forward(samples)
        self.kept.append(outputs)
        self.named["last"] = outputs
        return outputs


class Adds(nn.Linear):
    """Adds what another layer has kept."""

    def __init__(self, kept, named):
        super().__init__(5, 2)
        self.kept, self.named = kept, named

    def forward(self, samples):
        return super().forward(samples + self.kept.pop() + self.named["last"])


class Skips(nn.Sequential):
    """The same network, which keeps nothing."""

    def forward(self, samples):
        first, between, last = self
        kept = first(samples)
        return last(between(kept) + kept + kept)


@pytest.mark.parametrize("n_init", [1, 2])
def test_layers_may_share_what_they_keep(n_init):
    kept, named = [], {}
    torch.manual_seed(0)
    shares = nn.Sequential(Keeps(kept, named), nn.Tanh(), Adds(kept, named))
    skips = Skips(nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 2))
    skips.load_state_dict(shares.state_dict())
    X = np.random.default_rng(0).normal(size=(90, 5))
    codes = []
    for encoder in (shares, skips):
        model = StableAutoencoder(
            2, encoder=encoder, n_init=n_init, max_iter=2, batch_size=40, random_state=0
        )
        codes.append(model.fit(X).transform(X))
        copy.deepcopy(model)
    np.testing.assert_allclose(*codes, atol=1e-5)
