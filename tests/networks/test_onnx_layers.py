"""Layers against their nodes of ONNX, in a graph of their own."""

import numpy as np
import pytest
import torch
from torch import nn

from stable_embedding.networks import ConvolutionalEncoder
from stable_embedding.networks.onnx_layers import add_module

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

IMAGES = (3, 2, 6, 5)
LAYERS = [
    (nn.Linear(4, 3), (5, 4)),
    (nn.Linear(4, 3, bias=False), (5, 4)),
    (nn.Conv2d(2, 4, 3, 2, 1, groups=2), IMAGES),
    (nn.Conv2d(2, 3, (1, 3), dilation=(1, 2), bias=False), IMAGES),
    (nn.Conv1d(2, 3, 3, padding=1), (3, 2, 6)),
    (nn.ConvTranspose2d(2, 3, 3, 2, 1, (1, 0)), IMAGES),
    (nn.ConvTranspose1d(2, 3, 4, stride=2), (3, 2, 6)),
    (nn.MaxPool2d(2, ceil_mode=True), IMAGES),
    (nn.MaxPool2d((2, 3), stride=1, padding=1), IMAGES),
    (nn.Flatten(), IMAGES),
    (nn.Unflatten(-1, (2, 3)), (5, 6)),
    (nn.Unflatten(1, (-1, 2, 3)), (5, 12)),
    (nn.Unflatten(-1, (-1, 2)), (5, 3, 4)),
    (nn.Unflatten(-2, (3, 2)), (5, 6, 4)),
    (nn.Unflatten(1, (2, -1)), (5, 6, 4)),
    (nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.Identity(), nn.ReLU()), (5, 4)),
    *((layer, (5, 4)) for layer in (nn.ReLU(), nn.LeakyReLU(0.3), nn.ELU(0.7))),
    *((layer, (5, 4)) for layer in (nn.Tanh(), nn.Sigmoid(), nn.SiLU())),
    *((nn.Softplus(beta, 0.5), (5, 4)) for beta in (0.2, 1, 5)),
]


class Graph:
    """Nodes that are added one after the other."""

    dtype = np.float32

    def __init__(self):
        self.nodes, self.constants = [], []

    def node(self, kind, *inputs, **attributes):
        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        output = f"value {len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(kind, names, [output], **attributes))
        return output

    def constant(self, value):
        name = f"constant {len(self.constants)}"
        value = np.asarray(value)
        if value.dtype.kind == "f":
            value = value.astype(np.float32)
        self.constants.append(onnx.numpy_helper.from_array(value, name))
        return name

    def run(self, output, samples):
        kind = onnx.TensorProto.FLOAT
        graph = onnx.helper.make_graph(
            self.nodes,
            "graph",
            [onnx.helper.make_tensor_value_info("X", kind, samples.shape)],
            [onnx.helper.make_tensor_value_info(output, kind, None)],
            self.constants,
        )
        opset = [onnx.helper.make_opsetid("", 17)]
        model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
        session = runtime.InferenceSession(model.SerializeToString())
        return session.run(None, {"X": samples})[0]


@pytest.mark.numeric
@pytest.mark.parametrize(
    ("layer", "shape"), LAYERS, ids=lambda one: str(one).partition("(")[0]
)
def test_nodes_compute_what_the_layer_does(layer, shape):
    samples = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    graph = Graph()
    found = graph.run(add_module(graph, "X", layer.eval()), samples.numpy())
    expected = layer(samples).detach()
    # Rounding of float32 in other kernels.
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        nn.LSTM(2, 3),
        nn.MaxPool2d(2, return_indices=True),
        nn.Conv2d(1, 1, 3, padding="same"),
        nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"),
        nn.Flatten(2),
    ],
)
def test_what_has_no_nodes_is_named(layer):
    with pytest.raises(TypeError, match=type(layer).__name__):
        add_module(Graph(), "X", layer)


def change_forward(layer):
    layer.forward = torch.relu


@pytest.mark.parametrize(
    "change",
    [
        lambda layer: layer.register_forward_hook(lambda layer, inputs, outputs: None),
        lambda layer: layer.register_forward_pre_hook(lambda layer, inputs: None),
        change_forward,
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_hooks_are_not_left_out(change, at):
    encoder = ConvolutionalEncoder((8, 8), 2)
    module = nn.Sequential(encoder)
    change([module, encoder, encoder.layers[-1]][at])
    with pytest.raises(TypeError, match=r"has forward hooks or .*; remove them"):
        add_module(Graph(), "X", module)
