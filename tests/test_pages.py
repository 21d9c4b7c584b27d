"""The pages run, block after block, as a reader would type them."""

import ast
import re
from pathlib import Path

import pytest

from stable_embedding.training import plan, schedule

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page, capsys, tmp_path, monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    if page.name in {"pictures.md", "text_and_counts.md"}:
        pytest.importorskip("bokeh")
    if page.name == "serving.md":
        pytest.importorskip("skl2onnx")
    monkeypatch.chdir(tmp_path)  # pages write files
    if page.name != "stability.md":  # which shows the number of runs
        monkeypatch.setattr(plan, "AUTO_N_INIT", 2)  # to take less time
    blocks = code_blocks(page.read_text())
    last_output = max((at for at, (_, out) in enumerate(blocks) if out), default=-1)
    names = {}
    for at, (block, output) in enumerate(blocks):
        if at > last_output:  # no figure of a map is shown any more
            monkeypatch.setattr(schedule, "_MIN_STEPS", 100)
        capsys.readouterr()
        exec(block, names)
        if output:
            compare_output(capsys.readouterr().out, output)
        for expression, shown in re.findall(r"^(\S.*?)  # (.*)$", block, re.MULTILINE):
            if (value := literal(shown)) is not None:
                assert eval(expression, names) == value, expression
    plt.close("all")


def code_blocks(text):
    """Python blocks of a page, each with the text block right after it, its output."""
    return re.findall(
        r"^```python\n(.*?)^```$(?:\s*^```text\n(.*?)^```$)?",
        text,
        flags=re.DOTALL | re.MULTILINE,
    )


NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*\w)")


def compare_output(printed, shown):
    """Compare words, whole numbers and, within a tolerance, decimal numbers.

    Two runs of each fit take the place of eight here, and other processors round
    otherwise: both move figures of a map by less than .03, or 3 % where they are large.
    A page that shows fewer digits is compared by one of the last of them.
    """
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", shown).split()
    for value, expected in zip(NUMBER.findall(printed), NUMBER.findall(shown)):
        if "." in expected:
            last_digit = 10.0 ** -len(expected.partition(".")[2])
            near = max(0.03, last_digit)
            expected = pytest.approx(float(expected), abs=near, rel=0.03)
            assert float(value) == expected, shown
        else:
            assert value == expected, shown


def test_an_output_belongs_to_the_block_before_it():
    page = """
```python
a
```

```text
1
```

```python
b
```

Words.

```text
2
```
"""
    assert code_blocks(page) == [("a\n", "1\n"), ("b\n", "")]


def test_outputs_are_compared_in_words_and_numbers():
    compare_output("PCA  0.501 (450, 2)\n", "PCA 0.51 (450, 2)")
    for other in ("MDS 0.51 (450, 2)", "PCA 0.61 (450, 2)", "PCA 0.51 (451, 2)", "PCA"):
        with pytest.raises(AssertionError):
            compare_output("PCA  0.501 (450, 2)\n", other)


def literal(comment):
    """Value that a comment shows, if it starts with one."""
    try:
        return ast.literal_eval(comment.removesuffix(", all in one frame"))
    except (SyntaxError, ValueError):
        return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_finished(page):
    assert not re.search("@@|TODO|FIXME", page.read_text())
