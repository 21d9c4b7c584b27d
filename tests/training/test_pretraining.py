import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from stable_embedding import StableAutoencoder, VariationalAutoencoder
from stable_embedding.networks import Autoencoder
from stable_embedding.training.pretraining import encode_layer, layer_pairs

DEEP = {
    "hidden_layer_sizes": (32, 16),
    "n_init": 2,
    "max_iter": 10,
    "random_state": 0,
}


def network(**kwargs):
    return Autoencoder(6, 2, (5, 4), "tanh", **kwargs)


def test_layers_are_those_of_the_network():
    deep = network()
    layers = layer_pairs(deep)
    assert [layer.down for layer in layers] == list(deep.encoder.mlp[::2])
    assert [layer.up for layer in layers] == list(deep.decoder.mlp[::2])[::-1]


@pytest.mark.numeric
def test_unrolled_layers_are_the_network():
    deep = network()
    samples = codes = torch.randn(7, 6)
    layers = layer_pairs(deep)
    for layer in layers:
        codes = encode_layer(layer, codes)
    torch.testing.assert_close(codes, deep.encode(samples))
    back = codes
    for at, layer in reversed(list(enumerate(layers))):
        back = layer.output_gain * layer.up(layer.code_gain * back)
        back = torch.tanh(back) if at else back
    torch.testing.assert_close(back, deep.decode(codes))


def test_beside_a_linear_path_the_last_layers_stay_out():
    deep = network(axes=torch.eye(2, 6))
    layers = layer_pairs(deep)
    assert len(layers) == 2
    assert layers[0].up is not deep.decoder.last
    assert layer_pairs(Autoencoder(6, 2, (), "tanh", axes=torch.eye(2, 6))) == []
    assert len(layer_pairs(Autoencoder(6, 2, (), "tanh"))) == 1


@pytest.mark.parametrize("activation", ["relu", "logistic", "tanh"])
def test_the_first_loss_is_below_that_of_a_random_start(activation, digits):
    X = digits[0][:900]
    losses = [
        StableAutoencoder(
            10,
            init="random",
            similarity_weight=0,
            activation=activation,
            layerwise_pretraining=pretraining,
            **DEEP,
        )
        .fit(X)
        .loss_curve_[0]
        for pretraining in (False, True)
    ]
    assert losses[1] < 0.8 * losses[0]


@pytest.mark.numeric
def test_with_pca_it_still_starts_there(digits):
    X, _ = digits
    start = DEEP | {"learning_rate_init": 1e-9}
    plain = StableAutoencoder(5, **start).fit(X)
    model = StableAutoencoder(5, layerwise_pretraining=True, **start).fit(X)
    np.testing.assert_allclose(*model.transform_runs(X), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model.transform(X), plain.transform(X), atol=1e-3)


def test_pretraining_is_no_part_of_the_history(digits):
    model = StableAutoencoder(5, layerwise_pretraining=True, **DEEP).fit(digits[0])
    assert model.n_iter_ == len(model.loss_curve_) == 10


def test_sparse_samples_are_taken(digits):
    model = StableAutoencoder(5, layerwise_pretraining=True, **DEEP)
    assert model.fit(csr_array(digits[0])).score(digits[0]) > 0.5


@pytest.mark.parametrize("init", ["pca", "random"])
def test_logits_still_start_at_those_of_the_mean(init, digits):
    X = digits[0][:900] / 16
    start = DEEP | {"init": init, "similarity_weight": 0, "likelihood": "bernoulli"}
    first = [
        VariationalAutoencoder(10, layerwise_pretraining=pretraining, **start)
        .fit(X)
        .loss_curve_[0]
        for pretraining in (False, True)
    ]
    assert first[1] < first[0] + 0.02
