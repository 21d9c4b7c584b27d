"""Display of an embedding as a page to look around in: one file, which needs no other.

All columns are arrays of small numbers, which Bokeh writes in base64: coordinates in
float32, classes and texts as places in a list of levels.
"""

from collections.abc import Mapping
from html import escape
from numbers import Real
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_consistent_length

from .._sklearn import num_samples
from ..data.columns import column_names, is_missing
from ..data.sample_ids import sample_ids
from ..stability.scoring import embed, embed_with_std
from .base import check_two_components
from .colors import (
    COLORMAP,
    COLORS,
    MISSING_COLOR,
    MISSING_LABEL,
    Classes,
    as_objects,
    color_values,
    column_or_values,
    features_of,
    opacities,
)

# Columns that are shown by default, and characters of a text: they bound the file.
_N_COLUMNS = 10
_N_CHARACTERS = 80

# Samples up to which points are large.
_FEW = 2_000


class InteractiveDisplay:
    """An embedding in two components as a page: hover, zoom, select, and go by months.

    The page is one HTML file, which asks for no other file and no network. It shows the
    columns of the sample under the pointer. Samples within a lasso or a box are
    counted, and their ids can be copied or downloaded. WebGL draws the points. It needs
    Bokeh.

    Parameters
    ----------
    embedding : array-like of shape (n_samples, 2), or dict of them
        One embedding, or one for each month by its name, in their order. A slider leads
        from month to month, in one frame. Samples of several months are joined by their
        ids; one that a month lacks is not drawn in it.

    y : array-like of shape (n_samples,) or None, default=None
        Class or number of each sample, colored as in :class:`EmbeddingDisplay`.

    hover : data frame, dict of array-like, or None, default=None
        Columns to show, of n_samples values each.

    ids : array-like of shape (n_samples,), dict of them, or None, default=None
        Id of each sample; for months one array for each. By default ids are the index
        of a data frame of codes, or else samples are numbered from 0.

    std : array-like of shape (n_samples,) or None, default=None
        Standard deviation of each code. Points fade with it.

    name : str or None, default=None
        What `y` is, for the legend.

    Notes
    -----
    With months, `y`, `hover` and `std` have one value for each sample of any month, in
    the order in which their ids first occur. :meth:`from_estimator` finds them by
    itself.

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
        """Embed samples by a transformer, or those of each month.

        Parameters
        ----------
        estimator : transformer or dict of them
            With two components, or a pipeline with one, fitted. One for all months, or
            one for each by its name, aligned to each other.

        X : {array-like, data frame} of shape (n_samples, n_features), or dict of them
            Samples, or those of each month by its name. Those of several months are
            joined by the index of their data frames. Columns that the estimator was not
            fitted on may serve as `y` and `hover`.

        y : str, array-like of shape (n_samples,) or None, default=None
            Name of a column of X, or for samples of one month values.

        hover : list of str or None, default=None
            Columns of X to show, by default the first ten. What they hold in the last
            month in which a sample occurs is shown, and colored.

        return_std : bool, default=False
            Whether points fade with the standard deviation of their codes between the
            runs of the estimator.

        Returns
        -------
        InteractiveDisplay

        Raises
        ------
        TypeError, ValueError
            If months differ between `estimator` and `X`, ids are missing or not unique,
            or a column is missing.
        """
        if not isinstance(X, Mapping):
            return cls._of_samples(estimator, X, y, hover, return_std)
        return cls._of_months(estimator, X, y, hover, return_std)

    @classmethod
    def _of_samples(cls, estimator, X, y, hover, return_std):
        name = y if isinstance(y, str) else getattr(y, "name", None)
        y = column_or_values(y, X)
        columns = _columns_of(X, hover)
        codes, std = _embed(estimator, X, return_std)
        ids = sample_ids(X)
        return cls(codes, y, hover=columns, ids=ids, std=std, name=name)

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
        ids = {month: _ids_of_month(one, month) for month, one in X.items()}
        values = {
            month: None if y is None else column_or_values(y, one)
            for month, one in X.items()
        }
        columns = {month: _columns_of(one, hover) for month, one in X.items()}
        codes, std = {}, {}
        for month, one in X.items():
            codes[month], std[month] = _embed(estimators[month], one, return_std)
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
        """Return the page as text.

        Parameters
        ----------
        title : str, default="Map"
            Title of the page.

        Returns
        -------
        str
            HTML that holds all it needs.

        Raises
        ------
        ImportError
            If Bokeh is not installed.

        TypeError, ValueError
            If embeddings have not two components, or values are not one for each
            sample.
        """
        page = self._checked()
        embed_module, resources = _import_bokeh().embed, _import_bokeh().resources
        return embed_module.file_html(
            _layout(page), resources.INLINE, title=escape(title), template=_TEMPLATE
        )

    def save(self, path, *, title="Map"):
        """Write the page to a file.

        Parameters
        ----------
        path : str or path
            File to write.

        title : str, default="Map"
            Title of the page.
        """
        Path(path).write_text(self.to_html(title=title), encoding="utf-8")

    def _repr_html_(self):
        """Show the page in a notebook, in a frame of its own."""
        page = escape(self.to_html(), quote=True)
        return (
            f'<iframe srcdoc="{page}" width="100%" height="720" title="Map"'
            ' style="border: 0" allow="clipboard-write"></iframe>'
        )

    def _checked(self):
        """Check what was given, and return what the page holds."""
        months, ids = _joined(self.embedding, self.ids)
        colors = None
        if self.y is not None:
            check_consistent_length(self.y, ids)
            colors = color_values(self.y)
        hover = {} if self.hover is None else self.hover
        names = list(hover) if isinstance(hover, Mapping) else column_names(hover)
        columns = {}
        for name in names:
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
        return _Page(months, ids, colors, name, columns, alpha)


class _Page(NamedTuple):
    """What is drawn: coordinates by month, and values of each sample."""

    months: dict
    ids: list
    colors: object
    name: str
    columns: dict
    alpha: np.ndarray


# What is added to Bokeh's own page. The title is escaped already.
_TEMPLATE = """\
{% block postamble %}
<style>
:root { color-scheme: light; }
body { margin: .5rem 1rem; background: #fff; color: #1b1f24;
  font: 1rem/1.4 system-ui, sans-serif; }
