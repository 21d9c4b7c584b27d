"""Seconds of a fit beside those of the methods that people use.

``python -m benchmarks.peers [--quick] [--data-dir FOLDER]`` fits 10,000 images of MNIST
by default settings: `StableAutoencoder`, the same trained on all features, PaCMAP,
UMAP in parallel and with a seed (which it runs on one core), and openTSNE on all cores.
Each has been fitted once before, since some compile themselves. Medians of turns.

Writes ``benchmarks/results/peers.csv``.
"""

import argparse
import warnings
from unittest import mock

import numpy as np
import openTSNE
import pacmap
import torch
import umap

from stable_embedding import StableAutoencoder, principal

from .datasets import load
from .results import show_and_write
from .timing import medians


def on_all_features(X):
    """Fit without a narrow basis."""
    with mock.patch.object(principal, "_WIDE", np.inf):
        StableAutoencoder(random_state=0).fit(X)


METHODS = {
    "StableAutoencoder": lambda X: StableAutoencoder(random_state=0).fit(X),
    "StableAutoencoder, on all features": on_all_features,
    "PaCMAP": lambda X: pacmap.PaCMAP().fit_transform(X),
    "UMAP": lambda X: umap.UMAP().fit(X),
    "UMAP, with a seed": lambda X: umap.UMAP(random_state=0).fit(X),
    "openTSNE": lambda X: openTSNE.TSNE(n_jobs=torch.get_num_threads()).fit(X),
}


def main():
    """Time in turns, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2,000 rows, one turn")
    parser.add_argument("--data-dir", help="folder with mnist.npz; else from OpenML")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")  # the peers' own
    X, _ = load("mnist", arguments.data_dir)
    X = X[: 2_000 if arguments.quick else 10_000]
    jobs = [lambda method=method: method(X) for method in METHODS.values()]
    times = medians(jobs, 1 if arguments.quick else 5, "fits")
    rows = [
        {
            "method": name,
            "rows": len(X),
            "threads": torch.get_num_threads(),
            "seconds": f"{seconds:.2f}",
            "ratio": f"{seconds / times[0]:.2f}",
        }
        for name, seconds in zip(METHODS, times)
    ]
    show_and_write("peers", rows, arguments.quick)


if __name__ == "__main__":
    main()
