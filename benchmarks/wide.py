"""What a narrow basis and blocks of pairs save on wide rows, and what they give up.

``python -m benchmarks.wide [--quick] [--data-dir FOLDER]`` trains on 10,000 images of
MNIST, four seeds each: as by default, on all features, and comparing all pairs of a
batch of 256 in place of those within blocks of 128. On 4,000 others it
measures the variance that is not explained, the accuracy of five nearest neighbors,
the correlation of distances and, between seeds, the manifold variance; and how far the
map moves when one row is dropped.

Writes ``benchmarks/results/wide.csv``.
"""

import argparse
from unittest import mock

import numpy as np
from tqdm.auto import tqdm

from stable_embedding import StableAutoencoder, manifold_variance
from stable_embedding.data import limits, pca
from stable_embedding.quality import distance_correlation, neighbor_accuracy
from stable_embedding.stability import displacement

from .datasets import load
from .results import show, write
from .timing import seconds

N_TRAIN, N_TEST = 10_000, 4_000
VARIANTS = {
    "the default": (pca, "_WIDE_FEATURES", pca._WIDE_FEATURES),
    "all features": (pca, "_WIDE_FEATURES", np.inf),
    "all pairs": (limits, "PAIR_BLOCK", np.inf),
}


def measure(n_components, X, y, X_test, y_test, n_seeds):
    """Measure what a map is worth, in the mean over seeds, and how much it moves."""
    models = [StableAutoencoder(n_components, random_state=i) for i in range(n_seeds)]
    times = [seconds(lambda model=model: model.fit(X)) for model in models]
    maps = [model.transform(X_test) for model in models]
    accuracy = [
        neighbor_accuracy(model.transform(X), y, codes, y_test)
        for model, codes in zip(models, maps)
    ]
    fewer = StableAutoencoder(n_components, random_state=0).fit(X[1:])
    return {
        "unexplained": 1 - np.mean([model.score(X_test) for model in models]),
        "knn_accuracy": np.mean(accuracy),
        "distance_correlation": np.mean(
            [distance_correlation(X_test[:1_500], codes[:1_500]) for codes in maps]
        ),
        "manifold_variance": manifold_variance([codes[:1_500] for codes in maps]),
        "drop_one": displacement(maps[0], fewer.transform(X_test)),
        "seconds": np.median(times),
    }


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two seeds, k=2 alone")
    parser.add_argument("--data-dir", help="folder with mnist.npz; else from OpenML")
    arguments = parser.parse_args()
    X, y = load("mnist", arguments.data_dir)
    data = X[:N_TRAIN], y[:N_TRAIN], X[-N_TEST:], y[-N_TEST:]
    rows = []
    for n_components in (2,) if arguments.quick else (2, 10):
        for name, setting in tqdm(VARIANTS.items(), desc=f"{n_components} components"):
            with mock.patch.object(*setting):
                found = measure(n_components, *data, 2 if arguments.quick else 4)
            values = {key: f"{value:.5f}" for key, value in found.items()}
            rows.append({"n_components": n_components, "variant": name} | values)
            show(rows[-1])
    if not arguments.quick:
        write("wide", rows)


if __name__ == "__main__":
    main()
