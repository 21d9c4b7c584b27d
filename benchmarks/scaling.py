"""What a fit costs as rows become many, beside the methods that people use.

``python -m benchmarks.scaling [--quick] [--data-dir FOLDER] [--methods NAME ...]`` fits
1,000 to 60,000 images of MNIST by default settings, each method once before to warm up,
since some compile themselves, and then in turns; seconds are medians. What takes longer
than `LONGEST_REPEATED` seconds has one turn. What would take longer than `LONGEST_FIT`,
were its time to grow as the rows do, or as their pairs where it holds all, is not tried
("over"); nor is what would hold all pairs of more than 10,000 rows ("no"). It
then compares fits of as many epochs on 100,000 and on 1,000,000 rows of 50 features.

Writes ``benchmarks/results/scaling.csv`` and ``.png``. With ``--methods`` the rows of
others stay, and there is no fit of 1,000,000 rows.
"""

import argparse
import warnings
from functools import partial
from unittest import mock

import matplotlib.pyplot as plt
import numpy as np
import openTSNE
import torch
import umap
from sklearn.manifold import TSNE
from tqdm.auto import tqdm

from stable_embedding import StableAutoencoder
from stable_embedding.data import limits, pca

from .datasets import axes_of_factors, factors, load
from .methods import MAPS, UMAP_WARM_UP_ROWS
from .results import among_earlier, save, show, write
from .timing import medians, seconds

N_ROWS = (1_000, 3_000, 10_000, 30_000, 60_000)
N_TURNS = 3
LONGEST_FIT = 80  # seconds
LONGEST_REPEATED = 10
WARM_UP_ROWS = 500
N_THREADS = torch.get_num_threads()
EPOCHS = 2
MANY_ROWS = 1_000_000

# Of more rows than these a matrix of all pairs, as these methods hold, takes gigabytes.
MOST_PAIRED_ROWS = 10_000
PAIRED = {"KernelPCA", "Isomap", "MDS, random start", "MDS, classical start"}


def on_all_features(X):
    """Fit without a narrow basis."""
    with mock.patch.object(pca, "_WIDE_FEATURES", np.inf):
        of_one_run()(X)


def of_one_run(**parameters):
    """Fit one run."""
    return lambda X: StableAutoencoder(n_init=1, random_state=0, **parameters).fit(X)


def shared(name):
    """Fit a method that is compared elsewhere, too."""
    return lambda X: MAPS[name](0).fit(X)


ONE_RUN = "StableAutoencoder, n_init=1"
METHODS = {
    ONE_RUN: of_one_run(),
    f"{ONE_RUN}, on all features": on_all_features,
    f"{ONE_RUN}, neighbor_weight=3": of_one_run(neighbor_weight=3),
    "StableAutoencoder": shared("StableAutoencoder"),
    "PCA": shared("PCA"),
    "KernelPCA": shared("KernelPCA"),
    "Isomap": shared("Isomap"),
    "MDS, random start": shared("MDS, random start"),
    "MDS, classical start": shared("MDS, classical start"),
    "t-SNE": lambda X: TSNE(2, n_jobs=N_THREADS).fit(X),
    "openTSNE": lambda X: openTSNE.TSNE(n_jobs=N_THREADS).fit(X),
    "UMAP": lambda X: umap.UMAP().fit(X),
    "UMAP, with a seed": shared("UMAP"),
    "PaCMAP": shared("PaCMAP"),
}
OF_MANY = f"StableAutoencoder, 50 features, {EPOCHS} epochs, against 100,000"


def warm_up_rows(name):
    """Return on how many rows a method compiles all that it will run."""
    if "neighbor_weight" in name:
        return limits.EXACT_NEIGHBOR_SAMPLES + 1
    return UMAP_WARM_UP_ROWS if "UMAP" in name else WARM_UP_ROWS


