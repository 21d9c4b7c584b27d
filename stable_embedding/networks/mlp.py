"""A linear path beside a multilayer perceptron."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from .._ambient import CPU_FLOAT32

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
}

# Slope of an activation, from its value.
SLOPES: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.Identity: torch.ones_like,
    nn.Sigmoid: lambda value: value * (1 - value),
    nn.ReLU: lambda value: (value > 0).to(value.dtype),
    nn.Tanh: lambda value: 1 - value.square(),
}

ONNX_ACTIVATIONS = {
    nn.Identity: "Identity",
    nn.Sigmoid: "Sigmoid",
    nn.ReLU: "Relu",
    nn.Tanh: "Tanh",
}


def draw_linear(
    n_inputs: int,
    n_outputs: int,
    he_init: bool = False,
    generator: torch.Generator | None = None,
) -> nn.Linear:
    """Draw a linear layer as torch draws it, but from a stream of its own.

    Torch's range is the square root of 6 smaller than He's, which keeps the size of
    what passes through a ReLU.
    """
    layer = nn.utils.skip_init(nn.Linear, n_inputs, n_outputs, **CPU_FLOAT32)
    bound = (6 / n_inputs if he_init else 1 / n_inputs) ** 0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


class LinearPathMLP(nn.Module):
    r"""Multilayer perceptron plus a linear path: :math:`x \mapsto Ax + d\,g(cx)`.

    The constants :math:`c` and :math:`d` are not trained. They scale the effect of the
    optimizer's steps.

    Parameters
    ----------
    sizes : sequence of int
        Widths of the layers of :math:`g`, from input to output.

    activation : str
        Key of `ACTIVATIONS`, applied after each layer but the last.

    path : Tensor of shape (n_outputs, n_inputs) or None, default=None
        Start of the linear path :math:`A`. The last layer of :math:`g` then starts at
        zero, so that the whole starts as :math:`A`. With None there is no linear path.

    gain : float, default=1.0
        The constant :math:`c`, by which the input of :math:`g` alone is multiplied.
        The other, :math:`d`, starts at 1.

    he_init : sequence of int, default=()
        Layers that are drawn from He's range, see `draw_linear`.

    generator : torch.Generator or None, default=None
        Source of the draw.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str,
        path: Tensor | None = None,
        gain: float = 1.0,
        he_init: Sequence[int] = (),
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        layers: list[nn.Module] = []
        for i, (n_inputs, n_outputs) in enumerate(pairwise(sizes)):
            linear = draw_linear(n_inputs, n_outputs, i in he_init, generator)
            layers += [linear, ACTIVATIONS[activation]()]
        self.mlp = nn.Sequential(*layers[:-1])
        self.gain = gain
        self.output_gain = 1.0
        self.linear_path = None
        if path is not None:
            self.linear_path = nn.utils.skip_init(
                nn.Linear, sizes[0], sizes[-1], bias=False, **CPU_FLOAT32
            )
            self.linear_path.weight.data.copy_(path)
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(self.last.bias)

    @property
    def layers(self) -> list[nn.Linear]:
        """Layers of the perceptron."""
        return list(self.mlp)[::2]  # type: ignore[return-value]

    @property
    def activations(self) -> list[nn.Module]:
        """Activations between them."""
        return list(self.mlp)[1::2]

    @property
    def first(self) -> nn.Linear:
        """First layer of the perceptron."""
        return self.layers[0]

    @property
    def last(self) -> nn.Linear:
        """Last layer of the perceptron, which is its first if nothing is hidden."""
        return self.layers[-1]

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs of shape (..., n_inputs) to (..., n_outputs)."""
        return self._add_path(self.mlp(self._amplify(inputs)), inputs)

    def hidden(self, inputs: Tensor) -> Tensor:
        """Return the input of the last layer, which is ours if nothing is hidden."""
        return self.mlp[:-1](self._amplify(inputs))

    def from_hidden(self, hidden: Tensor, inputs: Tensor) -> Tensor:
        """Return the output for inputs whose last hidden layer is known."""
        return self._add_path(self.last(hidden), inputs)

    def regularized_parameters(self) -> Iterator[nn.Parameter]:
        """Return the parameters that weight decay shrinks: all but the linear path."""
        return self.mlp.parameters()

    def squared_jacobian(self, inputs: Tensor) -> Tensor:
        """Return the squared Frobenius norm of the Jacobian at each sample.

        Shape (..., n_samples), or (..., 1) if nothing is hidden, where it is the same
        for all.
        """
        hidden, layers, slopes = self._amplify(inputs), self.layers, []
        for layer, activation in zip(layers, self.activations):
            hidden = activation(layer(hidden))
            slopes.append(SLOPES[type(activation)](hidden))
        # As a product :math:`N W`, with the first layer's weights :math:`W` last: its
        # norm, beside a path or not, needs no matrix as wide as the samples.
        to_first, first = None, self.first.weight
        for after, slope in zip(layers[:0:-1], slopes[::-1]):
            if to_first is None:
                to_first = after.weight.unsqueeze(-3)
            else:
                to_first = _product_of_each(to_first, after.weight)
            to_first = to_first * slope.unsqueeze(-2)
        gain = self.gain * self.output_gain
        path = None if self.linear_path is None else self.linear_path.weight
        if to_first is None:
            whole = gain * first if path is None else gain * first + path
            return whole.square().sum((-2, -1)).unsqueeze(-1)
        gram = _product_of_each(to_first, first @ first.mT)
        squares = gain**2 * (gram * to_first).sum((-2, -1))
        if path is not None:
            beside = (path @ first.mT).unsqueeze(-3)
            squares = squares + 2 * gain * (to_first * beside).sum((-2, -1))
            squares = squares + path.square().sum((-2, -1)).unsqueeze(-1)
        return squares

    @torch.no_grad()
    def project_inputs(self, basis: Tensor, gain: float) -> None:
        """Take coordinates of inputs in a basis, and multiply them by a gain."""
        first = self.first
        first.weight = nn.Parameter(first.weight @ basis.T * (self.gain / gain))
        self.gain = gain
        if self.linear_path is not None:
            self.linear_path.weight = nn.Parameter(self.linear_path.weight @ basis.T)

    @torch.no_grad()
    def project_outputs(self, basis: Tensor, gain: float) -> None:
        """Return coordinates of outputs in a basis, multiplied by a gain."""
        last, to_output = self.last, basis * (self.output_gain / gain)
        last.weight = nn.Parameter(to_output @ last.weight)
        last.bias = nn.Parameter(to_output @ last.bias)
        self.output_gain = gain
        if self.linear_path is not None:
            self.linear_path.weight = nn.Parameter(basis @ self.linear_path.weight)

    @torch.no_grad()
    def map_outputs(self, rotation: Tensor, shift: Tensor) -> None:
        r"""Return :math:`yQ + t` in place of outputs :math:`y`."""
        last = self.last
        last.weight.copy_(rotation.T @ last.weight.double())
        last.bias.copy_(last.bias.double() @ rotation + shift / self.output_gain)
        if self.linear_path is not None:
            path = self.linear_path.weight
            path.copy_(rotation.T @ path.double())

    @torch.no_grad()
    def unmap_inputs(self, rotation: Tensor, shift: Tensor) -> None:
        r"""Take :math:`xQ + t` in place of inputs :math:`x`."""
        first = self.first
        first.weight.copy_(first.weight.double() @ rotation)
        first.bias.sub_(self.gain * (first.weight.double() @ shift))
        if self.linear_path is not None:
            path = self.linear_path.weight
            path.copy_(path.double() @ rotation)
            self.last.bias.sub_(path.double() @ shift / self.output_gain)

    def add_to_graph(self, graph: Any, value: str) -> str:
        """Add the nodes that compute the output to an ONNX graph."""
        return self.add_from_hidden(graph, self.add_hidden(graph, value), value)

    def add_hidden(self, graph: Any, value: str) -> str:
        """Add the nodes of `hidden` to an ONNX graph, and return their output."""
        if self.gain != 1:
            value = graph.node("Mul", value, self.gain)
        for layer, activation in zip(self.layers, self.activations):
            value = graph.linear(value, layer)
            value = graph.node(ONNX_ACTIVATIONS[type(activation)], value)
        return value

    def add_from_hidden(self, graph: Any, hidden: str, inputs: str) -> str:
        """Add the nodes of `from_hidden` to an ONNX graph, and return their output."""
        value = graph.linear(hidden, self.last)
        if self.output_gain != 1:
            value = graph.node("Mul", value, self.output_gain)
        if self.linear_path is not None:
            path = self.linear_path.weight.numpy(force=True)
            value = graph.node("Add", value, graph.node("MatMul", inputs, path.T))
        return value

    def _amplify(self, inputs: Tensor) -> Tensor:
        return inputs if self.gain == 1 else self.gain * inputs

    def _add_path(self, output: Tensor, inputs: Tensor) -> Tensor:
        if self.output_gain != 1:
            output = self.output_gain * output
        return output if self.linear_path is None else output + self.linear_path(inputs)


def _product_of_each(matrices: Tensor, weight: Tensor) -> Tensor:
    """Multiply a matrix for each sample by one weight, as rows of a single product.

    ``matmul`` would copy the weight for each sample.
    """
    rows = matrices.flatten(-3, -2) @ weight
    return rows.unflatten(-2, matrices.shape[-3:-1])
