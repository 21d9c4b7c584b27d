"""The English of pages, gallery and docstrings, by proselint and ``prose.toml``.

``make prose`` runs this. It needs no network.
"""

import importlib
import inspect
import re
import tomllib
from pathlib import Path

import pytest

proselint = pytest.importorskip("proselint")

from markdown_it import MarkdownIt  # noqa: E402
from mdit_py_plugins.colon_fence import colon_fence_plugin  # noqa: E402
from mdit_py_plugins.dollarmath import dollarmath_plugin  # noqa: E402
from numpydoc.docscrape import NumpyDocString  # noqa: E402
from proselint.checks import __register__ as CHECKS  # noqa: E402
from proselint.registry.checks import Check, types  # noqa: E402

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
GALLERY = ROOT / "docs" / "gallery"
EXAMPLES = [GALLERY / "README.txt", *sorted(GALLERY.glob("*.py"))]
SETTINGS = tomllib.loads((ROOT / "docs" / "prose.toml").read_text())
RULES = SETTINGS["rule"]
MARKDOWN = MarkdownIt().enable("table").use(dollarmath_plugin).use(colon_fence_plugin)
# Names of papers, which are as their authors wrote them.
QUOTED = re.compile(r'"[^"]*"')
# Code, formulas and references in reStructuredText.
CODE = re.compile(r"(?::[\w:]+:)?``?[^`]+``?")
# The docstring of an example, and the comments that its pages show as text.
EXAMPLE_TEXT = re.compile(
    r'\A"""(.*?)"""|^# %%\n((?:#[^\n]*\n)+)', re.DOTALL | re.MULTILINE
)
UNDERLINE = re.compile(r"^([=-])\1+$", re.MULTILINE)
SENTENCE = re.compile(r"[^.!?:;]+(?:[.!?:;](?!\s|$)[^.!?:;]*)*")


def passages(text):
    """First line and text of each passage of a page, and whether it is in a table."""
    tokens = MARKDOWN.parse(text)
    line, parents = 1, []
    for token in tokens:
        if token.map:
            line = token.map[0] + 1
        if token.nesting == 1:
            parents.append(token.type)
        elif token.nesting == -1:
            parents.pop()
        elif token.type == "colon_fence":
            for inner, words, in_table in passages(token.content):
                yield line + inner, words, in_table
        elif token.type == "inline":
            yield line, plain(token.children), "table_open" in parents


def plain(tokens):
    """Words of inline tokens, with one word for each formula and piece of code."""
    words = {"text": "{0.content}", "softbreak": " "}
    # Numbered, since a word that is repeated would be found.
    words |= {"code_inline": "code{1}", "math_inline": "formula{1}"}
    text = "".join(
        words.get(token.type, "").format(token, place)
        for place, token in enumerate(tokens)
    )
    text = re.sub(r"\{[a-z:]+\}(?=code)", "", text)  # roles of Sphinx
    text = re.sub(r"^:[a-z-]+:.*$", "", text)  # options of directives
    return QUOTED.sub("title", text)


def example_passages(text):
    """First line and text of each paragraph that the page of an example shows."""
    for found in EXAMPLE_TEXT.finditer(text):
        block = re.sub(r"^#(?: |$)", "", found[1] or found[2], flags=re.MULTILINE)
        line = text[: found.start(found.lastindex)].count("\n") + 1
        for paragraph in re.split(r"\n(?=\n)", UNDERLINE.sub("", block)):
            if paragraph.strip():
                blank = len(paragraph) - len(paragraph.lstrip("\n"))
                yield line + blank, without_code(paragraph)
            line += paragraph.count("\n") + 1


def public_docstrings():
    """Names and docstrings of what the reference lists, and of public methods."""
    reference = (ROOT / "docs" / "api.rst").read_text()
    for name in re.findall(r"^   ([\w.]+)$", reference, flags=re.MULTILINE):
        module, _, of_module = name.rpartition(".")
        module = importlib.import_module(f"stable_embedding.{module}".rstrip("."))
        thing = getattr(module, of_module)
        yield name, inspect.cleandoc(thing.__doc__)
        for method in inspect.getmembers(thing, inspect.isroutine):
            module = getattr(method[1], "__module__", None) or ""
            is_own = module.startswith("stable_embedding")
            if inspect.isclass(thing) and is_own and not method[0].startswith("_"):
                yield f"{name}.{method[0]}", inspect.cleandoc(method[1].__doc__)


DOCSTRINGS = dict(public_docstrings())

