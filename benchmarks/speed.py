"""What several runs cost, in trainings of one.

``python -m benchmarks.speed [--quick] [--threads N]`` fits digits (64 features, hidden
layers of 128 and 32, batches of 128) with one run and with eight, in turns, and
compares the medians. Writes ``benchmarks/results/speed.csv``.
"""

import argparse
from time import perf_counter

import numpy as np
import torch
from tqdm.auto import trange

from stable_embedding import StableAutoencoder

from .datasets import load
from .results import write

N_RUNS = (1, 8)


def seconds(X, n_init, seed):
    """Time one fit."""
    model = StableAutoencoder(
        2, hidden_layer_sizes=(128, 32), batch_size=128, n_init=n_init
    )
    start = perf_counter()
    model.set_params(random_state=seed).fit(X)
    return perf_counter() - start


def main():
    """Fit in turns, print and write the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 turns instead of 15")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    X, _ = load("digits")
    for n_init in N_RUNS:
        seconds(X, n_init, 0)
    turns = trange(3 if arguments.quick else 15, unit="turn")
    found = [[seconds(X, n_init, seed) for n_init in N_RUNS] for seed in turns]
    one, eight = np.median(found, axis=0)
    row = {
        "threads": arguments.threads,
        "one_run_seconds": f"{one:.3f}",
        "eight_runs_seconds": f"{eight:.3f}",
        "ratio": f"{eight / one:.2f}",
    }
    print(*(f"{name}={value}" for name, value in row.items()))
    if not arguments.quick:
        write("speed", [row])


if __name__ == "__main__":
    main()
