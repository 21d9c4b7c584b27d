"""All methods on all counts: what moves a map, what it keeps, what it costs.

``python -m benchmarks.compare [--quick] [--data-dir FOLDER] [--n-jobs N] [--data NAME
...] [--methods NAME ...] [--again]`` fits each method on each data set in a process of
its own, after a small fit to warm up. It measures the memory that a fit adds, what the
map keeps of at most 2,000 samples, and what it does with unseen ones. (UMAP warms up
with up to 5,000 samples, so on fewer its memory is what a second fit adds.) It then
trains each again and again for :func:`stable_embedding.stability_report`, several at
once.

Stop it when you like: it writes each row, with its date, when it has found it, and does
not measure what the file has, unless you pass ``--again``. It leaves out methods whose
package is not installed.

With ``--time`` it measures seconds alone, and only for the rows that the file has: of a
fit, and of the embedding of unseen samples. Each runs in a process of its own after a
small fit to warm up. The methods take turns; the seconds are the medians of three
turns, or of one if a fit takes more than ten seconds. Let nothing else run meanwhile.
Cells of seconds are empty until then.

"no" stands where a method has no such ability, "over" where its process took longer
than `LONGEST` seconds. Writes ``benchmarks/results/compare.csv`` and ``.png``.
"""

import argparse
import json
import subprocess
import sys
import warnings
from datetime import date
from itertools import product
from statistics import median

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_swiss_roll
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from tqdm.auto import tqdm

from stable_embedding import stability_report
from stable_embedding.data.subsample import fixed_subsample
from stable_embedding.quality import (
    continuity,
    distance_correlation,
    explained_variance,
    neighbor_accuracy,
    normalized_stress,
    trustworthiness,
)
from stable_embedding.reports.stability import PERTURBATIONS

from .datasets import load, mnist, split
from .formats import number
from .memory import forget_peak, memory, peak_memory
from .methods import MAPS, UMAP_WARM_UP_ROWS, MapAlone
from .results import among_earlier, read_earlier, save, show, write
from .timing import seconds

N_FITS = 3
LONGEST = 150  # seconds
SHORT_FIT = 10
MEASURED_ROWS = 2_000
RECONSTRUCTED_ROWS = 200  # some inverses take long for each
WARM_UP_ROWS = 300
N_BANDS = 8
REPEATED = ("digits", "wine", "breast cancer")  # these have two runs a perturbation


def swiss_roll():
    """Draw points on a roll; labels are bands along it."""
    X, along = make_swiss_roll(3_000, noise=0.1, random_state=0)
    return split("swiss roll", X, bands(along), seed=0)


