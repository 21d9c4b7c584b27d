"""Score estimators by the stability of their embeddings."""

import re
from collections.abc import Mapping

import numpy as np

from .._progress import progress_bar
from ..data.containers import dense, readable
from ..data.sample_ids import check_same_samples
from ..training.seeds import draw_seeds, with_seed
from .measures import manifold_variance
from .pipelines import (
    check_trains_on_samples,
    embedding_steps,
    inputs_of_last,
    last_step,
)

# Number of trainings of an estimator that was not fitted with several runs.
_N_RUNS = 5


def manifold_variance_score(estimator, X, y=None, *, verbose=False):
    r"""Score how similar an estimator's embeddings are from training to training.

    This function is a scorer. Pass it as ``scoring``, alone or in a dict, to
    :class:`~sklearn.model_selection.GridSearchCV` or
    :func:`~sklearn.model_selection.cross_val_score`. The score is 1 minus the relative
    :func:`manifold_variance` of several embeddings of X:

    - Prefer a :class:`StableAutoencoder` that was fitted with ``n_init >= 2``, alone or
      in a pipeline. Nothing is trained: the embeddings are those of its runs. The model
      is the mean of the runs, so the variance between them is divided by their number.
      In a search, the validation samples were not seen in training.
    - A :class:`StableAutoencoder` with ``n_init=1``, or any other transformer, is
      trained five times *on X*, with different seeds and nothing else changed. In a
      search, X are the validation samples, which are fewer than the samples on which
      the candidate was fitted.

    Parameters
    ----------
    estimator : estimator object
        A transformer, or a :class:`~sklearn.pipeline.Pipeline` with one. A predictor at
        its end is not scored, unless it embeds after scalers alone, as
        ``LinearDiscriminantAnalysis`` does. Scalers after the embedding are not scored
        either. The estimator is not changed: new trainings use clones in which every
        ``random_state`` is replaced.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples to embed, in a form that the estimator accepts: for instance a data
        frame with text and missing values for a pipeline that encodes and imputes.

    y : array-like of shape (n_samples,) or None, default=None
        Target of new trainings; not used if nothing is trained.

    verbose : bool, default=False
        Whether to show a progress bar of new trainings. In a search, pass
        ``functools.partial(manifold_variance_score, verbose=True)`` as ``scoring``.

    Returns
    -------
    float
        Higher is better. 1.0 for identical embeddings. For unrelated embeddings it is
        about 0.0, or ``1 - 1 / n_init`` for an estimator that was fitted with
        ``n_init >= 2``, since its runs are averaged.

    Raises
    ------
    ValueError
        If X has fewer than three samples, or an embedding has collapsed or is not
        finite. A search then records NaN.

    TypeError
        If `estimator` is not a transformer.

    See Also
    --------
    most_stable_within_one_standard_error : Choose by stability and reconstruction.
    stability_report : Measure changes of the seed, the samples and the noise.

    Notes
    -----
    Do not choose by stability alone: PCA has a score of 1. Weigh it against what the
    embedding keeps of the data.

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
    if not hasattr(estimator, "fit"):
        raise TypeError(
            f"estimator is a {type(estimator).__name__}; it must be a transformer."
            " manifold_variance_score is a scorer: pass it as scoring, without"
            " make_scorer, and pass embeddings to manifold_variance"
        )
    embeddings = embeddings_of(estimator, X, y, verbose)
    variance = manifold_variance(embeddings, relative=True)
    n_averaged = len(embeddings) if _has_runs(embedding_steps(estimator)) else 1
    return 1 - variance / n_averaged


def most_stable_within_one_standard_error(
    cv_results, *, stability="stability", reconstruction="reconstruction"
):
    """Choose the most stable candidate that reconstructs about as well as the best.

    Pass this function as ``refit`` to a search with two scorers. It selects the
    candidates whose mean reconstruction score is within one standard error of the best,
    and returns the one with the highest mean stability score. The most stable of all
    candidates may be useless: it can be PCA, or an embedding that keeps nothing.

    Parameters
    ----------
    cv_results : dict of str to ndarray
        The ``cv_results_`` of a search.

    stability : str, default="stability"
        Name of the stability scorer in the ``scoring`` of the search.

    reconstruction : str, default="reconstruction"
        Name of the reconstruction scorer there. Set other names with
        :func:`functools.partial`.

    Returns
    -------
    int
        Index of the selected candidate.

    Raises
    ------
    ValueError, TypeError
        If a scorer is missing, no candidate has finite scores of both kinds, or
        `cv_results` is not a dict.

    References
    ----------
    L. Breiman, J. Friedman, R. Olshen and C. Stone, "Classification and Regression
    Trees", 1984, section 3.4.3, for the one-standard-error rule.

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
    if not isinstance(cv_results, Mapping):
        raise TypeError(
            f"cv_results is a {type(cv_results).__name__}; it must be a dict, such as"
            " the cv_results_ of a search"
        )
    by_split = _scores(cv_results, reconstruction)
    stable = np.mean(_scores(cv_results, stability), axis=0)
    means = np.mean(by_split, axis=0)
    scored = np.isfinite(means) & np.isfinite(stable)
    if not scored.any():
        raise ValueError(
            f"no candidate has finite scores of both {reconstruction!r} and"
            f" {stability!r}"
        )
    best = np.argmax(np.where(scored, means, -np.inf))
    n_splits = len(by_split)
    error = np.std(by_split[:, best], ddof=1) / n_splits**0.5 if n_splits > 1 else 0.0
    eligible = scored & (means >= means[best] - error)
    return int(np.argmax(np.where(eligible, stable, -np.inf)))


def _scores(cv_results, name):
    """Collect the scores on each split, of shape (n_splits, n_candidates)."""
    prefix = "mean_test_"
    if f"{prefix}{name}" not in cv_results:
        found = [
            key.removeprefix(prefix) for key in cv_results if key.startswith(prefix)
        ]
        raise ValueError(
            f"the search has no scorer named {name!r}; it has {found}. Pass scoring as"
            " a dict with that name, or pass your names to the rule:"
            " refit=functools.partial(most_stable_within_one_standard_error,"
            " stability=..., reconstruction=...)"
        )
    of_a_split = re.compile(rf"split\d+_test_{re.escape(name)}")
    splits = [values for key, values in cv_results.items() if of_a_split.fullmatch(key)]
    return np.asarray(splits, dtype=np.float64)


def embeddings_of(estimator, X, y=None, verbose=False):
    """Embed X by each run of a fitted estimator, or by five new trainings.

    Parameters
    ----------
    estimator, X, y, verbose
        As in :func:`manifold_variance_score`.

    Returns
    -------
    sequence of ndarray of shape (n_samples, n_components)
        One embedding for each run or training.
    """
    check_same_samples(X, y, "y")
    X = readable(X)
    transformer = embedding_steps(estimator)
    if _has_runs(transformer):
        return last_step(transformer).transform_runs(inputs_of_last(transformer, X))
    check_trains_on_samples(transformer)
    with progress_bar(
        draw_seeds(0, _N_RUNS), desc="runs", unit="training", disable=not verbose
    ) as seeds:
        return [
            dense(with_seed(transformer, seed).fit_transform(X, y)) for seed in seeds
        ]


def _has_runs(transformer):
    """Tell whether the last step was fitted with several runs."""
    last = last_step(transformer)
    return len(getattr(last, "networks_", ())) > 1 and hasattr(last, "transform_runs")
