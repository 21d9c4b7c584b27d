"""Fitted estimators as ONNX graphs."""

from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..estimators.base import BaseStableAutoencoder
from ..estimators.outliers import ReconstructionOutlierDetector
from ..stability.pipelines import last_step
from .onnx_graph import Graph, name_inputs
from .onnx_imputer import imputer_settings
from .onnx_inputs import (
    checked_types,
    ordered_types,
    parse_float64,
    tensor_type,
    types_of_samples,
)
from .onnx_parts import convertible

PARTS = ("encoder", "decoder", "both")


def to_onnx(
    estimator, path=None, part="encoder", *, X=None, initial_types=None, **settings
):
    """Convert a fitted estimator to ONNX.

    Use it to serve an estimator without this package. The graph scales samples in
    float64 for any type of input, so that a large mean costs no precision.
    Preprocessing in a pipeline is computed in float64 too.

    Parameters
    ----------
    estimator : estimator
        An autoencoder of this package, a detector, or a pipeline of them and of
        estimators that skl2onnx converts. A ``FrozenEstimator`` is converted as the
        estimator within.

    path : str, path or None, default=None
        File to write the model to.

    part : {"encoder", "decoder", "both"}, default="encoder"
        Part of an autoencoder: `transform`, `inverse_transform`, or one after the
        other, with the codes as a second output. A pipeline or a detector needs
        "encoder", which converts all of it.

    X : {array-like, sparse matrix, data frame}, default=None
        Examples of the graph's input: samples, or codes for a decoder. One is enough,
        and only types are read. For a data frame the graph has one input of shape
        (n_samples, 1) for each column, with the column's name and type. Otherwise it
        has one input "X".

    initial_types : list of (str, object), default=None
        Names of inputs and their types of skl2onnx, instead of `X`, such as
        ``[("X", FloatTensorType([None, 4]))]``.

    **settings : object
        Passed to ``skl2onnx.convert_sklearn``, for instance ``target_opset`` or
        ``options={"zipmap": False}``; not ``custom_parsers``.

    Returns
    -------
    onnx.ModelProto
        Model. Without `X` and `initial_types` its input is "X": float64 of shape
        (n_samples, n_features) for any number of samples, or codes as `transform`
        returns them for the decoder. Codes are float32 or bits, as those of
        `transform`; reconstructions are float64. A detector has the outputs "label" and
        "scores", those of `predict` and `decision_function`, of shape (n_samples, 1).
        An output with the name of an input is renamed. For values that are not finite,
        where `transform` raises, the output is undefined.

    Raises
    ------
    ImportError
        If skl2onnx is not installed: ``pip install 'stable_embedding[onnx]'``.

    TypeError
        If an estimator, a sample or an input has a type that cannot be converted.

    ValueError
        If the estimator has no such `part`, if inputs are not the columns that the
        estimator was fitted on, or if skl2onnx fails or would make another classifier.

    Notes
    -----
    Ask for float32 input only if the samples are float32. For the same samples a graph
    returns what the estimator returns, but a service that rounds samples to float32
    changes them: float32 holds a time in seconds only to two minutes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import StableAutoencoder, to_onnx
    >>> X, _ = load_iris(return_X_y=True)
    >>> model = StableAutoencoder(n_init=1, random_state=0).fit(X)
    >>> [node.name for node in to_onnx(model).graph.input]
    ['X']
    """
    if part not in PARTS:
        raise ValueError(f"part={part!r} must be one of {', '.join(map(repr, PARTS))}")
    if path is not None:
        path = output_path(path)
    if "custom_parsers" in settings:
        raise TypeError(
            "to_onnx takes no custom_parsers; register a parser by"
            " skl2onnx.update_registered_converter"
        )
    check_is_fitted(estimator)
    estimator = convertible(estimator)
    register_converters()
    if part != "encoder" and not isinstance(estimator, BaseStableAutoencoder):
        raise ValueError(
            f"part={part!r} is of an autoencoder, not of a {type(estimator).__name__}"
        )
    types = input_types(estimator, part, X, initial_types)
    if part != "encoder":
        estimator = Part(estimator, part)
    model = converted(estimator, types, settings)
    if path is not None:
        path.write_bytes(model.SerializeToString())
    return model


def output_path(path):
    """Return a path, or raise if it is none."""
    try:
        return Path(path)
    except TypeError as error:
        raise TypeError(
            f"path is of {type(path).__name__}; it must be a path or None. Pass samples"
            " as X=..."
        ) from error


