import pytest
import torch
from torch import nn

from stable_embedding.networks import Autoencoder
from stable_embedding.networks.stacking import StackedLinear, stack, unstack
from tests.precision import assert_near


def networks(axes=None, n_runs=3):
    runs = [Autoencoder(5, 2, (8, 4), "relu", axes=axes) for _ in range(n_runs)]
    for run, network in enumerate(runs):
        for parameter in network.parameters():
            nn.init.normal_(parameter, generator=torch.Generator().manual_seed(run))
    return runs


@pytest.mark.numeric
@pytest.mark.parametrize("axes", [None, torch.eye(5)[:2]])
def test_a_stack_is_its_networks_side_by_side(axes):
    runs = networks(axes)
    rows = torch.randn(3, 7, 5, generator=torch.Generator().manual_seed(0))
    codes, reconstruction = stack(runs)(rows)
    for run, network in enumerate(runs):
        expected = network(rows[run])
        # A stack multiplies batches of matrices, which is another kernel.
        assert_near(codes[run].detach(), expected[0].detach())
        assert_near(reconstruction[run].detach(), expected[1].detach())


def test_stacking_leaves_the_networks_alone_and_unstacking_sets_them():
    runs = networks()
    before = [parameter.clone() for parameter in runs[1].parameters()]
    stacked = stack(runs)
    for parameter in stacked.parameters():
        parameter.data += 1
    for parameter, value in zip(runs[1].parameters(), before):
        assert torch.equal(parameter, value)
    unstack(stacked, runs)
    for parameter, value in zip(runs[1].parameters(), before):
        assert torch.equal(parameter, value + 1)


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_runs_do_not_mix(bias):
    layers = [nn.Linear(3, 2, bias=bias) for _ in range(2)]
    stacked = StackedLinear(layers)
    stacked(torch.randn(2, 4, 3))[0].sum().backward()
    for parameter in stacked.parameters():
        assert parameter.grad[0].any()
        assert not parameter.grad[1].any()


def test_names_of_parameters_are_those_of_one_network():
    runs = networks(torch.eye(5)[:2])
    names = [name for name, _ in runs[0].named_parameters()]
    assert [name for name, _ in stack(runs).named_parameters()] == names
