"""What the consensus costs: default fits beside one run, UMAP and PaCMAP, in turns.

``python -m benchmarks.costs --data-dir FOLDER [--quick]`` fits the 60,000 images of
MNIST by each method, transforms 10,000 others by ours and by UMAP, and fits wine and
digits by the default and by one run. Each job runs once before, so that what compiles
itself has done so. Seconds are medians of turns, ratios are to the default's. Writes
``benchmarks/results/costs.csv``.
"""

import argparse
import warnings
from functools import partial

import torch
import umap

from stable_embedding import StableAutoencoder

from .datasets import MNIST_TRAINING_ROWS, load, split
from .results import show, write
from .scaling import METHODS
from .timing import medians

N_TURNS = 3
PEERS = ("UMAP", "UMAP, with a seed", "PaCMAP")


def fits(X, names):
    """Jobs that fit X: the default, one run, and others."""
    return {
        "StableAutoencoder": partial(METHODS["StableAutoencoder"], X),
        "StableAutoencoder, n_init=1": partial(
            StableAutoencoder(n_init=1, random_state=0).fit, X
        ),
    } | {name: partial(METHODS[name], X) for name in names}


def transforms(X, X_unseen):
    """Jobs that transform unseen rows by fitted maps."""
    models = {
        "StableAutoencoder": StableAutoencoder(random_state=0),
        "UMAP": umap.UMAP(),
    }
    return {
        name: partial(model.fit(X).transform, X_unseen)
        for name, model in models.items()
    }


def compare(what, jobs, n_turns):
    """Time jobs in turns; a row for each."""
    times = medians(list(jobs.values()), n_turns, what)
    rows = [
        {
            "what": what,
            "method": name,
            "threads": torch.get_num_threads(),
            "seconds": f"{time:.3f}",
            "ratio": f"{time / times[0]:.2f}",
        }
        for name, time in zip(jobs, times)
    ]
    for row in rows:
        show(row)
    return rows


def main():
    """Time in turns, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="wine alone, one turn")
    parser.add_argument("--data-dir", help="folder with mnist.npz; else from OpenML")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")  # the peers' own
    n_turns = 1 if arguments.quick else N_TURNS
    rows = []
    for name in ["wine"] if arguments.quick else ["wine", "digits"]:
        X, *_ = split(name, *load(name), seed=0)
        rows += compare(f"fit {name}", fits(X, []), n_turns)
    if arguments.quick:
        return
    X, _ = load("mnist", arguments.data_dir)
    X, X_unseen = X[:MNIST_TRAINING_ROWS], X[MNIST_TRAINING_ROWS:]
    rows += compare("transform 10,000 images", transforms(X, X_unseen), n_turns)
    rows += compare("fit 60,000 images", fits(X, PEERS), n_turns)
    write("costs", rows, seeds="0 where a method takes one")


if __name__ == "__main__":
    main()
