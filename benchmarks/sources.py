"""On which sources the figures of a benchmark depend."""

import ast
import hashlib
from pathlib import Path

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "stable_embedding"


def sources_of(module, here=HERE):
    """Return the files of a benchmark: its own, and those that it imports from here.

    Parameters
    ----------
    module : str

    here : Path
        Folder of the benchmarks.

    Returns
    -------
    set of Path
    """
    found, waiting = set(), [here / f"{module}.py"]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                package = (node.module or "").removeprefix("benchmarks").strip(".")
                names = [package] if package else [alias.name for alias in node.names]
                candidates = (here / f"{name}.py" for name in names)
                waiting += [candidate for candidate in candidates if candidate.exists()]
    return found


def fingerprint(module, here=HERE, package=PACKAGE):
    """Hash the sources on which a benchmark's figures depend."""
    files = sorted([*sources_of(module, here), *package.rglob("*.py")])
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
