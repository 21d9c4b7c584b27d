"""Wide tables of the pages tell a narrow window what each cell is."""

import pytest

from tests.page_modules import page_module

bs4 = pytest.importorskip("bs4")

narrow_tables = page_module("narrow_tables")


def table_of(*rows, head=True):
    first, *others = [
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows
    ]
    if head:
        first = f"<thead>{first.replace('td', 'th')}</thead>"
    return f"<p>Text.</p><table>{first}<tbody>{''.join(others)}</tbody></table>"


WIDE = [["data", "unexplained", "a longer name", "trustworthiness"], ["digits", *"123"]]


def test_a_table_that_fits_stays_as_it_is():
    for html in (table_of(["a", "b"], ["1", "2"]), "<p>No table.</p>"):
        assert narrow_tables.label_cells(html) == html


def test_cells_of_a_wide_table_are_labeled():
    soup = bs4.BeautifulSoup(narrow_tables.label_cells(table_of(*WIDE)), "html.parser")
    assert narrow_tables.CLASS in soup.table["class"]
    cells = soup.tbody.find_all("td")
    assert [cell.get("data-label") for cell in cells] == [None, *WIDE[0][1:]]
    assert [cell.get_text() for cell in cells] == WIDE[1]
    assert {cell["role"] for cell in cells} == {"cell"}
    assert {cell["role"] for cell in soup.find_all("th")} == {"columnheader"}


def test_an_empty_cell_has_no_label():
    html = narrow_tables.label_cells(table_of(WIDE[0], ["digits", "1", "", "3"]))
    cells = bs4.BeautifulSoup(html, "html.parser").tbody.find_all("td")
    labels = [cell.get("data-label") for cell in cells]
    assert labels == [None, WIDE[0][1], None, WIDE[0][3]]


def test_a_table_without_a_head_has_no_labels():
    html = narrow_tables.label_cells(table_of(*WIDE, head=False))
    assert narrow_tables.CLASS in html
    assert "data-label" not in html


def test_a_table_whose_cells_span_columns_stays_as_it_is():
    html = table_of(*WIDE).replace("<td>", '<td colspan="2">', 1)
    assert narrow_tables.label_cells(html) == html


def test_text_that_can_be_wrapped_needs_little_room():
    wrapped = [["one", "two"], ["a " * 50, "b " * 50]]
    assert not narrow_tables.is_wide(wrapped)
    assert narrow_tables.is_wide([["one", "two"], ["a" * 25, "b" * 25]])
    unbreakable = "\N{NO-BREAK SPACE}".join("words")
    assert narrow_tables.letters_needed([unbreakable * 3]) == 27 + narrow_tables.PADDING
