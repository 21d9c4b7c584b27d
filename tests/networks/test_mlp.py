import pytest
import torch
from scipy.stats import ortho_group
from torch import nn
from torch.func import jacrev, vmap
from torch.testing import assert_close

from stable_embedding.networks.mlp import (
    ACTIVATIONS,
    ONNX_ACTIVATIONS,
    SLOPES,
    LinearPathMLP,
    draw_linear,
)

pytestmark = pytest.mark.numeric


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def start(sizes, activation="tanh", with_path=True):
    """A perceptron as it is in a training, in double precision."""
    generator = torch.Generator().manual_seed(0)
    path = draw(sizes[-1], sizes[0]) if with_path else None
    network = LinearPathMLP(sizes, activation, path, gain=1.7, generator=generator)
    network.output_gain = 0.6
    nn.init.normal_(network.last.weight, generator=generator)
    nn.init.normal_(network.last.bias, generator=generator)
    return network.double()


cases = pytest.mark.parametrize(
    ("sizes", "with_path"),
    [(sizes, path) for sizes in [(5, 3), (5, 7, 3), (5, 7, 6, 3)] for path in (0, 1)],
)


@pytest.mark.parametrize("he_init", [False, True])
def test_draws_are_torchs_or_wider(he_init):
    layer = draw_linear(50, 200, he_init, torch.Generator().manual_seed(0))
    bound = (6 / 50 if he_init else 1 / 50) ** 0.5
    for values in (layer.weight, layer.bias):
        assert values.abs().max().item() == pytest.approx(bound, rel=0.05)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_slopes_are_those_of_autograd(activation):
    kind = ACTIVATIONS[activation]
    inputs = draw(20).requires_grad_()
    values = kind()(inputs)
    (expected,) = torch.autograd.grad(values.sum(), inputs)
    assert_close(SLOPES[kind](values.detach()), expected)


def test_every_activation_has_a_slope_and_a_node():
    assert set(ACTIVATIONS.values()) == set(SLOPES) == set(ONNX_ACTIVATIONS)


@cases
def test_output_is_that_of_the_formula(sizes, with_path):
    network, inputs = start(sizes, with_path=with_path), draw(9, sizes[0])
    expected = 0.6 * network.mlp(1.7 * inputs)
    if with_path:
        expected = expected + inputs @ network.linear_path.weight.T
    assert_close(network(inputs), expected)
    hidden = network.hidden(inputs)
    assert_close(network.from_hidden(hidden, inputs), expected)


def test_beside_a_path_it_starts_there():
    path, inputs = draw(3, 5).float(), draw(9, 5).float()
    network = LinearPathMLP((5, 7, 3), "tanh", path)
    assert_close(network(inputs), inputs @ path.T)
    assert network.first.weight.any()


@cases
def test_all_but_the_linear_path_is_regularized(sizes, with_path):
    network = start(sizes, with_path=with_path)
    names = {id(weight): name for name, weight in network.named_parameters()}
    found = {names[id(weight)] for weight in network.regularized_parameters()}
    assert found == set(names.values()) - {"linear_path.weight"}


@cases
def test_outputs_are_mapped(sizes, with_path):
    network, inputs = start(sizes, with_path=with_path), draw(9, sizes[0])
    rotation = torch.from_numpy(ortho_group.rvs(3, random_state=1))
    shift = draw(3, seed=1)
    expected = network(inputs) @ rotation + shift
    network.map_outputs(rotation, shift)
    assert_close(network(inputs), expected)


@cases
def test_inputs_that_were_mapped_are_mapped_back(sizes, with_path):
    network, inputs = start(sizes, with_path=with_path), draw(9, sizes[0])
    rotation = torch.from_numpy(ortho_group.rvs(5, random_state=1))
    shift, expected = draw(5, seed=1), network(inputs)
    network.unmap_inputs(rotation, shift)
    assert_close(network(inputs @ rotation + shift), expected)


@cases
def test_inputs_and_outputs_become_coordinates(sizes, with_path):
    network, coordinates = start(sizes, with_path=with_path), draw(9, 4)
    to_inputs = torch.from_numpy(ortho_group.rvs(5, random_state=1)[:4])
    to_outputs = torch.from_numpy(ortho_group.rvs(3, random_state=2)[:2])
    expected = network(coordinates @ to_inputs) @ to_outputs.T
    network.project_inputs(to_inputs, 2.0)
    network.project_outputs(to_outputs, 3.0)
    assert (network.gain, network.output_gain) == (2, 3)
    assert_close(network(coordinates), expected)


def by_autograd(network, samples):
    return vmap(jacrev(network))(samples).square().sum((-2, -1))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@cases
def test_the_norm_of_the_jacobian_is_that_of_autograd(activation, sizes, with_path):
    network, samples = start(sizes, activation, with_path), draw(9, 5)
    expected = by_autograd(network, samples)
    found = network.squared_jacobian(samples).expand(9)
    assert_close(found, expected)


def test_of_one_sigmoid_layer_the_norm_has_a_closed_form():
    network, samples = LinearPathMLP((5, 7, 3), "logistic").double(), draw(9, 5)
    hidden = network.hidden(samples)
    inner, outer = network.first.weight, network.last.weight
    expected = torch.stack(
        [(outer * (h * (1 - h)) @ inner).square().sum() for h in hidden]
    )
    assert_close(network.squared_jacobian(samples), expected)


def test_of_a_linear_perceptron_the_norm_is_that_of_its_weights():
    network = LinearPathMLP((5, 3), "relu").double()
    squares = network.squared_jacobian(draw(9, 5))
    assert_close(squares, network.last.weight.square().sum()[None])
