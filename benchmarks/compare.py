"""All methods on all counts: what moves a map, what it keeps, what it costs.

``python -m benchmarks.compare [--quick] [--data-dir FOLDER] [--n-jobs N] [--data NAME
...] [--methods NAME ...]`` first fits each method on each data set in a process of its
own, after a small fit to warm up. It measures the seconds (the median of three fits,
where they are short), the memory that a fit adds, what the map keeps of at most 2,000
samples, and what it does with unseen ones. (UMAP warms up with up to 5,000 samples, so
on fewer its memory is what a second fit adds.) Let nothing else run meanwhile. It then
trains each again and again for :func:`stable_embedding.stability_report`, several at
once.

Rows of the data sets and methods that are named replace those that the file has, others
stay; each has its date. A method whose package is not installed is left out.

"no" stands where a method has no such ability, "over" where its process took longer
than `LONGEST` seconds, or a fit longer than `LONGEST_REPEATED`, to be repeated. Writes
``benchmarks/results/compare.csv`` and ``.png``.
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

from .datasets import MNIST_TRAINING_ROWS, load, split
from .memory import forget_peak, memory, peak_memory
from .methods import MAPS, UMAP_WARM_UP_ROWS, MapAlone
from .results import FOLDER, read, save, show, write
from .timing import seconds, timed

N_FITS = 3
LONGEST = 150  # seconds
LONGEST_REPEATED = 60
SHORT_FIT = 10
MEASURED_ROWS = 2_000
RECONSTRUCTED_ROWS = 200  # some inverses take long for each
WARM_UP_ROWS = 300
N_BANDS = 8


def mnist(n_rows, data_dir):
    """Read rows to train on, and 2,000 of those for testing."""
    X, y = load("mnist", data_dir)
    unseen = MNIST_TRAINING_ROWS + fixed_subsample(10_000, MEASURED_ROWS)
    return X[:n_rows], X[unseen], y[:n_rows], y[unseen]


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


def measure(data, method, data_dir):
    """Fit once; print what it cost and what the map keeps. Run in its own process."""
    warnings.filterwarnings("ignore")  # the peers' own
    X, X_unseen, y, y_unseen = scaled_split(data, data_dir)
    MAPS[method](0).fit(X[: UMAP_WARM_UP_ROWS if method == "UMAP" else WARM_UP_ROWS])
    model = MAPS[method](0)
    forget_peak()
    before = memory()
    codes, fit_seconds = timed(lambda: model.fit_transform(X))
    found = {"peak_megabytes": (peak_memory() - before) / 1e6}
    times = [fit_seconds]
    if fit_seconds < SHORT_FIT:
        for _ in range(N_FITS - 1):
            times.append(seconds(lambda: MAPS[method](0).fit_transform(X)))
    found["fit_seconds"] = median(times)
    some = fixed_subsample(len(X), MEASURED_ROWS)
    found |= {
        "trustworthiness": trustworthiness(X[some], codes[some]),
        "continuity": continuity(X[some], codes[some]),
        "stress": normalized_stress(X[some], codes[some]),
        "correlation": distance_correlation(X[some], codes[some]),
        "accuracy": cross_val_score(KNeighborsClassifier(), codes, y).mean(),
    }
    if hasattr(model, "transform"):
        unseen, found["transform_seconds"] = timed(lambda: model.transform(X_unseen))
        found |= {
            "unseen_trustworthiness": trustworthiness(X_unseen, unseen),
            "unseen_correlation": distance_correlation(X_unseen, unseen),
            "unseen_accuracy": neighbor_accuracy(codes, y, unseen, y_unseen),
        }
        if hasattr(model, "inverse_transform"):
            rows = slice(RECONSTRUCTED_ROWS)
            again = model.inverse_transform(unseen[rows])
            found["unseen_r2"] = explained_variance(X_unseen[rows], again)
    print(json.dumps(found))


MEASURES = (
    *("trustworthiness", "continuity", "stress", "correlation", "accuracy"),
    *("unseen_trustworthiness", "unseen_correlation", "unseen_accuracy", "unseen_r2"),
    *("fit_seconds", "transform_seconds", "peak_megabytes"),
)
MOVES = [f"{kind}_{name}" for kind in ("raw", "aligned") for name in PERTURBATIONS]


def in_a_process(data, method, data_dir):
    """Measure a fit in a process of its own; None where it takes too long."""
    command = [sys.executable, "-m", "benchmarks.compare", "--one", data, method]
    command += ["--data-dir", data_dir] if data_dir else []
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        return None
    return json.loads(done.stdout.splitlines()[-1])


def measured(cells, data_dir):
    """Measure all cells, one after the other."""
    found = {}
    for cell in (bar := tqdm(cells, unit="method")):
        bar.set_description(", ".join(cell))
        values = in_a_process(*cell, data_dir)
        found[cell] = {
            name: "over" if values is None else values.get(name, "no")
            for name in MEASURES
        }
    return found


def moves(data, method, fit_seconds, data_dir, n_runs, n_jobs):
    """How far each perturbation moves the map."""
    if fit_seconds == "over" or fit_seconds > LONGEST_REPEATED:
        return dict.fromkeys(MOVES, "over")
    X, *_ = scaled_split(data, data_dir)
    report = stability_report(
        {method: MapAlone(MAPS[method](0))}, X, n_runs=n_runs, n_jobs=n_jobs, verbose=0
    )
    return {
        f"{kind}_{row['perturbation']}": row[kind]
        for kind in ("raw", "aligned")
        for row in report.rows
    }


def can_be_made(method):
    """Tell whether the package of a method is installed, and say so if it is not."""
    try:
        MAPS[method](0)
    except ImportError as error:
        tqdm.write(f"{method}: {error}")
        return False
    return True


def merged(known, measured):
    """Return rows with those that were measured now in place of those known before."""
    rows = {
        (row["data"], row["method"]): {name: row.get(name, "") for name in measured[0]}
        for row in [*known, *measured]
    }
    return [rows[cell] for cell in product(DATA, MAPS) if cell in rows]


def formatted(value):
    """Four digits of a number."""
    return value if isinstance(value, str) else f"{value:.4g}"


DRAWN = {
    "raw_seed": ("another seed", "displacement", True),
    "raw_drop_one": ("a row dropped", "displacement", True),
    "raw_drop_tenth": ("a tenth dropped", "displacement", True),
    "correlation": ("distances kept", "correlation", False),
    "trustworthiness": ("neighbors kept", "trustworthiness", False),
    "unseen_accuracy": ("unseen rows", "5-NN accuracy", False),
    "fit_seconds": ("fit", "seconds", True),
}
_SMALLEST_MOVE = 1e-4


def draw(rows):
    """Draw a panel for each of some counts: methods below each other, data by color."""
    figure, grid = plt.subplots(
        1, len(DRAWN), figsize=(16, 6), sharey=True, layout="constrained"
    )
    for ax, (name, (title, label, log)) in zip(grid, DRAWN.items()):
        for data in DATA:
            points = [
                (number(row[name]), list(MAPS).index(row["method"]))
                for row in rows
                if row["data"] == data
            ]
            values, heights = np.array(points).T
            if name in MOVES:
                values = np.maximum(values, _SMALLEST_MOVE)
            ax.plot(values, heights, "o", markersize=5, alpha=0.8, label=data)
        ax.set(title=title, xlabel=label, xscale="log" if log else "linear")
        ax.grid(axis="y", alpha=0.3)
    grid[0].set_yticks(range(len(MAPS)), MAPS)
    grid[0].invert_yaxis()
    save("compare", figure, legend_of=grid[0])


def number(cell):
    """Value of a cell, NaN where it has none."""
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def main():
    """Measure all, print, write and draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="digits, four methods")
    parser.add_argument("--data-dir", help="folder with mnist.npz; else from OpenML")
    parser.add_argument("--n-jobs", type=int, help="repeated trainings at a time")
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--methods", nargs="+", choices=MAPS, default=list(MAPS))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        measure(*arguments.one, arguments.data_dir)
        return
    warnings.filterwarnings("ignore")  # the peers' own
    methods = [name for name in arguments.methods if can_be_made(name)]
    cells = list(product(arguments.data, methods))
    if arguments.quick:
        fast = ("PCA", "UMAP", "plain autoencoder", "StableAutoencoder")
        cells = list(product(("digits",), fast))
    found = measured(cells, arguments.data_dir)
    rows = []
    for (data, method), values in tqdm(found.items(), desc="again and again"):
        n_runs = 2 if data == "digits" and not arguments.quick else 1
        moved = moves(
            data,
            method,
            values["fit_seconds"],
            arguments.data_dir,
            n_runs,
            arguments.n_jobs,
        )
        cells_of_row = {k: formatted(v) for k, v in (moved | values).items()}
        row = {"data": data, "method": method, "date": date.today(), "runs": n_runs}
        rows.append(row | cells_of_row)
        show(rows[-1])
    if not arguments.quick:
        known = read("compare") if (FOLDER / "compare.csv").exists() else []
        rows = merged(known, rows)
        write("compare", rows, seeds="0, and those of stability_report")
        draw(rows)


if __name__ == "__main__":
    main()
