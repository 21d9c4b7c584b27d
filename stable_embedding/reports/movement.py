"""Report of which samples and groups moved from one embedding to another."""

from numbers import Integral

import numpy as np

from .._sklearn import Interval, validate_params
from ..data.columns import column_names, is_missing
from ..data.containers import check_samples, indexable, readable
from ..data.named_columns import (
    check_column_order,
    column_or_values,
    features_of,
)
from ..data.sample_ids import (
    check_same_samples,
    has_index,
    index_of,
    names_of_ids,
    positions_in_common,
    sample_ids,
)
from ..plotting.base import check_count
from ..plotting.colors import as_objects
from ..plotting.movement import MovementDisplay
from ..retraining.steps import embed_by_map, names_of_codes
from ..stability.measures import displacement, neighbor_overlap
from .html import display_section, table_section, text_section, write_page

_N_LARGEST = 10


class MovementReport:
    """Movement of samples between two embeddings, from :func:`movement_report`.

    Parameters
    ----------
    ids : list
        Ids of the samples that are in both embeddings.

    old_codes, new_codes : ndarray of shape (n_common, n_components)
        Their codes in the old embedding and in the new one.

    std : ndarray of shape (n_common,) or None
        Deviation of each sample's codes between the runs of an estimator.

    groups : list or None
        Group of each sample.

    n_only_old, n_only_new : int
        Numbers of samples that are in one embedding only.

    n_neighbors : int
        Number of neighbors to compare.

    id_names : list or None
        Names of the levels of the ids, for the index of ``to_frame()``.

    Attributes
    ----------
    sample_displacement : ndarray of shape (n_common,)
        Distance that each sample moved, in the units of codes.

    displacement_in_std : ndarray of shape (n_common,)
        This distance divided by `std`; nan without `std`, or where it is no more than
        rounding of the codes.

    summary : dict of str to int or float
        Numbers of samples; "displacement" and "aligned_displacement", see
        :func:`~stable_embedding.stability.displacement`; and "neighbor_overlap", see
        :func:`~stable_embedding.stability.neighbor_overlap`.

    rows : list of dict
        Groups, that with the largest shift first. Items are the number of samples,
        the mean, the median and the largest distance that they moved, and as "shift"
        the distance that their mean moved. The list is empty without groups.
    """

    def __init__(
        self,
        ids,
        old_codes,
        new_codes,
        std=None,
        groups=None,
        n_only_old=0,
        n_only_new=0,
        n_neighbors=10,
        id_names=None,
    ):
        self.ids = ids
        self.old_codes = old_codes
        self.new_codes = new_codes
        self.std = std
        self.groups = groups
        self.id_names = id_names
        self.sample_displacement = np.linalg.norm(new_codes - old_codes, axis=1)
        # Codes are float32: what runs differ by may be their rounding, which for codes
        # near the origin is that of the terms that they are sums of.
        sizes = np.abs(old_codes).max(axis=1)
        rounding = np.finfo(np.float32).eps * np.maximum(sizes, np.median(sizes))
        self.displacement_in_std = _in_std(self.sample_displacement, std, rounding)
        self.summary = {
            "n_common": len(ids),
            "n_only_old": n_only_old,
            "n_only_new": n_only_new,
            "displacement": displacement(old_codes, new_codes),
            "aligned_displacement": displacement(old_codes, new_codes, aligned=True),
            "neighbor_overlap": neighbor_overlap(
                old_codes, new_codes, n_neighbors=n_neighbors
            ),
        }
        self.rows = _group_rows(groups, self.sample_displacement, new_codes - old_codes)

    def largest(self, n_samples=_N_LARGEST):
        """Return the samples that moved most.

        Parameters
        ----------
        n_samples : int or None, default=10
            Largest number of samples; all with None.

        Returns
        -------
        list of dict
            Samples, with the items "id", "displacement", "displacement_in_std" and, if
            there are groups, "group".
        """
        check_count(n_samples, "n_samples", 0, or_none=True)
        order = np.argsort(-self.sample_displacement, kind="stable")[:n_samples]
        return [self._row(i) for i in order]

    def _row(self, i):
        group = {} if self.groups is None else {"group": self.groups[i]}
        return {
            "id": self.ids[i],
            "displacement": float(self.sample_displacement[i]),
            "displacement_in_std": float(self.displacement_in_std[i]),
            **group,
        }

    def to_frame(self):
        """Return all samples as a pandas data frame. This needs pandas.

        Returns
        -------
        pandas.DataFrame
            Samples, indexed by their ids, with the names of the index of X. Columns are
            "displacement", "displacement_in_std", "group" if there are groups, and
            codes as "old_0", "new_0" and so on.
        """
        import pandas as pd

        rows = [self._row(i) for i in range(len(self.ids))]
        index = index_of([row.pop("id") for row in rows], self.id_names)
        frame = pd.DataFrame(rows, index=index)
        for name, codes in (("old", self.old_codes), ("new", self.new_codes)):
            for i, component in enumerate(codes.T):
                frame[f"{name}_{i}"] = component
        return frame

    def plot(self, *, n_arrows=1_000, ax=None):
        """Draw arrows from the old codes of samples to the new ones.

        Parameters
        ----------
        n_arrows : int, default=1000
            Largest number of arrows. The samples that moved most have them.

        ax : matplotlib Axes or None, default=None
            Axes to draw on, by default those of a new figure.

        Returns
        -------
        MovementDisplay
        """
        display = MovementDisplay(self.old_codes, self.new_codes, self.groups)
        return display.plot(n_arrows=n_arrows, ax=ax)

    def to_html(self, path):
        """Write the report to an HTML file. This needs matplotlib.

        Parameters
        ----------
        path : str or path
            File to write. It needs no other files. It has a picture if there are two
            components.
        """
        sections = [text_section("Summary", self._headline())]
        if self.new_codes.shape[1] == 2:
            sections.append(
                display_section(
                    "Where samples moved",
                    self.plot(),
                    "Arrows from the codes of samples in the old embedding to those in"
                    " the new one. The samples that moved most are in a table below.",
                )
            )
        sections.append(table_section("Samples that moved most", self.largest()))
        if self.rows:
            sections.append(table_section("Groups", self.rows))
        write_page(path, "Movement report", sections)

    def _headline(self):
        found = self.summary
        return (
            f"{found['n_common']:,} samples were embedded by both,"
            f" {found['n_only_old']:,} by the old one alone,"
            f" {found['n_only_new']:,} by the new one alone.\n"
            "Mean squared displacement over the map's variance:"
            f" {found['displacement']:.3%}, after the best rigid map"
            f" {found['aligned_displacement']:.3%}.\n"
            f"Overlap of nearest neighbors: {found['neighbor_overlap']:.3f}."
        )

    def __repr__(self):
        lines = [self._headline(), "", "moved most:"]
        lines += [_line(row) for row in self.largest()]
        if self.rows:
            lines += ["", "groups:", *map(_line, self.rows)]
        return "\n".join(lines)


