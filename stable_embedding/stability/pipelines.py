"""Find the steps of a pipeline that embed, their inputs and their codes."""

from inspect import signature

from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    OneToOneFeatureMixin,
    is_clusterer,
)
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Binarizer, Normalizer

from ..data.containers import dense, readable
from ..data.sample_distances import GIVEN_DISTANCES

# Attributes in which meta-estimators keep a fitted estimator.
_HELD_AS = ("best_estimator_", "estimator_", "regressor_")


def unfrozen(estimator):
    """Return the estimator within a ``FrozenEstimator``, or the estimator itself."""
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    return estimator


def unpacked(estimator):
    """Return a copy that does not pack bits, or an estimator without bits itself."""
    return estimator._unpacked() if hasattr(estimator, "_unpacked") else estimator


def check_trains_on_samples(transformer):
    """Raise if an estimator was fitted with distances, which new trainings lack."""
    last = last_step(transformer)
    if getattr(last, "distance_source_", None) == GIVEN_DISTANCES:
        raise ValueError(
            f"{type(last).__name__} was fitted with distances, which new trainings on"
            " X would lack; pass one with metric in place of distances, or score the"
            " runs of a fit with n_init=2 or more by manifold_variance_score"
        )


def has_bits(estimator):
    """Tell whether the codes of an estimator are bits."""
    return getattr(estimator, "_has_bits", False)


def embedding_steps(estimator):
    """Return the transformer that embeds, with the steps before it.

    Parameters
    ----------
    estimator : transformer or Pipeline
        A predictor at the end of a pipeline does not embed, unless it is a transformer
        too, such as ``LinearDiscriminantAnalysis``, after scalers alone. Scalers after
        the embedding do not either. After an autoencoder, any other step that keeps
        each feature is left out too.

    Returns
    -------
    transformer or Pipeline
        A pipeline of the same steps, whose last one embeds, is not frozen and does not
        pack bits.

    Raises
    ------
    TypeError
        If there is no transformer, or the one that embeds is held by the last step.
    """
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator={estimator.__name__} is a class; it must be an instance, such"
            f" as {estimator.__name__}()"
        )
    transformer = unfrozen(estimator)
    if isinstance(transformer, Pipeline):
        _check_embedding_is_a_step(transformer)
    transformer = _first_steps(transformer, _n_embedding_steps(transformer))
    if not hasattr(transformer, "fit_transform"):
        raise TypeError(
            f"estimator={estimator!r} has no fit_transform; it must be a transformer,"
            " or a pipeline with a transformer before its last step"
            + advice_where_held(estimator)
        )
    return transformer


def _n_embedding_steps(pipeline):
    """Count the steps up to the one that embeds, those of inner pipelines each."""
    return len(_without_scalers(_without_predictor(list(_flat_steps(pipeline)))))


def _without_predictor(steps):
    """Leave out a predictor at the end, unless it is the one that embeds."""
    *before, last = steps = _without_last(steps, passes)
    if not (before and hasattr(last, "predict")):
        return steps
    alone = all(passes(step) or _keeps_features(step) for step in before)
    embeds = alone and _reduces(last) and not is_clusterer(last)
    return steps if embeds else _without_last(before, passes)


def _without_scalers(steps):
    """Leave out scalers after the embedding, if there is one before them."""
    kept = _without_last(steps, lambda step: passes(step) or _keeps_features(step))
    if hasattr(kept[-1], "transform_runs"):
        return kept
    kept = _without_last(steps, lambda step: passes(step) or _scales(step))
    return kept if any(map(_reduces, kept)) else steps


def _without_last(steps, is_left_out):
    """Leave out some steps at the end, but never the first of all."""
    n = len(steps)
    while n > 1 and is_left_out(steps[n - 1]):
        n -= 1
    return steps[:n]


def _flat_steps(step):
    """Yield the steps of a pipeline and of pipelines in it, or a step that is none."""
    step = unfrozen(step)
    if not isinstance(step, Pipeline):
        yield step
        return
    for _, inner in step.steps:
        yield from _flat_steps(inner)


def _first_steps(pipeline, n):
    """Return a pipeline up to its step `n`, as :func:`_flat_steps` counts them."""
    pipeline = unfrozen(pipeline)
    if not isinstance(pipeline, Pipeline):
        return unpacked(pipeline)
    for at, (name, step) in enumerate(pipeline.steps, 1):
        size = len(list(_flat_steps(step)))
        if n <= size:
            first = pipeline[:at]
            first.steps[-1] = name, _first_steps(step, n)
            return first
        n -= size
    return pipeline


