"""Which rule keeps the signs of principal axes when rows are dropped.

``python -m benchmarks.signs [--data-dir FOLDER] [--quick]`` fits PCA to samples of
digits and MNIST, drops one row, a tenth and a third, and counts how often a rule turns
over one of the first two axes. Axes that turn by more than 25 degrees are left out.
Writes ``benchmarks/results/signs.csv``.
"""

import argparse

import numpy as np
from sklearn.decomposition import PCA
from tqdm.auto import tqdm

from stable_embedding.data.pca import signed_moment

from .datasets import load
from .results import show_and_write

RULES = {
    "largest entry": lambda axes, scores: axes[np.arange(2), np.abs(axes).argmax(1)],
    "cubes of entries": lambda axes, scores: signed_moment(axes.T, 3),
    "fifth powers of entries": lambda axes, scores: signed_moment(axes.T, 5),
    "cubes of scores": lambda axes, scores: signed_moment(scores, 3),
    "fifth powers of entries and cubes of scores": lambda axes, scores: (
        signed_moment(axes.T, 5) + signed_moment(scores, 3)
    ),
}
SHARES = {"one": 0.0, "tenth": 0.1, "third": 1 / 3}


def signed(X):
    """Two principal axes and their sign by each rule."""
    rows = X - X.mean(axis=0)
    axes = PCA(2, svd_solver="full").fit(rows).components_
    signs = {name: np.sign(rule(axes, rows @ axes.T)) for name, rule in RULES.items()}
    return axes, signs


def samples(data_dir, n_samples):
    """Yield samples of 1,000 digits and of 1,500 images of MNIST."""
    for name, n_rows in (("digits", 1_000), ("mnist", 1_500)):
        X, _ = load(name, data_dir)
        for seed in range(n_samples):
            yield X[np.random.default_rng(seed).permutation(len(X))[:n_rows]]


def main():
    """Count, print and write the share of axes that are turned over."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder with mnist.npz in Keras's layout")
    parser.add_argument("--quick", action="store_true", help="2 samples instead of 10")
    arguments = parser.parse_args()
    n_samples = 2 if arguments.quick else 10
    turned = {(share, rule): 0 for share in SHARES for rule in RULES}
    n_axes = dict.fromkeys(SHARES, 0)
    for X in tqdm(samples(arguments.data_dir, n_samples), total=2 * n_samples):
        axes, signs = signed(X)
        for share, size in SHARES.items():
            for seed in range(10):
                order = np.random.default_rng(seed).permutation(len(X))
                fewer, other = signed(X[order[max(1, round(size * len(X))) :]])
                cosines = np.sum(axes * fewer, axis=1)
                kept = np.abs(cosines) > np.cos(np.deg2rad(25))
                n_axes[share] += kept.sum()
                for rule in RULES:
                    over = signs[rule] * other[rule] * cosines < 0
                    turned[share, rule] += (over & kept).sum()
    rows = [
        {"dropped": share, "rule": rule, "turned": count, "axes": n_axes[share]}
        for (share, rule), count in turned.items()
    ]
    show_and_write("signs", rows, arguments.quick)


if __name__ == "__main__":
    main()