def _line(row):
    """Write the items of a row."""
    cells = [
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in row.items()
    ]
    return "  " + ", ".join(cells)


def _in_std(moved, std, rounding):
    unknown = np.full(len(moved), np.nan)
    if std is None:
        return unknown
    return np.divide(moved, std, out=unknown, where=std > rounding)


def _group_rows(groups, moved, ways):
    """Summarize how far the samples of each group moved, alone and together."""
    if groups is None:
        return []
    members = {}
    for i, group in enumerate(groups):
        members.setdefault(group, []).append(i)
    rows = [
        {
            "group": group,
            "samples": len(index),
            "mean": float(moved[index].mean()),
            "median": float(np.median(moved[index])),
            "largest": float(moved[index].max()),
            "shift": float(np.linalg.norm(ways[index].mean(axis=0))),
        }
        for group, index in members.items()
    ]
    return sorted(rows, key=lambda row: -row["shift"])


@validate_params(
    {"n_neighbors": [Interval(Integral, 1, None, closed="left")]},
    prefer_skip_nested_validation=True,
)
def movement_report(old, new, X=None, *, ids=None, groups=None, n_neighbors=10):
    """Report which samples moved from an old embedding to a new one, and how far.

    Use it after retraining, before the new embedding goes into use. Distances are in
    the units of codes. They are also divided by the standard deviation of a sample,
    ``transform(X, return_std=True)``, of the old estimator or, without one, of the new
    estimator. A result below 1 is no more than the difference between two runs. The
    mean of n runs moves less by itself, by about ``1 / sqrt(n)`` of that difference.

    Parameters
    ----------
    old, new : fitted estimator, Pipeline or data frame
        Embeddings: estimators, which embed X, or stored codes in a pandas data frame,
        with the ids of samples in its index. The codes of a pipeline are those of its
        autoencoder; later steps are ignored.

    X : {array-like, data frame, sparse matrix} of shape (n_samples, n_features) or \
            None, default=None
        Samples, in a form that the estimators accept. None if `old` and `new` are data
        frames.

    ids : array-like of shape (n_samples,) or None, default=None
        Unique ids of the samples of X. The default is the index of a pandas data frame,
        unless it is a range of numbers. If both are estimators it may repeat ids.

    groups : str or array-like of shape (n_samples,) or None, default=None
        Group of each sample: the name of a column of X, which the estimators need not
        have been fitted on, or one value for each sample of X, or of `new` if X is
        None. Ids in the index of a pandas series must be those of the samples, in
        their order. Cut numbers into intervals first.

    n_neighbors : int, default=10
        Number of neighbors to compare.

    Returns
    -------
    MovementReport
        Report, which prints as text. ``to_frame()`` returns a table of all samples,
        ``plot()`` draws a picture, and ``to_html(path)`` writes a page to mail.

    Raises
    ------
    TypeError
        If `old` or `new` is not an estimator or a data frame, or X is missing.

    ValueError
        If ids that join samples are missing or not unique, if too few of them are in
        common, or if the numbers of components or the order of their names differ.

    See Also
    --------
    retrain : Retrain an estimator, and keep the embedding where it was.
    stability_report : What changes a map: seeds, samples, noise.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import StableAutoencoder, movement_report, retrain
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> old = StableAutoencoder(n_init=2, random_state=0).fit(X[:140])
    >>> new = retrain(old, X).estimator
    >>> report = movement_report(old, new, X, groups=y)
    >>> report.summary["displacement"] < 0.01
    True
    >>> len(report.largest()), len(report.rows)
    (10, 3)
    """
    if X is not None:
        X = indexable(readable(X))
    both_of_X = not any(map(_is_stored, (old, new)))
    # Positions join the samples of one X.
    unique = ids is not None or not both_of_X
    sides = [
        _side(one, name, X, ids, groups, unique)
        for one, name in ((old, "old"), (new, "new"))
    ]
    (old_ids, old_codes, old_std), (new_ids, new_codes, new_std) = sides
    if old_codes.shape[1] != new_codes.shape[1]:
        raise ValueError(
            f"old has codes of {old_codes.shape[1]} components and new of"
            f" {new_codes.shape[1]}; both must have the same number. Bits that are"
            " packed are compared as bits: unpack stored ones by numpy.unpackbits"
        )
    if _is_stored(new):
        check_column_order(new, lambda: _code_names(old), "new", "old")
    elif _is_stored(old):
        check_column_order(old, lambda: _code_names(new), "old", "new")
    names = old_ids
    if both_of_X:
        old_ids = new_ids = list(range(len(new_codes)))
    if old_ids is None or new_ids is None:
        raise _nameless()
    at_new, at_old = positions_in_common(new_ids, old_ids)
    if len(at_new) <= n_neighbors:
        found = (
            f"X has {len(at_new)} samples"
            if both_of_X
            else f"old and new have {len(at_new)} ids in common, for instance"
            f" {old_ids[:1]} in old and {new_ids[:1]} in new"
        )
        raise ValueError(
            f"{found}; n_neighbors={n_neighbors} needs {n_neighbors + 1} or more"
        )
    common = [new_ids[i] for i in at_new]
    if X is None:
        check_same_samples(new, groups, "groups", "new")
    of_groups = new_ids if X is None or both_of_X else sample_ids(X, ids)
    std, at_std = (old_std, at_old) if old_std is not None else (new_std, at_new)
    return MovementReport(
        names if both_of_X and names is not None else common,
        old_codes[at_old],
        new_codes[at_new],
        None if std is None else std[at_std].astype(np.float64),
        _groups_of(groups, X, of_groups, common),
        n_only_old=len(old_ids) - len(common),
        n_only_new=len(new_ids) - len(common),
        n_neighbors=n_neighbors,
        id_names=names_of_ids(new) if _is_stored(new) else names_of_ids(X, ids),
    )


