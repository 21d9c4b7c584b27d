"""The inputs of an ONNX graph: their types, and their way to an estimator."""

from copy import copy

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion

from .._sklearn import column_positions

# skl2onnx's types of what a graph may be given, by the name of numpy's.
TYPE_NAMES = {
    "bool": "BooleanTensorType",
    "float16": "Float16TensorType",
    "float32": "FloatTensorType",
    "float64": "DoubleTensorType",
    "int8": "Int8TensorType",
    "int16": "Int16TensorType",
    "int32": "Int32TensorType",
    "int64": "Int64TensorType",
    "str": "StringTensorType",
    "uint8": "UInt8TensorType",
    "uint16": "UInt16TensorType",
    "uint32": "UInt32TensorType",
    "uint64": "UInt64TensorType",
}


def tensor_type(dtype_name):
    """Return skl2onnx's type for the name of a type of numpy."""
    from skl2onnx.common import data_types

    return getattr(data_types, TYPE_NAMES[dtype_name])


def is_text(kind):
    """Tell whether a type is that of strings."""
    return isinstance(kind, tensor_type("str"))


def types_of_samples(X):
    """Find the inputs for samples: one for each column of a frame, or one named "X".

    Parameters
    ----------
    X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)

    Returns
    -------
    list of (str, object)
        Names and types of skl2onnx.
    """
    if hasattr(X, "columns"):
        return [
            (name, tensor_type(dtype_name(X[name], f"column {name!r} of X"))([None, 1]))
            for name in X.columns
        ]
    X = X if hasattr(X, "dtype") else np.asarray(X)
    if len(X.shape) != 2:
        raise ValueError(
            f"X has shape {X.shape}; it must be samples of shape (n_samples, n_columns)"
        )
    return [("X", tensor_type(dtype_name(X, "X"))([None, X.shape[1]]))]


def dtype_name(values, what):
    """Return the name in `TYPE_NAMES` of the type of samples, or of a column."""
    name = str(getattr(values, "dtype", None))
    if name in TYPE_NAMES:
        return name
    values = np.asarray(values)
    if values.dtype.name in TYPE_NAMES:  # a type of a data frame's own
        return values.dtype.name
    if values.dtype.kind == "U" or (
        values.dtype == object and all(isinstance(one, str) for one in values.flat)
    ):
        return "str"
    raise TypeError(
        f"{what} has dtype {name}, and values that ONNX has no one type for; they must"
        " all be numbers of one of numpy's types, or all be strings"
    )


def checked_types(initial_types):
    """Return inputs as a list of names and types, or raise if they are none."""
    from skl2onnx.common.data_types import TensorType

    expected = (
        "it must be a list of names and types of skl2onnx, such as"
        " [('X', DoubleTensorType([None, 4]))]"
    )
    try:
        types = [(name, kind) for name, kind in initial_types]
    except (TypeError, ValueError) as error:
        raise TypeError(f"initial_types={initial_types!r}: {expected}") from error
    allowed = tuple(map(tensor_type, TYPE_NAMES))
    for name, kind in types:
        if not isinstance(name, str) or not isinstance(kind, TensorType):
            raise TypeError(f"initial_types holds {(name, kind)!r}: {expected}")
        if not isinstance(kind, allowed):
            raise TypeError(
                f"input {name!r} has type {kind!r}; it must be one of"
                f" {', '.join(TYPE_NAMES.values())}"
            )
        if len(kind.shape) != 2:
            raise ValueError(
                f"input {name!r} has shape {kind.shape}; it must be [None, n_columns]"
            )
    if not types:
        raise ValueError(f"initial_types is empty: {expected}")
    return types


def ordered_types(types, n_columns, columns, owner):
    """Return inputs in the order of the columns that an estimator was fitted on.

    Parameters
    ----------
    types : list of (str, object)
        Names and types of inputs.

    n_columns : int or None
        How many columns the estimator takes; None if it does not tell.

    columns : list of str or None
        Their names, if it knows them.

    owner : str
        The estimator, for a message.
    """
    names = [name for name, _ in types]
    if any(not isinstance(name, str) for name in names):
        raise TypeError(f"X has columns {names}; names of columns must be strings")
    if len(set(names)) < len(names):
        raise ValueError(f"inputs are named {names}; names must differ")
    if len(types) == n_columns and n_columns > 1 and columns is not None:
        missing = [name for name in columns if name not in names]
        if missing:
            unknown = [name for name in names if name not in columns]
            raise ValueError(
                f"{owner} was fitted on columns {missing}, which are not among the"
                f" inputs; of the inputs it does not know {unknown}"
            )
        by_name = dict(types)
        types = [(name, by_name[name]) for name in columns]
    if n_columns is None:
        return types
    if len(types) == 1 and types[0][1].shape[1] is None:
        [(name, kind)] = types
        return [(name, type(kind)([kind.shape[0], n_columns]))]
    widths = [kind.shape[1] for _, kind in types]
    if None in widths or sum(widths) != n_columns:
        raise ValueError(
            f"inputs {names} have {widths} columns, but {owner} was fitted on"
            f" {n_columns}"
        )
    return types


