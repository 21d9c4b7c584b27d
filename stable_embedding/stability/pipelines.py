"""Pipelines as embeddings: the steps that embed, their inputs, and codes."""

from inspect import signature

from sklearn.pipeline import Pipeline

from ..data.containers import dense, readable

# Attributes in which others hold a fitted estimator.
_HELD_AS = ("best_estimator_", "estimator_")


def embedding_steps(estimator):
    """Return the part of an estimator that embeds: a pipeline without its predictor."""
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator={estimator.__name__} is a class; it must be an instance, such"
            f" as {estimator.__name__}()"
        )
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        *steps, (name, last) = estimator.steps
        if isinstance(last, Pipeline):
            return Pipeline([*steps, (name, embedding_steps(last))])
        if last is None or last == "passthrough":
            return embedding_steps(estimator[:-1])
        if hasattr(last, "predict"):
            return estimator[:-1]
    if not hasattr(estimator, "fit_transform"):
        raise TypeError(
            f"estimator={estimator!r} has no fit_transform; it must be a transformer,"
            " or a pipeline with a transformer before its last step"
            + advice_where_held(estimator)
        )
    return estimator


def advice_where_held(estimator):
    """Say which attribute to pass, where an estimator holds a fitted one."""
    held = [name for name in _HELD_AS if hasattr(estimator, name)]
    return f"; pass its {held[0]}" if held else ""


def last_step(transformer):
    """Return the transformer that embeds: the last step of a pipeline, or itself."""
    while isinstance(transformer, Pipeline):
        transformer = transformer[-1]
    return transformer


def inputs_of_last(transformer, X):
    """Return what the last step of a fitted pipeline sees, or X without a pipeline.

    The first steps may encode and impute. What they return is what is embedded: it has
    distances, and a reconstruction.
    """
    X = readable(X)
    while isinstance(transformer, Pipeline):
        X = transformer[:-1].transform(X) if len(transformer) > 1 else X
        transformer = transformer[-1]
    return X


def names_of_inputs(transformer):
    """Return the names of the features that the last step sees, or None."""
    names = None
    while isinstance(transformer, Pipeline):
        if len(transformer) > 1:
            try:
                names = transformer[:-1].get_feature_names_out(names)
            except AttributeError:  # a step gives none
                names = None
        transformer = transformer[-1]
    return getattr(transformer, "feature_names_in_", names)


def embed(estimator, X):
    """Embed X by a fitted estimator, and leave out the predictor of a pipeline.

    Parameters
    ----------
    estimator : transformer or Pipeline
        Fitted.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples, in a form that the estimator accepts.

    Returns
    -------
    array-like of shape (n_samples, n_components)
    """
    return dense(embedding_steps(estimator).transform(readable(X)))


def embed_with_std(estimator, X):
    """Embed X as :func:`embed` does, and return the deviation between runs.

    Parameters
    ----------
    estimator : transformer or Pipeline
        Fitted. Its last step that embeds must have been trained several times.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples, in a form that the estimator accepts.

    Returns
    -------
    codes : array-like of shape (n_samples, n_components)

    std : ndarray of shape (n_samples,)
        Standard deviation of each code between the runs.

    Raises
    ------
    TypeError
        If the estimator has no ``transform(X, return_std=True)``.
    """
    transformer = embedding_steps(estimator)
    last = last_step(transformer)
    if "return_std" not in signature(last.transform).parameters:
        raise TypeError(
            f"estimator={last!r} has no transform(X, return_std=True); a standard"
            " deviation needs a StableAutoencoder, or one of its siblings, at the end"
        )
    codes, std = last.transform(inputs_of_last(transformer, X), return_std=True)
    return dense(codes), std
