"""Reports as self-contained HTML pages."""

from base64 import b64encode
from html import escape
from io import BytesIO
from numbers import Integral
from pathlib import Path
from string import Template

from ..data.columns import is_number
from ..plotting.base import import_pyplot

# Bytes up to which a picture is drawn by lines. A cloud of many points takes more, and
# is smaller as an image of pixels.
_SVG_BYTES = 400_000

_PIXELS_PER_INCH = 150

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>$title</title>
<style>
:root { color-scheme: light dark; --text: #1b1f24; --paper: #fff; --faint: #5b646e;
  --line: #d5dae0; --shade: #f3f5f7; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e7eb; --paper: #14181d; --faint: #a3adb8; --line: #38414b;
    --shade: #1e242b; }
}
body { margin: 0 auto; max-width: 60rem; padding: 1rem; color: var(--text);
  background: var(--paper); font: 1rem/1.5 system-ui, sans-serif;
  overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
p { white-space: pre-line; max-width: 45rem; }
.table { overflow-x: auto; }
.table:focus-visible { outline: 2px solid var(--faint); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: left; vertical-align: baseline;
  border-bottom: 1px solid var(--line); white-space: nowrap; }
th { background: var(--shade); }
.number { text-align: right; }
figure { margin: 0; }
img { max-width: 100%; height: auto; background: #fff; border-radius: .25rem; }
@media print { h2 { break-after: avoid; } .table { overflow: visible; } }
</style>
</head>
<body>
<main>
<h1>$title</h1>
$sections
</main>
</body>
</html>
""")


def text_section(heading, text):
    """Return a heading and text as HTML.

    Parameters
    ----------
    heading : str

    text : str
        An empty line begins a paragraph; other breaks of lines are kept.

    Returns
    -------
    str
        HTML, in which both are escaped.

    Examples
    --------
    >>> from stable_embedding.reports.html import text_section
    >>> print(text_section("Result", "loss < 0.1"))
    <section><h2>Result</h2>
    <p>loss &lt; 0.1</p>
    </section>
    """
    paragraphs = (part.strip("\n") for part in str(text).split("\n\n"))
    return _section(heading, "\n".join(f"<p>{escape(part)}</p>" for part in paragraphs))


def table_section(heading, rows):
    """Return a heading and a table as HTML.

    Parameters
    ----------
    heading : str

    rows : list of dict
        Values by the names of columns. Columns come in the order in which they are
        first named; a value that a row lacks is left empty.

    Returns
    -------
    str
        HTML, in which all is escaped. Numbers that are not whole have four digits.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if not columns:
        return text_section(heading, "The table is empty.")
    numeric = {name for name in columns if _is_numeric(row.get(name) for row in rows)}
    kinds = {name: ' class="number"' if name in numeric else "" for name in columns}
    head = "".join(
        f'<th scope="col"{kinds[name]}>{escape(str(name))}</th>' for name in columns
    )
    body = "\n".join(
        "<tr>"
        + "".join(
            f"<td{kinds[name]}>{escape(_text(row.get(name, '')))}</td>"
            for name in columns
        )
        + "</tr>"
        for row in rows
    )
    # It scrolls by itself on a narrow screen, by the keyboard too.
    return _section(
        heading,
        f'<div class="table" tabindex="0" role="region" aria-label='
        f'"{escape(str(heading))}"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>",
    )


def figure_section(heading, figure, alt):
    """Return a heading and a picture as HTML.

    Parameters
    ----------
    heading : str

    figure : matplotlib Figure
        It is drawn by lines (SVG), or if these are many as an image of pixels (PNG). It
        is not closed.

    alt : str
        What the picture shows, for those who do not see it.

    Returns
    -------
    str
        HTML that holds the picture.

    Raises
    ------
    TypeError
        If `figure` is no figure.
    """
    if not callable(getattr(figure, "savefig", None)):
        raise TypeError(
            f"figure is of type {type(figure).__name__}; it must be a figure of"
            " matplotlib, such as display.figure_"
        )
    kind, drawn = "svg+xml", _drawn(figure, format="svg", metadata={"Date": None})
    if len(drawn) > _SVG_BYTES:
        kind, drawn = "png", _drawn(figure, format="png", dpi=_PIXELS_PER_INCH)
    source = f"data:image/{kind};base64,{b64encode(drawn).decode()}"
    width = round(figure.get_figwidth() * 96)  # the pixels of an inch in CSS
    image = f'<img alt="{escape(str(alt))}" width="{width}" src="{source}">'
    return _section(heading, f"<figure>{image}</figure>")


def display_section(heading, display, alt):
    """Return a heading and the picture of a display as HTML, and close its figure.

    Parameters
    ----------
    heading : str

    display : Display
        It was drawn on a figure of its own.

    alt : str
        What the picture shows, for those who do not see it.

    Returns
    -------
    str
        HTML that holds the picture.
    """
    try:
        return figure_section(heading, display.figure_, alt)
    finally:
        import_pyplot().close(display.figure_)


def write_page(path, title, sections):
    """Write sections to one HTML file, which asks for no other file.

    The page is light or dark as its reader prefers, and runs no script.

    Parameters
    ----------
    path : str or path
        File to write.

    title : str

    sections : sequence of str
        HTML, as `text_section`, `table_section` and `figure_section` return it.

    Raises
    ------
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from stable_embedding.reports.html import table_section, write_page
    >>> rows = [{"month": "May", "moved": 0.0123}]
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "report.html"
    ...     write_page(path, "Movement", [table_section("Months", rows)])
    ...     "<td>May</td>" in path.read_text(encoding="utf-8")
    True
    """
    page = _PAGE.substitute(title=escape(str(title)), sections="\n".join(sections))
    Path(path).write_text(page, encoding="utf-8")


def _section(heading, content):
    return f"<section><h2>{escape(str(heading))}</h2>\n{content}\n</section>"


def _is_numeric(values):
    values = [value for value in values if value is not None]
    return bool(values) and all(map(is_number, values))


def _text(value):
    if value is None or (is_number(value) and value != value):
        return "-"
    if is_number(value) and not isinstance(value, Integral):
        return f"{value:.4g}"
    return str(value)


def _drawn(figure, **options):
    file = BytesIO()
    figure.savefig(file, **options)
    return file.getvalue()
