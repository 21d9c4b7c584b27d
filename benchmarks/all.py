"""Run every benchmark once, the cheap ones first.

``python -m benchmarks.all [--data-dir FOLDER] [--only NAME ...] [--list] [--force]
[--quick]`` runs each command in a process of its own, and goes on if one fails. You can
stop it and start it again, since it skips what was run with the present sources:
``benchmarks/results/ledger.json`` says when each command was run, how long it took, and
with which sources. At the end it fills the pages, and prints the last lines of the
commands that failed.
"""

import argparse
import json
import subprocess
import sys
from datetime import date
from importlib.util import find_spec
from time import perf_counter
from typing import NamedTuple

from tqdm.auto import tqdm

from . import fill
from .results import FOLDER
from .sources import fingerprint

# Lines of a failed command that are printed at the end.
N_LINES = 15


class Command(NamedTuple):
    """A benchmark with its options, and what it needs.

    Attributes
    ----------
    module : str
        Name of the module in `benchmarks`.

    options : tuple of str
        Further arguments.

    data : bool
        Whether it takes ``--data-dir``.

    needs_data : bool
        Whether it cannot do without.

    packages : tuple of str
        Packages without which it cannot run.

    needs_gpu : bool
        Whether it needs a GPU.

    quick : bool
        Whether it has ``--quick``.
    """

    module: str
    options: tuple = ()
    data: bool = False
    needs_data: bool = False
    packages: tuple = ()
    needs_gpu: bool = False
    quick: bool = True

    @property
    def name(self):
        """The command without what differs between machines."""
        return " ".join((self.module, *self.options))

    def arguments(self, data_dir, quick):
        """Return the command line."""
        line = [sys.executable, "-m", f"benchmarks.{self.module}", *self.options]
        if self.data and data_dir:
            line += ["--data-dir", str(data_dir)]
        if quick:
            line.append("--quick")
        return line

    def obstacle(self, data_dir, quick):
        """Tell why the command cannot be run here, or return None."""
        missing = [name for name in self.packages if find_spec(name) is None]
        if missing:
            return f"needs {', '.join(missing)}"
        if self.needs_gpu and not has_gpu():
            return "needs a GPU"
        if self.needs_data and not data_dir:
            return "needs --data-dir"
        if quick and not self.quick:
            return "has no --quick"
        return None


def has_gpu():
    """Tell whether torch can compute on a GPU."""
    import torch  # which is slow to import

    return torch.cuda.is_available()


COMMANDS = (
    Command("imports"),
    Command("picture", quick=False),
    Command("interactive", packages=("bokeh",), quick=False),
    Command("weight"),
    Command("signs", data=True),
    Command("convergence", data=True),
    Command("lipschitz", data=True),
    Command("wide", data=True),
    Command("stream", data=True),
    Command("unseen", data=True, quick=False),
    Command("speed"),
    Command("perturbations", packages=("umap",)),
    Command("serving", packages=("gunicorn", "onnxruntime")),
    Command("files"),
    Command("gpu", needs_gpu=True),
    Command("tables", data=True, needs_data=True, packages=("prince",)),
    Command("months", data=True, needs_data=True),
    Command("drift"),
    Command("metrics", data=True, needs_data=True),
    Command("stability", data=True, needs_data=True),
    Command("retraining", data=True, needs_data=True),
    Command("retraining", ("--neighbors",), data=True, needs_data=True),
    Command("costs", data=True, packages=("umap", "pacmap", "openTSNE")),
    Command("neighbors", data=True, packages=("umap", "pacmap")),
    Command("pipeline", data=True),
    Command("scaling", data=True, packages=("umap", "pacmap", "openTSNE")),
    Command("published", packages=("umap",)),
    Command("compare", ("--again",), data=True, packages=("umap", "pacmap")),
    Command("compare", ("--time",), data=True, packages=("umap", "pacmap")),
    Command("family", data=True),
    Command("family", ("--claims",), data=True, quick=False),
    Command("hashing", data=True, needs_data=True),
    Command("thesis", data=True),
    Command("labels", data=True, needs_data=True, quick=False),
    Command("images", data=True, needs_data=True, quick=False),
)