def compare(X, sizes, n_turns, methods):
    """Seconds of methods on each number of rows, or why there are none."""
    methods = [name for name in METHODS if name in methods or name == ONE_RUN]
    for name in tqdm(methods, desc="warm-up"):
        seconds(partial(METHODS[name], X[: warm_up_rows(name)]))
    rows, times, over, before = [], {}, set(), 1
    for n_rows in sizes:
        paired = PAIRED if n_rows > MOST_PAIRED_ROWS else set()
        growth, before = n_rows / before, n_rows
        over |= {
            name
            for name, time in times.items()
            if growth ** (2 if name in PAIRED else 1) * time > LONGEST_FIT
        }
        times = in_turns(X[:n_rows], set(methods) - over - paired, n_turns)
        for name in methods:
            row = {"method": name, "rows": n_rows, "threads": N_THREADS}
            if name in times:
                ratio = times[name] / times[ONE_RUN]
                row |= {"seconds": f"{times[name]:.3f}", "ratio": f"{ratio:.2f}"}
            else:
                why = "no" if name in paired else "over"
                row |= {"seconds": why, "ratio": why}
            rows.append(row)
            show(row)
    return rows


def in_turns(X, names, n_turns):
    """Median seconds of methods; those that take long have one turn."""
    times = {}
    for turn in range(n_turns):
        for name in tqdm(METHODS, desc=f"{len(X):,} rows, turn {turn + 1}"):
            if name in names and times.get(name, [0])[0] <= LONGEST_REPEATED:
                times.setdefault(name, []).append(seconds(partial(METHODS[name], X)))
    return {name: np.median(each) for name, each in times.items()}


def million(n_turns):
    """Compare fits of many rows and of ten times as many."""
    rng = np.random.default_rng(0)
    axes = axes_of_factors(50, rng)
    few, many = (factors(n, axes, 1.0, rng) for n in (100_000, MANY_ROWS))
    few_seconds, many_seconds = medians(
        [
            lambda X=X: StableAutoencoder(max_iter=EPOCHS, random_state=0).fit(X)
            for X in (few, many)
        ],
        n_turns,
        "rows",
    )
    return {
        "method": OF_MANY,
        "rows": MANY_ROWS,
        "threads": N_THREADS,
        "seconds": f"{many_seconds:.2f}",
        "ratio": f"{many_seconds / few_seconds:.2f}",
    }


def draw(rows):
    """Draw seconds against rows, a line a method."""
    figure, ax = plt.subplots(figsize=(10.5, 5), layout="constrained")
    for i, name in enumerate(METHODS):
        points = [
            (int(row["rows"]), float(row["seconds"]))
            for row in rows
            if row["method"] == name and row["seconds"] not in ("no", "over")
        ]
        if not points:
            continue
        ours = name.startswith("StableAutoencoder")
        style = "o-" if i < 10 else "s--"  # colors come again from the tenth on
        ax.plot(*zip(*points), style, linewidth=2.5 if ours else 1, label=name)
    ax.set(xscale="log", yscale="log", xlabel="rows of 784 features", ylabel="seconds")
    figure.legend(loc="outside right center")
    save("scaling", figure)


def main():
    """Time in turns, print, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1,000 rows, one turn")
    parser.add_argument("--data-dir", help="folder with mnist.npz; else from OpenML")
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=list(METHODS), metavar="NAME"
    )
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")  # the peers' own
    X, _ = load("mnist", arguments.data_dir)
    X = X / np.sqrt(X.var(axis=0).sum())  # as the kernel of KernelPCA needs
    if arguments.quick:
        compare(X, N_ROWS[:1], 1, arguments.methods)
        return
    rows = compare(X, N_ROWS, N_TURNS, arguments.methods)
    rows = [row for row in rows if row["method"] in arguments.methods]
    if set(arguments.methods) == set(METHODS):
        rows.append(million(N_TURNS))
        show(rows[-1])
    cells = {"rows": [*N_ROWS, MANY_ROWS], "method": [*METHODS, OF_MANY]}
    rows = among_earlier("scaling", rows, **cells)
    write("scaling", rows, seeds="0 where a method takes one")
    draw(rows)


if __name__ == "__main__":
    main()
