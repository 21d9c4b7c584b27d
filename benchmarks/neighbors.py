"""Neighborhoods beside UMAP's: what a map of two components keeps, and if it stays.

``python -m benchmarks.neighbors [--quick] [--data-dir FOLDER]`` fits each method from
three seeds, in turns, and once more with a row dropped, to MNIST's 60,000 images for
training and to two thirds of the digits; all is measured on the rows left over, which
`transform` embeds. Distances and neighbors of the data are those of at most 5,000 of
them. Each has been fitted once before, since some compile themselves. Writes
``benchmarks/results/neighbors.csv``. ``--time`` measures seconds alone, for the rows of
that file: of three fits to digits, and of one to MNIST.

It then walks along both weights of the loss, by one run from one seed, for
``benchmarks/results/pareto.csv`` and ``.png``; ``--walk`` does this alone.
"""

import argparse
import warnings
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import umap
from sklearn.model_selection import train_test_split
from tqdm.auto import tqdm

from stable_embedding import StableAutoencoder, manifold_variance
from stable_embedding.data import limits
from stable_embedding.plotting import ParetoDisplay
from stable_embedding.quality import (
    distance_correlation,
    neighbor_accuracy,
    trustworthiness,
)
from stable_embedding.stability import displacement

from .adapters import PaCMAP
from .datasets import MNIST_TRAINING_ROWS, load
from .methods import PLAIN
from .results import read_earlier, save, show, write
from .timing import seconds, timed

N_SEEDS = 3
N_NEIGHBORS = 12
MEASURED_ROWS = 5_000

DEEP = {"hidden_layer_sizes": (128,) * 5, "batch_size": 256}

WEIGHTS = {
    "similarity_weight": (0.3, 1.0, 3.0),
    "neighbor_weight": (0.0, 0.3, 1.0, 3.0),
}


def ours(seed, **parameters):
    return StableAutoencoder(random_state=seed, **parameters)


# The plain autoencoder has the network of the first row.
METHODS = {
    "neighbor_weight=3": lambda seed: ours(seed, neighbor_weight=3.0),
    "neighbor_weight=3, 10 epochs": lambda seed: ours(
        seed, neighbor_weight=3.0, max_iter=10
    ),
    "neighbor_weight=3, five layers": lambda seed: ours(
        seed, neighbor_weight=3.0, **DEEP
    ),
    "neighbor_weight=0": lambda seed: ours(seed),
    "plain autoencoder": lambda seed: ours(
        seed, hidden_layer_sizes=(128,) * 3, **PLAIN
    ),
    "UMAP, with a seed": lambda seed: umap.UMAP(random_state=seed),
    "UMAP, on two cores": lambda seed: umap.UMAP(),
    "PaCMAP": lambda seed: PaCMAP(random_state=seed),
}


PEERS = ("UMAP, with a seed", "PaCMAP", "plain autoencoder")


class Fit:
    """One fit of a method, and the codes it gives to unseen rows."""

    def __init__(self, model, X, X_unseen):
        self.fit_seconds = seconds(lambda: model.fit(X))
        self.codes, _ = timed(lambda: model.transform(X))
        self.unseen, self.transform_seconds = timed(lambda: model.transform(X_unseen))
        self.unexplained = (
            1 - model.score(X_unseen) if isinstance(model, StableAutoencoder) else None
        )

    def measures(self, y, X_unseen, y_unseen):
        """Measure what the map keeps."""
        measured = slice(MEASURED_ROWS)
        X, codes = X_unseen[measured], self.unseen[measured]
        accuracy = neighbor_accuracy(self.codes, y, self.unseen, y_unseen)
        return {
            "accuracy": accuracy,
            "trustworthiness": trustworthiness(X, codes, n_neighbors=N_NEIGHBORS),
            "correlation": distance_correlation(X, codes),
        }


def seconds_of(fits):
    """Median seconds of fits, and of embedding unseen samples."""
    return {
        what: f"{np.median([getattr(fit, what) for fit in fits]):.4f}"
        for what in ("fit_seconds", "transform_seconds")
    }


def row_of(data, name, fits, dropped, y, X_unseen, y_unseen):
    """Measure all fits of a method."""
    measured = [fit.measures(y, X_unseen, y_unseen) for fit in fits]
    means = {key: np.mean([one[key] for one in measured]) for key in measured[0]}
    unseen = [fit.unseen[:MEASURED_ROWS] for fit in fits]
    lost = [fit.unexplained for fit in fits]
    return {
        "data": data,
        "method": name,
        **{key: f"{value:.4f}" for key, value in means.items()},
        "unexplained": "no" if lost[0] is None else f"{np.mean(lost):.4f}",
        "manifold_variance": f"{manifold_variance(unseen):.5f}",
        "row_dropped": f"{displacement(fits[0].unseen, dropped.unseen):.4f}",
        **seconds_of(fits),
    }


