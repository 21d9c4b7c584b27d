"""What is said of versions, targets and files in several places agrees."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from stable_embedding import __version__

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Extras of users; the others are of those who work on the library.
OF_USERS = ["distributed", "interactive", "neighbors", "onnx", "plot"]
PROMISED = [
    Requirement(line)
    for line in PROJECT["dependencies"]
    + [one for key in OF_USERS for one in EXTRAS[key]]
]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
GITHUB = sorted((ROOT / ".github").rglob("*.yml"))
WORKFLOWS = [path for path in GITHUB if path.parent.name == "workflows"]


def pins(name):
    """Versions in a file of constraints, by the names of packages."""
    lines = [
        line.partition("#")[0].strip()
        for line in (ROOT / name).read_text().splitlines()
    ]
    requirements = [Requirement(line) for line in lines if line]
    return {
        canonicalize_name(one.name): next(iter(one.specifier)).version
        for one in requirements
    }


def lower_bound(requirement):
    """Lowest version that a requirement admits."""
    [specifier] = requirement.specifier
    assert specifier.operator == ">=", f"{requirement} is no lower bound"
    return specifier.version


def workflow(name):
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())


def made(text):
    """Targets that a text calls make for."""
    calls = re.findall(r"^\s*(?:- run: |step )?make ([^\n]*)", text, re.MULTILINE)
    words = " ".join(calls).split()
    return {word for word in words if word.isalpha()}


@pytest.mark.parametrize("requirement", PROMISED, ids=lambda one: one.name)
def test_the_lowest_version_is_the_one_that_is_tested(requirement):
    found = {"torch": lowest_torch(), **pins("lowest-constraints.txt")}
    assert Version(found[requirement.name]) == Version(lower_bound(requirement))


def lowest_torch():
    """Version of torch with which the workflow runs ``make lowest``."""
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text()
    [version] = re.findall(r"make lowest LOWEST_TORCH=(\S+)", text)
    return version


def test_every_direct_requirement_is_pinned_within_its_bounds():
    pinned = pins("constraints.txt")
    every = PROJECT["dependencies"] + [one for key in EXTRAS for one in EXTRAS[key]]
    for requirement in map(Requirement, every):
        if requirement.name != PROJECT["name"]:
            version = pinned[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), requirement


@pytest.mark.parametrize("extra", EXTRAS)
def test_nothing_has_an_upper_bound(extra):
    for line in PROJECT["dependencies"] + EXTRAS[extra]:
        operators = {one.operator for one in Requirement(line).specifier}
        assert operators <= {">="}, line


def test_interpreters_that_are_claimed_are_tested():
    claimed = {
        line.rpartition(" ")[2]
        for line in PROJECT["classifiers"]
        if re.search(r"Python :: 3\.\d+$", line)
    }
    matrix = workflow("tests.yml")["jobs"]["versions"]["strategy"]["matrix"]
    assert claimed <= set(matrix["python"])
    assert f">={min(claimed, key=Version)}" == PROJECT["requires-python"]


def test_the_citation_and_the_changelog_are_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    headings = re.findall(
        r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert re.match(r"\[(Unreleased|\d)", headings[0])
    released = [re.match(r"\[(.+)\] - \d{4}-\d\d-\d\d$", one) for one in headings[1:]]
    assert all(released)
    assert all(Version(one[1]) <= Version(__version__) for one in released)


@pytest.mark.parametrize("path", GITHUB, ids=lambda path: path.name)
def test_settings_of_the_forge_can_be_parsed(path):
    assert isinstance(yaml.safe_load(path.read_text()), dict)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_jobs_of_a_workflow_are_limited(path):
    for name, job in yaml.safe_load(path.read_text())["jobs"].items():
        if "uses" not in job:
            assert job["runs-on"], name
            assert job["steps"], name
            assert all(("uses" in step) != ("run" in step) for step in job["steps"])
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}


def test_what_is_made_can_be_made():
    called = made((ROOT / ".ci" / "run").read_text())
    for path in WORKFLOWS:
        called |= made(path.read_text())
    targets = workflow("tests.yml")["jobs"]["pinned"]["strategy"]["matrix"]["target"]
    called |= set(" ".join(targets).split())
    assert {"test", "slow", "kernels", "lowest", "dist"} <= called <= TARGETS


def test_the_workflows_run_all_that_must_hold():
    needed = made((ROOT / ".ci" / "run").read_text()) - {"docs", "look"}
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text()
    targets = workflow("tests.yml")["jobs"]["pinned"]["strategy"]["matrix"]["target"]
    found = set(" ".join(targets).split()) | made(text)
    assert needed <= found
    assert "site" in found  # which makes docs and looks at them


@pytest.mark.parametrize(
    "path",
    [path for path in GITHUB if path.parent.name == "ISSUE_TEMPLATE"],
    ids=lambda path: path.name,
)
def test_forms_ask_for_what_they_say(path):
    form = yaml.safe_load(path.read_text())
    if path.name == "config.yml":
        return
    assert form["name"]
    assert form["description"]
    asked = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in asked}) == len(asked)
    assert any(field.get("validations", {}).get("required") for field in asked)
