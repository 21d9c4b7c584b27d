"""What neighbors bits find, beside the signs of PCA and iterative quantization.

``python -m benchmarks.hashing [--quick] --data-dir FOLDER`` makes bits of digits, of
10,000 images of MNIST and of 5,600 news, and searches the 50 nearest neighbors of
unseen samples by them: of the last 597 digits, the first 4,000 images for testing and
2,000 other news. ``--quick`` takes digits alone, and writes nothing.

Within each Hamming radius, the pairs of all unseen samples have a precision and a
recall. It finds the area under this curve (`average_precision`), and the recall among
the nearest hundredth of all pairs (`recall_of_1_in_100`). Beside these it finds the
area for each unseen sample alone, and its mean (`mean_average_precision`). Of digits
it shows which part of the bits of unseen samples is another after a training with
another seed, and after one without the first sample.

Writes ``benchmarks/results/hashing.csv`` and ``hashing.png``.
"""

import argparse
from functools import partial
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group
from sklearn.decomposition import PCA
from sklearn.metrics import average_precision_score, precision_recall_curve
from sklearn.neighbors import NearestNeighbors
from tqdm.auto import tqdm

from stable_embedding import SemanticHashing

from .datasets import load, news
from .results import save, show, write

N_BITS = 16, 32, 64
N_NEIGHBORS = 50
# Instead of the eight by default, which take longer. Their mean moves less.
N_INIT = 1
N_TURNS = 50
SEARCHED = 0.01
# Unseen samples that are measured each for itself.
QUERIES = 500


class Signs:
    """Signs of the scores of PCA, of which there are as many as features.

    Iterative quantization, if it is wanted, rotates them, from a random rotation
    (Gong and Lazebnik, CVPR 2011).
    """

    def __init__(self, n_bits, rotate=False, random_state=0):
        self.n_bits = n_bits
        self.rotate = rotate
        self.random_state = random_state

    def fit(self, X):
        """Find axes, and a rotation."""
        solver = "full" if isinstance(X, np.ndarray) else "arpack"
        self.pca_ = PCA(self.n_bits, svd_solver=solver, random_state=0).fit(X)
        scores = self.pca_.transform(X)
        self.rotation_ = np.eye(self.n_bits)
        if self.rotate:
            self.rotation_ = iterative_quantization(scores, self.random_state)
        return self

    def transform(self, X):
        """Cut scores to bits."""
        scores = self.pca_.transform(X)
        return (scores @ self.rotation_ > 0).astype(np.uint8)


def iterative_quantization(scores, random_state):
    """Turn scores such that they lie nearest to their signs."""
    rotation = ortho_group.rvs(scores.shape[1], random_state=random_state)
    for _ in range(N_TURNS):
        signs = np.where(scores @ rotation > 0, 1, -1)
        rotation, _ = orthogonal_procrustes(scores, signs)
    return rotation


METHODS = {
    "SemanticHashing": partial(SemanticHashing, n_init=N_INIT, random_state=0),
    "iterative quantization": partial(Signs, rotate=True),
    "PCA, signs": Signs,
}


def samples_of(name, data_dir):
    """Return samples to train on, and unseen ones."""
    if name == "news":
        return news(data_dir)[:2]
    X, _ = load(name, data_dir)
    if name == "mnist":
        return X[:10_000], X[60_000:64_000]
    return X[:1_200], X[1_200:]


def radii(bits, unseen_bits):
    """Hamming distances of unseen samples from those that were trained on."""
    n_bits = bits.shape[1]
    return np.rint(n_bits * cdist(unseen_bits, bits, "hamming")).astype(np.uint8)


def curve_data(found, neighbors, n_bits):
    """Return labels, scores and counts of pairs, one for each radius and label."""
    of_neighbors = np.take_along_axis(found, neighbors, axis=1)
    near, every = (
        np.bincount(some.ravel(), minlength=n_bits + 1)
        for some in (of_neighbors, found)
    )
    labels = np.repeat([1, 0], n_bits + 1)
    scores = -np.tile(np.arange(n_bits + 1), 2)
    return labels, scores, np.concatenate([near, every - near])


