"""Scoring and choosing estimators by how alike their trainings are."""

import numpy as np
from sklearn.pipeline import Pipeline

from ..stability.measures import manifold_variance
from ..training.seeds import draw_seeds, with_seed

# Trainings that an estimator without runs of its own is scored by.
_N_RUNS = 5


def manifold_variance_score(estimator, X, y=None):
    r"""Score how alike an estimator's embeddings of X are from training to training.

    A scorer: pass the function itself as ``scoring`` to
    :class:`~sklearn.model_selection.GridSearchCV` or
    :func:`~sklearn.model_selection.cross_val_score`, alone or in a dict. It is 1 minus
    the relative :func:`manifold_variance` of several embeddings of X:

    - Of a :class:`StableAutoencoder` that was fitted with ``n_init >= 2``, alone or as
      the last step of a pipeline that embeds, they are those of its runs. Nothing is
      trained, and in a search the rows held out are scored by maps that never saw
      them: prefer this.
    - Anything else, a :class:`StableAutoencoder` with ``n_init=1`` or any other
      transformer, is trained five times *on X*, with other seeds alone. That takes
      five trainings, and in a search they are of the rows held out, which are fewer
      than those the candidate was fitted on.

    Parameters
    ----------
    estimator : estimator object
        A transformer, or a :class:`~sklearn.pipeline.Pipeline` with one. If its last
        step has `predict`, the steps before it are scored. It is never changed; where
        it is trained again, its clones are, with each ``random_state`` replaced.

    X : array-like of shape (n_samples, n_features)
        Rows to embed.

    y : array-like of shape (n_samples,) or None, default=None
        Passed to `fit` where the estimator is trained again.

    Returns
    -------
    float
        1.0 at best, about 0.0 for maps that have nothing to do with each other.

    Raises
    ------
    ValueError
        If an embedding has collapsed or is not finite. A search then records NaN.

    See Also
    --------
    most_stable_within_one_standard_error : Choose by it without giving up the data.
    stability_report : What else moves a map besides the seed.

    Notes
    -----
    Stability alone is no goal: PCA has a score of 1. Weigh it against what the map
    keeps of the data.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from stable_embedding import StableAutoencoder, manifold_variance_score
    >>> X, _ = load_iris(return_X_y=True)
    >>> round(manifold_variance_score(PCA(n_components=2), X), 6)
    1.0
    >>> model = StableAutoencoder(n_init=3, random_state=0).fit(X[::2])
    >>> manifold_variance_score(model, X[1::2]) > 0.99
    True
    """
    return 1 - manifold_variance(embeddings_of(estimator, X, y), relative=True)


def most_stable_within_one_standard_error(
    cv_results, *, stability="stability", reconstruction="reconstruction"
):
    """Choose the stablest candidate that reconstructs about as well as the best.

    For ``refit`` of a search with two scorers. Candidates count whose mean score of
    reconstruction is within one standard error of the best one's, and among them the
    highest mean score of stability wins. The stablest of all would be no choice: that
    is PCA, or a map that keeps nothing.

    Parameters
    ----------
    cv_results : dict of str to ndarray
        As ``cv_results_`` of a search.

    stability : str, default="stability"
        Name of the scorer of stability in the search's ``scoring``.

    reconstruction : str, default="reconstruction"
        Name of the scorer that the best candidate is found by. Give other names by
        :func:`functools.partial`.

    Returns
    -------
    int
        Index of the candidate.

    Raises
    ------
    ValueError
        If a score is missing, or no candidate has both.

    References
    ----------
    L. Breiman, J. Friedman, R. Olshen and C. Stone, "Classification and Regression
    Trees", 1984, section 3.4.3: the rule of one standard error.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from stable_embedding import (
    ...     StableAutoencoder,
    ...     manifold_variance_score,
    ...     most_stable_within_one_standard_error,
    ... )
    >>> X, _ = load_iris(return_X_y=True)
    >>> search = GridSearchCV(
    ...     StableAutoencoder(n_init=2, max_iter=30, random_state=0),
    ...     {"init": ["random", "pca"]},
    ...     scoring={"stability": manifold_variance_score, "reconstruction": None},
    ...     refit=most_stable_within_one_standard_error,
    ... )
    >>> search.fit(X).best_params_
    {'init': 'pca'}
    """
    kept = _scores(cv_results, reconstruction)
    stable = np.mean(_scores(cv_results, stability), axis=0)
    means = np.mean(kept, axis=0)
    scored = np.isfinite(means) & np.isfinite(stable)
    if not scored.any():
        raise ValueError(
            f"no candidate has a finite score of both {reconstruction!r} and"
            f" {stability!r}"
        )
    best = np.argmax(np.where(scored, means, -np.inf))
    error = np.std(kept[:, best], ddof=1) / len(kept) ** 0.5 if len(kept) > 1 else 0.0
    eligible = scored & (means >= means[best] - error)
    return int(np.argmax(np.where(eligible, stable, -np.inf)))


def _scores(cv_results, name):
    """Scores of all candidates on each split, of shape (n_splits, n_candidates)."""
    prefix = "mean_test_"
    if f"{prefix}{name}" not in cv_results:
        found = [
            key.removeprefix(prefix) for key in cv_results if key.startswith(prefix)
        ]
        raise ValueError(
            f"the search has no scorer named {name!r}; it has {found}. Pass scoring as"
            " a dict with that name"
        )
    splits = [
        values
        for key, values in cv_results.items()
        if key.startswith("split") and key.endswith(f"_test_{name}")
    ]
    return np.asarray(splits, dtype=np.float64)


def embeddings_of(estimator, X, y=None):
    """Embed X by the runs that an estimator was fitted with, or by new trainings.

    Parameters
    ----------
    estimator, X, y
        As in :func:`manifold_variance_score`.

    Returns
    -------
    sequence of ndarray of shape (n_samples, n_components)
        One of each run.
    """
    transformer = embedding_steps(estimator)
    if _has_runs(transformer):
        while isinstance(transformer, Pipeline):
            X = transformer[:-1].transform(X) if len(transformer) > 1 else X
            transformer = transformer[-1]
        return transformer.transform_runs(X)
    seeds = draw_seeds(0, _N_RUNS)
    return [with_seed(transformer, seed).fit_transform(X, y) for seed in seeds]


def _has_runs(transformer):
    """Whether the last step was fitted with several runs."""
    while isinstance(transformer, Pipeline):
        transformer = transformer[-1]
    n_runs = len(getattr(transformer, "networks_", ()))
    return n_runs > 1 and hasattr(transformer, "transform_runs")


def embedding_steps(estimator):
    """Part of an estimator that embeds: all, or all but a pipeline's predictor."""
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        *steps, (name, last) = estimator.steps
        if isinstance(last, Pipeline):
            return Pipeline([*steps, (name, embedding_steps(last))])
        if hasattr(last, "predict"):
            return estimator[:-1]
    if not hasattr(estimator, "fit_transform"):
        raise TypeError(
            f"estimator={estimator!r} has no fit_transform; it must be a transformer,"
            " or a pipeline with one before its last step"
        )
    return estimator
