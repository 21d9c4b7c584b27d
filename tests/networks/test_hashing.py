import pytest
import torch
from torch.testing import assert_close

from stable_embedding.losses import Outputs
from stable_embedding.networks.hashing import HashingNetwork

pytestmark = pytest.mark.numeric


@pytest.fixture
def network(train_a_little):
    network = HashingNetwork(
        n_features=16,
        n_components=3,
        hidden_layer_sizes=(7,),
        activation="tanh",
        axes=torch.eye(16)[:3],
        noise=0.5,
    )
    return train_a_little(network).double()


def test_codes_are_logistic_and_lie_as_far_apart_as_samples(network, samples):
    codes, reconstruction = network(samples)
    assert type(network(samples)) is Outputs
    assert network.height == pytest.approx(2 / 3**0.5)
    assert 0 < codes.min() < codes.max() < network.height
    assert_close(codes, network.height * network.logits(samples).sigmoid())
    assert torch.equal(network.encode(samples), codes)
    assert torch.equal(network.decode(codes), reconstruction)


def test_it_is_reconstructed_from_bits(network, samples):
    bits = (network.logits(samples) > 0).double()
    assert set(bits.unique().tolist()) == {0, 1}
    expected = network.decode(network.height * bits)
    assert torch.equal(network.reconstruct(samples), expected)
    errors = (expected - samples).square().sum(-1)
    assert_close(network.squared_errors(samples), errors)


def test_noise_is_added_to_logits(network, samples):
    noise = torch.linspace(-3, 3, 60).double().reshape(20, 3)
    expected = network.codes_of(network.logits(samples) + 0.5 * noise)
    noisy = network(samples, noise)
    assert_close(noisy.codes, expected)
    assert_close(noisy.reconstruction, network.decode(expected))
    assert torch.equal(network(samples, 0 * noise).codes, network(samples).codes)


def test_it_is_restored_from_its_state(network, samples):
    other = HashingNetwork.restored(**network.state())
    assert other.noise == 0.5
    assert_close(other.double().encode(samples), network.encode(samples))
