"""Interactive display of an embedding, as an HTML page."""

import warnings
from collections.abc import Mapping
from html import escape
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_consistent_length

from .._sklearn import num_samples
from ..data.columns import column_names
from ..data.named_columns import column_or_values, features_of
from ..data.sample_ids import check_same_samples, sample_ids
from ..stability.pipelines import embed, embed_with_std
from .base import check_two_components
from .colors import (
    as_objects,
    categories_of,
    color_values,
    opacities,
)
from .interactive_page import Page, page_html

# Number of columns that are shown by default, to limit the size of the file.
_N_COLUMNS = 10


class InteractiveDisplay:
    """Interactive HTML page of an embedding, with hover, zoom, selection and a slider.

    The page is one HTML file that loads no other file and needs no network. It shows
    the columns of the sample under the pointer. It counts the samples that are selected
    by a lasso or a box, and their ids can be copied or downloaded. Points are drawn by
    WebGL. The display needs Bokeh.

    Parameters
    ----------
    embedding : array-like of shape (n_samples, 2), or dict of them
        One embedding, or a dict of embeddings by the name of their month, in order. A
        slider then switches between months, all drawn in the same frame. Samples of
        several months are joined by their ids. A sample is not drawn in a month that
        does not have it.

    y : array-like of shape (n_samples,) or None, default=None
        Class or number of each sample, colored as in :class:`EmbeddingDisplay`.

    hover : data frame, dict of array-like, or None, default=None
        Columns to show for the sample under the pointer, with n_samples values each.

    ids : array-like of shape (n_samples,), dict of them, or None, default=None
        Id of each sample. For several months, a dict with the ids of every month. By
        default, ids are the index of a data frame of codes, or else numbers from 0;
        months without ids must contain the same samples in the same order. Ids must be
        unique if there are several months. A page warns of a month that has
        no id in common with the month before it.

    std : array-like of shape (n_samples,) or None, default=None
        Standard deviation of each code. Points fade with it as in
        :class:`EmbeddingDisplay`.

    name : str or None, default=None
        Name of `y`, the title of the legend.

    Notes
    -----
    With several months, `y`, `hover` and `std` have one value for each distinct id, in
    the order in which ids first occur. :meth:`from_estimator` collects these values.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from stable_embedding.plotting import InteractiveDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = PCA(2).fit(X)
    >>> display = InteractiveDisplay.from_estimator(model, X, y)
    >>> list(display.hover)[:2]
    ['sepal length (cm)', 'sepal width (cm)']
    >>> display.save("iris.html")  # doctest: +SKIP
    """

    def __init__(self, embedding, y=None, *, hover=None, ids=None, std=None, name=None):
        self.embedding = embedding
        self.y = y
        self.hover = hover
        self.ids = ids
        self.std = std
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, hover=None, return_std=False):
        """Embed samples by a fitted transformer, for one month or several.

        Parameters
        ----------
        estimator : transformer or dict of them
            Fitted transformer to two components, or a pipeline with one. For several
            months, pass one for all of them, or a dict of estimators by month that are
            aligned to each other.

        X : {array-like, data frame} of shape (n_samples, n_features), or dict of them
            Samples, or a dict of data frames by month. Samples of several months are
            joined by the index of the data frames. Data frames may have further
            columns, which can be named as `y` and `hover`.

        y : str, array-like of shape (n_samples,) or None, default=None
            Name of a column of X, for the color of the points. For a single month,
            values are accepted too.

        hover : list of str or None, default=None
            Columns of X to show, by default the first ten. Values, like those of `y`,
            are taken from the last month in which a sample occurs.

        return_std : bool, default=False
            Whether points fade with the standard deviation of their codes between the
            runs of the estimator.

        Returns
        -------
        InteractiveDisplay

        Raises
        ------
        TypeError, ValueError
            If `estimator` and `X` have different months, ids are missing or not unique,
            a column is missing, or `return_std` is true and the estimator does not
            support it.
        """
        if not _is_by_month(X):
            return cls._of_samples(estimator, X, y, hover, return_std)
        return cls._of_months(estimator, X, y, hover, return_std)

    @classmethod
    def _of_samples(cls, estimator, X, y, hover, return_std):
        name = y if isinstance(y, str) else getattr(y, "name", None)
        values = column_or_values(y, X)
        columns = _columns_of(X, hover)
        codes, std = _embed(estimator, X, y, return_std)
        ids = sample_ids(X, unique=False)
        return cls(codes, values, hover=columns, ids=ids, std=std, name=name)

    @classmethod
    def _of_months(cls, estimator, X, y, hover, return_std):
        if y is not None and not isinstance(y, str):
            raise TypeError(
                f"y is of type {type(y).__name__}; for several months it must be the"
                " name of a column"
            )
        estimators = estimator
        if not isinstance(estimator, Mapping):
            estimators = dict.fromkeys(X, estimator)
        if list(estimators) != list(X):
            raise ValueError(
                f"estimator has the months {list(estimators)}, but X has {list(X)};"
                " both must have the same in the same order"
            )
        if len(X) == 1:  # nothing is joined
            [month] = X
            shown = cls._of_samples(estimators[month], X[month], y, hover, return_std)
            shown.embedding = {month: shown.embedding}
            shown.ids = None if shown.ids is None else {month: shown.ids}
            return shown
        ids = {month: _ids_of_month(one, month) for month, one in X.items()}
        values = {
            month: None if y is None else column_or_values(y, one)
            for month, one in X.items()
        }
        columns = {month: _columns_of(one, hover) for month, one in X.items()}
        codes, std = {}, {}
        for month, one in X.items():
            codes[month], std[month] = _embed(estimators[month], one, y, return_std)
        last = _last_month(ids)
        names = list(dict.fromkeys(name for one in columns.values() for name in one))
        return cls(
            codes,
            None if y is None else _picked(values, last, "y"),
            hover={
                name: _picked(
                    {month: one.get(name) for month, one in columns.items()}, last, name
                )
                for name in names
            },
            ids=ids,
            std=_picked(std, last, "std").astype(float) if return_std else None,
            name=y,
        )

    def to_html(self, *, title="Map"):
        """Return the page as HTML.

        Parameters
        ----------
        title : str, default="Map"
            Title of the page.

        Returns
        -------
        str
            A complete page, without references to other files.

        Raises
        ------
        ImportError
            If Bokeh is not installed.

        TypeError, ValueError
            If an embedding does not have two components, or `y`, `hover`, `ids` or
            `std` does not have one value for each sample.
        """
        return page_html(self._checked(), title)

    def save(self, path, *, title="Map"):
        """Write the page to a file.

        Parameters
        ----------
        path : str or path
            File to write, in UTF-8.

        title : str, default="Map"
            Title of the page.
        """
        Path(path).write_text(self.to_html(title=title), encoding="utf-8")

    def _repr_html_(self):
        """Show the page in an iframe of a notebook."""
        page = escape(self.to_html(), quote=True)
        return (
            f'<iframe srcdoc="{page}" width="100%" height="720" title="Map"'
            ' style="border: 0" allow="clipboard-write"></iframe>'
        )

    def _checked(self):
        """Validate the parameters, and return the contents of the page."""
        months, ids = _joined(self.embedding, self.ids)
        codes = self.embedding
        if _is_by_month(codes) and len(codes) == 1:  # nothing is joined
            [codes] = codes.values()
        check_same_samples(codes, self.y, "y", "embedding")
        check_same_samples(codes, self.std, "std", "embedding")
        colors = None
        if self.y is not None:
            check_consistent_length(self.y, ids)
            colors = color_values(self.y)
        hover = {} if self.hover is None else self.hover
        names = list(hover) if isinstance(hover, Mapping) else column_names(hover)
        if names is None:
            raise TypeError(
                f"hover is of type {type(hover).__name__}; it must be a dict of values"
                " by name, or a data frame"
            )
        _check_distinct(names, "hover")
        columns = {}
        for name in names:
            check_same_samples(codes, hover[name], f"hover[{name!r}]", "embedding")
            columns[str(name)] = as_objects(hover[name], f"hover[{name!r}]")
            if len(columns[str(name)]) != len(ids):
                raise ValueError(
                    f"hover[{name!r}] has {len(columns[str(name)])} values, but there"
                    f" are {len(ids)} samples"
                )
        alpha = (
            np.full(len(ids), 0.9)
            if self.std is None
            else opacities(self.std, len(ids))
        )
        name = "" if self.name is None else str(self.name)
        return Page(months, ids, colors, name, columns, alpha)


