"""Tables that are too wide for a telephone become lists there.

`label_cells` changes the HTML of a page: a table that a narrow window cannot hold gets
a class, and each cell after the first of a row the name of its column. The style sheet
does the rest.
"""

import re

from bs4 import BeautifulSoup

# Letters that a line holds in a window of 400 pixels.
LINE = 42

# Columns of text are wrapped, and can still be read with this many letters a line.
READABLE = 14

# Letters that the padding of a cell takes.
PADDING = 2

CLASS = "becomes-list"


def letters_needed(cells):
    """Return the letters a line of a column needs, given the text of its cells."""
    # A space that does not break belongs to a word.
    words = [word for cell in cells for word in re.split(r"[ \n]+", cell)]
    longest_word = max(map(len, words))
    longest_cell = max(map(len, cells))
    return max(longest_word, min(longest_cell, READABLE)) + PADDING


def is_wide(rows):
    """Tell whether a table, as rows of text, is too wide for a narrow window."""
    return sum(map(letters_needed, zip(*rows))) > LINE


def label_cells(html):
    """Mark wide tables in HTML, and label their cells by the names of columns.

    Parameters
    ----------
    html : str

    Returns
    -------
    str
        The same HTML if no table is wide. Tables whose cells span several columns or
        rows stay as they are.
    """
    if "<table" not in html:
        return html
    soup = BeautifulSoup(html, "html.parser")
    changed = False
    for table in soup.find_all("table"):
        if table.find(colspan=True) or table.find(rowspan=True):
            continue
        rows = [row.find_all(["td", "th"]) for row in table.find_all("tr")]
        if rows and is_wide([[cell.get_text() for cell in row] for row in rows]):
            _label(table, rows)
            changed = True
    return str(soup) if changed else html


def _label(table, rows):
    """Mark a table. Its cells keep their roles where they are shown as blocks."""
    table["class"] = [*table.get("class", []), CLASS]
    table["role"] = "table"
    head = table.find("thead")
    names = [cell.get_text(" ", strip=True) for cell in rows[0]] if head else []
    for row in table.find_all("tr"):
        row["role"] = "row"
    for place, row in enumerate(rows):
        in_head = bool(head) and place == 0
        for cell in row:
            cell["role"] = "columnheader" if in_head else "cell"
        if not in_head:
            for cell, name in list(zip(row, names))[1:]:
                if cell.get_text(strip=True):
                    cell["data-label"] = name


def label_page(app, pagename, templatename, context, doctree):
    """Label the tables of a page: ``html-page-context``."""
    if "body" in context:
        context["body"] = label_cells(context["body"])


def setup(app):
    """Connect the hook."""
    app.connect("html-page-context", label_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
