"""Where a pipeline holds the autoencoder that embeds, and what comes before it."""

from copy import copy
from inspect import signature

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..data.containers import dense, readable
from ..estimators.base import BaseStableAutoencoder
from ..stability.pipelines import (
    advice_where_held,
    embed,
    embedding_steps,
    has_bits,
    last_step,
    passes,
    transform_by,
    unfrozen,
    unpacked,
)


def paths_to_maps(estimator):
    """Return the names of the steps that lead to each autoencoder of this package.

    Parameters
    ----------
    estimator : object
        An autoencoder, or a pipeline that may hold others, frozen or not.

    Returns
    -------
    list of tuple of str
        An empty tuple is the estimator itself.
    """
    estimator = unfrozen(estimator)
    if isinstance(estimator, BaseStableAutoencoder):
        return [()]
    if not isinstance(estimator, Pipeline):
        return []
    return [
        (name, *path) for name, step in estimator.steps for path in paths_to_maps(step)
    ]


def path_to_map(estimator, input_name="estimator"):
    """Return the names of the steps that lead to the one autoencoder.

    Parameters
    ----------
    estimator : estimator or Pipeline

    input_name : str, default="estimator"
        Name of the parameter.

    Returns
    -------
    tuple of str

    Raises
    ------
    TypeError
        If there is no autoencoder, or more than one.
    """
    paths = paths_to_maps(estimator)
    if len(paths) == 1:
        return paths[0]
    if paths:
        names = ["__".join(path) for path in paths]
        raise TypeError(
            f"{input_name} holds {len(paths)} autoencoders, the steps {names}; it must"
            " hold one"
        )
    advice = advice_where_held(estimator)
    name = estimator.__name__ if isinstance(estimator, type) else repr(estimator)
    raise TypeError(
        f"{input_name}={name} must be a fitted autoencoder of stable_embedding, or a"
        f" pipeline with one among its steps{advice}"
    )


def step_at(estimator, path):
    """Return the step that names lead to, unfrozen."""
    for name in path:
        estimator = unfrozen(estimator).named_steps[name]
    return unfrozen(estimator)


def pipelines_along(estimator, path):
    """Return the pipelines that names lead through, the outermost first, unfrozen."""
    return [step_at(estimator, path[:depth]) for depth in range(len(path))]


def steps_after(estimator, path):
    """Return the steps after the one that names lead to, the innermost first.

    Parameters
    ----------
    estimator : estimator or Pipeline

    path : tuple of str

    Returns
    -------
    list of tuple of str and object
        Names and steps; those that pass samples through are left out.
    """
    if not path:
        return []
    estimator = unfrozen(estimator)
    inner = steps_after(estimator.named_steps[path[0]], path[1:])
    at = _place_of(estimator, path[0])
    return [*inner, *(s for s in estimator.steps[at + 1 :] if not passes(s[1]))]


def inputs_at(estimator, path, X):
    """Return what the step that names lead to is given.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Fitted.

    path : tuple of str

    X : {array-like, sparse matrix} of shape (n_samples, n_features)

    Returns
    -------
    object
    """
    for pipeline, name in zip(pipelines_along(estimator, path), path):
        before = pipeline.steps[: _place_of(pipeline, name)]
        X = transform_by([step for _, step in before], X)
    return X


def with_steps(pipeline, path, *, before, at, after):
    """Copy a pipeline with functions of its steps in their place.

    Parameters
    ----------
    pipeline : estimator or Pipeline
        It stays as it is.

    path : tuple of str
        Names of the steps that lead to one.

    before, at, after : callable
        Functions of the steps before that one, of itself, and of those after it.

    Returns
    -------
    estimator or Pipeline
        Of the same structure. What is frozen along the path is not so in the copy.
    """
    pipeline = unfrozen(pipeline)
    if not path:
        return at(pipeline)
    place = _place_of(pipeline, path[0])
    new = copy(pipeline)
    new.steps = []
    for i, (name, step) in enumerate(pipeline.steps):
        if i == place:
            step = with_steps(step, path[1:], before=before, at=at, after=after)
        elif not passes(step):
            step = before(step) if i < place else after(step)
        new.steps.append((name, step))
    return new


def embed_by_map(estimator, X):
    """Embed samples by the one autoencoder of a pipeline, or else by its last step.

    Parameters
    ----------
    estimator : transformer or Pipeline
        Fitted.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)

    Returns
    -------
    codes : ndarray of shape (n_samples, n_components), dtype float64

    std : ndarray of shape (n_samples,) or None
        How far runs put each sample apart, if the estimator has several.
    """
    X = readable(X)
    paths = paths_to_maps(estimator)
    if len(paths) != 1:
        return np.asarray(dense(embed(estimator, X)), dtype=np.float64), None
    inner = unpacked(step_at(estimator, paths[0]))
    check_is_fitted(inner)
    inputs = inputs_at(estimator, paths[0], X)
    has_std = "return_std" in signature(inner.transform).parameters
    if has_std and len(inner.networks_) > 1 and not has_bits(inner):
        codes, std = inner.transform(inputs, return_std=True)
    else:
        codes, std = inner.transform(inputs), None
    return np.asarray(dense(codes), dtype=np.float64), std


def names_of_codes(estimator):
    """Return the names of the columns that :func:`embed_by_map` returns, if known.

    Parameters
    ----------
    estimator : transformer or Pipeline
        Fitted.

    Returns
    -------
    list of str or None
    """
    paths = paths_to_maps(estimator)
    inner = step_at(estimator, paths[0]) if len(paths) == 1 else estimator
    last = last_step(embedding_steps(inner))
    if not hasattr(last, "_n_features_out"):
        return None
    return last.get_feature_names_out().tolist()


def _place_of(pipeline, name):
    return [of_step for of_step, _ in pipeline.steps].index(name)
