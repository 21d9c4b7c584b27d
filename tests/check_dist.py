"""The built distributions: what they hold, and that the wheel works alone.

``make dist`` runs this on what it has built.
"""

import os
import subprocess
import sys
import tarfile
from email.parser import Parser
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from stable_embedding._version import __version__

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"

# What is of use in a checkout alone.
OF_A_CHECKOUT = {".gitignore", ".pre-commit-config.yaml"}


def built(pattern):
    """The one file in dist/ that a pattern names."""
    [path] = DIST.glob(pattern)
    return path


@pytest.fixture(scope="module")
def wheel():
    return built(f"stable_embedding-{__version__}-py3-none-any.whl")


def tracked(folder="."):
    """Paths of the files that are in version control, relative to the checkout."""
    found = subprocess.run(
        ["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True
    )
    if found.returncode:
        pytest.skip("this is no checkout")
    return {path for path in found.stdout.splitlines() if (ROOT / path).exists()}


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    held = set(ZipFile(wheel).namelist())
    info = {
        name for name in held if PurePosixPath(name).parts[0].endswith(".dist-info")
    }
    assert held - info == tracked("stable_embedding")
    assert "stable_embedding/py.typed" in held
    assert any(name.endswith("/licenses/LICENSE") for name in info)


def test_the_source_distribution_holds_the_checkout():
    with tarfile.open(built(f"stable_embedding-{__version__}.tar.gz")) as archive:
        held = {
            PurePosixPath(*PurePosixPath(each.name).parts[1:]).as_posix()
            for each in archive
            if each.isfile()
        }
    assert tracked() - OF_A_CHECKOUT <= held
    left = {name for name in held - tracked() if ".egg-info/" not in name}
    assert left <= {"PKG-INFO"}


def test_the_metadata_are_complete(wheel):
    with ZipFile(wheel) as archive:
        [name] = [each for each in archive.namelist() if each.endswith("/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Description-Content-Type"] == "text/markdown"
    extras = set(metadata.get_all("Provides-Extra"))
    assert {"plot", "neighbors", "onnx", "distributed"} <= extras
    core = [
        requirement
        for requirement in map(Requirement, metadata.get_all("Requires-Dist"))
        if requirement.marker is None
    ]
    assert {"torch", "scikit-learn", "skorch"} <= {each.name for each in core}


class Environment:
    """An environment that holds nothing, outside the checkout."""

    def __init__(self, folder):
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.python = folder / "venv" / scripts / "python"

    def run(self, *arguments):
        """Run its Python in a folder of its own, apart from all others."""
        return subprocess.run(
            [self.python, "-I", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
        )

    def install(self, requirement):
        """Install something by the constraints of the checkout."""
        constraints = ["--constraint", ROOT / "constraints.txt"]
        done = self.run("-m", "pip", "install", "--quiet", *constraints, requirement)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def environment(tmp_path_factory, wheel):
    """An environment with the wheel and what it requires, without extras."""
    environment = Environment(tmp_path_factory.mktemp("empty"))
    environment.install(str(wheel))
    return environment


PROGRAM = """
import numpy as np
from sklearn.datasets import load_iris
import stable_embedding
X, _ = load_iris(return_X_y=True)
model = stable_embedding.StableAutoencoder(max_iter=3, random_state=0).fit(X)
stable_embedding.save(model, "iris.safetensors")
again = stable_embedding.load("iris.safetensors")
np.testing.assert_array_equal(again.transform(X), model.transform(X))
print(stable_embedding.__file__)
"""


def test_the_wheel_works_without_extras(environment):
    done = environment.run("-W", "error", "-c", PROGRAM)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(environment.folder)
    done = environment.run("-m", "pip", "check")
    assert done.returncode == 0, done.stdout
    done = environment.run("-m", "stable_embedding")
    assert done.returncode == 1
    assert "pip install 'stable_embedding[plot]'" in done.stderr


def test_the_demonstration_runs_from_the_wheel(environment, wheel):
    environment.install(f"{wheel}[plot]")
    done = environment.run("-m", "stable_embedding")
    assert done.returncode == 0, done.stderr
    for method in ("PCA", "plain autoencoder", "StableAutoencoder"):
        assert f"\n{method}" in done.stdout
    picture = environment.folder / "stable_embedding.png"
    assert str(picture.resolve()) in done.stdout
    assert picture.stat().st_size > 0
