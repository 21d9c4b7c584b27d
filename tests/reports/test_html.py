import re
from html.parser import HTMLParser

import numpy as np
import pytest

from stable_embedding.reports import html
from stable_embedding.reports.html import (
    figure_section,
    table_section,
    text_section,
    write_page,
)

plt = pytest.importorskip("matplotlib.pyplot")

HOSTILE = "</td></style><script>alert('x')</script>&\"$title"

VOID = {"meta", "img"}


class Outline(HTMLParser):
    """Checks that tags are nested, and collects them and the text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def named(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def figure():
    figure, ax = plt.subplots()
    ax.plot([0, 1])
    yield figure
    plt.close("all")


def page_of(path, title, sections):
    write_page(path, title, sections)
    return Outline(path.read_text(encoding="utf-8"))


def test_whatever_is_said_is_escaped(tmp_path, figure):
    sections = [
        text_section(HOSTILE, HOSTILE),
        table_section(HOSTILE, [{HOSTILE: HOSTILE}]),
        figure_section(HOSTILE, figure, HOSTILE),
    ]
    page = page_of(tmp_path / "page.html", HOSTILE, sections)
    assert page.named("script") == []
    assert page.named("img")[0]["alt"] == HOSTILE
    assert "".join(page.texts).count(HOSTILE) == 8


def test_a_page_asks_for_nothing_outside(tmp_path, figure):
    page = page_of(tmp_path / "page.html", "a", [figure_section("b", figure, "c")])
    policy = next(m for m in page.named("meta") if "http-equiv" in m)["content"]
    assert "default-src 'none'" in policy
    for _, attributes in page.tags:
        assert attributes.get("src", "data:").startswith("data:")
        assert "href" not in attributes
    assert "url(" not in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(("limit", "kind"), [(10**9, "svg+xml"), (0, "png")])
def test_a_picture_of_many_points_is_one_of_pixels(limit, kind, figure, monkeypatch):
    monkeypatch.setattr(html, "_SVG_BYTES", limit)
    [image] = Outline(figure_section("a", figure, "b")).named("img")
    assert image["src"].startswith(f"data:image/{kind};base64,")
    assert plt.fignum_exists(figure.number)


ROWS = [{"name": "a", "value": 1 / 3, "n": 7}, {"name": "b", "value": np.nan, "n": 10}]


def test_a_table_shows_the_values_of_rows():
    text = table_section("a", ROWS)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", text)
    assert cells == ["a", "0.3333", "7", "b", "-", "10"]
    heads = re.findall(r"<th [^>]*?(number)?\"?>(\w+)</th>", text)
    assert heads == [("", "name"), ("number", "value"), ("number", "n")]


def test_rows_may_lack_values_and_tables_rows():
    cells = re.findall(
        r"<td[^>]*>(.*?)</td>", table_section("a", [{"b": 1}, {"c": None, "b": True}])
    )
    assert cells == ["1", "", "True", "-"]
    assert "empty" in table_section("a", [])


def test_text_has_paragraphs():
    assert text_section("a", "b\n\nc\nd").count("<p>") == 2


def test_what_is_no_figure_is_named():
    with pytest.raises(TypeError, match="figure is of type str"):
        figure_section("a", "figure.png", "b")
