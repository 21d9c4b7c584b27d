"""Layers of torch as nodes of an ONNX graph."""

from typing import Any

import numpy as np
from torch import nn


def add_module(graph: Any, value: str, module: nn.Module) -> str:
    """Add the nodes that compute a module to an ONNX graph, and return their output.

    Parameters
    ----------
    graph : Graph
        It adds nodes, see :mod:`stable_embedding.export.onnx_graph`.

    value : str
        Name of the input.

    module : nn.Module
        A common layer, a sequence of them, or a module with a method
        ``add_to_graph(graph, value)``.

    Raises
    ------
    TypeError
        If a module is none of these, or if hooks change what it computes.
    """
    if module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module):
        raise TypeError(
            f"{type(module).__name__} has forward hooks or a forward of its own, which"
            " an ONNX graph would lack; remove them, or write them as a module with a"
            " method add_to_graph(graph, value)"
        )
    describe = getattr(module, "add_to_graph", None)
    if describe is not None:
        return describe(graph, value)
    if type(module) not in _LAYERS:
        known = ", ".join(sorted(layer.__name__ for layer in _LAYERS))
        raise TypeError(
            f"{type(module).__name__} has no add_to_graph(graph, value), which would"
            f" describe it as nodes of an ONNX graph; it is none of the layers that"
            f" need no such method: {known}"
        )
    return _LAYERS[type(module)](graph, value, module)


def _add_sequence(graph, value, sequence):
    for layer in sequence:
        value = add_module(graph, value, layer)
    return value


def _add_nothing(graph, value, layer):
    return value


def _add_linear(graph, value, layer):
    value = graph.node("MatMul", value, layer.weight.numpy(force=True).T)
    if layer.bias is None:
        return value
    return graph.node("Add", value, layer.bias.numpy(force=True))


def _add_convolution(kind):
    def add(graph, value, layer):
        if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
            raise TypeError(
                f"{layer} is not described as nodes of an ONNX graph; give it a number"
                " of zeros as padding"
            )
        if graph.dtype == np.float64:
            raise TypeError(
                f"{layer} cannot be part of a detector's graph, which computes scores"
                " in float64: onnxruntime has no convolution of float64; convert the"
                " autoencoder itself"
            )
        options = {"output_padding": layer.output_padding} if "T" in kind else {}
        weights = (layer.weight, layer.bias)
        return graph.node(
            kind,
            value,
            *(weight.numpy(force=True) for weight in weights if weight is not None),
            strides=layer.stride,
            pads=2 * layer.padding,
            dilations=layer.dilation,
            group=layer.groups,
            **options,
        )

    return add


def _add_flatten(graph, value, layer):
    if (layer.start_dim, layer.end_dim) != (1, -1):
        raise TypeError(
            f"{layer} is not described as nodes of an ONNX graph; only nn.Flatten() is"
        )
    return graph.node("Flatten", value)


def _add_unflatten(graph, value, layer):
    shape = graph.node("Shape", value)
    sizes = [graph.node("Slice", shape, [0], [layer.dim]), layer.unflattened_size]
    if layer.dim != -1:
        end = np.iinfo(np.int64).max
        sizes.append(graph.node("Slice", shape, [layer.dim + 1], [end]))
    return graph.node("Reshape", value, graph.node("Concat", *sizes, axis=0))


def _pair(sizes):
    return (sizes, sizes) if isinstance(sizes, int) else tuple(sizes)


def _add_max_pool(graph, value, layer):
    if layer.return_indices:
        raise TypeError(f"{layer} is not described as nodes of an ONNX graph")
    return graph.node(
        "MaxPool",
        value,
        kernel_shape=_pair(layer.kernel_size),
        strides=_pair(layer.stride),
        pads=2 * _pair(layer.padding),
        dilations=_pair(layer.dilation),
        ceil_mode=int(layer.ceil_mode),
    )


def _add_activation(kind):
    def add(graph, value, layer):
        return graph.node(kind, value)

    return add


def _add_leaky_relu(graph, value, layer):
    below = graph.node("Mul", value, float(layer.negative_slope))
    return graph.node("Where", graph.node("Less", value, 0.0), below, value)


def _add_elu(graph, value, layer):
    tail = graph.node("Exp", graph.node("Min", value, 0.0))
    below = graph.node("Mul", graph.node("Sub", tail, 1.0), float(layer.alpha))
    return graph.node("Where", graph.node("Less", value, 0.0), below, value)


def add_softplus(graph: Any, value: str) -> str:
    """Add the nodes that compute log(1 + exp(x)), and return their output.

    They take exp(-|x|), which does not overflow; onnxruntime has no Softplus of
    float64.
    """
    tail = graph.node("Exp", graph.node("Neg", graph.node("Abs", value)))
    tail = graph.node("Log", graph.node("Add", tail, 1.0))
    return graph.node("Add", graph.node("Relu", value), tail)


def _add_softplus(graph, value, layer):
    scaled = graph.node("Mul", value, float(layer.beta))
    soft = graph.node("Mul", add_softplus(graph, scaled), 1 / layer.beta)
    is_linear = graph.node("Greater", scaled, float(layer.threshold))
    return graph.node("Where", is_linear, value, soft)


def _add_silu(graph, value, layer):
    return graph.node("Mul", value, graph.node("Sigmoid", value))


_LAYERS = {
    nn.Sequential: _add_sequence,
    nn.Identity: _add_nothing,
    nn.Dropout: _add_nothing,
    nn.Linear: _add_linear,
    nn.Conv1d: _add_convolution("Conv"),
    nn.Conv2d: _add_convolution("Conv"),
    nn.ConvTranspose1d: _add_convolution("ConvTranspose"),
    nn.ConvTranspose2d: _add_convolution("ConvTranspose"),
    nn.MaxPool2d: _add_max_pool,
    nn.Flatten: _add_flatten,
    nn.Unflatten: _add_unflatten,
    nn.ReLU: _add_activation("Relu"),
    nn.LeakyReLU: _add_leaky_relu,
    nn.ELU: _add_elu,
    nn.Tanh: _add_activation("Tanh"),
    nn.Sigmoid: _add_activation("Sigmoid"),
    nn.Softplus: _add_softplus,
    nn.SiLU: _add_silu,
}