# Sections of a docstring that hold prose.
PROSE = ("Summary", "Extended Summary", "Notes")
DESCRIPTIONS = ("Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns")


def prose_of(docstring):
    """Passages of a docstring that are prose, without formulas and code."""
    sections = NumpyDocString(docstring)
    texts = [sections[name] for name in PROSE]
    texts += [item.desc for name in DESCRIPTIONS for item in sections[name]]
    for lines in texts:
        for paragraph in "\n".join(lines).split("\n\n"):
            # A formula, or a list of code, is no sentence.
            paragraph = re.sub(r"^\s*\.\. \w+::.*", "", paragraph, flags=re.DOTALL)
            if re.match(r"\s*=+ ", paragraph):
                continue  # a table
            for item in re.split(r"^\s*- ", paragraph, flags=re.MULTILINE):
                if item.strip():
                    yield without_code(item)


def without_code(text):
    """Text with one word for each formula, reference and piece of code."""
    parts = CODE.split(text)
    # Numbered, since a word that is repeated would be found.
    words = [part + f"code{place}" for place, part in enumerate(parts)]
    text = "".join(words).removesuffix(f"code{len(parts) - 1}")
    return QUOTED.sub("title", " ".join(text.replace("**", "").split()))


def long_sentences(text, longest):
    """Sentences that have more words than allowed."""
    return [
        sentence.strip()
        for sentence in SENTENCE.findall(text)
        if len(sentence.split()) > longest
    ]


def broken_rules(text, *, in_table):
    """Rules that a passage breaks, with what breaks them."""
    for rule in RULES:
        if in_table and not rule.get("tables", True):
            continue
        check = Check(
            check_type=types.Existence(tuple(rule["patterns"])),
            path=rule["name"],
            message=f"{{!r}}: {rule['advice']}",
        )
        yield from (found.message for found in check.check(f" {text} "))
    for check in CHECKS:
        if any(check.matches_partial(name) for name in SETTINGS["proselint"]):
            found = check.check_with_flags(f" {text} ")
            yield from (f"{one.check_path}: {one.message}" for one in found)
    if not in_table:
        for sentence in long_sentences(text, SETTINGS["longest_sentence"]):
            yield f"a sentence of {len(sentence.split())} words: {sentence[:50]}..."


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_is_in_plain_english(page):
    found = [
        f"{page.relative_to(ROOT)}:{line}: {message}"
        for line, text, in_table in passages(page.read_text())
        for message in broken_rules(text, in_table=in_table)
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_is_in_plain_english(example):
    text = example.read_text()
    if example.suffix != ".py":
        text = f'"""{text}"""'
    shown = list(example_passages(text))
    assert shown
    found = [
        f"{example.relative_to(ROOT)}:{line}: {message}"
        for line, text in shown
        for message in broken_rules(text, in_table=False)
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("name", DOCSTRINGS)
def test_a_docstring_is_in_plain_english(name):
    found = [
        f"{name}: {message}"
        for text in prose_of(DOCSTRINGS[name])
        for message in broken_rules(text, in_table=False)
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["name"])
def test_a_rule_finds_and_passes_its_examples(rule):
    assert any(
        rule["advice"] in message
        for message in broken_rules(rule["found"], in_table=False)
    )
    assert not list(broken_rules(rule["passed"], in_table=False))


def test_a_long_sentence_is_found_and_code_and_tables_are_passed():
    words = "word " * (SETTINGS["longest_sentence"] + 1)
    page = (
        f"# Title\n\n{words}.\n\n```python\nrows = {words}\n```\n\n`rows` and $rows$\n"
    )
    found = [
        (line, message)
        for line, text, in_table in passages(page)
        for message in broken_rules(text, in_table=in_table)
    ]
    assert [line for line, message in found if "a sentence of" in message] == [3]
    assert not [message for _, message in found if "say samples" in message]
    table = "| rows |\n|---|\n| rows |\n"
    cells = list(passages(table))
    assert [in_table for *_, in_table in cells] == [True, True]
    assert not [
        one for _, text, _ in cells for one in broken_rules(text, in_table=True)
    ]


def test_text_of_an_example_is_found_with_its_line_and_its_code_is_passed():
    example = '''"""
Drop rows
=========

Take :class:`~rows.rows` for two rows.
"""

# %%
# First words.
#
# No ``rows`` here, but some rows.
rows = 1  # rows

# rows
'''
    assert list(example_passages(example)) == [
        (2, "Drop rows"),
        (5, "Take code0 for two rows."),
        (9, "First words."),
        (11, "No code0 here, but some rows."),
    ]
