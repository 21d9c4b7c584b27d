"""The house: which module may import which. Arrows point down only."""

import ast
import importlib
import re
from pathlib import Path

import pytest

import stable_embedding

PACKAGE = Path(stable_embedding.__file__).parent
HOUSE = PACKAGE.parent / "docs" / "_static" / "house.svg"
BENCHMARKS = sorted((PACKAGE.parent / "benchmarks").glob("*.py"))

# Floors from the ground up; a module may import what stands lower, listed here.
ALLOWED = {
    "_version": set(),
    "alignment": set(),
    "inheritance": set(),
    "blocks": set(),
    "files": set(),
    "networks": set(),
    "principal": set(),
    "quality": set(),
    "seeding": set(),
    "shrinkage": set(),
    "similarities": set(),
    "stacking": set(),
    "stability": {"alignment"},
    "_inference": {"blocks", "networks"},
    "_lazy": set(),
    "_processes": set(),
    "losses": {"similarities"},
    "scaling": {"blocks"},
    "shuffling": {"blocks", "scaling"},
    "sources": {"scaling", "shuffling"},
    "neighbors": {"shuffling"},
    "noise": {"shuffling"},
    "_batches": {"neighbors", "shuffling", "sources"},
    "scoring": {"seeding", "stability"},
    "plotting": {"scoring", "stability"},
    "report": {"plotting", "quality", "scoring", "seeding", "stability"},
    "_training": {
        "_batches",
        "files",
        "losses",
        "networks",
        "sources",
        "stacking",
    },
    "pretraining": {"losses", "networks", "similarities"},
    "autoencoder": {
        "_batches",
        "_inference",
        "_lazy",
        "_processes",
        "_training",
        "alignment",
        "blocks",
        "losses",
        "neighbors",
        "networks",
        "pretraining",
        "principal",
        "quality",
        "scaling",
        "seeding",
        "shrinkage",
        "similarities",
        "sources",
        "stability",
    },
    "contractive": {"autoencoder", "inheritance", "losses", "networks"},
    "denoising": {"autoencoder", "inheritance", "noise"},
    "hashing": {"alignment", "autoencoder", "inheritance", "networks", "noise"},
    "outliers": {"autoencoder", "seeding"},
    "sparse": {"alignment", "autoencoder", "inheritance", "losses", "networks"},
    "variational": {
        "_inference",
        "alignment",
        "autoencoder",
        "inheritance",
        "losses",
        "networks",
        "noise",
        "stability",
    },
    "persistence": {
        "_version",
        "autoencoder",
        "contractive",
        "denoising",
        "files",
        "hashing",
        "outliers",
        "sparse",
        "variational",
    },
    "export": {"autoencoder", "hashing", "persistence", "sparse"},
    "__init__": {
        "_version",
        "autoencoder",
        "contractive",
        "denoising",
        "export",
        "hashing",
        "outliers",
        "persistence",
        "report",
        "scoring",
        "sparse",
        "stability",
        "variational",
    },
    "__main__": {"__init__", "plotting", "quality"},
}

# Third-party packages that only some modules may know.
KEEPERS = {
    "matplotlib": {"plotting", "__main__"},
    "onnx": {"export"},
    "skl2onnx": {"export"},
    "pynndescent": {"neighbors"},
    "safetensors": {"files"},
    "skorch": {"_training"},
}


def modules():
    return {path.stem: ast.parse(path.read_text()) for path in PACKAGE.glob("*.py")}


def own_imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            if node.module:
                yield node.module.split(".")[0]
            else:
                names = {alias.name for alias in node.names}
                submodules = names & {path.stem for path in PACKAGE.glob("*.py")}
                yield from submodules or {"__init__"}


def foreign_imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.split(".")[0]


def test_every_module_has_its_place():
    assert modules().keys() == ALLOWED.keys()


@pytest.mark.parametrize("name", ALLOWED)
def test_imports_are_those_allowed(name):
    assert set(own_imports(modules()[name])) == ALLOWED[name]


def test_imports_point_down():
    order = list(ALLOWED)
    for name, lower in ALLOWED.items():
        assert all(order.index(other) < order.index(name) for other in lower)


@pytest.mark.parametrize("package", KEEPERS)
def test_some_packages_are_known_to_few(package):
    knowing = {n for n, tree in modules().items() if package in foreign_imports(tree)}
    assert knowing == KEEPERS[package]


def test_every_module_has_its_tests():
    tests = Path(__file__).parent
    for name in ALLOWED.keys() - {"__init__", "_version"}:
        assert (tests / f"test_{name.strip('_')}.py").exists(), name


def test_what_is_public_is_listed():
    assert sorted(stable_embedding.__all__) == stable_embedding.__all__
    for name in stable_embedding.__all__:
        assert getattr(stable_embedding, name) is not None


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_benchmarks_import_what_there_is(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "stable_embedding"
        ):
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name), alias.name


def test_the_house_is_drawn_as_it_is():
    picture = HOUSE.read_text()
    drawn = set(re.findall(r'font-size="13">(\w+)</text>', picture))
    assert drawn == set(ALLOWED)