def recall_among(labels, counts, fraction):
    """Return the recall among the pairs that are next by radius, a fraction of all."""
    near, others = np.split(counts, 2)
    searched = np.append(0, np.cumsum(near + others)) / counts.sum()
    return np.interp(fraction, searched, np.append(0, np.cumsum(near)) / near.sum())


def mean_average_precision(found, neighbors):
    """Return the mean of the average precision of some unseen samples."""
    areas = []
    for row, near in zip(found[:QUERIES], neighbors):
        labels = np.zeros(len(row))
        labels[near] = 1
        areas.append(average_precision_score(labels, -row.astype(int)))
    return np.mean(areas)


def changed(name, n_bits, X, unseen, unseen_bits):
    """Return which part of the bits another seed and a sample less change."""
    seed = METHODS[name](n_bits, random_state=1)
    dropped = METHODS[name](n_bits)
    return [
        (one.fit(some).transform(unseen) != unseen_bits).mean()
        for one, some in ((seed, X), (dropped, X[1:]))
    ]


def compare(name, n_bits, X, unseen, neighbors):
    """Measure all methods; return their rows and what their curves are drawn from."""
    rows, curves = [], {}
    for method, make in METHODS.items():
        model = make(n_bits).fit(X)
        unseen_bits = model.transform(unseen)
        found = radii(model.transform(X), unseen_bits)
        labels, scores, counts = curve_data(found, neighbors, n_bits)
        area = average_precision_score(labels, scores, sample_weight=counts)
        seed = dropped = np.nan
        if name == "digits":
            seed, dropped = changed(method, n_bits, X, unseen, unseen_bits)
        figures = {
            "average_precision": area,
            "mean_average_precision": mean_average_precision(found, neighbors),
            "recall_of_1_in_100": recall_among(labels, counts, SEARCHED),
            "changed_by_seed": seed,
            "changed_by_a_sample_less": dropped,
        }
        shown = {key: f"{value:.4f}" for key, value in figures.items()}
        rows.append({"data": name, "bits": n_bits, "method": method, **shown})
        show(rows[-1])
        curves[method] = precision_recall_curve(labels, scores, sample_weight=counts)
    return rows, curves


def draw(curves, names):
    """Draw precision against recall, a panel for each data set and number of bits."""
    figure, axes = plt.subplots(
        len(names),
        len(N_BITS),
        figsize=(3.2 * len(N_BITS), 2.8 * len(names)),
        sharex=True,
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    for (name, n_bits), ax in zip(product(names, N_BITS), axes.flat):
        for method, (precision, recall, _) in curves[name, n_bits].items():
            ax.plot(recall, precision, ".-", markersize=4, label=method)
        ax.set_title(f"{name}, {n_bits} bits", fontsize=10)
    for ax in axes[-1]:
        ax.set_xlabel("recall")
    for ax in axes[:, 0]:
        ax.set_ylabel("precision")
    save("hashing", figure, axes[0, 0])


def main():
    """Compare on each data set, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="digits alone")
    parser.add_argument("--data-dir", help="folder with mnist.npz and ag_news.csv.gz")
    arguments = parser.parse_args()
    names = ["digits"] if arguments.quick else ["mnist", "news", "digits"]
    rows, curves = [], {}
    for name in names:
        X, unseen = samples_of(name, arguments.data_dir)
        nearest = NearestNeighbors(n_neighbors=N_NEIGHBORS).fit(X)
        neighbors = nearest.kneighbors(unseen, return_distance=False)
        for n_bits in tqdm(N_BITS, desc=name):
            found, curves[name, n_bits] = compare(name, n_bits, X, unseen, neighbors)
            rows += found
        if not arguments.quick:
            write("hashing", rows, seeds="0 and 1")
    if not arguments.quick:
        draw(curves, names)


if __name__ == "__main__":
    main()