def _is_stored(given):
    return has_index(given) and given.ndim == 2


def _side(given, name, X, ids, groups, unique):
    """Return the ids of one map, its codes and their deviations."""
    if _is_stored(given):
        found = sample_ids(given, input_name=name)
        if found is None:
            raise ValueError(
                f"{name} is a data frame whose index is a range of numbers, not the ids"
                f" of samples; pass {name}.set_index(...) with the ids of the samples"
            )
        return found, check_samples(given, name), None
    if isinstance(given, type) or not hasattr(given, "fit"):
        raise TypeError(
            f"{name} is of type {type(given).__name__}; it must be a fitted estimator,"
            " or codes in a pandas data frame with ids in its index"
        )
    if X is None:
        raise TypeError(f"X=None, but {name} is an estimator: pass samples to embed")
    found = sample_ids(X, ids, unique=unique)
    return found, *embed_by_map(given, features_of(given, X, groups))


def _code_names(given):
    return column_names(given) if _is_stored(given) else names_of_codes(given)


def _nameless():
    return ValueError(
        "X has no ids, which identify samples among the stored codes; pass ids, or a"
        " data frame with the ids in its index, as X.set_index(...)"
    )


def _groups_of(groups, X, of_ids, common):
    """Return the group of each sample that both maps hold, or None."""
    if groups is None:
        return None
    if of_ids is None:
        raise _nameless()
    values = _group_values(groups, X)
    if len(values) != len(of_ids):
        raise ValueError(
            f"groups has {len(values)} values, but there are {len(of_ids)} samples"
        )
    at_common, at_values = positions_in_common(common, of_ids)
    if len(at_common) < len(common):
        raise ValueError(
            f"X lacks {len(common) - len(at_common)} of the samples in both old and"
            " new, so their groups are unknown; pass an X that has them"
        )
    return [values[i] for i in at_values]


def _group_values(groups, X):
    values = column_or_values(groups, X, "groups")
    try:
        values = as_objects(values, "groups")
    except ValueError as error:
        error.add_note("groups may also be the name of a column of X.")
        raise
    return ["missing" if is_missing(value) else value for value in values]
