"""Fitted estimators with parts that skl2onnx converts as they are."""

from copy import copy

from sklearn.base import MetaEstimatorMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from ..stability.pipelines import passes, unfrozen

# Where estimators that consist of others hold them, once they are fitted.
_PARTS_IN = {
    ColumnTransformer: "transformers_",
    FeatureUnion: "transformer_list",
    Pipeline: "steps",
}


def convertible(estimator, name="estimator"):
    """Return an estimator whose parts skl2onnx converts to what they do.

    Parameters
    ----------
    estimator : estimator
        Fitted. It stays as it is.

    name : str, default="estimator"
        Name of the estimator, for a message.

    Returns
    -------
    estimator
        Without what freezes parts, or passes samples through. The same object if
        nothing has to change: options of skl2onnx may refer to it.

    Raises
    ------
    ValueError
        If skl2onnx would make another estimator of it: if an encoder puts unknown
        levels among rare ones, a pipeline is calibrated, or a threshold is tuned.
    """
    estimator = unfrozen(estimator)
    if isinstance(estimator, OneHotEncoder):
        return _with_known_handling(estimator, name)
    if isinstance(estimator, CalibratedClassifierCV):
        _check_calibration(estimator)
    if isinstance(estimator, TunedThresholdClassifierCV):
        raise ValueError(
            f"{name} is a TunedThresholdClassifierCV, whose threshold skl2onnx leaves"
            " out: convert its estimator_, and apply best_threshold_ to the scores"
        )
    if hasattr(estimator, "best_estimator_"):
        return _with_convertible_best(estimator, name)
    attribute = next(
        (found for kind, found in _PARTS_IN.items() if isinstance(estimator, kind)),
        None,
    )
    if attribute is None:
        return estimator
    parts = getattr(estimator, attribute)
    new_parts = [(key, convertible(part, key), *rest) for key, part, *rest in parts]
    if isinstance(estimator, Pipeline):
        new_parts = [part for part in new_parts if not passes(part[1])]
        if not new_parts:
            return FunctionTransformer()
    if isinstance(estimator, FeatureUnion):
        new_parts = [part for part in new_parts if part[1] != "drop"]
    if [new[1] for new in new_parts] == [old[1] for old in parts]:
        return estimator
    new = copy(estimator)
    setattr(new, attribute, new_parts)
    return new


def _check_calibration(calibrated):
    """Raise if skl2onnx would calibrate other scores, or in another way."""
    wrong = "for which skl2onnx makes a graph of other probabilities"
    for one in calibrated.calibrated_classifiers_:
        if one.method == "isotonic":
            raise ValueError(
                f"CalibratedClassifierCV has method='isotonic', {wrong}; use 'sigmoid'"
            )
        inner = unfrozen(one.estimator)
        composed = isinstance(inner, (Pipeline, MetaEstimatorMixin))
        # Which scikit-learn calibrates, where skl2onnx takes probabilities.
        if composed and hasattr(inner, "decision_function"):
            raise ValueError(
                f"CalibratedClassifierCV calibrates a {type(inner).__name__}, {wrong};"
                " it must calibrate a classifier alone, as in make_pipeline(scaler,"
                " CalibratedClassifierCV(classifier))"
            )


def _with_convertible_best(search, name):
    best = convertible(search.best_estimator_, name)
    if best is search.best_estimator_:
        return search
    new = copy(search)
    new.best_estimator_ = best
    return new


def _with_known_handling(encoder, name):
    """Return an encoder that raises for unknown levels or ignores them."""
    if encoder.handle_unknown in ("error", "ignore"):
        return encoder
    rare = getattr(encoder, "infrequent_categories_", [])
    if any(levels is not None for levels in rare):
        raise ValueError(
            f"the step {name!r} has handle_unknown={encoder.handle_unknown!r} and rare"
            " levels, which no graph can stand for; it must be 'ignore' or 'error', or"
            " no levels may be rare"
        )
    new = copy(encoder)  # without rare levels, unknown ones are zeros
    new.handle_unknown = "ignore"
    return new
