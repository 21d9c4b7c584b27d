"""How near `partial_fit` over the chunks of a stream comes to one fit of all.

``python -m benchmarks.stream [--quick] [--data-dir FOLDER]`` deals MNIST's rows for
training, all 60,000 and the first 10,000, into ten chunks, and compares the loss on the
rows for testing (the variance that is not explained and the squared distances that are
lost) after the last chunk with that of a fit of all.

Writes ``benchmarks/results/stream.csv``.
"""

import argparse

import numpy as np
from scipy.spatial.distance import pdist
from tqdm.auto import tqdm

from stable_embedding import StableAutoencoder

from .datasets import MNIST_TRAINING_ROWS, load
from .results import show, write

N_CHUNKS = 10
N_PAIRED = 1_500  # rows whose distances are compared


def loss(model, X):
    """Loss of rows, with both terms."""
    pairs = X[:N_PAIRED]
    lost = np.square(pdist(model.transform(pairs)) - pdist(pairs)).mean()
    return 1 - model.score(X) + lost / (2 * model.scale_**2)


def main():
    """Compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10,000 rows alone")
    parser.add_argument("--data-dir", help="folder with mnist.npz; else from OpenML")
    arguments = parser.parse_args()
    X, _ = load("mnist", arguments.data_dir)
    X_test = X[MNIST_TRAINING_ROWS:]
    rows = []
    for n_rows in (10_000,) if arguments.quick else (10_000, MNIST_TRAINING_ROWS):
        for n_components in (2, 10):
            whole, stream = (
                StableAutoencoder(n_components, random_state=0) for _ in range(2)
            )
            goal = loss(whole.fit(X[:n_rows]), X_test)
            chunks = np.array_split(X[:n_rows], N_CHUNKS)
            losses = [
                loss(stream.partial_fit(chunk), X_test)
                for chunk in tqdm(chunks, desc=f"{n_rows} rows", unit="chunk")
            ]
            rows.append(
                {
                    "rows": n_rows,
                    "n_components": n_components,
                    "fit": f"{goal:.4f}",
                    "first_chunk": f"{losses[0]:.4f}",
                    "last_chunk": f"{losses[-1]:.4f}",
                    "ratio": f"{losses[-1] / goal:.3f}",
                }
            )
            show(rows[-1])
    if not arguments.quick:
        write("stream", rows)


if __name__ == "__main__":
    main()
