"""Pages show what was measured."""

import re

import pytest

from benchmarks import fill, results
from benchmarks.page_numbers import NUMBERS
from benchmarks.page_tables import (
    TABLES,
    Column,
    Table,
    pivoted,
    selected,
    with_best_bold,
)

TABLE = Table(["data", "figure"], [["digits", ".5"], ["wine", ".25"]])
KNOWN = {"tables": {"some": lambda: TABLE}, "numbers": {"best": lambda: "42"}}
PAGE = """Before.

<!-- table: some -->

| stale |

<!-- end -->

It is <!--n best-->7<!--/n--> % at best, <!--n best-->8<!--/n-->.
"""

# Tables of figures that no CSV file holds, by the line above which they stand.
BY_HAND = {
    "benchmarks/README.md": {"| what | figure |", "| goal | found | by |"},
}


def test_what_stands_between_marks_is_replaced():
    assert (
        fill.filled(PAGE, **KNOWN)
        == """Before.

<!-- table: some -->

| data | figure |
|---|---|
| digits | .5 |
| wine | .25 |

<!-- end -->

It is <!--n best-->42<!--/n--> % at best, <!--n best-->42<!--/n-->.
"""
    )


def test_a_filled_page_stays_as_it_is():
    once = fill.filled(PAGE, **KNOWN)
    assert fill.filled(once, **KNOWN) == once


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("<!--n worst-->7<!--/n-->", "'worst'"),
        ("<!-- table: none -->\n\n| a |\n\n<!-- end -->", "'none'"),
        ("<!--n best-->7", "no end"),
        ("<!-- table: some -->\n\n| a |\n", "no end"),
    ],
)
def test_a_mark_that_cannot_be_filled_is_told(mark, message):
    with pytest.raises(ValueError, match=message):
        fill.filled(mark, **KNOWN)


def test_no_page_is_stale():
    assert not [page.name for page in fill.stale()]


def test_all_that_can_be_filled_is_shown_somewhere():
    text = "".join(page.read_text(encoding="utf-8") for page in fill.pages())
    shown = set(re.findall(r"<!--(?:n| table:) ([\w-]+?) ?-->", text))
    assert shown == TABLES.keys() | NUMBERS.keys()


def test_tables_of_figures_are_filled():
    """A table with numbers in most of its cells is between marks, or named above."""
    for page in fill.pages():
        text = page.read_text(encoding="utf-8")
        by_hand = re.sub(r"<!-- table: .*?<!-- end -->", "", text, flags=re.DOTALL)
        for table in re.findall(r"(?:^\|.*\n)+", by_hand, flags=re.MULTILINE):
            head, _, *rows = table.splitlines()
            cells = [cell for row in rows for cell in row.strip("|").split("|")[1:]]
            numbers = [cell for cell in cells if re.match(r"\s*[-+\d.]*\d", cell)]
            name = page.relative_to(fill.ROOT).as_posix()
            if head not in BY_HAND.get(name, ()):
                assert len(numbers) <= len(cells) / 2, (name, head)


def test_columns_are_written_by_their_formats():
    columns = [
        Column("name", "who"),
        Column("half", "value", lambda cell: str(int(cell) / 2)),
    ]
    table = selected(columns, [{"who": "a", "value": "3"}])
    assert table == Table(["name", "half"], [["a", "1.5"]])


def test_the_best_of_a_column_is_bold():
    columns = [
        Column("method", "method"),
        Column("moved", "moved", best=min),
        Column("kept", "kept", best=max),
        Column("size", "size"),
    ]
    table = Table(
        [column.title for column in columns],
        [
            ["PCA", "0", ".7", "1"],
            ["MDS", "0", "no", "2"],
            ["UMAP", "23", ".95", ""],
        ],
    )
    assert with_best_bold(columns, table).rows == [
        ["PCA", "**0**", ".7", "1"],
        ["MDS", "**0**", "no", "2"],
        ["UMAP", "23", "**.95**", ""],
    ]


def test_a_pivoted_table_leaves_out_what_was_not_measured():
    records = [
        {"method": "PCA", "rows": "10", "seconds": "1"},
        {"method": "PCA", "rows": "20", "seconds": "2"},
        {"method": "MDS", "rows": "10", "seconds": "3"},
    ]
    table = pivoted(
        "method", records, *(lambda r, f=f: r[f] for f in ("method", "rows", "seconds"))
    )
    assert table == Table(["method", "10", "20"], [["PCA", "1", "2"], ["MDS", "3", ""]])


def test_every_line_of_a_table_has_as_many_columns():
    for table in [*(make() for make in TABLES.values()), Table(["a | b"], [["1 | 2"]])]:
        assert len({line.count("|") for line in table.markdown().splitlines()}) == 1


def test_results_come_back_as_they_were_written(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    rows = [{"data": "a, b", "figure": "1"}, {"data": "c", "figure": "no"}]
    results.write("some", rows)
    assert results.read("some") == rows
    assert results.where("some", figure="no") == rows[1:]
    with pytest.raises(ValueError, match=r"some\.csv has no row with"):
        results.where("some", figure="2")
