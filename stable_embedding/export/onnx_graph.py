"""Nodes of ONNX graphs, and their names."""

from itertools import count

import numpy as np


class Graph:
    """Adds nodes one after the other, each by the name of its output.

    Parameters
    ----------
    scope, container : object
        As skl2onnx hands them to a converter.

    dtype : type, default=numpy.float32
        Of floats: constants are cast to it, whatever they are given as.
    """

    def __init__(self, scope, container, dtype=np.float32):
        self.scope = scope
        self.container = container
        self.dtype = dtype

    def in_float64(self):
        """Return what adds nodes of float64 to the same graph."""
        return Graph(self.scope, self.container, np.float64)

    def named(self, kind, inputs, output, **attributes):
        """Add a node whose output has a name."""
        name = self.scope.get_unique_operator_name(kind)
        self.container.add_node(
            kind, inputs, [output], name=name, op_domain="", **attributes
        )

    def node(self, kind, *inputs, n_outputs=1, **attributes):
        """Add a node; what is no name among its inputs is a constant."""
        inputs = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        outputs = [self.scope.get_unique_variable_name(kind) for _ in range(n_outputs)]
        name = self.scope.get_unique_operator_name(kind)
        self.container.add_node(
            kind, inputs, outputs, name=name, op_domain="", **attributes
        )
        return outputs[0] if n_outputs == 1 else outputs

    def mean(self, values):
        """Add the mean of several values of one shape."""
        return self.node("Mul", self.node("Sum", *values), 1 / len(values))

    def sum(self, value, axis, keepdims=True):
        """Add the sums along an axis."""
        return self.node("ReduceSum", value, np.array([axis]), keepdims=int(keepdims))

    def linear(self, value, layer):
        """Add what a linear layer of torch does."""
        weight, bias = (p.numpy(force=True) for p in (layer.weight, layer.bias))
        return self.node("Gemm", value, weight, bias, transB=1)

    def concatenated(self, values):
        """Add columns of several values side by side, as floats of this graph."""
        columns = [self.cast(value, self.dtype) for value in values]
        return (
            columns[0] if len(columns) == 1 else self.node("Concat", *columns, axis=1)
        )

    def constant(self, value):
        """Add a constant."""
        from onnx import helper

        value = np.asarray(value)
        if np.issubdtype(value.dtype, np.floating):
            value = value.astype(self.dtype)
        name = self.scope.get_unique_variable_name("constant")
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        self.container.add_initializer(name, kind, value.shape, value.ravel().tolist())
        return name

    def cast(self, value, dtype):
        """Turn values to another type."""
        from onnx import helper

        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.node("Cast", value, to=kind)


def name_inputs(graph, names):
    """Give the inputs of an ONNX graph any names, as those of columns are.

    skl2onnx replaces what is neither letter nor digit. A value that has such a name
    already gets another one.

    Parameters
    ----------
    graph : onnx.GraphProto

    names : list of str
        As many as there are inputs.
    """
    taken = {value.name for value in graph.initializer}
    taken.update(name for node in graph.node for name in node.output)
    new_names = {value.name: name for value, name in zip(graph.input, names)}
    unavailable = taken.union(names)
    for name in taken.intersection(names):
        new_names[name] = next(
            other
            for other in (f"{name}_{at}" for at in count(1))
            if other not in unavailable
        )
        unavailable.add(new_names[name])
    rename_values(graph, new_names)


def rename_values(graph, new_names):
    """Rename values of an ONNX graph, and of the graphs within it."""
    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        value.name = new_names.get(value.name, value.name)
    for node in graph.node:
        for field in (node.input, node.output):
            field[:] = [new_names.get(name, name) for name in field]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                rename_values(attribute.g, new_names)
