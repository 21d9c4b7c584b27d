"""Fitted estimators without what freezes their parts, which skl2onnx does not know."""

from copy import copy

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from ..stability.pipelines import unfrozen

# Where estimators that consist of others hold them, once they are fitted.
_PARTS_IN = {
    ColumnTransformer: "transformers_",
    FeatureUnion: "transformer_list",
    Pipeline: "steps",
}


def thawed(estimator):
    """Return an estimator of whose parts none is frozen.

    Parameters
    ----------
    estimator : estimator
        Fitted. It stays as it is.

    Returns
    -------
    estimator
        The same object if nothing is frozen: options of skl2onnx may refer to it.
    """
    estimator = unfrozen(estimator)
    attribute = next(
        (name for kind, name in _PARTS_IN.items() if isinstance(estimator, kind)), None
    )
    if attribute is None:
        return estimator
    parts = getattr(estimator, attribute)
    new_parts = [(name, thawed(part), *rest) for name, part, *rest in parts]
    if all(new[1] is old[1] for new, old in zip(new_parts, parts)):
        return estimator
    new = copy(estimator)
    setattr(new, attribute, new_parts)
    return new
