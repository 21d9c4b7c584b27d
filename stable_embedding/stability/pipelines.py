"""Find the steps of a pipeline that embed, their inputs and their codes."""

from contextlib import suppress
from inspect import signature

from sklearn.base import OneToOneFeatureMixin
from sklearn.pipeline import Pipeline

from ..data.containers import dense, readable

# Attributes in which meta-estimators keep a fitted estimator.
_HELD_AS = ("best_estimator_", "estimator_")


def embedding_steps(estimator):
    """Return the transformer that embeds, with the steps before it.

    Parameters
    ----------
    estimator : transformer or Pipeline
        Of a pipeline, a predictor at the end does not embed. Scalers behind the
        embedding do not either, nor does any other step that keeps each feature.

    Returns
    -------
    transformer or Pipeline
        A pipeline without pipelines in it, of the same steps, whose last one embeds.

    Raises
    ------
    TypeError
        If there is no transformer.
    """
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator={estimator.__name__} is a class; it must be an instance, such"
            f" as {estimator.__name__}()"
        )
    transformer = estimator
    if isinstance(estimator, Pipeline):
        steps = list(_flat_steps(estimator))
        if len(steps) > 1 and hasattr(steps[-1][1], "predict"):
            steps.pop()
        while len(steps) > 1 and isinstance(steps[-1][1], OneToOneFeatureMixin):
            steps.pop()
        transformer = Pipeline(steps, memory=estimator.memory) if steps else None
    if not hasattr(transformer, "fit_transform"):
        raise TypeError(
            f"estimator={estimator!r} has no fit_transform; it must be a transformer,"
            " or a pipeline with a transformer before its last step"
            + advice_where_held(estimator)
        )
    return transformer


def _flat_steps(pipeline):
    """Yield the names and steps of a pipeline and of those in it."""
    for name, step in pipeline.steps:
        if isinstance(step, Pipeline):
            for inner_name, inner in _flat_steps(step):
                yield f"{name}-{inner_name}", inner
        elif not passes(step):
            yield name, step


def passes(step):
    """Tell whether a step of a pipeline passes samples through."""
    return step is None or (isinstance(step, str) and step == "passthrough")


def advice_where_held(estimator):
    """Name the attribute to pass, if an estimator has a fitted one in it."""
    held = [name for name in _HELD_AS if hasattr(estimator, name)]
    return f"; pass its {held[0]}" if held else ""


def last_step(transformer):
    """Return the last of :func:`embedding_steps`, which embeds."""
    return transformer[-1] if isinstance(transformer, Pipeline) else transformer


def inputs_of_last(transformer, X):
    """Return the input of the last of :func:`embedding_steps`, or X itself without one.

    Earlier steps may encode and impute. Distances and reconstructions refer to their
    output, not to X.
    """
    X = readable(X)
    if isinstance(transformer, Pipeline) and len(transformer) > 1:
        return transformer[:-1].transform(X)
    return X


def names_of_inputs(transformer):
    """Return the names of the last step's input features, or None."""
    names = None
    if isinstance(transformer, Pipeline) and len(transformer) > 1:
        # A step may have no get_feature_names_out.
        with suppress(AttributeError):
            names = transformer[:-1].get_feature_names_out()
    return getattr(last_step(transformer), "feature_names_in_", names)


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
