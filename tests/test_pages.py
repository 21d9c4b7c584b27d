"""The pages run, block after block, as a reader would type them."""

import ast
import re
from pathlib import Path

import pytest

from stable_embedding.training import plan

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page, capsys, tmp_path, monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    if page.name == "pictures.md":
        pytest.importorskip("bokeh")
    if page.name == "serving.md":
        pytest.importorskip("skl2onnx")
    monkeypatch.chdir(tmp_path)  # pages write files
    if page.name != "stability.md":  # which shows the number of runs
        monkeypatch.setattr(plan, "AUTO_N_INIT", 2)  # to take less time
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    names = {}
    for block in blocks:
        exec(block, names)
        for expression, shown in re.findall(r"^(\S.*?)  # (.*)$", block, re.MULTILINE):
            if (value := literal(shown)) is not None:
                assert eval(expression, names) == value, expression
    plt.close("all")


def literal(comment):
    """Value that a comment shows, if it starts with one."""
    try:
        return ast.literal_eval(comment.removesuffix(", all in one frame"))
    except (SyntaxError, ValueError):
        return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_finished(page):
    assert not re.search("@@|TODO|FIXME", page.read_text())