def severed_sphere():
    """Draw points on a sphere without poles, cut open; labels are bands around it."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi - 0.55, 3_000)
    height = rng.uniform(np.cos(np.pi - np.pi / 8), np.cos(np.pi / 8), 3_000)
    radius = np.sqrt(1 - height**2)
    X = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), height])
    return split("severed sphere", X, bands(angle), seed=0)


def bands(values):
    """Cut values into bands of as many each."""
    edges = np.quantile(values, np.linspace(0, 1, N_BANDS + 1)[1:-1])
    return np.searchsorted(edges, values)


DATA = {
    "digits": lambda data_dir: split("digits", *load("digits"), seed=0),
    "wine": lambda data_dir: split("wine", *load("wine"), seed=0),
    "breast cancer": lambda data_dir: split(
        "breast cancer", *load("breast cancer"), seed=0
    ),
    "swiss roll": lambda data_dir: swiss_roll(),
    "severed sphere": lambda data_dir: severed_sphere(),
    "MNIST, 2,000 rows": lambda data_dir: mnist(2_000, data_dir),
    "MNIST, 10,000 rows": lambda data_dir: mnist(10_000, data_dir),
}


def scaled_split(data, data_dir):
    """Split a data set; its rows are given unit total variance by one number."""
    X, X_unseen, y, y_unseen = DATA[data](data_dir)
    scale = np.sqrt(X.var(axis=0).sum())
    return X / scale, X_unseen / scale, y, y_unseen


def warm_up(method, X):
    """Fit a few samples, so that what is loaded and compiled is not measured."""
    umap = method.startswith("UMAP")
    MAPS[method](0).fit(X[: UMAP_WARM_UP_ROWS if umap else WARM_UP_ROWS])


def measure(data, method, data_dir):
    """Fit once; return what it added to memory, what the map keeps, and the seconds."""
    X, X_unseen, y, y_unseen = scaled_split(data, data_dir)
    warm_up(method, X)
    model = MAPS[method](0)
    forget_peak()
    before = memory()
    codes = model.fit_transform(X)
    found = {"peak_megabytes": (peak_memory() - before) / 1e6}
    some = fixed_subsample(len(X), MEASURED_ROWS)
    found |= {
        "trustworthiness": trustworthiness(X[some], codes[some]),
        "continuity": continuity(X[some], codes[some]),
        "stress": normalized_stress(X[some], codes[some]),
        "correlation": distance_correlation(X[some], codes[some]),
        "accuracy": cross_val_score(KNeighborsClassifier(), codes, y).mean(),
    }
    if hasattr(model, "transform"):
        unseen = model.transform(X_unseen)
        found |= {
            "unseen_trustworthiness": trustworthiness(X_unseen, unseen),
            "unseen_correlation": distance_correlation(X_unseen, unseen),
            "unseen_accuracy": neighbor_accuracy(codes, y, unseen, y_unseen),
        }
        if hasattr(model, "inverse_transform"):
            rows = slice(RECONSTRUCTED_ROWS)
            again = model.inverse_transform(unseen[rows])
            found["unseen_r2"] = explained_variance(X_unseen[rows], again)
    return found


def measure_seconds(data, method, data_dir):
    """Time a fit, and the embedding of what was held out."""
    X, X_unseen, *_ = scaled_split(data, data_dir)
    warm_up(method, X)
    model = MAPS[method](0)
    found = {"fit_seconds": seconds(lambda: model.fit_transform(X))}
    if hasattr(model, "transform"):
        found["transform_seconds"] = seconds(lambda: model.transform(X_unseen))
    return found


JOBS = {"keeps": measure, "seconds": measure_seconds}

MEASURES = (
    *("trustworthiness", "continuity", "stress", "correlation", "accuracy"),
    *("unseen_trustworthiness", "unseen_correlation", "unseen_accuracy", "unseen_r2"),
    "peak_megabytes",
)
SECONDS = ("fit_seconds", "transform_seconds")
MOVES = [f"{kind}_{name}" for kind in ("raw", "aligned") for name in PERTURBATIONS]


def in_a_process(job, data, method, data_dir):
    """Run a job of `JOBS` in a process of its own; None where it takes too long."""
    command = [sys.executable, "-m", "benchmarks.compare", "--one", job, data, method]
    command += ["--data-dir", data_dir] if data_dir else []
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        return None
    return json.loads(done.stdout.splitlines()[-1])


def filled(names, values):
    """Return a cell for each name: "over" without values, "no" without its value."""
    return {
        name: "over" if values is None else formatted(values.get(name, "no"))
        for name in names
    }


def moves(data, method, data_dir, n_runs, n_jobs):
    """How far each perturbation moves the map."""
    X, *_ = scaled_split(data, data_dir)
    report = stability_report(
        {method: MapAlone(MAPS[method](0))}, X, n_runs=n_runs, n_jobs=n_jobs, verbose=0
    )
    return {
        f"{kind}_{row['perturbation']}": row[kind]
        for kind in ("raw", "aligned")
        for row in report.rows
    }


def measured(data, method, data_dir, n_runs, n_jobs):
    """Measure a row of the file, all but its seconds."""
    values = in_a_process("keeps", data, method, data_dir)
    moved = values and moves(data, method, data_dir, n_runs, n_jobs)
    return {
        "data": data,
        "method": method,
        "date": str(date.today()),
        "runs": n_runs,
        **filled(MOVES, moved),
        **filled(MEASURES, values),
        **dict.fromkeys(SECONDS, ""),
    }


def timed_in_turns(methods, run):
    """Time methods in turns.

    Parameters
    ----------
    methods : sequence of str

    run : callable
        From a method to its seconds by their names, or None where it takes too long.

    Returns
    -------
    dict of str to dict
        Cells of each method: the medians of its turns.
    """
    found = {method: [run(method)] for method in methods}
    for _ in range(N_FITS - 1):
        for method, turns in found.items():
            if turns[0] is not None and turns[0]["fit_seconds"] < SHORT_FIT:
                turns.append(run(method))
    return {
        method: filled(SECONDS, None if None in turns else _medians(turns))
        for method, turns in found.items()
    }


def _medians(turns):
    return {name: median(turn[name] for turn in turns) for name in turns[0]}


def can_be_made(method):
    """Tell whether the package of a method is installed, and say so if it is not."""
    try:
        MAPS[method](0)
    except ImportError as error:
        tqdm.write(f"{method}: {error}")
        return False
    return True


def keep(rows):
    """Write rows in place of those of the same data sets and methods."""
    rows = among_earlier("compare", rows, data=DATA, method=MAPS)
    write("compare", rows, seeds="0, and those of stability_report")


def due(cells, known, again):
    """Return the data sets and methods that have to be measured."""
    have = set() if again else {(row["data"], row["method"]) for row in known}
    return [cell for cell in cells if cell not in have]


def formatted(value):
    """Four digits of a number."""
    return value if isinstance(value, str) else f"{value:.4g}"


DRAWN = {
    "raw_seed": ("another seed", "displacement", True),
    "raw_drop_one": ("a sample dropped", "displacement", True),
    "raw_drop_tenth": ("a tenth dropped", "displacement", True),
    "correlation": ("distances kept", "correlation", False),
    "trustworthiness": ("neighbors kept", "trustworthiness", False),
    "unseen_accuracy": ("unseen samples", "5-NN accuracy", False),
    "fit_seconds": ("fit", "seconds", True),
}
_SMALLEST_MOVE = 1e-4


def draw(rows):
    """Draw a panel for each of some counts: methods below each other, data by color."""
    methods = [name for name in MAPS if any(row["method"] == name for row in rows)]
    figure, grid = plt.subplots(
        1, len(DRAWN), figsize=(16, 6), sharey=True, layout="constrained"
    )
    for ax, (name, (title, label, log)) in zip(grid, DRAWN.items()):
        for data in dict.fromkeys(row["data"] for row in rows):
            points = [
                (number(row[name]), methods.index(row["method"]))
                for row in rows
                if row["data"] == data
            ]
            values, heights = np.reshape(points, (-1, 2)).T
            if name in MOVES:
                values = np.maximum(values, _SMALLEST_MOVE)
            ax.plot(values, heights, "o", markersize=5, alpha=0.8, label=data)
        ax.set(title=title, xlabel=label, xscale="log" if log else "linear")
        ax.grid(axis="y", alpha=0.3)
    grid[0].set_yticks(range(len(methods)), methods)
    grid[0].invert_yaxis()
    save("compare", figure, legend_of=grid[0])


def main():
    """Measure what is due, print, write and draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="digits, four methods")
    parser.add_argument("--data-dir", help="folder with mnist.npz; else from OpenML")
    parser.add_argument("--n-jobs", type=int, help="repeated trainings at a time")
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--methods", nargs="+", choices=MAPS, default=list(MAPS))
    parser.add_argument("--again", action="store_true", help="what the file has, too")
    parser.add_argument("--time", action="store_true", help="measure seconds alone")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")  # the peers' own
    if arguments.one:
        job, data, method = arguments.one
        print(json.dumps(JOBS[job](data, method, arguments.data_dir)))
        return
    methods = [name for name in arguments.methods if can_be_made(name)]
    cells = list(product(arguments.data, methods))
    if arguments.time:
        time_all(cells, arguments.data_dir)
    elif arguments.quick:
        fast = ("PCA", "UMAP", "plain autoencoder", "StableAutoencoder")
        for method in fast:
            show(measured("digits", method, arguments.data_dir, 1, arguments.n_jobs))
    else:
        cells = due(cells, read_earlier("compare"), arguments.again)
        for data, method in (bar := tqdm(cells, unit="method")):
            bar.set_description(f"{data}, {method}")
            n_runs = 2 if data in REPEATED else 1
            keep([measured(data, method, arguments.data_dir, n_runs, arguments.n_jobs)])
    if not arguments.quick:
        draw(read_earlier("compare"))


def time_all(cells, data_dir):
    """Time the rows that the file has, one data set after the other."""
    known = {(row["data"], row["method"]): row for row in read_earlier("compare")}
    for data in dict.fromkeys(data for data, _ in cells):
        methods = [m for d, m in cells if d == data and (d, m) in known]
        found = timed_in_turns(
            tqdm(methods, desc=f"seconds on {data}"),
            lambda method, data=data: in_a_process("seconds", data, method, data_dir),
        )
        if found:
            keep([known[data, method] | cells for method, cells in found.items()])


if __name__ == "__main__":
    main()