def _is_by_month(given):
    """Tell whether given data are a dict by month; a DOK matrix is a dict too."""
    return isinstance(given, Mapping) and not issparse(given)


def _check_distinct(names, input_name):
    """See that names differ when they are written on the page."""
    written = [str(name) for name in names]
    if len(set(written)) < len(written):
        raise ValueError(
            f"{input_name} has the names {list(names)}, of which two are written alike"
        )


def _embed(estimator, X, y, return_std):
    X = features_of(estimator, X, y)
    if return_std:
        return embed_with_std(estimator, X)
    return embed(estimator, X), None


def _columns_of(X, hover):
    """Return the columns to show as a dict."""
    names = column_names(X)
    if hover is None:
        return {name: X[name] for name in (names or [])[:_N_COLUMNS]}
    if isinstance(hover, str):
        raise TypeError(f"hover={hover!r} is a text; it must be a list of columns")
    if len(hover) and names is None:
        raise ValueError(
            f"hover has names of columns, but X is of type {type(X).__name__}; pass a"
            " data frame as X, or codes and columns, as in"
            " InteractiveDisplay(codes, hover={name: values})"
        )
    return {name: column_or_values(name, X, "hover") for name in hover}


def _ids_of_month(X, month):
    ids = sample_ids(X, input_name=f"X[{month!r}]")
    if ids is None:
        raise ValueError(
            f"X[{month!r}] has no ids of its samples; it must be a pandas data frame"
            " whose index holds them, as X.set_index(...); or pass codes and ids, as in"
            " InteractiveDisplay({month: codes}, ids={month: ids})"
        )
    return ids


