"""Demonstration: how much maps of the digits vary from seed to seed.

``python -m stable_embedding`` embeds scikit-learn's digits in two components by PCA, a
plain autoencoder and a stable one, with five seeds each. It prints what each embedding
keeps of the test samples, and draws the embeddings.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from . import StableAutoencoder, manifold_variance
from ._progress import progress_bar
from .plotting import EmbeddingDisplay
from .plotting.base import import_pyplot
from .quality import distance_correlation, explained_variance, neighbor_accuracy

PICTURE = Path("stable_embedding.png")
N_SEEDS = 5
N_SEEDS_DRAWN = 3

METHODS: dict[str, Callable] = {
    "PCA": lambda seed: PCA(n_components=2, random_state=seed),
    "plain autoencoder": lambda seed: StableAutoencoder(
        init="random", similarity_weight=0, learning_rate_init=1e-3, random_state=seed
    ),
    "StableAutoencoder": lambda seed: StableAutoencoder(random_state=seed),
}


def load_split():
    """Load the digits and set a third of them aside as test samples."""
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=1 / 3, stratify=y, random_state=0)


def run(estimator, X_train, X_test, y_train, y_test):
    """Fit an estimator; return its test embedding and measures of its quality."""
    start = perf_counter()
    estimator.fit(X_train)
    seconds = perf_counter() - start
    embedding = estimator.transform(X_test)
    codes = estimator.transform(X_train)
    return {
        "embedding": embedding,
        "r2": explained_variance(X_test, estimator.inverse_transform(embedding)),
        "accuracy": neighbor_accuracy(codes, y_train, embedding, y_test),
        "correlation": distance_correlation(X_test, embedding),
        "seconds": seconds,
    }


def table(results):
    """Format the results as text, with one line for each method."""
    lines = [
        f"{'':18} {'manifold':>8}  {'explained':^16}  {'5-NN':^16}"
        f"  {'correlation':>12}  {'fit':>7}",
        f"{'':18} {'variance':>8}  {'variance R^2':^16}  {'accuracy':^16}"
        f"  {'of distances':>12}  {'seconds':>7}",
    ]
    for method, runs in results.items():
        variance = manifold_variance([one["embedding"] for one in runs])
        column = {name: [one[name] for one in runs] for name in runs[0]}
        lines.append(
            f"{method:18} {variance:8.5f}  {_mean_and_sd(column['r2'])}"
            f"  {_mean_and_sd(column['accuracy'])}"
            f"  {np.mean(column['correlation']):12.3f}"
            f"  {np.mean(column['seconds']):7.2f}"
        )
    return "\n".join(lines)


def _mean_and_sd(values):
    return f"{np.mean(values):6.3f} +- {np.std(values, ddof=1):.4f}"


def draw(results, labels, path):
    """Draw the embeddings of the first seeds, with one row for each method."""
    pyplot = import_pyplot()
    figure, grid = pyplot.subplots(
        len(results), N_SEEDS_DRAWN, figsize=(9, 9), layout="constrained"
    )
    for axes, (method, runs) in zip(grid, results.items()):
        drawn = [one["embedding"] for one in runs[:N_SEEDS_DRAWN]]
        limit = 1.05 * np.abs(drawn).max()
        for seed, (ax, embedding) in enumerate(zip(axes, drawn)):
            EmbeddingDisplay(embedding, labels).plot(ax=ax, legend=False)
            ax.set(title=f"{method}, seed {seed}", xlabel="", ylabel="")
            ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
    figure.supxlabel("component 1")
    figure.supylabel("component 2")
    handles, names = grid[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, names, title="digit", loc="outside right center", markerscale=3
    )
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main(arguments=None):
    """Run all methods, print the table and write the figure."""
    parser = argparse.ArgumentParser(
        prog="python -m stable_embedding",
        description="Compare how much maps of the digits vary from seed to seed.",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=PICTURE,
        help="where to write the picture, by default %(default)s",
    )
    picture = parser.parse_args(arguments).output
    # Fail before anything is trained.
    if not picture.absolute().parent.is_dir():
        parser.error(f"--output {picture}: its folder does not exist")
    import_pyplot()
    split = load_split()
    results = {method: [] for method in METHODS}
    jobs = [(method, seed) for seed in range(N_SEEDS) for method in METHODS]
    with progress_bar(jobs, unit="fit") as bar:
        for method, seed in bar:
            bar.set_description(f"{method}, seed {seed}")
            results[method].append(run(METHODS[method](seed), *split))
    print(f"Digits in 2 components, {len(split[1])} test samples, {N_SEEDS} seeds:\n")
    print(table(results))
    draw(results, split[3], picture)
    print(f"\nThe embeddings are drawn in {picture.resolve()}")


if __name__ == "__main__":
    main()