def input_types(estimator, part, X, initial_types):
    """Find the inputs of a graph, in the order of the estimator's columns."""
    if X is not None and initial_types is not None:
        raise ValueError("X and initial_types are both given; pass one of them")
    owner, columns = type(estimator).__name__, None
    if part == "decoder":
        width, default = estimator._n_features_out, code_type(estimator)
        owner = f"the decoder of {owner}"
    else:
        width, default = (
            getattr(estimator, "n_features_in_", None),
            tensor_type("float64"),
        )
        columns = getattr(estimator, "feature_names_in_", None)
    if initial_types is not None:
        types = checked_types(initial_types)
    elif X is not None:
        types = types_of_samples(X)
    elif width is None:
        raise ValueError(
            f"{owner} does not tell how many columns it takes; pass some samples as X,"
            " or initial_types"
        )
    else:
        types = [("X", default([None, width]))]
    return ordered_types(types, width, columns, owner)


def converted(estimator, types, settings):
    """Convert an estimator by skl2onnx, for inputs in the order of its columns."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

    settings = {"name": f"ONNX({type(estimator).__name__})", **settings}
    settings = imputer_settings(settings)
    try:
        model = convert_sklearn(
            estimator,
            initial_types=[(f"X{at}", kind) for at, (_, kind) in enumerate(types)],
            custom_parsers={type(estimator): parse_float64},
            **settings,
        )
    except (MissingConverter, MissingShapeCalculator) as error:
        raise TypeError(f"a step has no converter to ONNX: {error}") from error
    except (
        AssertionError,
        AttributeError,
        KeyError,
        RuntimeError,
        ValueError,
    ) as error:
        inputs = ", ".join(f"{name!r} ({type(kind).__name__})" for name, kind in types)
        raise ValueError(
            f"skl2onnx cannot convert this {type(estimator).__name__} for the inputs"
            f" {inputs}: {error}"
        ) from error
    name_inputs(model.graph, [name for name, _ in types])
    check_graph(model)
    return model


def check_graph(model):
    """Raise if no runtime can load a graph."""
    from onnx.checker import ValidationError, check_model
    from onnx.shape_inference import InferenceError

    try:
        check_model(model, full_check=True)
    except (InferenceError, ValidationError) as error:
        raise ValueError(
            "skl2onnx makes a graph that is not valid: a dictionary of probabilities"
            ' cannot be float64, but an array can: pass options={"zipmap": False}'
            if "ZipMap" in str(error)
            else f"skl2onnx makes a graph that is not valid: {error}"
        ) from error


def register_converters():
    """Tell skl2onnx how estimators are converted, this package's and derived ones.

    `to_onnx` does it by itself; do it for ``skl2onnx.to_onnx``, where an
    autoencoder is a step of something larger. Inputs are numbers of any type.

    Raises
    ------
    ImportError
        If skl2onnx is not installed: ``pip install 'stable_embedding[onnx]'``.
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(
            "ONNX needs skl2onnx: pip install 'stable_embedding[onnx]'"
        ) from error
    detector = ReconstructionOutlierDetector
    rules = {
        Part: (convert, declare_autoencoder),
        **dict.fromkeys(
            derived_kinds(BaseStableAutoencoder),
            (convert, declare_autoencoder),
        ),
        **dict.fromkeys(
            [detector, *derived_kinds(detector)], (convert_detector, declare_detector)
        ),
    }
    for kind, (converter, parser) in rules.items():
        name = f"StableEmbedding{kind.__name__}"
        update_registered_converter(
            kind, name, keep_output_types, converter, parser=parser
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


def autoencoder_and_part(estimator):
    """Return what is converted, and which part of it."""
    if isinstance(estimator, Part):
        return estimator.autoencoder, estimator.part
    return estimator, "encoder"


def code_type(autoencoder):
    """Return skl2onnx's type of the codes of an autoencoder."""
    return tensor_type(np.dtype(autoencoder._codes_dtype).name)


def output_types(estimator):
    """Return the names and types of what an autoencoder, or a part, is converted to."""
    autoencoder, part = autoencoder_and_part(estimator)
    codes = code_type(autoencoder)([None, autoencoder._n_features_out])
    samples = tensor_type("float64")([None, autoencoder.n_features_in_])
    return {
        "encoder": [("variable", codes)],
        "decoder": [("samples", samples)],
        "both": [("samples", samples), ("codes", codes)],
    }[part]


def declare(scope, estimator, inputs, outputs):
    """Declare the operator of an estimator, with names and types of its outputs.

    By default skl2onnx takes outputs to be of the type of inputs, and tells the next
    step so.
    """
    from skl2onnx import get_model_alias

    operator = scope.declare_local_operator(get_model_alias(type(estimator)), estimator)
    operator.inputs = inputs
    for name, kind in outputs:
        operator.outputs.append(scope.declare_local_variable(name, kind))
    return operator.outputs


def declare_autoencoder(scope, estimator, inputs, custom_parsers=None):
    """Declare the operator of an autoencoder, or of a part."""
    return declare(scope, estimator, inputs, output_types(estimator))


def keep_output_types(operator):
    """Keep the types of outputs as they were declared."""


def convert(scope, operator, container):
    """Add the nodes of an autoencoder to a graph."""
    autoencoder, part = autoencoder_and_part(operator.raw_operator)
    graph = Graph(scope, container)
    values = [one.full_name for one in operator.inputs]
    names = [output.full_name for output in operator.outputs]
    if part == "decoder":
        value = graph.concatenated(values)
    else:
        value = add_encoder(graph, autoencoder, values)
        if part == "both":
            graph.named("Identity", [value], names[1])
    if part != "encoder":
        value = add_decoder(graph, autoencoder, value)
    graph.named("Identity", [value], names[0])


def add_scaling(graph, autoencoder, values):
    """Add what centers and scales samples, in float64, whatever their type."""
    graph = graph.in_float64()
    value = graph.node("Sub", graph.concatenated(values), autoencoder.mean_)
    return graph.node("Div", value, autoencoder.scale_)


def add_encoder(graph, autoencoder, values):
    """Add what `transform` does."""
    value = graph.cast(add_scaling(graph, autoencoder, values), np.float32)
    value = autoencoder.network_.add_encoder(graph, value)
    return autoencoder._add_code_output(graph, value)


def add_decoder(graph, autoencoder, value):
    """Add what `inverse_transform` does."""
    value = graph.cast(value, np.float32)
    value = autoencoder._add_code_input(graph, value)
    value = autoencoder.network_.add_decoder(graph, value)
    graph = graph.in_float64()
    value = graph.node("Mul", graph.cast(value, np.float64), autoencoder.scale_)
    return graph.node("Add", value, autoencoder.mean_)


def scorer_of(detector):
    """Return the autoencoder whose scores a detector judges by.

    Raises
    ------
    TypeError
        If no graph of the scores is known.
    """
    estimator = last_step(convertible(detector.estimator_))
    kind = type(estimator)
    scored_by = next((k for k in kind.__mro__ if "score_samples" in vars(k)), object)
    if "_add_scores" not in vars(scored_by):
        raise TypeError(
            f"a detector by the scores of {kind.__name__} cannot be converted: their"
            " graph is not known; use an autoencoder of stable_embedding"
        )
    return estimator


def declare_detector(scope, detector, inputs, custom_parsers=None):
    """Declare the operator of a detector, behind the steps of its pipeline.

    Outputs have the names and shapes of those of scikit-learn's detectors.
    """
    from skl2onnx._parse import parse_sklearn

    scorer_of(detector)
    estimator = convertible(detector.estimator_)
    while isinstance(estimator, Pipeline):
        if len(estimator) > 1:
            steps = estimator[:-1]
            inputs = parse_sklearn(scope, steps, inputs, custom_parsers=custom_parsers)
            for one in inputs:
                one.init_status(is_leaf=False)
        estimator = estimator[-1]
    outputs = [
        ("label", tensor_type("int64")([None, 1])),
        ("scores", tensor_type("float64")([None, 1])),
    ]
    return declare(scope, detector, inputs, outputs)


def convert_detector(scope, operator, container):
    """Add the nodes of a detector to a graph; scores are float64, as they are here."""
    detector = operator.raw_operator
    scorer = scorer_of(detector)
    graph = Graph(scope, container, np.float64)
    values = [one.full_name for one in operator.inputs]
    scores = scorer._add_scores(graph, add_scaling(graph, scorer, values))
    scores = graph.node("Sub", scores, detector.offset_)
    is_outlier = graph.cast(graph.node("Less", scores, 0.0), np.int64)
    label = graph.node("Sub", np.int64(1), graph.node("Mul", is_outlier, np.int64(2)))
    for value, output in zip((label, scores), operator.outputs):
        graph.named("Identity", [value], output.full_name)
