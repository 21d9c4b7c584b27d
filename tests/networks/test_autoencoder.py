import copy

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from stable_embedding.networks.autoencoder import ACTIVATIONS, Autoencoder, draw_linear

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
    rows = torch.randn(20, 6)
    codes, reconstruction = Autoencoder(6, 2, hidden, activation, axes=axes)(rows)
    torch.testing.assert_close(codes, rows @ axes.T)
    torch.testing.assert_close(reconstruction, rows @ axes.T @ axes)


def test_pca_start_is_the_same_for_every_seed():
    axes = axes_of(2, 6)
    first = Autoencoder(6, 2, (8,), "relu", axes=axes, seed=1).state_dict()
    second = Autoencoder(6, 2, (8,), "relu", axes=axes, seed=2).state_dict()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=0, atol=0)


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
def test_fold_moves_codes_and_keeps_reconstructions(hidden, start):
    axes = None if start is None else axes_of(3, 6)
    network = perturb(Autoencoder(6, 3, hidden, "tanh", axes=axes)).double()
    rows = torch.randn(50, 6, dtype=torch.float64)
    codes, reconstruction = copy.deepcopy(network)(rows)
    rotation = torch.from_numpy(ortho_group.rvs(3, random_state=1))
    shift = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    network.fold(rotation, shift)
    moved, still = network(rows)
    torch.testing.assert_close(moved, codes @ rotation + shift)
    torch.testing.assert_close(still, reconstruction)


@pytest.mark.parametrize("hidden", [(), (8,), (16, 8)])
@pytest.mark.parametrize("start", [None, "pca"])
@pytest.mark.parametrize("gain", [1.0, 3.0])
def test_a_network_in_another_basis_maps_coordinates_as_it_mapped_rows(
    hidden, start, gain
):
    axes = None if start is None else axes_of(2, 6)
    network = perturb(Autoencoder(6, 2, hidden, "tanh", axes=axes)).double()
    basis = torch.from_numpy(ortho_group.rvs(6, random_state=1)[:4])
    rows = torch.randn(20, 4, dtype=torch.float64) @ basis
    codes, reconstruction = network(rows)
    narrow = network.project_inputs(basis, gain)
    found, coordinates = narrow(rows @ basis.T)
    torch.testing.assert_close(found, codes)
    torch.testing.assert_close(coordinates, reconstruction @ basis.T)
    assert (narrow.n_features, network.n_features) == (4, 6)
    rotation = torch.from_numpy(ortho_group.rvs(2, random_state=1))
    shift = torch.tensor([1.0, -2.0], dtype=torch.float64)
    turned = copy.deepcopy(narrow)
    turned.fold(rotation, shift)
    torch.testing.assert_close(turned.encode(rows @ basis.T), codes @ rotation + shift)
    torch.testing.assert_close(turned.reconstruct(rows @ basis.T), coordinates)
    back = narrow.project_inputs(basis.T)
    torch.testing.assert_close(back.encode(rows), codes)
    torch.testing.assert_close(back.decode(codes), coordinates @ basis)
    assert back.encoder.gain == back.decoder.output_gain == 1


def test_fold_in_single_precision_changes_reconstructions_by_rounding_only():
    network = perturb(Autoencoder(64, 3, (128, 32), "relu", axes=axes_of(3, 64)))
    rows = torch.randn(200, 64)
    before = network.reconstruct(rows).detach()
    network.fold(
        torch.from_numpy(ortho_group.rvs(3, random_state=1)),
        torch.from_numpy(np.ones(3)),
    )
    change = (network.reconstruct(rows).detach() - before).norm() / before.norm()
    assert change < 1e-5


@pytest.mark.parametrize("he_init", [False, True])
def test_draws_are_torchs_or_wider(he_init):
    layer = draw_linear(50, 200, he_init, torch.Generator().manual_seed(0))
    bound = (6 / 50 if he_init else 1 / 50) ** 0.5
    for values in (layer.weight, layer.bias):
        assert values.abs().max().item() == pytest.approx(bound, rel=0.05)


def test_parts_agree_with_the_whole():
    network = perturb(Autoencoder(6, 2, (8,), "relu", axes=axes_of(2, 6)))
    rows = torch.randn(10, 6)
    codes, reconstruction = network(rows)
    assert torch.equal(network.encode(rows), codes)
    assert torch.equal(network.decode(codes), reconstruction)
    assert torch.equal(network.reconstruct(rows), reconstruction)
    assert network.widest_layer == 8
    assert network.device.type == "cpu"