def _keeps_features(step):
    return isinstance(step, OneToOneFeatureMixin)


def _scales(step):
    """Tell whether a step only shifts and stretches features, or may do so."""
    return _keeps_features(step) and not isinstance(step, (Normalizer, Binarizer))


def passes(step):
    """Tell whether a step of a pipeline passes samples through."""
    return step is None or (isinstance(step, str) and step == "passthrough")


def _check_embedding_is_a_step(pipeline):
    """Raise if no step of a pipeline embeds, but an estimator in its last one does."""
    *before, last = _flat_steps(pipeline)
    is_held = any(_reduces(getattr(last, name)) for name in _held_names(last))
    if is_held and not any(map(_reduces, [*before, last])):
        raise TypeError(
            f"estimator={pipeline!r} has no step that embeds"
            + advice_where_held(pipeline)
        )


def _reduces(estimator):
    """Tell whether an estimator, or a step of it, is like PCA: not only an encoder."""
    return any(
        isinstance(one, ClassNamePrefixFeaturesOutMixin)
        # Other packages do not name the components.
        or (hasattr(one, "fit_transform") and hasattr(one, "n_components"))
        for one in _flat_steps(estimator)
    )


def _held_names(estimator):
    return [name for name in _HELD_AS if hasattr(estimator, name)]


def advice_where_held(estimator):
    """Name the attribute to pass, if an estimator has a fitted one in it."""
    estimator = unfrozen(estimator)
    if not isinstance(estimator, Pipeline):
        held = _held_names(estimator)
        return f"; pass its {held[0]}" if held else ""
    held = _held_names(unfrozen(estimator[-1]))
    if not held:
        return ""
    return (
        f"; pass the {held[0]} of its last step, and samples as the steps before"
        " transform them"
    )


def last_step(transformer):
    """Return the transformer that embeds: the last step of a pipeline, or itself."""
    while isinstance(transformer, Pipeline):
        transformer = transformer[-1]
    return transformer


def inputs_of_last(transformer, X):
    """Return the input of the last step of a fitted pipeline, or X itself without one.

    Earlier steps may encode and impute. Distances and reconstructions refer to their
    output, not to X.
    """
    *before, _ = _flat_steps(transformer)
    return transform_by(before, readable(X))


def transform_by(steps, X):
    """Transform X by fitted steps in turn, and by those of pipelines among them.

    A pipeline would ask whether its last step is fitted. A step that learns nothing
    has no attribute that says so.
    """
    for step in steps:
        for inner in _flat_steps(step):
            X = X if passes(inner) else inner.transform(X)
    return X


def names_of_inputs(transformer):
    """Return the names of the last step's input features, or None."""
    names = None
    while isinstance(transformer, Pipeline):
        if len(transformer) > 1:
            try:
                names = transformer[:-1].get_feature_names_out(names)
            except AttributeError:  # a step has no get_feature_names_out
                names = None
        transformer = transformer[-1]
    return getattr(transformer, "feature_names_in_", names)


def embed(estimator, X):
    """Embed X by a fitted transformer, or by those steps of a pipeline that embed.

    Parameters
    ----------
    estimator : transformer or Pipeline
        Fitted estimator.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples, in a form that the estimator accepts.

    Returns
    -------
    array-like of shape (n_samples, n_components)
    """
    return dense(embedding_steps(estimator).transform(readable(X)))


def embed_with_std(estimator, X):
    """Embed X and return the standard deviation of its codes between runs.

    Parameters
    ----------
    estimator : transformer or Pipeline
        Fitted estimator, whose embedding step was fitted with ``n_init >= 2``.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples, in a form that the estimator accepts.

    Returns
    -------
    codes : array-like of shape (n_samples, n_components)

    std : ndarray of shape (n_samples,)
        Root of the total variance of each sample's codes over the runs.

    Raises
    ------
    TypeError
        If the estimator has no ``transform(X, return_std=True)``.

    ValueError
        If it was fitted with one run.
    """
    transformer = embedding_steps(estimator)
    last = last_step(transformer)
    if "return_std" not in signature(last.transform).parameters:
        raise TypeError(
            f"estimator={last!r} has no transform(X, return_std=True); a standard"
            " deviation needs a StableAutoencoder, or one of its siblings"
        )
    codes, std = last.transform(inputs_of_last(transformer, X), return_std=True)
    return dense(codes), std
