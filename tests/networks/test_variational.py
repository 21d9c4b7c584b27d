import numpy as np
import pytest
import torch
from scipy.stats import ortho_group
from torch.testing import assert_close

from stable_embedding.networks import Autoencoder
from stable_embedding.networks.variational import (
    VariationalNetwork,
    VariationalOutputs,
    quasi_normal_draws,
)

pytestmark = pytest.mark.numeric


def start(likelihood="gaussian", hidden_layer_sizes=(5,), axes=None):
    return VariationalNetwork(
        likelihood=likelihood,
        mean=torch.linspace(0.2, 0.8, 16),
        scale=2.0,
        n_features=16,
        n_components=3,
        hidden_layer_sizes=hidden_layer_sizes,
        activation="tanh",
        axes=axes,
    )


def test_the_variances_follow_their_axes(train_a_little, samples):
    network = train_a_little(start()).double()
    means, log_variances = network.posterior(samples)
    costs = network.costs(samples)[:, 1]
    turn = torch.tensor([[0.0, -1, 0], [0, 0, 1], [1, 0, 0]], dtype=torch.float64)
    network.absorb_rigid_map(turn, torch.zeros(3, dtype=torch.float64))
    moved, moved_log_variances = network.posterior(samples)
    assert_close(moved, means @ turn)
    assert_close(moved_log_variances, log_variances @ turn.abs())
    assert_close(network.costs(samples)[:, 1], costs)


def test_codes_are_nearly_points_at_the_start(samples):
    network = start(axes=torch.eye(16)[:3])
    outputs = network(samples.float())
    assert type(outputs) is VariationalOutputs
    assert (outputs.log_variances == -4).all()
    deviations = network.deviations(outputs.log_variances)
    assert_close(deviations, torch.full_like(deviations, 3**-0.5 * np.exp(-2)))


def test_without_noise_it_is_the_plain_one(samples):
    network, plain = start().double(), Autoencoder(16, 3, (5,), "tanh").double()
    outputs, expected = network(samples), plain(samples)
    # The same computation.
    assert torch.equal(outputs.codes, expected.codes)
    assert torch.equal(outputs.reconstruction, expected.reconstruction)


def test_noise_moves_what_is_decoded_by_its_deviations(train_a_little, samples):
    network = train_a_little(start()).double()
    noise = torch.linspace(-2, 2, 60).double().reshape(20, 3)
    plain, noisy = network(samples), network(samples, noise)
    assert torch.equal(noisy.codes, plain.codes)
    assert torch.equal(noisy.log_variances, plain.log_variances)
    drawn = plain.codes + network.deviations(plain.log_variances) * noise
    assert_close(noisy.reconstruction, network.decode(drawn))


def test_log_variances_are_bounded(samples):
    network = start()
    torch.nn.init.constant_(network.log_variance.weight, 1e9)
    _, log_variances = network.posterior(samples.float())
    assert set(log_variances.unique().tolist()) == {-20, 10}


def test_draws_are_even_and_standard():
    draws = quasi_normal_draws(5)
    assert draws.shape == (16, 5)
    np.testing.assert_allclose(draws.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(draws.var(axis=0), 1)
    np.testing.assert_array_equal(draws, quasi_normal_draws(5))


def test_logits_start_at_those_of_the_mean_and_follow_pca(samples):
    network = start("bernoulli", axes=torch.eye(16)[:3])
    at_origin = network.decode(torch.zeros(1, 3))
    assert not network.decodes_to_data_space
    assert_close(at_origin, torch.zeros(1, 16), rtol=0, atol=1e-6)
    codes = 1e-3 * samples[:, :3].float()
    expected = torch.cat([codes, torch.zeros(20, 13)], dim=1)
    # A sigmoid is a line near zero, up to the square.
    assert_close(network.decode(codes), expected, rtol=0, atol=1e-4)


def test_a_binary_feature_that_is_constant_has_finite_logits():
    network = start("bernoulli")
    network.mean[:2] = torch.tensor([0.0, 1.0])
    network._start_at_mean()
    assert network.decoder.last.bias.isfinite().all()


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_the_bias_of_log_variances_is_not_regularized(likelihood):
    network = start(likelihood, axes=torch.eye(16)[:3])
    names = {id(weight): name for name, weight in network.named_parameters()}
    found = {names[id(weight)] for weight in network.regularized_parameters()}
    assert set(names.values()) - found == {
        "encoder.linear_path.weight",
        "decoder.linear_path.weight",
        "log_variance.bias",
    }


@pytest.mark.parametrize("hidden_layer_sizes", [(), (5,)])
@pytest.mark.parametrize("gain", [1.0, 3.0])
def test_variances_are_the_same_for_coordinates(
    gain, hidden_layer_sizes, train_a_little, samples
):
    network = start(hidden_layer_sizes=hidden_layer_sizes, axes=torch.eye(16)[:3])
    network = train_a_little(network).double()
    basis = torch.from_numpy(ortho_group.rvs(16, random_state=1)[:6])
    coordinates = samples[:, :6]
    narrow = network.project_inputs(basis, gain)
    expected = network.posterior(coordinates @ basis)
    for found, value in zip(narrow.posterior(coordinates), expected):
        assert_close(found, value)
    assert_close(narrow.mean, network.mean @ basis.T)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_it_is_restored_from_its_state(likelihood, train_a_little, samples):
    network, samples = train_a_little(start(likelihood)), samples.float()
    other = VariationalNetwork.restored(**network.state())
    assert (other.likelihood, other.scale) == (likelihood, 2)
    # The same computation.
    assert torch.equal(other.costs(samples), network.costs(samples))
    assert torch.equal(other.reconstruct(samples), network.reconstruct(samples))


def test_expected_errors_are_means_over_the_codes_distribution(samples):
    # Of a linear decoder the expected squared error has a closed form.
    network = start(hidden_layer_sizes=(), axes=torch.eye(16)[:3]).double()
    torch.nn.init.constant_(network.log_variance.bias, -1.0)
    expected, _ = network.costs(samples).T
    errors = network.squared_errors(samples)
    # Draws have variance 1, and the decoder is orthonormal: one variance a component.
    variance = network.deviations(torch.tensor(-1.0)).square() * 3
    assert_close(expected, errors + variance.double(), rtol=1e-6, atol=1e-6)