def fitted_in_turns(data, X, X_unseen, n_seeds):
    """Fit all methods from some seeds; those of each are returned by its name."""
    for method in METHODS.values():
        Fit(method(0), X[:5_000], X_unseen[:100])
    # Neighbors of more samples are searched by what compiles itself.
    many = X[: limits.EXACT_NEIGHBOR_SAMPLES + 1]
    ours(0, neighbor_weight=3.0, n_init=1, max_iter=1).fit(many)
    fits = {name: [] for name in METHODS}
    for seed, name in tqdm(list(product(range(n_seeds), METHODS)), desc=data):
        fits[name].append(Fit(METHODS[name](seed), X, X_unseen))
    return fits


def compare(data, split, n_seeds):
    """Fit all methods in turns, and measure each."""
    X, X_unseen, y, y_unseen = split
    fewer = np.delete(X, len(X) // 2, axis=0)
    fits = fitted_in_turns(data, X, X_unseen, n_seeds)
    rows = []
    for name in tqdm(METHODS, desc=f"{data}, a row dropped"):
        dropped = Fit(METHODS[name](0), fewer, X_unseen)
        rows.append(row_of(data, name, fits[name], dropped, y, X_unseen, y_unseen))
        show(rows[-1])
    return rows


def with_seconds(rows, splits):
    """Measure the seconds of rows again."""
    found = {}
    for data, (X, X_unseen, *_) in splits.items():
        fits = fitted_in_turns(data, X, X_unseen, N_SEEDS if data == "digits" else 1)
        found |= {(data, name): seconds_of(each) for name, each in fits.items()}
    return [row | found[row["data"], row["method"]] for row in rows]


def walk(data, split):
    """Measure a fit for each pair of weights."""
    X, X_unseen, y, y_unseen = split
    rows = []
    for values in tqdm(list(product(*WEIGHTS.values())), desc=f"{data}, weights"):
        weights = dict(zip(WEIGHTS, values))
        # One run, and the same network for all, also without the term.
        model = ours(0, n_init=1, hidden_layer_sizes=(128,) * 3, **weights)
        fit = Fit(model, X, X_unseen)
        measures = fit.measures(y, X_unseen, y_unseen)
        measures["unexplained"] = fit.unexplained
        measures = {key: f"{value:.4f}" for key, value in measures.items()}
        rows.append({"data": data, **weights, **measures})
        show(rows[-1])
    return rows


def draw(walked, compared):
    """Draw the correlation of distances against the accuracy, each data set's."""
    names = list(dict.fromkeys(row["data"] for row in walked))
    figure, axes = plt.subplots(
        1, len(names), figsize=(6 * len(names), 5), layout="constrained", squeeze=False
    )

    def point(row):
        return float(row["correlation"]), float(row["accuracy"])

    for data, ax in zip(names, axes.ravel()):
        paths = {
            f"similarity_weight={weight:g}": {
                f"{row['neighbor_weight']:g}": point(row)
                for row in walked
                if (row["data"], row["similarity_weight"]) == (data, weight)
            }
            for weight in WEIGHTS["similarity_weight"]
        }
        peers = {
            row["method"].removesuffix(", with a seed"): point(row)
            for row in compared
            if row["data"] == data and row["method"] in PEERS
        }
        display = ParetoDisplay(
            paths,
            peers,
            xlabel="correlation of distances",
            ylabel="5-NN accuracy on unseen rows",
        )
        display.plot(ax=ax).ax_.set_title(f"{data}: along neighbor_weight")
    save("pareto", figure)


def main():
    """Compare, walk, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="digits, two seeds")
    parser.add_argument("--data-dir", help="folder with mnist.npz; else from OpenML")
    parser.add_argument("--time", action="store_true", help="measure seconds alone")
    parser.add_argument("--walk", action="store_true", help="along the weights alone")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")  # the peers' own
    X, y = load("digits")
    splits = {"digits": train_test_split(X, y, test_size=1 / 3, random_state=0)}
    if not arguments.quick:
        X, y = load("mnist", arguments.data_dir)
        splits["mnist"] = (
            X[:MNIST_TRAINING_ROWS],
            X[MNIST_TRAINING_ROWS:],
            y[:MNIST_TRAINING_ROWS],
            y[MNIST_TRAINING_ROWS:],
        )
    if arguments.time:
        write("neighbors", with_seconds(read_earlier("neighbors"), splits))
        return
    compared, walked = read_earlier("neighbors") if arguments.walk else [], []
    for data, split in () if arguments.walk else splits.items():
        compared += compare(data, split, 2 if arguments.quick else N_SEEDS)
        if not arguments.quick:
            write("neighbors", compared)
    for data, split in splits.items():
        walked += walk(data, split)
        if not arguments.quick:
            write("pareto", walked)
            draw(walked, compared)


if __name__ == "__main__":
    main()
