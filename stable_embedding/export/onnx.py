"""Fitted autoencoders as ONNX graphs."""

from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..estimators.base import BaseStableAutoencoder
from ..estimators.registry import ESTIMATORS

PARTS = ("encoder", "decoder", "both")

CONVERTED = [
    kind for kind in ESTIMATORS.values() if issubclass(kind, BaseStableAutoencoder)
]

# By which skl2onnx knows a part of an autoencoder.
_PART_NAME = "StableEmbeddingPart"


def to_onnx(estimator, path=None, part="encoder"):
    """Convert a fitted estimator to ONNX.

    Parameters
    ----------
    estimator : estimator
        An autoencoder of this package, or a pipeline of them and of estimators that
        skl2onnx converts.

    path : str, path or None, default=None
        Where to write the model.

    part : {"encoder", "decoder", "both"}, default="encoder"
        What of an autoencoder: `transform`, `inverse_transform`, or one after the
        other, with the codes as a second output. Of a pipeline it is "encoder", all of
        its steps.

    Returns
    -------
    onnx.ModelProto
        From "X", float32 of shape (n_samples, n_features) for any number of samples.
        The decoder takes codes, as `transform` returns them. Values that are not finite
        give anything, where `transform` raises.

    Raises
    ------
    ImportError
        If skl2onnx is not there: ``pip install 'stable_embedding[onnx]'``.

    ValueError
        If `part` is not one of those, or a pipeline has no such part.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import StableAutoencoder, to_onnx
    >>> X, _ = load_iris(return_X_y=True)
    >>> model = to_onnx(StableAutoencoder(random_state=0).fit(X))
    >>> [node.name for node in model.graph.input]
    ['X']
    """
    if part not in PARTS:
        raise ValueError(f"part={part!r} must be one of {', '.join(map(repr, PARTS))}")
    check_is_fitted(estimator)
    register_converters()
    from skl2onnx import to_onnx as to_model
    from skl2onnx.common.data_types import FloatTensorType

    kind, width = FloatTensorType, estimator.n_features_in_
    if part != "encoder":
        if isinstance(estimator, Pipeline):
            raise ValueError(f"part={part!r} is of an autoencoder, not of a pipeline")
        if part == "decoder":
            kind, width = code_type(estimator), estimator._n_features_out
        estimator = Part(estimator, part)
    types = [("X", kind([None, width]))]
    model = to_model(estimator, initial_types=types)
    if path is not None:
        Path(path).write_bytes(model.SerializeToString())
    return model


def register_converters():
    """Tell skl2onnx how autoencoders are converted, this package's and derived ones.

    `to_onnx` does it by itself; do it for ``skl2onnx.to_onnx``, where an
    autoencoder is a step of something larger. Input is float32 or float64.

    Raises
    ------
    ImportError
        If skl2onnx is not there: ``pip install 'stable_embedding[onnx]'``.
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(
            "ONNX needs skl2onnx: pip install 'stable_embedding[onnx]'"
        ) from error
    for kind in {*CONVERTED, *derived_kinds(BaseStableAutoencoder)}:
        name = f"StableEmbedding{kind.__name__}"
        update_registered_converter(kind, name, set_output_types, convert)
    update_registered_converter(
        Part, _PART_NAME, set_output_types, convert, parser=declare_part
    )


def derived_kinds(kind):
    """Find all classes that are derived from a class."""
    derived = kind.__subclasses__()
    return [*derived, *(one for each in derived for one in derived_kinds(each))]


class Part(TransformerMixin, BaseEstimator):
    """The decoder of an autoencoder, or all of it, as a transformer to convert.

    Parameters
    ----------
    autoencoder : estimator
        Fitted.

    part : {"decoder", "both"}
    """

    def __init__(self, autoencoder, part):
        self.autoencoder = autoencoder
        self.part = part

    def __sklearn_is_fitted__(self):
        return True


def autoencoder_and_part(operator):
    """Return what is converted, and which part of it."""
    estimator = operator.raw_operator
    if isinstance(estimator, Part):
        return estimator.autoencoder, estimator.part
    return estimator, "encoder"


def code_type(autoencoder):
    """Return skl2onnx's type of the codes of an autoencoder."""
    from skl2onnx.common.data_types import FloatTensorType, UInt8TensorType

    is_binary = autoencoder._codes_dtype is np.uint8
    return UInt8TensorType if is_binary else FloatTensorType


