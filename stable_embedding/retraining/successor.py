"""Retrain an estimator or a pipeline, and keep its map where it was."""

from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from .._sklearn import (
    Interval,
    StrOptions,
    num_samples,
    safe_indexing,
    validate_params,
)
from ..data.containers import dense, indexable, readable
from ..data.placement import has_reference
from ..data.sample_distances import GIVEN_DISTANCES
from ..data.sample_ids import (
    check_same_samples,
    has_index,
    index_of,
    listed_ids,
    names_of_ids,
    positions_in_common,
    sample_ids,
)
from ..data.sample_weights import check_weights, weights_at
from ..data.shrinkage import Earlier
from ..losses.consensus import auto_consensus_weight
from ..stability.measures import displacement, neighbor_overlap
from ..stability.pipelines import has_bits, unpacked
from .steps import (
    inputs_at,
    path_to_map,
    pipelines_along,
    step_at,
    steps_after,
    with_steps,
)

STRATEGIES = ("pull", "align", "warm_start")


@dataclass(frozen=True, repr=False, eq=False)  # arrays have no truth value
class Retraining:
    """New estimator, and how far its embedding moved, from :func:`retrain`.

    Attributes
    ----------
    estimator : estimator or Pipeline
        New estimator, fitted.

    strategy : str
        Strategy of the training.

    ids : list
        Ids of the samples that are in both embeddings; their positions in X if they
        have no ids.

    displacement : float
        Mean squared distance that these samples moved, divided by the variance of the
        embedding, see :func:`~stable_embedding.stability.displacement`.

    aligned_displacement : float
        The same after the best rigid alignment.

    sample_displacement : ndarray of shape (n_common,)
        Distance that each of these samples moved, in the units of codes.

    neighbor_overlap : float
        Fraction of nearest neighbors that both embeddings have in common, see
        :func:`~stable_embedding.stability.neighbor_overlap`.

    r2_before, r2_after : float
        Fraction of the variance of its input that the old and the new estimator
        explain. It is computed for all samples, or with `refit_preprocessing` for those
        in both embeddings.

    id_names : list or None
        Names of the levels of the ids, for the index of ``to_frame()``.
    """

    estimator: Any
    strategy: str
    ids: list
    displacement: float
    aligned_displacement: float
    sample_displacement: np.ndarray
    neighbor_overlap: float
    r2_before: float
    r2_after: float
    id_names: list | None = None

    def to_frame(self):
        """Return how far samples moved, as a pandas data frame. This needs pandas.

        Returns
        -------
        pandas.DataFrame
            The column "displacement" of the samples in both embeddings, indexed by
            their ids, with the names of the index of X.
        """
        import pandas as pd

        displacement = {"displacement": self.sample_displacement}
        return pd.DataFrame(displacement, index=index_of(self.ids, self.id_names))

    def __repr__(self):
        return (
            f"Retraining: {len(self.ids)} common samples moved by"
            f" {self.displacement:.2%} of the map's variance"
            f" ({self.aligned_displacement:.2%} aligned), neighbor overlap"
            f" {self.neighbor_overlap:.3f}, R^2 {self.r2_before:.3f} before and"
            f" {self.r2_after:.3f} after"
        )