def parse_float64(scope, estimator, inputs, custom_parsers=None):
    """Declare an estimator behind casts of its inputs from numbers to float64.

    Types that are left as they are would be merged by skl2onnx into whatever type comes
    first, or into float32.
    """
    from skl2onnx._parse import parse_sklearn

    inputs = [one if is_text(one.type) else declare_cast(scope, one) for one in inputs]
    if len(inputs) > 1 and not any(is_text(one.type) for one in inputs):
        inputs = declare_concatenation(scope, inputs)
    parsers = {
        ColumnTransformer: parse_column_transformer,
        FeatureUnion: parse_feature_union,
    }
    outputs = parse_sklearn(scope, estimator, inputs, custom_parsers=parsers)
    declare_casts_of_bits(scope)
    return outputs


def declare_casts_of_bits(scope):
    """Let operators of skl2onnx, few of which take uint8, have bits as float32."""
    take_bits = "StableEmbedding", "SklearnCast", "SklearnConcat", "SklearnIdentity"
    in_bits = tensor_type("uint8")
    for operator in list(scope.operators.values()):
        if str(operator.type).startswith(take_bits):
            continue
        if any(isinstance(one.type, in_bits) for one in operator.inputs):
            operator.inputs = [
                declare_cast(scope, one, "float32")
                if isinstance(one.type, in_bits)
                else one
                for one in operator.inputs
            ]


def declare_cast(scope, variable, dtype_name="float64"):
    """Declare a cast of a variable to another type, and return its output."""
    operator = scope.declare_local_operator("SklearnCast")
    operator.inputs = [variable]
    kind = tensor_type(dtype_name)(variable.type.shape)
    output = scope.declare_local_variable(variable.raw_name, kind)
    operator.outputs.append(output)
    return output


def declare_concatenation(scope, variables):
    """Declare that variables of float64 are put side by side, and return the output."""
    operator = scope.declare_local_operator("SklearnConcat")
    operator.inputs = variables
    widths = [one.type.shape[1] for one in variables]
    # skl2onnx cannot take a column out of inputs of an unknown width.
    width = None if None in widths else sum(widths)
    kind = tensor_type("float64")([None, width])
    operator.outputs.append(scope.declare_local_variable("columns", kind))
    return operator.outputs


def parse_column_transformer(scope, model, inputs, custom_parsers=None):
    """Declare a column transformer by the positions of its columns.

    skl2onnx reads masks as positions, and finds names only among the graph's inputs.
    """
    from skl2onnx._parse import _parse_sklearn_column_transformer

    positions = column_positions(model)
    by_position = copy(model)
    by_position.transformers_ = [
        (name, transformer, list(map(int, positions[name])))
        for name, transformer, _ in model.transformers_
    ]
    outputs = _parse_sklearn_column_transformer(
        scope, by_position, inputs, custom_parsers=custom_parsers
    )
    declare_united_types(scope)
    return outputs


def parse_feature_union(scope, model, inputs, custom_parsers=None):
    """Declare a union of transformers by the types of what they return."""
    from skl2onnx._parse import _parse_sklearn_feature_union

    outputs = _parse_sklearn_feature_union(
        scope, model, inputs, custom_parsers=custom_parsers
    )
    declare_united_types(scope)
    return outputs


def declare_united_types(scope):
    """Declare the types of columns that are put side by side, or have weights.

    skl2onnx tells the next step that they are of the type of the first ones, or of the
    input. It converts them to the first of these types that one of them has.
    """
    from skl2onnx.common.data_types import guess_tensor_type

    names = "str", "float64", "float32", "int64", "bool", "uint8"
    for operator in scope.operators.values():
        kinds = {type(one.type) for one in operator.inputs}
        if operator.type == "SklearnMultiply":
            [output], [one] = operator.outputs, operator.inputs
            output.type = guess_tensor_type(one.type)
        elif operator.type == "SklearnConcat":
            [output] = operator.outputs
            united = [kind for kind in map(tensor_type, names) if kind in kinds]
            if united and type(output.type) is not united[0]:
                output.type = united[0]([None, None])
