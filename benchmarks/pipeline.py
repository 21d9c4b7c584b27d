"""The embedding before a classifier, tuned, beside raw features and PCA.

``python -m benchmarks.pipeline [--quick] [--data-dir FOLDER] [--data NAME ...]
[--components K ...] [--n-jobs N]`` puts a classifier behind the features themselves,
behind PCA, and behind `StableAutoencoder` with as many components. `GridSearchCV`
chooses the similarity weight, and on small tables `alpha`, by five folds of the rows
trained on; the best pipeline is scored on a third of the rows, held out, for each of
five splits. Beside the mean gain on PCA stand the least and the largest. What is not
asked for stays in the files.

Writes ``benchmarks/results/pipeline.csv`` and ``.png``, and each split to
``pipeline_runs.csv``.
"""

import argparse
import tempfile
import warnings
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from stable_embedding import StableAutoencoder

from .datasets import MIXED_UNITS, load
from .methods import CLASSIFIERS
from .results import among_earlier, save, show, write

N_SPLITS = 5
MNIST_ROWS = 6_000
N_COMPONENTS = (2, 10)
WEIGHTS = {"embedding__similarity_weight": [0, 0.3, 1, 3]}
# From what the data say to PCA.
ALPHAS = {"embedding__alpha": ["auto", 30.0, 100.0]}
DATA = ("wine", "breast cancer", "digits", "mnist")


def embeddings(n_components, seed, grid=WEIGHTS):
    """Name what stands before the classifier, and what is searched over."""
    return {
        "features": ("passthrough", {}),
        "PCA": (PCA(n_components, random_state=seed), {}),
        "StableAutoencoder": (
            StableAutoencoder(n_components, random_state=seed),
            grid,
        ),
    }


def searched(data, n_components, split, data_dir):
    """Tune each pipeline on one split; return its accuracy on the rows held out."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    X, y = load(data, data_dir)
    if data == "mnist":
        X, y = X[:MNIST_ROWS], y[:MNIST_ROWS]
    X, X_unseen, y, y_unseen = train_test_split(
        X, y, test_size=1 / 3, stratify=y, random_state=split
    )
    small_table = data in MIXED_UNITS
    grid = WEIGHTS | ALPHAS if small_table else WEIGHTS
    before, rows = embeddings(n_components, split, grid), []
    # Transformers that are fitted for one classifier are there for the next.
    with tempfile.TemporaryDirectory() as memory:
        for classifier, (name, (transformer, grid)) in product(
            CLASSIFIERS, before.items()
        ):
            steps = {
                "units": StandardScaler() if small_table else "passthrough",
                "embedding": transformer,
                "scaler": StandardScaler(),
                "classifier": CLASSIFIERS[classifier](),
            }
            search = GridSearchCV(Pipeline(list(steps.items()), memory=memory), grid)
            search.fit(X, y)
            rows.append(
                {
                    "data": data,
                    "components": n_components,
                    "split": split,
                    "classifier": classifier,
                    "before": name,
                    "weight": search.best_params_.get(*WEIGHTS, ""),
                    "alpha": search.best_params_.get(*ALPHAS, ""),
                    "accuracy": f"{search.score(X_unseen, y_unseen):.4f}",
                }
            )
    return rows


def cells(rows):
    """Accuracy of each data set, number of components and classifier, by split."""
    found = {}
    for row in rows:
        key = row["data"], row["components"], row["classifier"]
        found.setdefault(key, {}).setdefault(row["before"], [])
        found[key][row["before"]].append(float(row["accuracy"]))
    return {
        key: {name: np.array(values) for name, values in of.items()}
        for key, of in found.items()
    }


def summary(rows):
    """Mean accuracy of each cell, and what is gained on PCA."""
    for (data, n_components, classifier), of in cells(rows).items():
        gain = of["StableAutoencoder"] - of["PCA"]
        yield {
            "data": data,
            "components": n_components,
            "classifier": classifier,
            **{name: f"{values.mean():.4f}" for name, values in of.items()},
            "gain_on_PCA": f"{gain.mean():+.4f}",
            "least": f"{gain.min():+.4f}",
            "largest": f"{gain.max():+.4f}",
        }


def draw(rows):
    """Draw the accuracy of each classifier, a panel a data set and size."""
    found = cells(rows)
    panels = list(dict.fromkeys(key[:2] for key in found))
    figure, grid = plt.subplots(
        2, len(panels) // 2, figsize=(13, 6), sharey="col", layout="constrained"
    )
    for ax, (data, n_components) in zip(grid.T.ravel(), panels):
        for i, name in enumerate(embeddings(2, 0)):
            values = [found[data, n_components, one][name] for one in CLASSIFIERS]
            means, sds = np.mean(values, axis=1), np.std(values, axis=1, ddof=1)
            places = np.arange(len(CLASSIFIERS)) + 0.2 * (i - 1)
            ax.errorbar(places, means, sds, fmt="o", markersize=5, label=name)
        ax.set_xticks(range(len(CLASSIFIERS)), CLASSIFIERS, rotation=20, ha="right")
        ax.set(title=f"{data}, k={n_components}")
    figure.supylabel("accuracy on rows held out, mean and sd over splits")
    save("pipeline", figure, legend_of=grid[0, 0])


def main():
    """Search all, print, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="wine, two splits")
    parser.add_argument("--data-dir", help="folder with mnist.npz; else from OpenML")
    parser.add_argument("--n-jobs", type=int, help="splits at the same time")
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument(
        "--components", nargs="+", type=int, choices=N_COMPONENTS, default=N_COMPONENTS
    )
    arguments = parser.parse_args()
    data, n_splits = (["wine"], 2) if arguments.quick else (arguments.data, N_SPLITS)
    jobs = list(product(data, arguments.components, range(n_splits)))
    found = Parallel(arguments.n_jobs, return_as="generator")(
        delayed(searched)(*job, arguments.data_dir) for job in jobs
    )
    rows = [row for some in tqdm(found, total=len(jobs), unit="split") for row in some]
    if not arguments.quick:
        cells = {"data": DATA, "components": N_COMPONENTS}
        rows = among_earlier("pipeline_runs", rows, **cells)
    means = list(summary(rows))
    for row in means:
        show(row)
    if not arguments.quick:
        write("pipeline", means, seeds=f"0 to {n_splits - 1}")
        write("pipeline_runs", rows, seeds=f"0 to {n_splits - 1}")
        draw(rows)


if __name__ == "__main__":
    main()
