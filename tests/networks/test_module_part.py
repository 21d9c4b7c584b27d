import pytest
import torch
from scipy.stats import ortho_group
from torch import nn
from torch.testing import assert_close

from stable_embedding.networks import ModulePart
from stable_embedding.networks.module_part import AffineMap

pytestmark = pytest.mark.numeric


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def part():
    """A part from five inputs to three outputs, beside a path."""
    part = ModulePart(nn.Sequential(nn.Linear(5, 3), nn.Tanh()), draw(3, 5)).double()
    for at, weight in enumerate(part.parameters()):
        weight.data.copy_(draw(*weight.shape, seed=at))
    return part


def test_an_affine_map_is_a_product_and_a_shift():
    affine = AffineMap(draw(5, 3), draw(3, seed=1))
    inputs = draw(2, 7, 5)
    assert_close(affine(inputs), inputs @ affine.matrix + affine.shift)
    assert not list(affine.parameters())


def test_maps_are_composed_in_double_precision():
    first = AffineMap(draw(5, 3).float(), draw(3, seed=1).float())
    matrix, shift = draw(3, 2, seed=2), draw(2, seed=3)
    both = first.then(matrix, shift)
    assert both.matrix.dtype == both.shift.dtype == torch.float32
    assert torch.equal(both.matrix, (first.matrix.double() @ matrix).float())
    assert torch.equal(both.shift, (first.shift.double() @ matrix + shift).float())


def test_it_is_a_module_beside_a_path(part):
    inputs = draw(7, 5)
    path = part.linear_path.weight
    assert_close(part(inputs), part.module(inputs) + inputs @ path.T)


def test_without_a_path_it_is_the_module():
    part = ModulePart(nn.Linear(5, 3))
    inputs = torch.ones(7, 5)
    assert part.linear_path is None
    assert torch.equal(part(inputs), part.module(inputs))


def test_the_path_starts_at_a_copy():
    path = torch.eye(5)[:3]
    part = ModulePart(nn.Linear(5, 3), path)
    part.linear_path.weight.data += 1
    assert torch.equal(path, torch.eye(5)[:3])
    assert part.linear_path.bias is None


@pytest.mark.parametrize("n_times", [1, 2])
def test_outputs_are_mapped(n_times, part, rotation, shift):
    inputs = draw(7, 5)
    expected = part(inputs)
    for _ in range(n_times):
        part.map_outputs(rotation, shift)
        expected = expected @ rotation + shift
    assert_close(part(inputs), expected)


@pytest.mark.parametrize("n_times", [1, 2])
def test_inputs_that_were_mapped_are_mapped_back(n_times, part):
    inputs, shift = draw(7, 5), draw(5, seed=1)
    rotation = torch.from_numpy(ortho_group.rvs(5, random_state=1))
    expected = part(inputs)
    for _ in range(n_times):
        part.unmap_inputs(rotation, shift)
        inputs = inputs @ rotation + shift
    assert_close(part(inputs), expected)


def test_inputs_and_outputs_become_coordinates(part):
    to_inputs = torch.from_numpy(ortho_group.rvs(5, random_state=1)[:4])
    to_outputs = torch.from_numpy(ortho_group.rvs(3, random_state=2)[:2])
    coordinates = draw(7, 4)
    expected = part(coordinates @ to_inputs) @ to_outputs.T
    part.project_inputs(to_inputs, 1.0)
    part.project_outputs(to_outputs, 1.0)
    assert_close(part(coordinates), expected)


def test_a_map_has_the_precision_of_the_weights(part, rotation, shift):
    part.float().map_outputs(rotation, shift)
    assert part.after.matrix.dtype == torch.float32
    assert part(draw(7, 5).float()).dtype == torch.float32


class Repeating(nn.Module):
    """A module without weights, whose buffer holds the features to return."""

    def __init__(self):
        super().__init__()
        self.register_buffer("kept", torch.tensor([0, 1, 2, 0, 1]))

    def forward(self, codes):
        return codes[..., self.kept]


def test_a_part_without_weights_is_mapped_in_single_precision(rotation, shift):
    codes = draw(7, 3).float()
    turn = torch.from_numpy(ortho_group.rvs(5, random_state=1))
    part = ModulePart(Repeating())
    part.unmap_inputs(rotation, shift)
    part.map_outputs(turn, draw(5))
    assert part.before.matrix.dtype == part.after.matrix.dtype == torch.float32
    found = part(codes @ rotation.float() + shift.float())
    assert_close(found, Repeating()(codes) @ turn.float() + draw(5).float())


def test_the_module_is_regularized_and_the_path_is_not(part):
    expected = list(map(id, part.module.parameters()))
    assert list(map(id, part.regularized_parameters())) == expected


class Recorder:
    """A graph whose nodes are computed at once, on arrays."""

    def __init__(self, inputs):
        self.values = {"X": inputs}

    def node(self, kind, *inputs):
        first, second = (
            self.values[one] if isinstance(one, str) else torch.from_numpy(one)
            for one in inputs
        )
        name = f"{kind}{len(self.values)}"
        self.values[name] = first @ second if kind == "MatMul" else first + second
        return name


class Doubling(nn.Module):
    """A module that describes itself: twice the input, of width three."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(2 * torch.eye(3, dtype=torch.float64))

    def forward(self, inputs):
        return inputs @ self.weight

    def add_to_graph(self, graph, value):
        return graph.node("MatMul", value, self.weight.numpy(force=True))


@pytest.mark.parametrize("with_path", [True, False])
@pytest.mark.parametrize("is_mapped", [True, False])
def test_its_graph_computes_what_it_does(is_mapped, with_path, rotation, shift):
    part = ModulePart(Doubling(), draw(3, 3) if with_path else None).double()
    if is_mapped:
        part.map_outputs(rotation, shift)
        part.unmap_inputs(rotation.T, -shift)
    inputs = draw(7, 3)
    graph = Recorder(inputs)
    name = part.add_to_graph(graph, "X")
    assert_close(graph.values[name], part(inputs).detach())


def test_a_module_that_cannot_describe_itself_is_named():
    part = ModulePart(nn.LSTM(5, 3))
    with pytest.raises(TypeError, match=r"LSTM has no add_to_graph\(graph"):
        part.add_to_graph(None, "X")


def test_a_gain_multiplies_the_input_of_the_module_alone():
    path = draw(3, 5).float()
    part = ModulePart(nn.Linear(5, 3), path, gain=2.0)
    inputs = draw(7, 5).float()
    assert_close(part(inputs), part.module(2 * inputs) + inputs @ path.T)


def test_a_module_may_change_its_input_in_place():
    part = ModulePart(nn.Dropout(1.0, inplace=True), torch.eye(5)).train()
    inputs = torch.ones(7, 5)
    assert torch.equal(part(inputs), torch.ones(7, 5))
    assert torch.equal(inputs, torch.ones(7, 5))
