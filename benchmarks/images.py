"""Maps of images by a convolutional encoder, beside a perceptron and other methods.

``python -m benchmarks.images --data-dir FOLDER [--n-training N] [--n-init N]`` embeds
images of MNIST in two components, and measures 5,000 of the 10,000 for testing:

- 5-NN accuracy among the codes of the training images;
- trustworthiness and the fraction of the variance that comes back;
- an image less: mean squared displacement of the map over its variance, raw, when one
  image is not trained on;
- seconds of a fit.

UMAP and PaCMAP take part if their packages are installed. Writes
``benchmarks/results/images.csv``.
"""

import argparse
from time import perf_counter

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from tqdm.auto import tqdm

from stable_embedding import StableAutoencoder
from stable_embedding.networks import ConvolutionalEncoder
from stable_embedding.quality import trustworthiness
from stable_embedding.stability import displacement

from .datasets import MNIST_TRAINING_ROWS, load
from .results import show, write

N_UNSEEN, N_COMPARED = 5_000, 2_000


class Ours:
    """A stable autoencoder, with neighbors."""

    def __init__(self, n_init, **parameters):
        self.parameters = {"neighbor_weight": 3, "n_init": n_init, "random_state": 0}
        self.parameters |= parameters

    def __call__(self, X, unseen):
        """Fit; return codes of both, and the score of the unseen ones."""
        model = StableAutoencoder(**self.parameters).fit(X)
        return model.transform(X), model.transform(unseen), model.score(unseen)


def umap(X, unseen):
    """Fit UMAP; return codes of both, and no score."""
    from umap import UMAP

    model = UMAP(random_state=0).fit(X)
    return model.embedding_, model.transform(unseen), np.nan


def pacmap(X, unseen):
    """Fit PaCMAP; return codes of both, and no score."""
    from pacmap import PaCMAP

    model = PaCMAP(random_state=0, save_tree=True)
    codes = model.fit_transform(X)
    return codes, model.transform(unseen, basis=X), np.nan


def methods(n_init):
    """Return what is compared, by its name."""
    return {
        "perceptron": Ours(n_init),
        "convolution": Ours(n_init, encoder=ConvolutionalEncoder((28, 28))),
        "UMAP": umap,
        "PaCMAP": pacmap,
    }


def measure(fit, X, y, unseen, labels):
    """Fit twice, and measure the map of the unseen images."""
    start = perf_counter()
    codes, found, score = fit(X, unseen)
    seconds = perf_counter() - start
    kept = np.delete(np.arange(len(X)), 137)
    _, again, _ = fit(X[kept], unseen)
    some = slice(N_COMPARED)
    return {
        "accuracy": f"{KNeighborsClassifier().fit(codes, y).score(found, labels):.4f}",
        "trustworthiness": f"{trustworthiness(unseen[some], found[some]):.3f}",
        "score": f"{score:.3f}",
        "dropped": f"{displacement(found, again):.5f}",
        "seconds": f"{seconds:.0f}",
    }


def main():
    """Measure all methods, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--n-training", type=int, default=MNIST_TRAINING_ROWS)
    parser.add_argument("--n-init", type=int, default=8)
    parser.add_argument("--methods", nargs="*", default=list(methods(1)))
    options = parser.parse_args()
    X, y = load("mnist", options.data_dir)
    X = X.astype(np.float32)
    training = slice(options.n_training)
    unseen = slice(MNIST_TRAINING_ROWS, MNIST_TRAINING_ROWS + N_UNSEEN)
    rows = []
    for name in tqdm(options.methods):
        start = {"method": name, "images": options.n_training}
        try:
            row = measure(
                methods(options.n_init)[name],
                X[training],
                y[training],
                X[unseen],
                y[unseen],
            )
        except ImportError as error:
            tqdm.write(f"{name}: {error}")
            continue
        rows.append(start | row)
    for row in rows:
        show(row)
    write("images", rows)


if __name__ == "__main__":
    main()
