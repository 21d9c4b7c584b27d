import numpy as np
import pytest
import torch
from torch.func import jacrev, vmap

from stable_embedding import ContractiveAutoencoder, StableAutoencoder
from stable_embedding.networks.autoencoder import LinearPathMLP
from stable_embedding.networks.stacking import stack


def by_autograd(network, rows):
    return vmap(jacrev(network))(rows).square().sum((-2, -1))


@pytest.mark.numeric
@pytest.mark.parametrize("activation", ["identity", "logistic", "relu", "tanh"])
@pytest.mark.parametrize("sizes", [(5, 3), (5, 7, 3), (5, 7, 6, 3)])
@pytest.mark.parametrize("with_path", [False, True])
def test_the_norm_is_that_of_autograd(activation, sizes, with_path):
    generator = torch.Generator().manual_seed(0)
    path = torch.randn(3, 5, generator=generator) if with_path else None
    network = LinearPathMLP(sizes, activation, path, gain=1.7, generator=generator)
    network.output_gain = 0.6
    torch.nn.init.normal_(network.last.weight, generator=generator)
    network = network.double()
    rows = torch.randn(9, 5, generator=generator, dtype=torch.float64)
    expected = by_autograd(network, rows)
    found = network.squared_jacobian(rows).expand(9)
    torch.testing.assert_close(found, expected)


@pytest.mark.numeric
def test_of_one_sigmoid_layer_it_has_a_closed_form():
    network = LinearPathMLP((5, 7, 3), "logistic").double()
    rows = torch.randn(9, 5, dtype=torch.float64)
    hidden = network.hidden(rows)
    inner, outer = network.first.weight, network.last.weight
    expected = torch.stack(
        [(outer * (h * (1 - h)) @ inner).square().sum() for h in hidden]
    )
    torch.testing.assert_close(network.squared_jacobian(rows), expected)


@pytest.mark.numeric
def test_of_a_linear_encoder_it_is_that_of_its_weights():
    network = LinearPathMLP((5, 3), "relu")
    squares = network.squared_jacobian(torch.randn(9, 5))
    torch.testing.assert_close(squares, network.last.weight.square().sum()[None])


@pytest.mark.numeric
def test_stacked_networks_have_norms_of_their_own():
    networks = [LinearPathMLP((5, 7, 3), "tanh") for _ in range(2)]
    rows = torch.randn(2, 9, 5)
    squares = stack(networks).squared_jacobian(rows)
    for network, batch, found in zip(networks, rows, squares):
        torch.testing.assert_close(found, network.squared_jacobian(batch))


@pytest.mark.numeric
def test_the_start_has_the_norm_of_a_projection(digits):
    model = ContractiveAutoencoder(5, learning_rate_init=1e-9, max_iter=1)
    assert model.fit(digits[0]).contraction_loss_ == pytest.approx(1, abs=1e-4)


def test_a_large_weight_makes_the_encoder_less_sensitive(digits, rng):
    X = digits[0]
    train, unseen = X[:1_200], X[1_200:]
    noise = 2 * rng.normal(size=unseen.shape)

    def sensitivity(model):
        codes = model.fit(train).transform(unseen)
        moved = model.transform(unseen + noise) - codes
        return np.square(moved).sum() / np.square(codes - codes.mean(axis=0)).sum()

    plain = sensitivity(StableAutoencoder(5, random_state=0))
    contractive = sensitivity(
        ContractiveAutoencoder(5, contraction_weight=0.3, random_state=0)
    )
    assert contractive < 0.9 * plain


@pytest.mark.numeric
def test_without_weight_it_is_the_plain_one(iris):
    X, _ = iris
    plain = StableAutoencoder(max_iter=3, random_state=0).fit(X)
    model = ContractiveAutoencoder(contraction_weight=0, max_iter=3, random_state=0)
    # Exactly: a term without weight is not computed.
    np.testing.assert_array_equal(model.fit(X).transform(X), plain.transform(X))
    assert model.contraction_loss_ == 0
