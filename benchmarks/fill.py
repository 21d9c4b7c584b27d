"""Put the results into the pages, or tell which pages do not have them.

``python -m benchmarks.fill`` reads the CSV files of ``benchmarks/results`` and fills
what stands between two marks in README.md, docs/ and benchmarks/README.md. With
``--check`` it changes nothing, and fails if a page is stale.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``, a number within a
sentence between ``<!--n NAME-->`` and ``<!--/n-->``. Names are those of
:mod:`benchmarks.page_tables` and :mod:`benchmarks.page_numbers`. Neither GitHub nor
Sphinx shows the marks.
"""

import argparse
import re
import sys
from pathlib import Path

from .page_numbers import NUMBERS
from .page_tables import TABLES

ROOT = Path(__file__).parents[1]

_TABLE = re.compile(
    r"(<!-- table: ([\w-]+) -->\n\n?)(.*?)(\n?\n<!-- end -->)", re.DOTALL
)
_NUMBER = re.compile(r"(<!--n ([\w-]+?)-->)(.*?)(<!--/n-->)", re.DOTALL)
_MARK = re.compile(r"<!--(?:n| table:) ([\w-]+?) ?-->")


def pages(root=ROOT):
    """Return the paths of all pages that may show results."""
    return [
        root / "README.md",
        root / "benchmarks" / "README.md",
        *sorted((root / "docs").glob("*.md")),
    ]


def filled(text, tables=TABLES, numbers=NUMBERS):
    """Fill what stands between marks.

    Parameters
    ----------
    text : str
        A page in Markdown.

    tables, numbers : dict of str to callable
        What returns a table, or the text of a number.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a mark has a name that is not known, or no end.
    """
    n_marks = len(_MARK.findall(text))
    text, n_tables = _TABLE.subn(_filler(tables, lambda table: table.markdown()), text)
    text, n_numbers = _NUMBER.subn(_filler(numbers, str), text)
    if n_tables + n_numbers != n_marks:
        raise ValueError(f"one of the marks {_MARK.findall(text)} has no end")
    return text


def _filler(known, write):
    """Return what replaces a mark's old content by what it names."""

    def fill(match):
        start, name, _, end = match.groups()
        if name not in known:
            raise ValueError(
                f"a mark is named {name!r}, which is none of {sorted(known)}"
            )
        return start + write(known[name]()) + end

    return fill


def stale(root=ROOT):
    """Return the pages that do not show the results, and what they should be."""
    found = {}
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        if (fresh := filled(text)) != text:
            found[page] = fresh
    return found


def main():
    """Fill all pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing")
    check = parser.parse_args().check
    found = stale()
    for page, text in found.items():
        print(f"{'stale' if check else 'filled'}: {page.relative_to(ROOT)}")
        if not check:
            page.write_text(text, encoding="utf-8")
    if check and found:
        sys.exit("run `python -m benchmarks.fill`")


if __name__ == "__main__":
    main()