class Ledger:
    """What was run, when, for how long, and with which sources.

    Parameters
    ----------
    path : Path
        A file in JSON. It is written after each command.
    """

    def __init__(self, path):
        self.path = path
        self.entries = json.loads(path.read_text()) if path.exists() else {}

    def holds(self, name, sources, with_data):
        """Tell whether a command was run with these sources, and no less data."""
        entry = self.entries.get(name, {})
        enough = entry.get("with_data", False) or not with_data
        return entry.get("sources") == sources and enough

    def add(self, name, sources, with_data, seconds):
        """Note that a command was run."""
        self.entries[name] = {
            "date": str(date.today()),
            "with_data": with_data,
            "seconds": round(seconds),
            "sources": sources,
        }
        self.path.write_text(json.dumps(self.entries, indent=1, sort_keys=True) + "\n")


def run(line):
    """Run a command; return whether it succeeded, and the end of what it printed."""
    done = subprocess.run(
        line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    tail = "\n".join(done.stdout.splitlines()[-N_LINES:])
    return done.returncode == 0, tail


def run_all(commands, ledger, data_dir=None, *, force=False, quick=False, run=run):
    """Run the commands that are due.

    Parameters
    ----------
    commands : sequence of Command

    ledger : Ledger

    data_dir : str or None

    force : bool, default=False
        Whether to run again what has been run with the present sources.

    quick : bool, default=False
        Whether to pass ``--quick``, which writes nothing: nothing is noted then.

    run : callable
        From a command line to whether it succeeded, and what it printed at last.

    Returns
    -------
    dict of str to str
        The last lines of the commands that failed, by their names.
    """
    failed = {}
    for command in (bar := tqdm(commands, unit="benchmark")):
        bar.set_description(command.name)
        if obstacle := command.obstacle(data_dir, quick):
            tqdm.write(f"{command.name}: not run, it {obstacle}")
            continue
        sources = fingerprint(command.module)
        with_data = command.data and data_dir is not None
        if not (force or quick) and ledger.holds(command.name, sources, with_data):
            tqdm.write(f"{command.name}: was run with these sources")
            continue
        start = perf_counter()
        succeeded, tail = run(command.arguments(data_dir, quick))
        if not succeeded:
            failed[command.name] = tail
            tqdm.write(f"{command.name}: failed")
        elif not quick:
            ledger.add(command.name, sources, with_data, perf_counter() - start)
    return failed


def main():
    """Run all benchmarks, or some of them, and fill the pages."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", help="folder with mnist.npz and the other files")
    parser.add_argument("--only", nargs="+", help="names, such as compare")
    parser.add_argument("--list", action="store_true", help="name all, and run nothing")
    parser.add_argument("--force", action="store_true", help="run what was run before")
    parser.add_argument(
        "--quick", action="store_true", help="little, and write nothing"
    )
    options = parser.parse_args()
    known = {command.module for command in COMMANDS}
    if unknown := set(options.only or ()) - known:
        parser.error(
            f"there is no benchmark {sorted(unknown)}; there are {sorted(known)}"
        )
    commands = [c for c in COMMANDS if options.only is None or c.module in options.only]
    ledger = Ledger(FOLDER / "ledger.json")
    if options.list:
        for command in commands:
            entry = ledger.entries.get(command.name, {"date": "never", "seconds": "-"})
            print(f"{command.name:24} {entry['date']:>10} {entry['seconds']:>6} s")
        return
    failed = run_all(
        commands, ledger, options.data_dir, force=options.force, quick=options.quick
    )
    if not options.quick:
        for page, text in fill.stale().items():
            page.write_text(text, encoding="utf-8")
    for name, tail in failed.items():
        print(f"\n{name} failed:\n{tail}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
