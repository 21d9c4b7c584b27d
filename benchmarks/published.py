"""A table that others published, reproduced, with rows of ours.

``python -m benchmarks.published [--quick] [--methods NAME ...]`` repeats the part on
digits of table 1 of McInnes, Healy and Melville, *UMAP: Uniform Manifold Approximation
and Projection for Dimension Reduction* (arXiv 1802.03426v3, 2020): how often the k
nearest neighbors within a map of two components tell the digit. Its "PenDigits", 1,797
samples of 64 features, are scikit-learn's digits.

The protocol is the paper's. A method embeds all samples once without their labels, by
its default settings, here with seed 0. A classifier on the embedding is scored by
stratified 10-fold cross-validation, and accuracies are means over the folds. The paper
does not tell its folds; these are scikit-learn's, which are not shuffled. Nor does it
tell what stands behind its means: it is near twice the standard deviation over the
folds, which stands here. Nothing was chosen by these accuracies.

PCA draws nothing, so it shows whether the protocols agree. Each method's rows are
written to ``benchmarks/results/published.csv`` in place of those it had there.
"""

import argparse
import warnings

from sklearn.manifold import SpectralEmbedding
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from tqdm.auto import tqdm

from .datasets import load
from .methods import MAPS
from .results import read_earlier, show, write

NAME = "published"
N_NEIGHBORS = (10, 20, 40, 80, 160)
N_FOLDS = 10

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


def measure(method, X, y):
    """Score the map of a method; return a row for each number of neighbors."""
    codes = MEASURED[method](0).fit_transform(X)
    rows = []
    for n_neighbors in N_NEIGHBORS:
        scores = accuracies(codes, y, n_neighbors)
        rows.append(row(method, "measured", n_neighbors, scores.mean(), scores.std()))
    return rows


def row(method, source, n_neighbors, accuracy, deviation):
    """Write a cell of the table as a row of the file."""
    return {
        "method": method,
        "source": source,
        "n_neighbors": str(n_neighbors),
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


def kept(known, measured):
    """Return the rows of the paper, and measured ones in place of known ones."""
    cells = {
        (r["method"], r["n_neighbors"]): r
        for r in [*known, *measured]
        if r["source"] == "measured"
    }
    ours = [
        cells[m, k] for m in MEASURED for k in map(str, N_NEIGHBORS) if (m, k) in cells
    ]
    return published() + ours


def main():
    """Measure methods, print and write their rows beside the published ones."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="PCA, and write nothing")
    parser.add_argument(
        "--methods", nargs="+", choices=MEASURED, default=list(MEASURED)
    )
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module="umap")
    X, y = load("digits")
    methods = ["PCA"] if arguments.quick else arguments.methods
    for method in (bar := tqdm(methods, unit="method")):
        bar.set_description(method)
        rows = measure(method, X, y)
        for found in rows:
            show(found)
        if not arguments.quick:
            write(NAME, kept(read_earlier(NAME), rows), seeds="0")


if __name__ == "__main__":
    main()
