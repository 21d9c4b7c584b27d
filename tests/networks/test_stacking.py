import copy

import pytest
import torch
from scipy.stats import ortho_group
from torch import nn
from torch.testing import assert_close

from stable_embedding.losses import Outputs
from stable_embedding.networks import Autoencoder
from stable_embedding.networks.mlp import LinearPathMLP
from stable_embedding.networks.stacking import (
    ModuleStack,
    StackedLinear,
    stack_linear_layers,
    unstack,
    weights_by_name,
)

pytestmark = pytest.mark.numeric


@pytest.fixture(params=["perceptrons", "perceptrons with path", "modules"])
def runs(request, start_convolutional, train_a_little):
    """Three networks alike but for their weights, in double precision."""
    if request.param == "modules":
        networks = [start_convolutional(seed) for seed in range(3)]
    else:
        axes = torch.eye(16)[:3] if "path" in request.param else None
        networks = [Autoencoder(16, 3, (8, 4), "tanh", axes=axes) for _ in range(3)]
    return [train_a_little(one, seed).double() for seed, one in enumerate(networks)]


@pytest.fixture
def together(samples):
    return torch.stack([samples, samples + 1, 2 * samples])


def test_a_stack_is_its_networks_side_by_side(runs, together):
    outputs = runs[0].stack(runs)(together)
    assert type(outputs) is Outputs
    for run, network in enumerate(runs):
        # Rounding of float64: batched products sum in another order.
        for found, expected in zip(outputs, network(together[run]), strict=True):
            assert_close(found[run], expected)


def test_gradients_are_those_of_each_network_alone(runs, together):
    stacked = runs[0].stack(runs)
    outputs = stacked(together)
    (outputs.codes.square().sum() + outputs.reconstruction.square().sum()).backward()
    found = weights_by_name(stacked)
    for run, network in enumerate(runs):
        alone = network(together[run])
        (alone.codes.square().sum() + alone.reconstruction.square().sum()).backward()
        for name, weight in network.named_parameters():
            # Rounding of float64: sums over samples in another order.
            assert_close(found[name].grad[run], weight.grad)


def test_maps_before_and_after_modules_are_stacked(
    start_convolutional, train_a_little, samples, rotation, shift
):
    runs = [train_a_little(start_convolutional(seed), seed) for seed in range(3)]
    basis = torch.from_numpy(ortho_group.rvs(16, random_state=1)[:6]).float()
    runs = [network.project_inputs(basis) for network in runs]
    for turn, network in enumerate(runs):
        network.absorb_rigid_map(rotation, turn * shift)
    runs = [network.double() for network in runs]
    outputs = runs[0].stack(runs)(samples[:, :6].expand(3, -1, -1))
    for run, network in enumerate(runs):
        for found, expected in zip(outputs, network(samples[:, :6]), strict=True):
            assert_close(found[run], expected)


def test_stacking_leaves_the_networks_alone_and_unstacking_sets_them(runs):
    before = copy.deepcopy(runs)
    stacked = runs[0].stack(runs)
    with torch.no_grad():
        for weight in stacked.parameters():
            weight += 1
    for network, old in zip(runs, before):
        for weight, value in zip(network.parameters(), old.parameters()):
            assert torch.equal(weight, value)
    unstack(stacked, runs)
    for network, old in zip(runs, before):
        for weight, value in zip(network.parameters(), old.parameters()):
            assert torch.equal(weight, value + 1)


class Scaled(Autoencoder):
    """Multiplies samples by weights that are in no linear layer."""

    def __init__(self):
        super().__init__(16, 3, (8,), "tanh")
        self.scale = nn.Parameter(torch.ones(16))

    def decode(self, codes):
        return self.scale * self.decoder(codes)


class Shifted(Autoencoder):
    """Computes something else by a linear layer."""

    class Layer(nn.Linear):
        def forward(self, samples):
            return super().forward(samples) + 1

    def __init__(self):
        super().__init__(16, 3, (8,), "tanh")
        self.first = self.Layer(16, 16)

    def encode(self, samples):
        return self.encoder(self.first(samples))


class Tied(Autoencoder):
    """Has one weight in two layers."""

    def __init__(self):
        super().__init__(16, 3, (8,), "tanh")
        self.first, self.last = nn.Linear(16, 16), nn.Linear(16, 16)
        self.last.weight = self.first.weight

    def encode(self, samples):
        return self.encoder(self.last(self.first(samples)))


