"""Imputation of numbers in float64, which the operator for it does not compute."""

import numpy as np
from sklearn.impute import SimpleImputer

from .onnx_graph import Graph
from .onnx_inputs import is_text, tensor_type


def imputer_settings(settings):
    """Add how imputers are converted to settings of ``skl2onnx.convert_sklearn``.

    The operator Imputer of ONNX takes float64, but onnxruntime implements it for
    float32 and int64 alone.
    """
    ours = {
        "custom_conversion_functions": convert_imputer,
        "custom_shape_calculators": declare_output,
    }
    added = {
        name: {SimpleImputer: function, **(settings.get(name) or {})}
        for name, function in ours.items()
    }
    return settings | added


def kept_columns(imputer):
    """Return which columns an imputer keeps: a mask of those with a statistic."""
    return ~np.isnan(np.asarray(imputer.statistics_, dtype=np.float64))


def declare_output(operator):
    """Declare the type of what an imputer returns."""
    if is_text(operator.inputs[0].type):
        operator.outputs[0].type = type(operator.inputs[0].type)(
            [None, len(operator.raw_operator.statistics_)]
        )
        return
    imputer = operator.raw_operator
    width = int(kept_columns(imputer).sum())
    if imputer.add_indicator:
        width += len(imputer.indicator_.features_)
    operator.outputs[0].type = tensor_type("float64")([None, width])


def convert_imputer(scope, operator, container):
    """Add the nodes of a SimpleImputer to a graph."""
    imputer = operator.raw_operator
    if is_text(operator.inputs[0].type):
        from skl2onnx.operator_converters.imputer_op import convert_sklearn_imputer

        convert_sklearn_imputer(scope, operator, container)
        return
    graph = Graph(scope, container, np.float64)
    value = graph.concatenated([one.full_name for one in operator.inputs])
    missing = find_missing(graph, value, imputer.missing_values)
    kept = kept_columns(imputer)
    statistics = np.where(kept, imputer.statistics_, 0.0).astype(np.float64)
    value = graph.node("Where", missing, statistics.reshape(1, -1), value)
    if not kept.all():
        value = graph.node("Gather", value, np.flatnonzero(kept), axis=1)
    if imputer.add_indicator:
        marks = graph.node("Gather", missing, imputer.indicator_.features_, axis=1)
        value = graph.node("Concat", value, graph.cast(marks, np.float64), axis=1)
    graph.named("Identity", [value], operator.outputs[0].full_name)


def find_missing(graph, value, missing_values):
    """Add a mask of the values that are missing: nan, or equal to a number."""
    is_none = missing_values is None or missing_values != missing_values
    if is_none:
        return graph.node("IsNaN", value)
    return graph.node("Equal", value, np.float64(missing_values))