def set_output_types(operator):
    """Declare the outputs of a conversion."""
    from skl2onnx.common.data_types import FloatTensorType

    autoencoder, part = autoencoder_and_part(operator)
    codes = code_type(autoencoder)([None, autoencoder._n_features_out])
    samples = FloatTensorType([None, autoencoder.n_features_in_])
    types = {"encoder": [codes], "decoder": [samples], "both": [samples, codes]}[part]
    for output, kind in zip(operator.outputs, types):
        output.type = kind


def declare_part(scope, part, inputs, custom_parsers=None):
    """Declare the operator of a part, and its outputs."""
    from skl2onnx.common.data_types import FloatTensorType

    operator = scope.declare_local_operator(_PART_NAME, part)
    operator.inputs = inputs
    for name in ("samples", "codes") if part.part == "both" else ("samples",):
        output = scope.declare_local_variable(name, FloatTensorType())
        operator.outputs.append(output)
    return operator.outputs


def convert(scope, operator, container):
    """Add the nodes of an autoencoder to a graph."""
    from skl2onnx.common.data_types import DoubleTensorType

    autoencoder, part = autoencoder_and_part(operator)
    graph = Graph(scope, container)
    value = operator.inputs[0].full_name
    names = [output.full_name for output in operator.outputs]
    if part != "decoder":
        in_float64 = isinstance(operator.inputs[0].type, DoubleTensorType)
        value = graph.add_encoder(autoencoder, value, in_float64)
        if part == "both":
            graph.named("Identity", [value], names[1])
    if part != "encoder":
        value = graph.add_decoder(autoencoder, value)
    graph.named("Identity", [value], names[0])


class Graph:
    """Adds nodes one after the other, each by the name of its output.

    Parameters
    ----------
    scope, container : object
        As skl2onnx hands them to a converter.
    """

    def __init__(self, scope, container):
        self.scope = scope
        self.container = container

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
        return self.node("Mul", self.node("Sum", *values), np.float32(1 / len(values)))

    def constant(self, value):
        """Add a constant."""
        from onnx import helper

        value = np.asarray(value)
        name = self.scope.get_unique_variable_name("constant")
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        self.container.add_initializer(name, kind, value.shape, value.ravel().tolist())
        return name

    def cast(self, value, dtype):
        """Turn values to another type."""
        from onnx import helper

        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.node("Cast", value, to=kind)

    def add_encoder(self, autoencoder, value, in_float64=False):
        """Add what `transform` does."""
        if in_float64:
            value = self.node("Sub", value, autoencoder.mean_)
            value = self.node("Div", value, np.float64(autoencoder.scale_))
            value = self.cast(value, np.float32)
        else:
            # The mean in two parts, which float32 holds, as `transform` takes it.
            mean = autoencoder.mean_.astype(np.float32)
            rest = (autoencoder.mean_ - mean).astype(np.float32)
            value = self.cast(value, np.float32)
            value = self.node("Sub", self.node("Sub", value, mean), rest)
            value = self.node("Div", value, np.float32(autoencoder.scale_))
        value = autoencoder.network_.add_encoder(self, value)
        return autoencoder._add_code_output(self, value)

    def add_decoder(self, autoencoder, value):
        """Add what `inverse_transform` does."""
        value = autoencoder._add_code_input(self, self.cast(value, np.float32))
        value = autoencoder.network_.add_decoder(self, value)
        value = self.node("Mul", value, np.float32(autoencoder.scale_))
        return self.node("Add", value, autoencoder.mean_.astype(np.float32))
