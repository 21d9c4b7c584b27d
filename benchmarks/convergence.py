"""How soon a training is as good as a plain autoencoder's at its end.

``python -m benchmarks.convergence [--quick] [--data-dir FOLDER] [--data NAME ...]``
trains a plain autoencoder (random start, no similarity loss, the same network and
number of epochs), and `StableAutoencoder` with fewer and fewer epochs, each a whole
training. The fewest with which rows held out are reconstructed as well, in the mean
over seeds, are compared with the plain one's, in epochs and in seconds of `fit`, timed
in turns. That is done at the default learning rate, and at one that suits short
trainings, which was chosen on two other splits of digits.

Writes ``benchmarks/results/convergence.csv``.
"""

import argparse
from datetime import date

import numpy as np
from sklearn.model_selection import train_test_split

from stable_embedding import StableAutoencoder

from .datasets import load
from .methods import PLAIN
from .results import among_earlier, show, write
from .timing import medians

DATA = ("digits", "mnist")
N_ROWS = 12_000  # of MNIST, a sixth of them held out
N_SEEDS = 4
LEARNING_RATES = (StableAutoencoder().learning_rate_init, 0.015)


def held_out_loss(parameters, train, test):
    """Mean share of the variance of unseen rows that is not explained, over seeds."""
    scores = [
        StableAutoencoder(random_state=seed, **parameters).fit(train).score(test)
        for seed in range(N_SEEDS)
    ]
    return 1 - np.mean(scores)


def fewest_epochs(parameters, goal, most, train, test):
    """Find the fewest epochs that reach a loss, by bisection; None if none do."""

    def reached(epochs):
        return held_out_loss(parameters | {"max_iter": epochs}, train, test) <= goal

    if not reached(most):
        return None
    least = 0
    while most - least > 1:
        epochs = (least + most) // 2
        least, most = (least, epochs) if reached(epochs) else (epochs, most)
    return most


def compare(name, n_components, train, test, n_turns):
    """Compare the two on one data set, with each learning rate."""
    plain = {"n_components": n_components, **PLAIN}
    goal = held_out_loss(plain, train, test)
    whole = StableAutoencoder(**plain).fit(train).n_iter_
    for rate in LEARNING_RATES:
        ours = {"n_components": n_components, "learning_rate_init": rate}
        epochs = fewest_epochs(ours, goal, whole, train, test)
        if epochs is None:
            continue
        ours["max_iter"] = epochs
        our_seconds, plain_seconds = medians(
            [
                lambda parameters=parameters: StableAutoencoder(**parameters).fit(train)
                for parameters in (ours, plain)
            ],
            n_turns,
            f"{name}, {n_components}",
        )
        yield {
            "data": name,
            "date": date.today(),
            "n_components": n_components,
            "held_out_loss": f"{goal:.4f}",
            "learning_rate_init": rate,
            "plain_epochs": whole,
            "our_epochs": epochs,
            "epochs_ratio": f"{epochs / whole:.3f}",
            "plain_seconds": f"{plain_seconds:.2f}",
            "our_seconds": f"{our_seconds:.2f}",
            "seconds_ratio": f"{our_seconds / plain_seconds:.3f}",
        }


def main():
    """Compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="digits alone")
    parser.add_argument("--data-dir", help="folder with mnist.npz; else from OpenML")
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    arguments = parser.parse_args()
    rows = []
    for name in ("digits",) if arguments.quick else arguments.data:
        X, _ = load(name, arguments.data_dir)
        train, test = train_test_split(X[:N_ROWS], test_size=1 / 6, random_state=0)
        for n_components in (2, 10):
            for row in compare(name, n_components, train, test, n_turns=5):
                show(row)
                rows.append(row)
    if not arguments.quick:
        write("convergence", among_earlier("convergence", rows, data=DATA))


if __name__ == "__main__":
    main()