h1 { font-size: 1.2rem; margin: 0 0 .3rem; }
</style>
{% endblock %}
{% block inner_body %}
<h1>{{ title }}</h1>
{{ super() }}
{% endblock %}
"""

_SLIDE = """
const i = cb_obj.value
source.data = {...source.data, x: maps.data[`x${i}`], y: maps.data[`y${i}`]}
month.text = names[i]
"""

_COUNT = """
const n = source.selected.indices.length
count.text = n ? `${n} selected` : "none selected"
for (const button of buttons) button.disabled = n == 0
"""

_COPY = """
const text = source.selected.indices.map(i => ids[i]).join("\\n")
const by_area = () => {
  const area = document.createElement("textarea")
  area.value = text
  document.body.append(area)
  area.select()
  document.execCommand("copy")
  area.remove()
}
if (navigator.clipboard) navigator.clipboard.writeText(text).catch(by_area)
else by_area()
"""

_DOWNLOAD = """
const special = /[",\\n\\r]/
const quoted = id => special.test(id) ? `"${`${id}`.replaceAll('"', '""')}"` : id
const rows = source.selected.indices.map(i => quoted(ids[i]))
const link = document.createElement("a")
link.href = URL.createObjectURL(new Blob([["id", ...rows].join("\\n") + "\\n"],
  {type: "text/csv"}))
link.download = "selected.csv"
link.click()
setTimeout(() => URL.revokeObjectURL(link.href), 1000)
"""


def _import_bokeh():
    """Import Bokeh when a page is written."""
    try:
        import bokeh.embed
        import bokeh.layouts
        import bokeh.models
        import bokeh.palettes
        import bokeh.plotting
        import bokeh.resources
    except ImportError as error:
        raise ImportError(
            "interactive maps need Bokeh: pip install 'stable_embedding[interactive]'"
        ) from error
    return bokeh


def _embed(estimator, X, return_std):
    X = features_of(estimator, X)
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
    return {name: column_or_values(name, X, "hover") for name in hover}


def _ids_of_month(X, month):
    ids = sample_ids(X, input_name=f"X[{month!r}]")
    if ids is None:
        raise ValueError(
            f"X[{month!r}] does not say who its samples are; it must be a data frame"
            " whose index holds their ids: X.set_index(...)"
        )
    return ids


def _last_month(ids):
    """Return for each id, in their order, its last month and its place in it."""
    last = {}
    for month, of_month in ids.items():
        for i, one in enumerate(of_month):
            last[one] = month, i
    return last


def _picked(values, last, name):
    """Take the value of each sample from its last month; None where there is none."""
    arrays = {
        month: None if of_month is None else as_objects(of_month, name)
        for month, of_month in values.items()
    }
    picked = np.empty(len(last), dtype=object)
    for at, (month, i) in enumerate(last.values()):
        picked[at] = None if arrays[month] is None else arrays[month][i]
    return picked


def _joined(embedding, ids):
    """Return the coordinates of all samples in each month, and their ids."""
    if not isinstance(embedding, Mapping):
        points = check_two_components(embedding)
        names = sample_ids(points, ids) if ids is not None else range(len(points))
        return {"": points.astype(np.float32)}, list(names)
    if not embedding:
        raise ValueError("embedding={} has no month; it must have one or more")
    ids = {} if ids is None else ids
    by_month, every = {}, {}
    for month, codes in embedding.items():
        points = check_two_components(codes)
        found = sample_ids(codes, ids.get(month), f"embedding[{month!r}]", "ids")
        by_month[month] = points, found or range(num_samples(points))
        every.update(dict.fromkeys(by_month[month][1]))
    places = {one: i for i, one in enumerate(every)}
    months = {}
    for month, (points, found) in by_month.items():
        laid = np.full((len(every), 2), np.nan, dtype=np.float32)
        laid[[places[one] for one in found]] = points
        months[str(month)] = laid
    return months, list(every)


def _layout(page):
    """Return the page as a layout of Bokeh."""
    models, layouts = _import_bokeh().models, _import_bokeh().layouts
    source = models.ColumnDataSource(_data(page))
    plot = _plot(page, source, models)
    count = models.Div(text="none selected", width=90)
    ids = np.array(page.ids, dtype=object)
    if not all(isinstance(one, (int, np.integer)) for one in page.ids):
        ids = np.array([str(one) for one in page.ids], dtype=object)
    elif all(abs(one) < 2**31 for one in page.ids):
        ids = ids.astype(np.int32)
    holder = models.ColumnDataSource({"ids": ids})
    buttons = [
        models.Button(label=label, width=110, disabled=True)
        for label in ("Copy ids", "Download ids")
    ]
    for button, code in zip(buttons, (_COPY, _DOWNLOAD)):
        arguments = {"source": source, "holder": holder}
        code = f"const ids = holder.data.ids\n{code}"
        button.js_on_click(models.CustomJS(args=arguments, code=code))
    source.selected.js_on_change(
        "indices",
        models.CustomJS(
            args={"source": source, "count": count, "buttons": buttons}, code=_COUNT
        ),
    )
    rows = [plot, layouts.row(count, *buttons)]
    if len(page.months) > 1:
        rows.insert(0, _slider(page, source, models, layouts))
    return layouts.column(*rows, sizing_mode="stretch_width")


def _data(page):
    first = next(iter(page.months.values()))
    data = {"x": first[:, 0], "y": first[:, 1], "alpha": page.alpha.astype(np.float32)}
    if isinstance(page.colors, Classes):
        classes = np.zeros(len(page.ids), dtype=np.uint8)
        for i, group in enumerate(page.colors.groups):
            classes[group.members] = i
        data["color"] = classes
    elif page.colors is not None:
        data["color"] = page.colors.values.astype(np.float32)
    return data


def _plot(page, source, models):
    figure = _import_bokeh().plotting.figure(
        height=560,
        sizing_mode="stretch_width",
        output_backend="webgl",
        tools="pan,wheel_zoom,box_zoom,lasso_select,box_select,tap,reset,save",
        active_scroll="wheel_zoom",
        x_axis_label="component 1",
        y_axis_label="component 2",
        match_aspect=True,
    )
    figure.toolbar.logo = None
    # The frame is that of all months, which the slider leaves as it is.
    points = np.concatenate(list(page.months.values()))
    points = points[np.isfinite(points).all(axis=1)].astype(np.float64)
    if not len(points):
        points = np.zeros((1, 2))
    low, high = points.min(axis=0), points.max(axis=0)
    corners = figure.scatter(
        [low[0], high[0]], [low[1], high[1]], size=0, alpha=0, level="underlay"
    )
    figure.x_range.renderers = figure.y_range.renderers = [corners]
    size = 6 if len(page.ids) <= _FEW else 3
    drawn = figure.scatter(
        "x",
        "y",
        source=source,
        size=size,
        color=_paint(page.colors, models),
        line_color=None,
        alpha="alpha",
        nonselection_alpha=0.05,
    )
    _explain(figure, page, models)
    figure.add_tools(_hover(page, source, drawn, models))
    return figure


def _paint(colors, models):
    if colors is None:
        return COLORS[0]
    if isinstance(colors, Classes):
        palette = [group.color for group in colors.groups]
        mapper = models.LinearColorMapper(palette, low=-0.5, high=len(palette) - 0.5)
    else:
        palettes = _import_bokeh().palettes
        mapper = models.LinearColorMapper(
            getattr(palettes, f"{COLORMAP.capitalize()}256"),
            low=colors.low,
            high=colors.high,
            nan_color=MISSING_COLOR,
        )
    return {"field": "color", "transform": mapper}


def _explain(figure, page, models):
    """Draw a legend or a color bar beside the map."""
    colors = page.colors
    marks = {}
    if isinstance(colors, Classes):
        marks = {group.label: group.color for group in colors.groups}
    elif colors is not None:
        mapper = _paint(colors, models)["transform"]
        bar = {"color_mapper": mapper, "title": page.name or None, "width": 12}
        if colors.unit == "date":
            bar["formatter"] = models.CustomJSTickFormatter(
                code="return new Date(tick * 864e5).toISOString().slice(0, 10)"
            )
        figure.add_layout(models.ColorBar(**bar), "right")
        if np.isnan(colors.values).any():
            marks = {MISSING_LABEL: MISSING_COLOR}
    if marks:
        items = [
            (
                _shortened(label, 30),
                [figure.scatter([np.nan], [np.nan], color=color, size=8)],
            )
            for label, color in marks.items()
        ]
        title = page.name if isinstance(colors, Classes) and page.name else None
        place = "right" if isinstance(colors, Classes) else "below"
        figure.add_layout(models.Legend(items=items, title=title), place)


def _hover(page, source, drawn, models):
    """Return a tool that shows the columns, of which texts are looked up by places."""
    tooltips, formatters = [], {}
    columns = {"id": np.array(page.ids, dtype=object), **page.columns}
    for i, (name, objects) in enumerate(columns.items()):
        column = f"hover{i}"
        source.data[column], levels = _coded(objects)
        formatters[f"@{column}"] = models.CustomJSHover(
            args={} if levels is None else {"levels": levels},
            code=_NUMBER if levels is None else "return levels[value]",
        )
        tooltips.append((_shortened(name), f"@{column}{{custom}}"))
    return models.HoverTool(
        renderers=[drawn], tooltips=tooltips, formatters=formatters, limit=2
    )


_NUMBER = """
if (Number.isNaN(value)) return "missing"
return Number.isInteger(value) ? `${value}` : `${Number(value.toPrecision(6))}`
"""


def _coded(objects):
    """Return a column as small numbers, and the levels they stand for, if any."""
    missing = np.array([is_missing(one) for one in objects], dtype=bool)
    present = objects[~missing]
    numeric = all(
        isinstance(one, Real) and not isinstance(one, (bool, np.bool_))
        for one in present
    )
    if numeric and len(present):
        return _small(objects, missing), None
    texts = [
        MISSING_LABEL if absent else _shortened(one)
        for one, absent in zip(objects, missing)
    ]
    levels = list(dict.fromkeys(texts))
    places = {one: i for i, one in enumerate(levels)}
    codes = np.array([places[one] for one in texts])
    return codes.astype(np.min_scalar_type(max(len(levels) - 1, 0))), levels


def _small(objects, missing):
    """Return numbers in the smallest type that keeps whole ones, and six digits."""
    numbers = np.full(len(objects), np.nan)
    numbers[~missing] = objects[~missing].astype(np.float64)
    whole = not missing.any() and (numbers == np.floor(numbers)).all()
    if whole and (np.abs(numbers) < 2**31).all():
        return numbers.astype(np.int32)
    largest = np.abs(numbers[np.isfinite(numbers)]).max(initial=0)
    return numbers.astype(np.float32 if largest < 2**24 else np.float64)


def _shortened(text, n_characters=_N_CHARACTERS):
    text = str(text)
    return text if len(text) <= n_characters else f"{text[: n_characters - 1]}…"


def _slider(page, source, models, layouts):
    names = list(page.months)
    slider = models.Slider(
        start=0, end=len(names) - 1, value=0, step=1, show_value=False, width=300
    )
    month = models.Div(text=escape(names[0]))
    coordinates = models.ColumnDataSource(
        {
            f"{axis}{i}": points[:, k]
            for i, points in enumerate(page.months.values())
            for k, axis in enumerate("xy")
        }
    )
    slider.js_on_change(
        "value",
        models.CustomJS(
            args={
                "source": source,
                "maps": coordinates,
                "month": month,
                "names": [escape(name) for name in names],
            },
            code=_SLIDE,
        ),
    )
    return layouts.row(slider, month)
