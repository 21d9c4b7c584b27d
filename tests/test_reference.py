"""What is public stands in the reference."""

import importlib
import re
from pathlib import Path

import pytest

import stable_embedding
from stable_embedding import plotting, quality
from stable_embedding.estimators.registry import ESTIMATORS

DOCS = Path(__file__).parents[1] / "docs"
REFERENCE = (DOCS / "api.rst").read_text()
LISTED = re.findall(r"^   ([\w.]+)$", REFERENCE, flags=re.MULTILINE)


@pytest.mark.parametrize("name", LISTED)
def test_what_is_listed_is_there_and_documented(name):
    module, _, of_module = name.rpartition(".")
    module = importlib.import_module(f"stable_embedding.{module}".rstrip("."))
    assert getattr(module, of_module).__doc__


@pytest.mark.parametrize("name", sorted({*stable_embedding.__all__} - {"__version__"}))
def test_what_is_public_is_listed(name):
    assert name in LISTED


@pytest.mark.parametrize("module", [plotting, quality], ids=["plotting", "quality"])
def test_modules_that_are_public_are_listed_whole(module):
    of_module = module.__name__.removeprefix("stable_embedding.")
    public = {
        f"{of_module}.{name}"
        for name, thing in vars(module).items()
        if callable(thing)
        and getattr(thing, "__module__", "").startswith(module.__name__)
        and not name.startswith("_")
    }
    assert public == {name for name in LISTED if name.startswith(of_module)}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_each_estimator_stands_in_the_table_of_which_to_take(estimator):
    table = REFERENCE.split("Estimators\n---")[0]
    assert f"`~stable_embedding.{estimator}`" in table
