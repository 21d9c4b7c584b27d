"""Write the HTML page of an interactive map, with Bokeh.

All columns are arrays of small numbers, which Bokeh encodes in base64: coordinates in
float32, classes and text as indices into a list of levels.
"""

from html import escape
from numbers import Integral
from typing import NamedTuple

import numpy as np

from ..data.columns import is_number, missing_among
from .colors import COLORMAP, COLORS, MISSING_COLOR, MISSING_LABEL, Classes

# Characters of a text that is shown: they bound the file.
_N_CHARACTERS = 80

# Samples up to which points are large.
_FEW = 2_000


class Page(NamedTuple):
    """What is drawn: coordinates by month, and values of each sample."""

    months: dict
    ids: list
    colors: object
    name: str
    columns: dict
    alpha: np.ndarray


# What is added to Bokeh's own page, which escapes the title where it has it.
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
<h1>{{ title | e }}</h1>
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


def page_html(page, title):
    """Return a page as HTML that holds all it needs.

    Parameters
    ----------
    page : Page

    title : str

    Returns
    -------
    str

    Raises
    ------
    ImportError
        If Bokeh is not installed.
    """
    bokeh = _import_bokeh()
    return bokeh.embed.file_html(
        _layout(page), bokeh.resources.INLINE, title=title, template=_TEMPLATE
    )


def _layout(page):
    """Return the page as a layout of Bokeh."""
    models, layouts = _import_bokeh().models, _import_bokeh().layouts
    source = models.ColumnDataSource(_data(page))
    plot = _plot(page, source, models)
    count = models.Div(text="none selected", width=90)
    holder = models.ColumnDataSource({"ids": _written_ids(page.ids)})
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


def _written_ids(ids):
    """Return ids as small whole numbers, or else as texts, which are never rounded."""
    if all(_is_whole(one) and -(2**31) <= one < 2**31 for one in ids):
        return np.array(ids, dtype=np.int32)
    return np.array([_id_text(one) for one in ids], dtype=object)


def _is_whole(value):
    return is_number(value) and isinstance(value, Integral)


def _id_text(one):
    return ", ".join(map(str, one)) if isinstance(one, tuple) else str(one)


def _data(page):
    first = next(iter(page.months.values()))
    data = {"x": first[:, 0], "y": first[:, 1], "alpha": page.alpha.astype(np.float32)}
    if isinstance(page.colors, Classes):
        classes = np.zeros(len(page.ids), dtype=np.uint8)
        for i, group in enumerate(page.colors.groups):
            classes[group.members] = i
        data["color"] = classes
    elif page.colors is not None:
        data["color"] = page.colors.values  # float32 would round times and dates
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
    marks = []
    if isinstance(colors, Classes):
        marks = [(label, color) for label, color, _ in colors.groups]
    elif colors is not None:
        mapper = _paint(colors, models)["transform"]
        bar = {"color_mapper": mapper, "title": page.name or None, "width": 12}
        if colors.unit == "date":
            bar["formatter"] = models.CustomJSTickFormatter(
                code="return new Date(tick * 864e5).toISOString().slice(0, 10)"
            )
        figure.add_layout(models.ColorBar(**bar), "right")
        if np.isnan(colors.values).any():
            marks = [(MISSING_LABEL, MISSING_COLOR)]
    if marks:
        items = [
            (
                _shortened(label, 30),
                [figure.scatter([np.nan], [np.nan], color=color, size=8)],
            )
            for label, color in marks
        ]
        title = page.name if isinstance(colors, Classes) and page.name else None
        place = "right" if isinstance(colors, Classes) else "below"
        figure.add_layout(models.Legend(items=items, title=title), place)


def _hover(page, source, drawn, models):
    """Return a tool that shows the columns, of which texts are looked up by places."""
    tooltips, formatters = [], {}
    columns = [("id", _written_ids(page.ids).astype(object)), *page.columns.items()]
    for i, (name, objects) in enumerate(columns):
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
    missing = missing_among(objects)
    present = objects[~missing]
    # A browser rounds whole numbers from 2**53, which are shown as texts instead.
    numeric = all(
        is_number(one) and not (_is_whole(one) and abs(one) >= 2**53) for one in present
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
