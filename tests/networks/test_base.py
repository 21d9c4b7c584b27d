import copy
import pickle

import pytest
import torch
from scipy.stats import ortho_group
from torch.testing import assert_close

from stable_embedding.losses import Outputs
from stable_embedding.networks import Autoencoder, BaseAutoencoder, ModulePart

pytestmark = pytest.mark.numeric


def test_it_starts_as_pca(start_convolutional, axes, samples):
    network, samples = start_convolutional(), samples.float()
    outputs = network(samples)
    assert type(outputs) is Outputs
    # The modules add zeros; products are rounded in another order.
    assert_close(outputs.codes, samples @ axes.T)
    assert_close(outputs.reconstruction, samples @ axes.T @ axes)
    assert network.init == "pca"


def test_without_a_path_it_starts_at_zero(start_convolutional, samples):
    network = start_convolutional(with_path=False)
    codes, reconstruction = network(samples.float())
    assert not codes.any()
    assert not reconstruction.any()
    assert network.init == "random"


def test_parts_agree_with_the_whole(convolutional, samples):
    codes, reconstruction = convolutional(samples)
    assert torch.equal(convolutional.encode(samples), codes)
    assert torch.equal(convolutional.decode(codes), reconstruction)
    assert torch.equal(convolutional.reconstruct(samples), reconstruction)
    errors = (reconstruction - samples).square().sum(1)
    assert torch.equal(convolutional.squared_errors(samples), errors)
    assert convolutional.decodes_to_data_space


def test_it_tells_where_it_is_and_how_wide(convolutional):
    assert convolutional.device.type == "cpu"
    assert convolutional.dtype == torch.float64
    assert (convolutional.n_features, convolutional.n_components) == (16, 3)
    assert convolutional.widest_layer == 32


def test_a_rigid_map_moves_codes_and_leaves_reconstructions(
    convolutional, samples, rotation, shift
):
    codes, reconstruction = convolutional(samples)
    expected = codes
    for _ in range(2):  # the second is absorbed by the maps of the first
        convolutional.absorb_rigid_map(rotation, shift)
        expected = expected @ rotation + shift
        found = convolutional(samples)
        # Rounding of float64, of two products more.
        assert_close(found.codes, expected)
        assert_close(found.reconstruction, reconstruction)


def test_a_rigid_map_in_single_precision_changes_reconstructions_by_rounding(
    start_convolutional, train_a_little, samples, rotation, shift
):
    network, samples = train_a_little(start_convolutional()), samples.float()
    before = network.reconstruct(samples)
    network.absorb_rigid_map(rotation, shift)
    assert network.dtype == network.encode(samples).dtype == torch.float32
    change = (network.reconstruct(samples) - before).norm() / before.norm()
    assert change < 1e-5


@pytest.mark.parametrize("gain", [1.0, 3.0])
def test_a_projection_to_a_basis_and_back_changes_nothing_within_its_span(
    gain, convolutional, samples, rotation, shift
):
    basis = torch.from_numpy(ortho_group.rvs(16, random_state=1)[:6])
    coordinates = samples[:, :6]
    within = coordinates @ basis
    codes, reconstruction = convolutional(within)
    narrow = convolutional.project_inputs(basis, gain)
    assert (narrow.n_features, convolutional.n_features) == (6, 16)
    found = narrow(coordinates)
    # Rounding of float64, of the products with the basis.
    assert_close(found.codes, codes)
    assert_close(found.reconstruction, reconstruction @ basis.T)
    back = narrow.project_inputs(basis.T)
    found = back(within)
    assert back.n_features == 16
    assert_close(found.codes, codes)
    assert_close(found.reconstruction, reconstruction @ basis.T @ basis)
    narrow.absorb_rigid_map(rotation, shift)
    found = narrow.project_inputs(basis.T)(within)
    assert_close(found.codes, codes @ rotation + shift)
    assert_close(found.reconstruction, reconstruction @ basis.T @ basis)


def test_all_but_the_linear_paths_is_regularized(convolutional):
    paths = {"encoder.linear_path.weight", "decoder.linear_path.weight"}
    regularized = set(map(id, convolutional.regularized_parameters()))
    for name, weight in convolutional.named_parameters():
        assert (id(weight) in regularized) == (name not in paths)
    assert len(regularized) == 8


def copies_of(network):
    """Copies of a network, made in each of the ways that the package uses."""
    return {
        "deepcopy": copy.deepcopy(network),
        "pickle": pickle.loads(pickle.dumps(network)),
        "state": type(network).restored(**copy.deepcopy(network.state())),
        "pickled state": type(network).restored(
            **pickle.loads(pickle.dumps(network.state()))
        ),
    }


def test_copies_are_alike_and_apart(convolutional, samples, rotation, shift):
    convolutional.absorb_rigid_map(rotation, shift)
    before = convolutional(samples)
    for name, other in copies_of(convolutional).items():
        # The same computation once more.
        for found, expected in zip(other(samples), before, strict=True):
            assert torch.equal(found, expected), name
        with torch.no_grad():
            for weight in other.parameters():
                weight += 1
    for found, expected in zip(convolutional(samples), before, strict=True):
        assert torch.equal(found, expected)


def test_a_restored_network_is_not_training(convolutional):
    assert not BaseAutoencoder.restored(**convolutional.train().state()).training


def test_a_copy_in_double_precision_agrees(
    start_convolutional, train_a_little, samples, rotation, shift
):
    network = train_a_little(start_convolutional())
    network.absorb_rigid_map(rotation, shift)
    double = network.as_float64()
    assert (double.dtype, network.dtype) == (torch.float64, torch.float32)
    for found, expected in zip(double(samples), network(samples.float())):
        assert found.dtype == torch.float64
        # Rounding of float32.
        assert_close(found.float(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("with_path", [True, False])
@pytest.mark.parametrize("hidden", [(), (8,), (16, 8)])
def test_perceptrons_given_as_modules_are_the_networks(
    hidden, with_path, axes, train_a_little, samples, rotation, shift
):
    start = axes if with_path else None
    own = train_a_little(Autoencoder(16, 3, hidden, "tanh", axes=start))
    # A module has no gain; so the network should have none.
    own.decoder.gain = 1.0
    own = own.double()
    parts = []
    for part in copy.deepcopy((own.encoder, own.decoder)):
        path = None if part.linear_path is None else part.linear_path.weight.detach()
        parts.append(ModulePart(part.mlp, path).double())
        if path is not None:
            parts[-1].linear_path.weight.data.copy_(path)  # in double precision
    given = BaseAutoencoder(16, 3, *parts)
    basis = torch.from_numpy(ortho_group.rvs(16, random_state=1)[:6])
    inputs = samples
    for step in range(3):
        found, expected = given(inputs), own(inputs)
        # Rounding of float64: one has the map within its layers.
        assert_close(found.codes, expected.codes)
        assert_close(found.reconstruction, expected.reconstruction)
        if step == 0:
            for network in (given, own):
                network.absorb_rigid_map(rotation, shift)
        if step == 1:
            given, own = (one.project_inputs(basis, 2.0) for one in (given, own))
            inputs = samples[:, :6]