@validate_params(
    {
        "strategy": [StrOptions(set(STRATEGIES))],
        "refit_preprocessing": ["boolean"],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def retrain(
    previous,
    X,
    y=None,
    *,
    reference=None,
    ids=None,
    strategy="pull",
    refit_preprocessing=False,
    n_neighbors=10,
    **fit_params,
):
    """Retrain an estimator or a pipeline, and keep its embedding where it was.

    The new estimator has the parameters of the old one. With ``alpha="auto"`` its
    weight decay lies between that of the new data, and that of the old estimator for as
    many samples. Its embedding is aligned with the old one by the samples in both. In a
    pipeline, the fitted steps before the autoencoder are kept, because a new scale or
    category would move the embedding. The steps after it, such as a classifier, are
    fitted again, unless they are a ``FrozenEstimator``.

    Parameters
    ----------
    previous : estimator or Pipeline
        A fitted autoencoder of this package, or a fitted pipeline with one among its
        steps. It does not change. If the autoencoder, or the pipeline, is within a
        ``FrozenEstimator``, the new one is not.

    X : {array-like, data frame, sparse matrix} of shape (n_samples, n_features)
        All samples to train on, in a form that `previous` accepts.

    y : array-like of shape (n_samples,) or None, default=None
        Labels, if a step of the pipeline needs them. Ids in the index of a pandas
        series must be those of X, in their order.

    reference : {data frame, array-like of shape (n_reference,)}, default=None
        Samples that the old estimator was trained on: a data frame whose index is their
        ids, or these ids. The values of a series are ids too; for a series of texts,
        pass its index. Of the samples of X, these are kept in place, and the others are
        free. By default all samples of X are kept where the old estimator embeds them,
        even new ones.

    ids : array-like of shape (n_samples,) or None, default=None
        Unique ids of the samples of X. The default is the index of a pandas data frame,
        unless it is a range of numbers. Without a `reference` it may repeat ids.

    strategy : {"pull", "align", "warm_start"}, default="pull"
        How the embedding is kept in place. All strategies align it with the old codes
        in the end.

        - "pull": training pulls codes to the old ones, see `reference` in
          :meth:`StableAutoencoder.fit`. The weight is the `consensus_weight` of
          `previous`, where "auto" is ``3 * (1 + neighbor_weight)``;
        - "align": the training is free;
        - "warm_start": the training starts from the old networks.

    refit_preprocessing : bool, default=False
        Whether to fit the steps before the autoencoder again. Its input may then have
        other features than before, and except with "warm_start" another number of them.

    n_neighbors : int, default=10
        Number of neighbors to compare.

    **fit_params : dict
        Metadata for the `fit` of `previous`: for instance ``sample_weight=weights`` for
        an autoencoder, and ``stableautoencoder__sample_weight=weights`` for a pipeline,
        or ``sample_weight=weights`` if metadata routing is enabled and a step has
        requested it.

    Returns
    -------
    Retraining
        The new estimator as ``estimator``, and how far its embedding moved.

    Raises
    ------
    TypeError
        If `previous` is not such an estimator, or an id cannot be hashed.

    ValueError
        If an argument is not as described, X and `reference` have too few samples in
        common, or a fitted step rejects X. For unknown categories, first fit the
        encoder with ``handle_unknown="ignore"``. A one-hot encoder then encodes them as
        zeros, and :class:`~stable_embedding.preprocessing.MixedDataEncoder` as the mean
        of their column.

    See Also
    --------
    align : Align an embedding with codes, without training.
    movement_report : Which samples moved most, and which groups.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.pipeline import make_pipeline
    >>> from stable_embedding import StableAutoencoder, retrain
    >>> from stable_embedding.preprocessing import MixedDataEncoder
    >>> july = pd.DataFrame(
    ...     {"age": [20 + i % 50 for i in range(120)], "plan": list("abcb") * 30},
    ...     index=[f"customer {i}" for i in range(120)],
    ... )
    >>> june = july[:100]
    >>> pipeline = make_pipeline(MixedDataEncoder(), StableAutoencoder(n_init=2))
    >>> result = retrain(pipeline.fit(june), july, reference=june)
    >>> len(result.ids), result.displacement < 0.01
    (100, True)
    >>> result.estimator.transform(july).shape
    (120, 2)
    """
    path = path_to_map(previous, "previous")
    old = step_at(previous, path)
    check_is_fitted(old)
    _check_parameters(old, strategy)
    _check_labels(y, previous, path)
    check_same_samples(X, y, "y")
    X, y = indexable(readable(X)), readable(y, "y")
    n_samples = num_samples(X)
    names = sample_ids(X, ids, unique=ids is not None or reference is not None)
    common = _common_samples(names, n_samples, reference, n_neighbors)
    # Fitted steps may refuse new samples that steps to be fitted again will take.
    compared = common if refit_preprocessing else np.arange(n_samples)
    known = np.isin(compared, common)
    old_inputs, old_codes = _embed(previous, path, safe_indexing(X, compared))
    _check_spread(old_codes[known])
    places = np.full((n_samples, old_codes.shape[1]), np.nan)
    places[common] = old_codes[known]
    new = _with_successor(
        previous, path, _Successor(old, strategy, places), refit_preprocessing
    )
    new.fit(X, y, **fit_params)
    new = _with_trained(new, previous, path, refit_preprocessing)
    new_inputs, new_codes = _embed(new, path, safe_indexing(X, compared))
    return Retraining(
        estimator=new,
        strategy=strategy,
        ids=common.tolist() if names is None else [names[i] for i in common],
        **_movement(old_codes[known], new_codes[known], n_neighbors),
        r2_before=old.score(old_inputs),
        r2_after=step_at(new, path).score(new_inputs),
        id_names=names_of_ids(X, ids),
    )


class _Successor(TransformerMixin, BaseEstimator):
    """Stands for an autoencoder in a pipeline, and trains the one that follows it."""

    def __init__(self, previous, strategy, places):
        self.previous = previous
        self.strategy = strategy
        self.places = places

    def fit(self, X, y=None, **fit_params):
        """Train with the old parameters, and align the map with the places."""
        previous, pulls = self.previous, self.strategy == "pull"
        _check_distances_given(previous, fit_params.get("distances"))
        if self.strategy == "warm_start":
            estimator = deepcopy(previous).set_params(warm_start=True)
        else:
            estimator = clone(previous)
        if pulls:
            estimator.set_params(consensus_weight=pull_weight(estimator))
            fit_params = fit_params | {"reference": self.places}
        estimator._predecessor = Earlier(previous.alpha_, previous.n_samples_seen_)
        estimator.fit(X, y, **fit_params)
        del estimator._predecessor
        if not pulls:
            self._align(estimator, X, fit_params.get("sample_weight"))
        self.estimator_ = estimator.set_params(
            consensus_weight=previous.consensus_weight, warm_start=previous.warm_start
        )
        return self

    def _align(self, estimator, X, sample_weight):
        """Align a trained estimator with the places of samples, by their weights."""
        known = has_reference(self.places)
        weights = check_weights(sample_weight, len(known))
        if weights is not None:
            known &= weights > 0
        known = np.flatnonzero(known)
        aligned = unpacked(estimator)
        aligned._align(
            safe_indexing(X, known),
            self.places[known],
            "reference",
            weights_at(weights, known),
        )
        estimator._set_networks(aligned.networks_)  # `aligned` may be a copy

    def transform(self, X):
        """Embed samples for the steps that follow."""
        return self.estimator_.transform(X)

    def get_metadata_routing(self):
        """Ask for the metadata that the autoencoder asks for."""
        return self.previous.get_metadata_routing()


def _check_distances_given(previous, distances):
    """Raise if a map followed distances of the user, and its successor has none."""
    if previous.distance_source_ == GIVEN_DISTANCES and distances is None:
        raise ValueError(
            "previous was fitted with distances, and a map of other distances would"
            " have another place: pass distances to retrain, of the samples of X; to a"
            " pipeline by the name of the step, as in stableautoencoder__distances"
        )


class _Kept(FrozenEstimator):
    """Keeps a fitted step as it is, even one that learns nothing and cannot say so."""

    def fit(self, X, y=None, **fit_params):
        """Learn nothing."""
        return self

    def __sklearn_is_fitted__(self):
        return True


def pull_weight(estimator):
    """Return the weight by which codes are pulled to the old ones.

    Neighbors pull at codes as well, so the old map is held on to by so much more.
    """
    if estimator.consensus_weight != "auto":
        return estimator.consensus_weight
    of_reference = auto_consensus_weight(0, has_reference=True)
    return of_reference * (1 + estimator.neighbor_weight)


def _with_successor(previous, path, successor, refit_preprocessing):
    """Copy a pipeline, with a successor of its autoencoder that is still to be fitted.

    Steps before it are kept as copies, or clones, and those after it are clones.
    """
    new = with_steps(
        previous,
        path,
        before=clone if refit_preprocessing else _kept,
        at=lambda _: successor,
        after=_unfitted,
    )
    for pipeline in pipelines_along(new, path):
        pipeline.memory = None  # it would write what is fitted once to files
    return new


def _with_trained(new, previous, path, refit_preprocessing):
    """Put the autoencoder in the place of what trained it."""
    new = with_steps(
        new,
        path,
        before=_unchanged if refit_preprocessing else _released,
        at=lambda successor: successor.estimator_,
        after=_unchanged,
    )
    for pipeline, model in zip(
        pipelines_along(new, path), pipelines_along(previous, path)
    ):
        pipeline.memory = model.memory
    return new


def _kept(step):
    return _Kept(deepcopy(step))


def _unfitted(step):
    """Clone a step that is to be fitted again; a frozen one stays fitted."""
    return deepcopy(step) if _is_frozen(step) else clone(step)


def _is_frozen(step):
    return isinstance(step, FrozenEstimator)


def _released(step):
    return step.estimator


def _unchanged(step):
    return step


def _check_parameters(old, strategy):
    """Raise if a map with the parameters of the old one cannot be kept in its place."""
    fitted = old.network_.n_components
    if old.n_components != fitted:
        name = old._parameter_names.get("n_components", "n_components")
        raise ValueError(
            f"previous was fitted with {name}={fitted}, but now has {name}="
            f"{old.n_components}, and such a map has another place; set it back to"
            f" {fitted}, or fit a new estimator"
        )
    if strategy == "pull" and has_bits(old):
        raise ValueError(
            f"strategy='pull' is not for {type(old).__name__}, whose bits cannot"
            " be pulled to a place; use 'align' or 'warm_start'"
        )
    if strategy == "pull" and old.consensus_weight == 0:
        raise ValueError(
            "strategy='pull' draws codes by consensus_weight, which is 0 for previous;"
            " set it to 'auto' or more than 0, or use 'align' or 'warm_start'"
        )


def _check_labels(y, previous, path):
    """Raise if a step after the autoencoder needs labels that are missing."""
    if y is not None:
        return
    for name, step in steps_after(previous, path):
        if _is_frozen(step):
            continue
        if get_tags(step).target_tags.required:
            raise ValueError(
                f"y=None, but the step {name!r} after the autoencoder is fitted again"
                " and needs labels; pass y, or retrain the pipeline without it"
            )


def _common_samples(names, n_samples, reference, n_neighbors):
    """Return the places in X of the samples that the old map knows."""
    common = np.arange(n_samples)
    if reference is not None:
        listed = listed_ids(reference, "reference")
        if names is None:
            raise ValueError(
                "reference is given, but X does not say who its samples are: pass ids,"
                " or a data frame with their ids in its index, as X.set_index(...)"
            )
        common, _ = positions_in_common(names, listed)
        if len(common) <= n_neighbors:
            is_series = has_index(reference) and reference.ndim == 1
            advice = ". If its index holds ids, pass reference.index"
            raise ValueError(
                f"X and reference have {len(common)} ids in common, for instance"
                f" {names[:1]} in X and {listed[:1]} in reference; n_neighbors="
                f"{n_neighbors} needs {n_neighbors + 1} or more"
                f"{advice if is_series else ''}"
            )
    elif n_samples <= n_neighbors:
        raise ValueError(
            f"n_neighbors={n_neighbors} must be less than the number of samples,"
            f" {n_samples}"
        )
    return common


def _check_spread(codes):
    """Raise if samples are too few to align a map with, or all have the same code."""
    n_samples, n_components = codes.shape
    if n_samples <= n_components:
        raise ValueError(
            f"X and reference have {n_samples} samples in common; aligning"
            f" {n_components} components needs {n_components + 1} or more"
        )
    if not np.ptp(codes, axis=0).any():
        raise ValueError(
            "previous puts all of these samples at one point, which keeps no map in"
            " place; fit a new estimator"
        )


def _embed(estimator, path, X):
    """Return what the autoencoder of a pipeline is given, and its codes."""
    with _advice_on_kept_steps(path):
        inputs = inputs_at(estimator, path, X)
    codes = dense(unpacked(step_at(estimator, path)).transform(inputs))
    return inputs, np.asarray(codes, dtype=np.float64)


@contextmanager
def _advice_on_kept_steps(path):
    try:
        yield
    except ValueError as error:
        if path:
            error.add_note(
                "previous was fitted on other samples. X must have their columns, in"
                " their order. If a category is unknown, let the encoder ignore it"
                " (handle_unknown='ignore') when it is fitted first, or pass"
                " refit_preprocessing=True and as reference the samples that it knows."
            )
        raise


def _movement(old, new, n_neighbors):
    """Measure how far samples moved."""
    return {
        "displacement": displacement(old, new),
        "aligned_displacement": displacement(old, new, aligned=True),
        "sample_displacement": np.linalg.norm(new - old, axis=1),
        "neighbor_overlap": neighbor_overlap(old, new, n_neighbors=n_neighbors),
    }
