"""Any module as a part of a network, beside a linear path and between affine maps."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from .._ambient import CPU_FLOAT32
from .onnx_layers import add_module

# Names of the two tensors of an affine map.
AFFINE_MAP = ("matrix", "shift")


class AffineMap(nn.Module):
    """The map ``x -> x @ matrix + shift``, which is not trained.

    Parameters
    ----------
    matrix : Tensor of shape (n_inputs, n_outputs)

    shift : Tensor of shape (n_outputs,)
    """

    matrix: Tensor
    shift: Tensor

    def __init__(self, matrix: Tensor, shift: Tensor):
        super().__init__()
        self.register_buffer("matrix", matrix)
        self.register_buffer("shift", shift)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs of shape (..., n_inputs)."""
        return inputs @ self.matrix + self.shift

    def then(self, matrix: Tensor, shift: Tensor) -> "AffineMap":
        """Return this map followed by another."""
        matrix, shift = matrix.double(), shift.double()
        return AffineMap(
            (self.matrix.double() @ matrix).to(self.matrix),
            (self.shift.double() @ matrix + shift).to(self.shift),
        )


class ModulePart(nn.Module):
    r"""Any module plus a linear path: :math:`x \mapsto Ax + g(cx)`.

    The layers of a module cannot absorb projections and rigid maps. These become affine
    maps before and after the module.

    Parameters
    ----------
    module : nn.Module
        The map :math:`g` from (n_samples, n_inputs) to (n_samples, n_outputs). With a
        path it should start at zero.

    path : Tensor of shape (n_outputs, n_inputs) or None, default=None
        Start of the linear path :math:`A`; there is none by default.

    gain : float, default=1.0
        The constant :math:`c`, by which the input of :math:`g` alone is multiplied.
    """

    def __init__(
        self, module: nn.Module, path: Tensor | None = None, gain: float = 1.0
    ):
        super().__init__()
        self.module = module
        self.gain = gain
        self.linear_path = None
        if path is not None:
            n_outputs, n_inputs = path.shape
            self.linear_path = nn.utils.skip_init(
                nn.Linear, n_inputs, n_outputs, bias=False, **CPU_FLOAT32
            )
            self.linear_path.weight.data.copy_(path)
        self.before: AffineMap | None = None
        self.after: AffineMap | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs of shape (n_samples, n_inputs)."""
        if self.before is not None:
            inputs = self.before(inputs)
        # The product is a copy, which a layer may change in place.
        outputs = self.module(self.gain * inputs)
        if self.linear_path is not None:
            outputs = outputs + self.linear_path(inputs)
        return outputs if self.after is None else self.after(outputs)

    def regularized_parameters(self) -> Iterator[nn.Parameter]:
        """Return the parameters that weight decay shrinks: all but the linear path."""
        return self.module.parameters()

    def project_inputs(self, basis: Tensor, gain: float) -> None:
        """Take coordinates of inputs in a basis; the gain is for layers of ours."""
        self._map_before(basis, basis.new_zeros(basis.shape[1]))

    def project_outputs(self, basis: Tensor, gain: float) -> None:
        """Return coordinates of outputs in a basis; the gain is for layers of ours."""
        self._map_after(basis.T, basis.new_zeros(len(basis)))

    def map_outputs(self, rotation: Tensor, shift: Tensor) -> None:
        r"""Return :math:`yQ + t` in place of outputs :math:`y`."""
        self._map_after(rotation, shift)

    def unmap_inputs(self, rotation: Tensor, shift: Tensor) -> None:
        r"""Take :math:`xQ + t` in place of inputs :math:`x`."""
        self._map_before(rotation.T, -(shift @ rotation.T))

    def add_to_graph(self, graph: Any, value: str) -> str:
        """Add the nodes that compute the output to an ONNX graph.

        Raises
        ------
        TypeError
            If a layer of the module is unknown and has no method `add_to_graph`.
        """
        if self.before is not None:
            value = _add_affine(graph, value, self.before)
        inputs = value
        if self.gain != 1:
            value = graph.node("Mul", value, self.gain)
        value = add_module(graph, value, self.module)
        if self.linear_path is not None:
            path = self.linear_path.weight.numpy(force=True)
            value = graph.node("Add", value, graph.node("MatMul", inputs, path.T))
        return value if self.after is None else _add_affine(graph, value, self.after)

    def _tensor_like(self, matrix: Tensor) -> Tensor:
        """Return a tensor of the part's own, or the matrix in float32 without any."""
        own = chain(self.parameters(), self.buffers())
        return next(filter(torch.is_floating_point, own), matrix.float())

    @torch.no_grad()
    def _map_before(self, matrix: Tensor, shift: Tensor) -> None:
        own, like = self.before, self._tensor_like(matrix)
        first = AffineMap(matrix.to(like), shift.to(like))
        self.before = first if own is None else first.then(own.matrix, own.shift)

    @torch.no_grad()
    def _map_after(self, matrix: Tensor, shift: Tensor) -> None:
        own, like = self.after, self._tensor_like(matrix)
        self.after = (
            AffineMap(matrix.to(like), shift.to(like))
            if own is None
            else own.then(matrix, shift)
        )


def _add_affine(graph: Any, value: str, affine: AffineMap) -> str:
    value = graph.node("MatMul", value, affine.matrix.numpy(force=True))
    return graph.node("Add", value, affine.shift.numpy(force=True))
