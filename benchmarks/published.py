"""A table that others published, reproduced, with a column of ours.

``python -m benchmarks.published [--quick]`` repeats the part on digits of table 1 of
McInnes, Healy and Melville, *UMAP: Uniform Manifold Approximation and Projection for
Dimension Reduction* (arXiv 1802.03426v3, 2020): how often k nearest neighbors within a
map of two components tell the digit. Its "PenDigits", 1,797 samples of 64 features, are
scikit-learn's digits.

The protocol is the paper's. A method embeds all samples without their labels, by its
default settings; a classifier on the embedding is scored by stratified 10-fold cross
validation; accuracies are means over the folds. The paper's folds are not told; these
are scikit-learn's, which are not shuffled. What stands behind the paper's means is not
told either: it agrees with twice the standard deviation over the folds, which is what
is written here. The paper has one map for each method. Here a method that takes a seed
has three, and folds of all of them count. Nothing was chosen by these accuracies.

PCA draws nothing, so it shows whether the protocols agree. Writes
``benchmarks/results/published.csv``.
"""

import argparse
import warnings

import numpy as np
from sklearn.manifold import SpectralEmbedding
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from tqdm.auto import tqdm

from .datasets import load
from .methods import MAPS
from .results import show_and_write

N_NEIGHBORS = (10, 20, 40, 80, 160)
N_FOLDS = 10
N_SEEDS = 3

# Accuracies of table 1, and what stands behind them, for each number of neighbors.
PUBLISHED = {
    "PCA": {
        10: (0.622, 0.092),
        20: (0.633, 0.082),
        40: (0.636, 0.078),
        80: (0.643, 0.085),
        160: (0.629, 0.107),
    },
    "Laplacian eigenmaps": {
        10: (0.778, 0.113),
        20: (0.778, 0.116),
        40: (0.778, 0.112),
        80: (0.767, 0.111),
        160: (0.747, 0.108),
    },
    "LargeVis": {
        10: (0.966, 0.053),
        20: (0.973, 0.044),
        40: (0.959, 0.066),
        80: (0.949, 0.072),
        160: (0.921, 0.085),
    },
    "t-SNE": {
        10: (0.977, 0.033),
        20: (0.973, 0.033),
        40: (0.956, 0.064),
        80: (0.948, 0.060),
        160: (0.949, 0.065),
    },
    "UMAP": {
        10: (0.973, 0.044),
        20: (0.976, 0.035),
        40: (0.954, 0.060),
        80: (0.951, 0.072),
        160: (0.951, 0.085),
    },
}

MEASURED = {
    "PCA": MAPS["PCA"],
    "Laplacian eigenmaps": lambda seed: SpectralEmbedding(2, random_state=seed),
    "t-SNE": MAPS["t-SNE"],
    "UMAP": MAPS["UMAP"],
    "StableAutoencoder": MAPS["StableAutoencoder"],
    "StableAutoencoder, neighbor_weight=3": MAPS[
        "StableAutoencoder, neighbor_weight=3"
    ],
}

SEEDLESS = {"PCA"}


def accuracies(codes, y, n_neighbors):
    """Score a classifier within a map on each fold.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)

    y : ndarray of shape (n_samples,)
        Labels.

    n_neighbors : int

    Returns
    -------
    ndarray of shape (N_FOLDS,)
    """
    return cross_val_score(KNeighborsClassifier(n_neighbors), codes, y, cv=N_FOLDS)


def measure(method, X, y, seeds):
    """Score maps of one method; return a row for each number of neighbors."""
    maps = [MEASURED[method](seed).fit_transform(X) for seed in seeds]
    rows = []
    for n_neighbors in N_NEIGHBORS:
        scores = np.concatenate([accuracies(codes, y, n_neighbors) for codes in maps])
        rows.append(row(method, "measured", n_neighbors, scores.mean(), scores.std()))
    return rows


def row(method, source, n_neighbors, accuracy, deviation):
    """Write a cell of the table as a row of the file."""
    return {
        "method": method,
        "source": source,
        "n_neighbors": n_neighbors,
        "accuracy": f"{accuracy:.3f}",
        "spread": f"{2 * deviation:.3f}",
    }


def published():
    """Return the rows of the paper."""
    return [
        row(method, "published", n_neighbors, accuracy, spread / 2)
        for method, cells in PUBLISHED.items()
        for n_neighbors, (accuracy, spread) in cells.items()
    ]


def main():
    """Measure all, print and write the rows beside the published ones."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="PCA and ours, one seed")
    quick = parser.parse_args().quick
    warnings.filterwarnings("ignore", module="umap")
    X, y = load("digits")
    methods = ("PCA", "StableAutoencoder") if quick else MEASURED
    rows = published()
    for method in (bar := tqdm(methods, unit="method")):
        bar.set_description(method)
        seeds = range(1 if quick or method in SEEDLESS else N_SEEDS)
        rows += measure(method, X, y, seeds)
    show_and_write("published", rows, quick)


if __name__ == "__main__":
    main()
