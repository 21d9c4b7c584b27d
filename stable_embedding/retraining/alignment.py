"""Align the embedding of an estimator or a pipeline with given codes."""

from sklearn.utils.validation import check_is_fitted

from ..data.containers import dense, readable
from ..data.sample_ids import check_same_samples
from .steps import inputs_at, path_to_map, step_at, steps_after


def align(estimator, X, codes):
    """Align the embedding of an estimator or a pipeline with codes, by one rigid map.

    Samples pass through the fitted steps before the autoencoder, whose
    :meth:`StableAutoencoder.align` then aligns them with the codes. The estimator is
    changed in place.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted autoencoder, or a pipeline that ends with one; a ``FrozenEstimator``
        of them is aligned like the estimator within. Steps after it were
        fitted on the old codes and would give wrong results: refit them, or align the
        pipeline without them, ``pipeline[:-1]``, which shares its steps.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples, in a form that the estimator accepts.

    codes : array-like of shape (n_samples, n_components)
        Where these samples should lie, for instance the codes of an earlier map. If X
        and `codes` are data frames with ids in their indexes, these must be equal.

    Returns
    -------
    estimator or Pipeline
        The same, in another frame.

    Raises
    ------
    TypeError
        If there is no autoencoder among the steps, or more than one.

    ValueError
        If steps come after it, or X or `codes` is not as described. The estimator is
        then unchanged.

    See Also
    --------
    retrain : Retrains, and aligns the new embedding with the old one.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from stable_embedding import StableAutoencoder, align
    >>> from stable_embedding.stability import displacement
    >>> X, _ = load_iris(return_X_y=True)
    >>> old, new = (
    ...     make_pipeline(StandardScaler(), StableAutoencoder(n_init=2, random_state=i))
    ...     for i in (0, 1)
    ... )
    >>> codes = old.fit_transform(X[::2])
    >>> new = align(new.fit(X), X[::2], codes)
    >>> displacement(new.transform(X[::2]), codes) < 0.02
    True
    """
    path = path_to_map(estimator)
    after = [name for name, _ in steps_after(estimator, path)]
    if after:
        raise ValueError(
            f"estimator has the steps {after} after the autoencoder, which were fitted"
            " on codes where they lie now; align the pipeline without them, and fit"
            " them again"
        )
    inner = step_at(estimator, path)
    check_is_fitted(inner)
    check_same_samples(X, codes, "codes")
    inner._align(
        inputs_at(estimator, path, readable(X)), dense(codes, "codes"), "codes"
    )
    return estimator
