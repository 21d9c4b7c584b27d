"""The maps of the interactive demonstration, which are trained when pages are built.

Each method embeds the same digits again and again: with other seeds, without one sample
and without a tenth of them. The page draws the samples that all trainings have.
"""

import json
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from stable_embedding import StableAutoencoder
from stable_embedding.plotting.colors import COLORS
from stable_embedding.stability import displacement

SEEDS = (0, 1, 2)
LEFT_OUT = {"none": 0, "one sample": 1, "a tenth of the samples": 0.1}

# Coordinates are whole numbers up to this one, which is finer than a screen.
_RESOLUTION = 2_000


def plain(seed):
    """Return an autoencoder as it is usually trained."""
    return StableAutoencoder(
        init="random", similarity_weight=0, learning_rate_init=1e-3, random_state=seed
    )


def umap(seed):
    """Return UMAP with one thread: several take another map each time."""
    from umap import UMAP

    return UMAP(random_state=seed, n_jobs=1)


def stable(seed):
    """Return the autoencoder of this package."""
    return StableAutoencoder(random_state=seed)


METHODS = {"Plain autoencoder": plain, "StableAutoencoder": stable, "UMAP": umap}


def load():
    """Load the digits 0 to 4: samples of shape (901, 64), and labels."""
    return load_digits(n_class=5, return_X_y=True)


def kept_samples(n_samples, left_out):
    """Tell which samples are trained on, the same whenever it is asked.

    Parameters
    ----------
    n_samples : int

    left_out : int or float
        Number of samples that are left out, or their fraction.

    Returns
    -------
    ndarray of shape (n_samples,), dtype bool
    """
    n_left_out = left_out if isinstance(left_out, int) else int(left_out * n_samples)
    kept = np.ones(n_samples, dtype=bool)
    kept[np.random.default_rng(0).permutation(n_samples)[:n_left_out]] = False
    return kept


def train(methods, X, seeds=SEEDS, left_out=LEFT_OUT):
    """Embed samples by each method, with each seed and less and less samples.

    Parameters
    ----------
    methods : dict of str to callable
        From a seed to a transformer.

    X : ndarray of shape (n_samples, n_features)

    seeds : sequence of int

    left_out : dict of str to int or float
        What is left out, by its name, the least first.

    Returns
    -------
    dict of str to list of ndarray
        Maps of the samples that all have, for each method: those of one seed after each
        other.
    """
    kept = {name: kept_samples(len(X), n) for name, n in left_out.items()}
    shared = np.logical_and.reduce(list(kept.values()))
    return {
        method: [
            make(seed).fit_transform(X[rows])[shared[rows]]
            for seed, rows in product(seeds, kept.values())
        ]
        for method, make in methods.items()
    }


def moved(maps):
    """Return how far each map is from the first, in percent of the map's variance."""
    return [
        {
            "raw": 100 * displacement(maps[0], one),
            "aligned": 100 * displacement(maps[0], one, aligned=True),
        }
        for one in maps
    ]


def whole_numbers(maps):
    """Round maps to whole numbers in one square that holds all of them."""
    points = np.concatenate(maps)
    low, high = points.min(axis=0), points.max(axis=0)
    width = (high - low).max()
    centered = [(one - (low + high) / 2) / width + 0.5 for one in maps]
    return [np.rint(_RESOLUTION * one).astype(int).tolist() for one in centered]


def page_data(methods, X, y, seeds=SEEDS, left_out=LEFT_OUT):
    """Return all that the page draws, as what JSON can hold."""
    shared = np.logical_and.reduce([kept_samples(len(X), n) for n in left_out.values()])
    return {
        "resolution": _RESOLUTION,
        "colors": list(COLORS),
        "labels": y[shared].tolist(),
        "seeds": list(seeds),
        "leftOut": list(left_out),
        "methods": [
            {"name": name, "maps": whole_numbers(maps), "moved": moved(maps)}
            for name, maps in train(methods, X, seeds, left_out).items()
        ],
    }


def write(path):
    """Write the data as a script, which a page can load from a folder as well."""
    data = json.dumps(page_data(METHODS, *load()), separators=(",", ":"))
    Path(path).write_text(f"window.demonstrationData = {data}\n", encoding="utf-8")