@pytest.mark.parametrize("kind", [Scaled, Shifted, Tied])
def test_subclasses_with_other_layers_are_stacked(kind, together):
    runs = [kind().double() for _ in range(3)]
    stacked = runs[0].stack(runs)
    with torch.no_grad():
        for weight in stacked.parameters():
            weight += torch.rand_like(weight)
    outputs = stacked(together)
    unstack(stacked, runs)
    for run, network in enumerate(runs):
        # Rounding of float64: batched products sum in another order.
        for found, expected in zip(outputs, network(together[run]), strict=True):
            assert_close(found[run], expected)


def test_frozen_weights_of_perceptrons_are_stacked_as_such():
    runs = [Autoencoder(16, 3, (8,), "tanh") for _ in range(2)]
    for network in runs:
        network.encoder.requires_grad_(False)
    for name, weight in weights_by_name(runs[0].stack(runs)).items():
        assert weight.requires_grad == name.startswith("decoder")


def test_unstacking_sets_buffers(start_convolutional):
    runs = [start_convolutional(seed) for seed in range(2)]
    for network in runs:
        network.encoder.register_buffer("share", torch.zeros(()))
        network.encoder.register_buffer("steps", torch.tensor(0))
    stacked = runs[0].stack(runs)
    for buffer in stacked.buffers():
        buffer += torch.arange(1, 3)
    unstack(stacked, runs)
    for run, network in enumerate(runs):
        assert network.encoder.share == network.encoder.steps == run + 1


def test_names_of_weights_are_those_of_one_network(runs):
    weights = weights_by_name(runs[0].stack(runs))
    names = [name for name, _ in runs[0].named_parameters()]
    assert sorted(weights) == sorted(names)
    for name, stacked in weights.items():
        of_runs = [network.get_parameter(name) for network in runs]
        assert torch.equal(stacked, torch.stack(of_runs))


def test_a_stack_regularizes_what_its_networks_do(runs):
    stacked = runs[0].stack(runs)
    weights = weights_by_name(stacked)
    of_one = set(map(id, runs[0].regularized_parameters()))
    expected = {
        id(weights[name])
        for name, weight in runs[0].named_parameters()
        if id(weight) in of_one
    }
    found = list(stacked.regularized_parameters())
    assert set(map(id, found)) == expected
    assert len(found) == len(expected)


def test_only_the_stack_of_modules_holds_its_own_weights(start_convolutional):
    runs = [start_convolutional(seed) for seed in range(2)]
    stacked = runs[0].stack(runs)
    assert isinstance(stacked, ModuleStack)
    n_weights = len(list(runs[0].parameters()))
    assert len(list(stacked.parameters())) == n_weights
    assert all(weight.device.type == "cpu" for weight in stacked.parameters())
    assert all(weight.is_leaf for weight in stacked.parameters())


def test_weights_that_are_tied_within_a_network_stay_so(samples):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(16, 16), nn.Linear(16, 16)
            self.second.weight = self.first.weight

        def forward(self, samples):
            return self.second(torch.tanh(self.first(samples)))

        def regularized_parameters(self):
            return self.parameters()

    runs = [Tied().double() for _ in range(2)]
    stacked = ModuleStack(runs)
    stacked(samples.expand(2, -1, -1)).square().sum().backward()
    found = weights_by_name(stacked)
    for run, network in enumerate(runs):
        network(samples).square().sum().backward()
        for name, weight in network.named_parameters():
            # Rounding of float64: sums over samples in another order.
            assert_close(found[name].grad[run], weight.grad)


def test_runs_of_a_stack_have_random_numbers_of_their_own():
    class Dropping(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, samples):
            return nn.functional.dropout(self.weight * samples, 0.5, self.training)

        def regularized_parameters(self):
            return self.parameters()

    stacked = ModuleStack([Dropping(), Dropping()])
    samples = torch.ones(2, 50, 4)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first, second = stacked(samples)
    assert not torch.equal(first, second)
    assert torch.equal(stacked.eval()(samples), samples)


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_runs_do_not_mix(bias):
    layers = [nn.Linear(3, 2, bias=bias) for _ in range(2)]
    stacked = StackedLinear(layers)
    stacked(torch.randn(2, 4, 3))[0].sum().backward()
    for parameter in stacked.parameters():
        assert parameter.grad[0].any()
        assert not parameter.grad[1].any()


def test_stacked_perceptrons_have_jacobians_of_their_own():
    generator = torch.Generator().manual_seed(0)
    networks = [LinearPathMLP((5, 7, 3), "tanh", generator=generator) for _ in range(2)]
    samples = torch.randn(2, 9, 5, generator=generator)
    squares = stack_linear_layers(networks).squared_jacobian(samples)
    for network, batch, found in zip(networks, samples, squares):
        # Rounding of float32: batched products sum in another order.
        assert_close(found, network.squared_jacobian(batch))