def _last_month(ids):
    """Map each id, in order of first occurrence, to its last month and row there."""
    last = {}
    for month, of_month in ids.items():
        for i, one in enumerate(of_month):
            last[one] = month, i
    return last


def _picked(values, last, name):
    """Return the value of each sample in its last month, or None if it has none.

    Values of a categorical type keep it, if it is that of all months.
    """
    arrays = {
        month: None if of_month is None else as_objects(of_month, name)
        for month, of_month in values.items()
    }
    picked = np.empty(len(last), dtype=object)
    for at, (month, i) in enumerate(last.values()):
        picked[at] = None if arrays[month] is None else arrays[month][i]
    first, *others = values.values()
    if categories_of(first) is None or any(
        getattr(one, "dtype", None) != first.dtype for one in others
    ):
        return picked
    return type(first)(picked.tolist(), dtype=first.dtype)


def _joined(embedding, ids):
    """Return the coordinates of all samples in each month, and their ids."""
    if not _is_by_month(embedding):
        points = check_two_components(embedding)
        # Ids need not be unique, since no months are joined.
        names = sample_ids(embedding, ids, "embedding", unique=False)
        return {"": points.astype(np.float32)}, names or list(range(len(points)))
    if not embedding:
        raise ValueError("embedding={} has no month; it must have one or more")
    _check_distinct(embedding, "embedding")
    by_month = {month: check_two_components(one) for month, one in embedding.items()}
    names = _ids_by_month(embedding, ids)
    if len(embedding) == 1:
        [month] = embedding
        points = by_month[month].astype(np.float32)
        return {str(month): points}, list(names[month])
    _warn_of_no_common_ids(names)
    every = dict.fromkeys(one for of_month in names.values() for one in of_month)
    places = {one: i for i, one in enumerate(every)}
    months = {}
    for month, points in by_month.items():
        aligned = np.full((len(every), 2), np.nan, dtype=np.float32)
        aligned[[places[one] for one in names[month]]] = points
        months[str(month)] = aligned
    return months, list(every)


def _warn_of_no_common_ids(ids):
    """Warn of months that follow each other, but have no sample in common."""
    for (month, of_month), (following, others) in pairwise(ids.items()):
        if len(of_month) and len(others) and set(of_month).isdisjoint(others):
            warnings.warn(
                f"the months {month!r} and {following!r} have no ids in common, for"
                f" instance {of_month[0]!r} and {others[0]!r}, so none of their samples"
                " are joined; the ids of a sample must be equal and of the same type",
                UserWarning,
                stacklevel=5,  # where a page is made
            )


def _ids_by_month(embedding, ids):
    """Return the ids of each month, or numbers from 0 if no month has ids."""
    if ids is not None and not isinstance(ids, Mapping):
        raise TypeError(
            f"ids is of type {type(ids).__name__}; for the months {list(embedding)} it"
            " must be a dict with the ids of each month"
        )
    ids = {} if ids is None else ids
    unknown = [month for month in ids if month not in embedding]
    if unknown:
        raise ValueError(
            f"ids has the month {unknown[0]!r}, but embedding has {list(embedding)}"
        )
    names = {
        month: sample_ids(
            codes,
            ids.get(month),
            f"embedding[{month!r}]",
            f"ids[{month!r}]",
            unique=len(embedding) > 1,
        )
        for month, codes in embedding.items()
    }
    nameless = [month for month, found in names.items() if found is None]
    if not nameless:
        return names
    if len(nameless) < len(names):
        raise ValueError(
            f"embedding[{nameless[0]!r}] has no ids of its samples, but other months"
            f" have; pass ids[{nameless[0]!r}], or a data frame whose index holds"
            " the ids"
        )
    sizes = {month: num_samples(codes) for month, codes in embedding.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(
            f"the months of embedding have {sizes} samples and no ids; pass the ids of"
            " each month, or the same samples in the same order"
        )
    return {month: range(size) for month, size in sizes.items()}
