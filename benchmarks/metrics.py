"""Maps that follow other distances than the Euclidean ones, beside UMAP and Isomap.

``python -m benchmarks.metrics [--quick] [--data-dir FOLDER]`` fits swiss rolls of 2,000
samples by geodesic distances, and the TF-IDF of 5,600 news by cosine distances, if
there is a folder with ``ag_news.csv.gz``. All is measured on samples left over, 1,000
and 2,000. Movement is the displacement of their map with another seed and with a sample
dropped.
Writes ``benchmarks/results/metrics.csv``, where rows that are not measured again stay.
It uses one thread.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.spatial.distance import pdist
from sklearn.datasets import make_swiss_roll
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.manifold import Isomap

from stable_embedding import StableAutoencoder
from stable_embedding.quality import neighbor_accuracy, trustworthiness
from stable_embedding.stability import displacement

from .results import among_earlier, show, write

N_ROLLS = 5

DEEP = {"n_neighbors": 30, "hidden_layer_sizes": (128,) * 5}


def ours(**parameters):
    return lambda seed: StableAutoencoder(random_state=seed, **parameters)


def umap(**parameters):
    def build(seed):
        from umap import UMAP

        return UMAP(random_state=seed, **parameters)

    return build


ROLL_METHODS = {
    "metric='geodesic'": ours(metric="geodesic"),
    "metric='geodesic', one run": ours(metric="geodesic", n_init=1),
    "metric='euclidean'": ours(),
    "Isomap": lambda seed: Isomap(n_neighbors=15),
    "UMAP": umap(),
}

NEWS_METHODS = {
    "metric='cosine', five layers": ours(metric="cosine", neighbor_weight=3.0, **DEEP),
    "metric='cosine'": ours(metric="cosine", neighbor_weight=3.0),
    "metric='cosine', no neighbors": ours(metric="cosine"),
    "similarity='cosine'": ours(similarity="cosine"),
    "similarity='inner_product'": ours(similarity="inner_product"),
    "similarity='distance'": ours(),
    "UMAP": umap(metric="cosine"),
}


def swiss_roll(seed):
    """Draw samples of a roll, and their places on the sheet."""
    X, angle = make_swiss_roll(3_000, random_state=seed)
    length = (angle * np.sqrt(1 + angle**2) + np.arcsinh(angle)) / 2
    return X, np.stack([length, X[:, 1]], axis=1)


def news(data_dir):
    """Load the TF-IDF of 3,000 words of 5,600 news and 2,000 others, and classes."""
    frame = pd.read_csv(Path(data_dir) / "ag_news.csv.gz")
    frame = frame.sample(7_600, random_state=0)
    texts, y = frame["title"] + " " + frame["text"], frame["class"].to_numpy()
    words = TfidfVectorizer(max_features=3_000, sublinear_tf=True).fit(texts[:5_600])
    return words.transform(texts).astype(np.float32), y


def fits(method, X, n_train):
    """Fit three times: with two seeds, and with a sample dropped."""
    fewer = np.delete(np.arange(n_train), n_train // 2)
    model = method(0).fit(X[:n_train])
    maps = [
        one.transform(X[n_train:])
        for one in (model, method(1).fit(X[:n_train]), method(0).fit(X[fewer]))
    ]
    moved = {
        "another_seed": f"{displacement(maps[0], maps[1]):.6f}",
        "row_dropped": f"{displacement(maps[0], maps[2]):.6f}",
    }
    return model, maps[0], moved


def agreement(codes, places):
    return f"{np.corrcoef(pdist(codes), pdist(places))[0, 1]:.4f}"


def row_of_roll(name, method, seed):
    """Measure a method on a swiss roll."""
    X, places = swiss_roll(seed)
    model, codes, moved = fits(method, X, 2_000)
    is_ours = isinstance(model, StableAutoencoder)
    return {
        "data": f"swiss roll {seed}",
        "method": name,
        "training": agreement(model.transform(X[:2_000]), places[:2_000]),
        "unseen": agreement(codes, places[2_000:]),
        "accuracy": "no",
        "trustworthiness": "no",
        "explained": f"{model.score(X[2_000:]):.4f}" if is_ours else "no",
        **moved,
    }


def row_of_news(name, method, X, y):
    """Measure a method on news."""
    model, codes, moved = fits(method, X, 5_600)
    seen = model.transform(X[:5_600])
    accuracy = neighbor_accuracy(seen, y[:5_600], codes, y[5_600:])
    trust = trustworthiness(X[5_600:], codes, metric="cosine")
    return {
        "data": "news",
        "method": name,
        "training": "no",
        "unseen": "no",
        "accuracy": f"{accuracy:.4f}",
        "trustworthiness": f"{trust:.4f}",
        "explained": "no",
        **moved,
    }


def available(methods):
    """Leave out UMAP where it is not installed."""
    try:
        import umap  # noqa: F401
    except ImportError:
        return {name: one for name, one in methods.items() if name != "UMAP"}
    return methods


def measured(rolls, data_dir):
    """Measure all methods, each row as soon as it is found."""
    for seed in range(rolls):
        for name, method in available(ROLL_METHODS).items():
            yield row_of_roll(name, method, seed)
    if data_dir:
        X, y = news(data_dir)
        for name, method in available(NEWS_METHODS).items():
            yield row_of_news(name, method, X, y)


def main():
    """Fit, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one roll, no news")
    parser.add_argument("--data-dir", help="folder with ag_news.csv.gz")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")  # the peers' own
    torch.set_num_threads(1)
    if arguments.quick:
        for row in measured(1, None):
            show(row)
        return
    cells = {
        "data": [*(f"swiss roll {seed}" for seed in range(N_ROLLS)), "news"],
        "method": ROLL_METHODS | NEWS_METHODS,
    }
    for row in measured(N_ROLLS, arguments.data_dir):
        show(row)
        write("metrics", among_earlier("metrics", [row], **cells))


if __name__ == "__main__":
    main()
