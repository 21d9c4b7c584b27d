"""How far unseen samples lie from their nearest neighbors, beside a plain autoencoder.

``python -m benchmarks.lipschitz [--quick] [--data-dir FOLDER]`` trains both on digits
and on 10,000 images of MNIST, with 2, 5 and 10 components and several seeds. It finds
the 95 % quantile and the largest value of the slopes of
:func:`stable_embedding.quality.lipschitz_estimate`, on samples that were held out.
Writes ``benchmarks/results/lipschitz.csv``.
"""

import argparse
from functools import partial
from itertools import product

from tqdm.auto import tqdm

from stable_embedding import StableAutoencoder
from stable_embedding.quality import lipschitz_estimate

from .datasets import load, mnist, split
from .methods import PLAIN
from .results import show_and_write

N_SEEDS = 5
N_COMPONENTS = (2, 5, 10)
N_IMAGES = 10_000
MAPS = {"plain": partial(StableAutoencoder, **PLAIN), "ours": StableAutoencoder}


def slopes(make, n_components, seed, X, X_unseen):
    """Train on samples; return two quantiles of the slopes of unseen ones."""
    model = make(n_components, random_state=seed)
    codes = model.fit_transform(X)
    unseen = model.transform(X_unseen)
    return {
        name: f"{lipschitz_estimate(X, codes, X_unseen, unseen, quantile):.4f}"
        for name, quantile in (("slope_95", 0.95), ("largest", 1.0))
    }


def main():
    """Train, print and write the slopes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="digits, one seed")
    parser.add_argument("--data-dir", help="folder with mnist.npz; else from OpenML")
    arguments = parser.parse_args()
    data = {"digits": split("digits", *load("digits"), seed=0)}
    if not arguments.quick:
        data["MNIST, 10,000"] = mnist(N_IMAGES, arguments.data_dir)
    seeds = range(1 if arguments.quick else N_SEEDS)
    jobs = list(product(data, N_COMPONENTS, MAPS, seeds))
    rows = [
        {"data": name, "components": k, "map": kind, "seed": seed}
        | slopes(MAPS[kind], k, seed, *data[name][:2])
        for name, k, kind, seed in tqdm(jobs, unit="training")
    ]
    show_and_write("lipschitz", rows, arguments.quick)


if __name__ == "__main__":
    main()
