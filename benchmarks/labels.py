"""Maps of MNIST that are drawn by labels, beside the same without, and UMAP.

``python -m benchmarks.labels --data-dir FOLDER [--n-training N] [--n-init N]
[--methods NAME ...]`` embeds images in two components, with no labels, one in a hundred
and all, by perceptrons and by a convolutional encoder, and measures the 10,000 images
for testing:

- 5-NN accuracy among the codes of all training images, with all of their labels;
- the fraction of the variance that comes back;
- another seed, an image less: mean squared displacement of the map over its variance,
  raw;
- seconds of a fit.

UMAP takes part if it is installed. Writes ``benchmarks/results/labels.csv``.
"""

import argparse
from time import perf_counter

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from tqdm.auto import tqdm

from stable_embedding import StableAutoencoder
from stable_embedding.networks import ConvolutionalEncoder
from stable_embedding.stability import displacement

from .datasets import MNIST_TRAINING_ROWS, load
from .results import show, write

_FRACTION = 0.01


def ours(label_weight, n_init, **parameters):
    """Return what fits a stable autoencoder, with neighbors."""

    def fit(X, y, unseen, seed):
        model = StableAutoencoder(
            neighbor_weight=3,
            label_weight=label_weight,
            n_init=n_init,
            random_state=seed,
            **parameters,
        ).fit(X, y)
        return model.transform(X), model.transform(unseen), model.score(unseen)

    return fit


def umap(X, y, unseen, seed):
    """Fit UMAP, which has no score."""
    from umap import UMAP

    model = UMAP(random_state=seed).fit(X, y)
    return model.embedding_, model.transform(unseen), np.nan


def methods(n_init):
    """Return what is compared, by its name and the labels that it is given."""
    convolution = {"encoder": ConvolutionalEncoder((28, 28))}
    return {
        ("label_weight=0", "none"): ours(0, n_init),
        ("label_weight=1", "one in a hundred"): ours(1, n_init),
        ("label_weight=3", "one in a hundred"): ours(3, n_init),
        ("label_weight=1", "all"): ours(1, n_init),
        ("label_weight=3", "all"): ours(3, n_init),
        ("label_weight=10", "all"): ours(10, n_init),
        ("convolution", "none"): ours(0, n_init, **convolution),
        ("convolution", "one in a hundred"): ours(3, n_init, **convolution),
        ("convolution", "all"): ours(3, n_init, **convolution),
        ("UMAP", "none"): umap,
        ("UMAP", "one in a hundred"): umap,
        ("UMAP", "all"): umap,
    }


def measure(fit, data, given, moves):
    """Fit once, or three times to see how the map moves, and measure it."""
    X, y, unseen, labels = data
    start = perf_counter()
    codes, found, score = fit(X, given, unseen, 0)
    row = {"seconds": f"{perf_counter() - start:.0f}"}
    knn = KNeighborsClassifier().fit(codes, y)
    row |= {"accuracy": f"{knn.score(found, labels):.4f}", "score": f"{score:.3f}"}
    row |= {"another_seed": "", "dropped": ""}
    if moves:
        kept = np.delete(np.arange(len(X)), 137)
        less = None if given is None else given[kept]
        _, of_seed, _ = fit(X, given, unseen, 1)
        _, of_fewer, _ = fit(X[kept], less, unseen, 0)
        row["another_seed"] = f"{displacement(found, of_seed):.5f}"
        row["dropped"] = f"{displacement(found, of_fewer):.5f}"
    return row


def main():
    """Measure all methods, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--n-training", type=int, default=MNIST_TRAINING_ROWS)
    parser.add_argument("--n-init", type=int, default=8)
    parser.add_argument("--methods", nargs="*", help="names, such as convolution")
    parser.add_argument("--accuracy-alone", action="store_true")
    options = parser.parse_args()
    X, y = load("mnist", options.data_dir)
    X, y = X.astype(np.float32), y.astype(int)
    training, test = slice(options.n_training), slice(MNIST_TRAINING_ROWS, None)
    data = X[training], y[training], X[test], y[test]
    known = np.random.default_rng(0).random(len(data[1])) < _FRACTION
    labels = {
        "none": None,
        "one in a hundred": np.where(known, data[1], -1),
        "all": data[1],
    }
    rows = []
    chosen = {
        key: fit
        for key, fit in methods(options.n_init).items()
        if options.methods is None or key[0] in options.methods
    }
    for (name, given), fit in tqdm(chosen.items()):
        start = {"images": len(data[0]), "method": name, "labels": given}
        start |= {"n_init": options.n_init}
        try:
            row = measure(fit, data, labels[given], not options.accuracy_alone)
        except ImportError as error:
            tqdm.write(f"{name}: {error}")
            continue
        rows.append(start | row)
        show(rows[-1])
    write("labels", rows)


if __name__ == "__main__":
    main()
