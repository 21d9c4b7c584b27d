import copy

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from stable_embedding.networks import Autoencoder
from stable_embedding.networks.mlp import ACTIVATIONS

pytestmark = pytest.mark.numeric


def axes_of(n_components, n_features, seed=0):
    rotation = ortho_group.rvs(n_features, random_state=seed)
    return torch.from_numpy(rotation[:n_components]).float()


def perturb(network):
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return network


@pytest.mark.parametrize("hidden", [(), (8,), (16, 8)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_starts_as_pca(hidden, activation):
    axes = axes_of(2, 6)
    samples = torch.randn(20, 6)
    codes, reconstruction = Autoencoder(6, 2, hidden, activation, axes=axes)(samples)
    torch.testing.assert_close(codes, samples @ axes.T)
    torch.testing.assert_close(reconstruction, samples @ axes.T @ axes)


def test_pca_start_is_the_same_for_every_seed():
    axes = axes_of(2, 6)
    first = Autoencoder(6, 2, (8,), "relu", axes=axes, seed=1).state_dict()
    second = Autoencoder(6, 2, (8,), "relu", axes=axes, seed=2).state_dict()
    for name, value in first.items():
        assert torch.equal(value, second[name])


def test_random_start_follows_the_seed():
    draws = [
        Autoencoder(6, 2, (8,), "relu", seed=seed).encoder.first.weight
        for seed in (1, 1, 2)
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize("start", [None, "pca"])
def test_building_leaves_torchs_random_stream(start):
    axes = None if start is None else axes_of(2, 6)
    before = torch.get_rng_state()
    Autoencoder(6, 2, (8,), "relu", axes=axes)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("hidden", [(), (8,), (16, 8)])
@pytest.mark.parametrize("start", [None, "pca"])
def test_a_rigid_map_moves_codes_and_keeps_reconstructions(hidden, start):
    axes = None if start is None else axes_of(3, 6)
    network = perturb(Autoencoder(6, 3, hidden, "tanh", axes=axes)).double()
    samples = torch.randn(50, 6, dtype=torch.float64)
    codes, reconstruction = copy.deepcopy(network)(samples)
    rotation = torch.from_numpy(ortho_group.rvs(3, random_state=1))
    shift = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    network.absorb_rigid_map(rotation, shift)
    moved, still = network(samples)
    torch.testing.assert_close(moved, codes @ rotation + shift)
    torch.testing.assert_close(still, reconstruction)


@pytest.mark.parametrize("hidden", [(), (8,), (16, 8)])
@pytest.mark.parametrize("start", [None, "pca"])
@pytest.mark.parametrize("gain", [1.0, 3.0])
def test_a_network_in_another_basis_maps_coordinates_as_it_mapped_samples(
    hidden, start, gain
):
    axes = None if start is None else axes_of(2, 6)
    network = perturb(Autoencoder(6, 2, hidden, "tanh", axes=axes)).double()
    basis = torch.from_numpy(ortho_group.rvs(6, random_state=1)[:4])
    samples = torch.randn(20, 4, dtype=torch.float64) @ basis
    codes, reconstruction = network(samples)
    narrow = network.project_inputs(basis, gain)
    found, coordinates = narrow(samples @ basis.T)
    torch.testing.assert_close(found, codes)
    torch.testing.assert_close(coordinates, reconstruction @ basis.T)
    assert (narrow.n_features, network.n_features) == (4, 6)
    rotation = torch.from_numpy(ortho_group.rvs(2, random_state=1))
    shift = torch.tensor([1.0, -2.0], dtype=torch.float64)
    turned = copy.deepcopy(narrow)
    turned.absorb_rigid_map(rotation, shift)
    torch.testing.assert_close(
        turned.encode(samples @ basis.T), codes @ rotation + shift
    )
    torch.testing.assert_close(turned.reconstruct(samples @ basis.T), coordinates)
    back = narrow.project_inputs(basis.T)
    torch.testing.assert_close(back.encode(samples), codes)
    torch.testing.assert_close(back.decode(codes), coordinates @ basis)
    assert back.encoder.gain == back.decoder.output_gain == 1


def test_a_rigid_map_in_single_precision_changes_reconstructions_by_rounding():
    network = perturb(Autoencoder(64, 3, (128, 32), "relu", axes=axes_of(3, 64)))
    samples = torch.randn(200, 64)
    before = network.reconstruct(samples).detach()
    network.absorb_rigid_map(
        torch.from_numpy(ortho_group.rvs(3, random_state=1)),
        torch.from_numpy(np.ones(3)),
    )
    change = (network.reconstruct(samples).detach() - before).norm() / before.norm()
    assert change < 1e-5


def test_parts_agree_with_the_whole():
    network = perturb(Autoencoder(6, 2, (8,), "relu", axes=axes_of(2, 6)))
    samples = torch.randn(10, 6)
    codes, reconstruction = network(samples)
    assert torch.equal(network.encode(samples), codes)
    assert torch.equal(network.decode(codes), reconstruction)
    assert torch.equal(network.reconstruct(samples), reconstruction)
    assert network.widest_layer == 8
    assert network.device.type == "cpu"


def restored(network):
    return Autoencoder.restored(**copy.deepcopy(network.state()))


@pytest.mark.parametrize("hidden", [(), (8,)])
@pytest.mark.parametrize("start", [None, "pca"])
def test_a_network_is_restored_from_its_state(hidden, start):
    axes = None if start is None else axes_of(2, 6)
    network = perturb(Autoencoder(6, 2, hidden, "tanh", axes=axes))
    network = network.project_inputs(torch.eye(6)[:4], 3.0)
    samples = torch.randn(10, 4)
    other = restored(network)
    assert torch.equal(other.encode(samples), network.encode(samples))
    assert torch.equal(other.reconstruct(samples), network.reconstruct(samples))
    assert (other.init, other.hidden_layer_sizes) == (network.init, hidden)
    assert not other.training


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_features": 7}, "should have"),
        ({"n_components": -2}, "are no widths of layers"),
        ({"hidden_layer_sizes": (10**9,)}, "should have"),
        ({"init": "random", "hidden_layer_sizes": (8, 8)}, "should have"),
    ],
)
def test_settings_that_do_not_fit_the_weights_are_refused(changed, message):
    state = Autoencoder(6, 2, (8,), "tanh", axes=axes_of(2, 6)).state()
    state["settings"] |= changed
    with pytest.raises(ValueError, match=message):
        Autoencoder.restored(**state)
