"""The family side by side, and what each member claims.

``python -m benchmarks.family [--quick] [--data-dir FOLDER]`` trains all members on
digits and on 10,000 images of MNIST (with 4,000 others to measure on), ten components
each, with and without the similarity loss. It measures how stable they are, what they
reconstruct, and what they keep, and writes ``benchmarks/results/family.csv``.

With ``--claims [NAME ...]`` each member shows what it was added for, beside what it has
to beat. The rows of these claims, of all by default, are written to ``claims.csv``;
rows of others stay.
"""

import argparse
from functools import cache, partial
from itertools import product

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from stable_embedding import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    ReconstructionOutlierDetector,
    SemanticHashing,
    SparseAutoencoder,
    StableAutoencoder,
    TripletVariationalAutoencoder,
    VariationalAutoencoder,
    manifold_variance,
)
from stable_embedding.quality import (
    distance_correlation,
    explained_variance,
    lipschitz_estimate,
    neighbor_accuracy,
    triplet_accuracy,
    trustworthiness,
)
from stable_embedding.stability import displacement

from .datasets import load
from .results import among_earlier, show, write
from .timing import timed

N_SEEDS = 3
N_COMPONENTS = 10
WEIGHTS = 0, 1  # of the similarity loss
MEASURED_ROWS = 2_000

MEMBERS = {
    "StableAutoencoder": partial(StableAutoencoder, N_COMPONENTS),
    "the same, random start": partial(StableAutoencoder, N_COMPONENTS, init="random"),
    "the same, pretrained": partial(
        StableAutoencoder, N_COMPONENTS, layerwise_pretraining=True
    ),
    "Denoising, gaussian": partial(DenoisingAutoencoder, N_COMPONENTS),
    "Denoising, masking": partial(
        DenoisingAutoencoder, N_COMPONENTS, corruption="masking"
    ),
    "Denoising, salt and pepper": partial(
        DenoisingAutoencoder, N_COMPONENTS, corruption="salt_and_pepper"
    ),
    "Sparse, kl": partial(SparseAutoencoder, N_COMPONENTS),
    "Sparse, l1": partial(SparseAutoencoder, N_COMPONENTS, penalty="l1"),
    "Sparse, 5 of 10": partial(
        SparseAutoencoder, N_COMPONENTS, penalty="k_sparse", sparsity=5
    ),
    "Contractive": partial(ContractiveAutoencoder, N_COMPONENTS),
    "Variational, gaussian": partial(VariationalAutoencoder, N_COMPONENTS),
    "Variational, bernoulli": partial(
        VariationalAutoencoder, N_COMPONENTS, likelihood="bernoulli"
    ),
    "Triplet variational": partial(TripletVariationalAutoencoder, N_COMPONENTS),
    "SemanticHashing, 32 bits": partial(SemanticHashing, 32),
}


def measure(models, X, X_unseen, y, y_unseen):
    """Fit a member from several seeds, and measure what its maps keep."""
    codes = [model.fit(X, y).transform(X) for model in models]
    unseen = [model.transform(X_unseen) for model in models]
    lost = [
        1 - explained_variance(X_unseen, model.inverse_transform(one))
        for model, one in zip(models, unseen)
    ]
    accuracies = [
        neighbor_accuracy(one, y, other, y_unseen) for one, other in zip(codes, unseen)
    ]
    slopes = [
        lipschitz_estimate(X, one, X_unseen, other) for one, other in zip(codes, unseen)
    ]
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    part = slice(MEASURED_ROWS)
    return unseen[0], {
        "manifold_variance": manifold_variance([one[part] for one in unseen]),
        "unexplained": np.mean(lost),
        "unexplained_sd": np.std(lost, ddof=1),
        "accuracy_5nn": np.mean(accuracies),
        "accuracy_5nn_sd": np.std(accuracies, ddof=1),
        "accuracy_linear": np.mean(
            [
                linear.fit(one, y).score(other, y_unseen)
                for one, other in zip(codes, unseen)
            ]
        ),
        "trustworthiness": np.mean(
            [trustworthiness(X_unseen[part], one[part]) for one in unseen]
        ),
        "correlation": np.mean(
            [distance_correlation(X_unseen[part], one[part]) for one in unseen]
        ),
        "lipschitz": np.mean(slopes),
    }


def compare(data, split, n_seeds):
    """Measure members one by one, and how far a dropped sample moves their maps."""
    X, X_unseen, y, _ = split
    for name, weight in tqdm(list(product(MEMBERS, WEIGHTS)), desc=data):
        make = partial(MEMBERS[name], similarity_weight=weight)
        models = [make(random_state=seed) for seed in range(n_seeds)]
        unseen, figures = measure(models, *split)
        dropped = make(random_state=0).fit(X[1:], y[1:]).transform(X_unseen)
        figures["row_dropped"] = displacement(unseen, dropped)
        shown = {key: f"{value:.4g}" for key, value in figures.items()}
        row = {"data": data, "member": name, "similarity_weight": weight, **shown}
        show(row)
        yield row


def digits(_):
    """Return digits between 0 and 1, as a Bernoulli likelihood asks for, in two."""
    X, y = load("digits")
    return train_test_split(X / 16, y, test_size=1 / 3, random_state=0)


def part_of_mnist(data_dir):
    """Return 10,000 images to train on, 4,000 to measure on, and their labels."""
    images = Images(data_dir)
    return images.part, images.unseen, images.y[:10_000], images.y_test[:4_000]


DATA = {"digits": digits, "mnist": part_of_mnist}


PROBABILISTIC = {
    "n_components": 20,
    "likelihood": "bernoulli",
    "similarity_weight": 0,
    "hidden_layer_sizes": 400,
    "max_iter": 10,
    "random_state": 0,
}


class Images:
    """MNIST: all of it, and the part on which small claims are tried."""

    def __init__(self, data_dir):
        X, y = load("mnist", data_dir)
        self.X, self.X_test = X[:60_000], X[60_000:]
        self.y, self.y_test = y[:60_000], y[60_000:]
        self.part, self.unseen = X[:10_000], X[60_000:64_000]

    @cache  # noqa: B019
    def variational(self):
        """Train the model of which two things are claimed."""
        return VariationalAutoencoder(**PROBABILISTIC).fit(self.X)


def errors(X, rows):
    """Mean squared error of a row, summed over its features."""
    return np.square(rows - X).sum(axis=1).mean()


def denoised(images):
    """Error of images with noise of .5 on each pixel, denoised or coded plainly."""
    noise = np.random.default_rng(0).normal(size=images.unseen.shape)
    noisy = images.unseen + 0.5 * noise
    level = 0.5 / images.part.var(axis=0).mean() ** 0.5
    plain = StableAutoencoder(32, random_state=0).fit(images.part)
    model = DenoisingAutoencoder(32, corruption_level=level, random_state=0)
    coded = plain.inverse_transform(plain.transform(noisy))
    return (
        errors(images.unseen, model.fit(images.part).denoise(noisy)),
        errors(images.unseen, coded),
    )


def sparse(images):
    """Share of codes near zero, below a tenth of their root mean square: L1, plain."""

    def small(model):
        codes = model.fit(images.part).transform(images.unseen)
        return (np.abs(codes) < 0.1 * np.sqrt(np.square(codes).mean())).mean()

    model = SparseAutoencoder(32, penalty="l1", sparsity_weight=1, random_state=0)
    return small(model), small(StableAutoencoder(32, random_state=0))


def insensitive(images):
    """How far noise of .1 on each pixel moves codes, contractive and plain."""
    noise = np.random.default_rng(0).normal(size=images.unseen.shape)

    def moved(model):
        codes = model.fit(images.part).transform(images.unseen)
        return displacement(codes, model.transform(images.unseen + 0.1 * noise))

    return (
        moved(ContractiveAutoencoder(N_COMPONENTS, random_state=0)),
        moved(StableAutoencoder(N_COMPONENTS, random_state=0)),
    )


def likely(images):
    """Minus the bound of test images in nats, 784-400-20 after ten epochs.

    A figure near 104 is what plain implementations in torch report.
    """
    model = images.variational()
    return -model.score_samples(images.X_test).mean(), 104.0


def knowing(images):
    """Triplet accuracy of test images, told classes; 95.60 % in arXiv 1802.04403."""
    model = TripletVariationalAutoencoder(**PROBABILISTIC).fit(images.X, images.y)
    return triplet_accuracy(model.transform(images.X_test), images.y_test), 0.9560


def unknowing(images):
    """Triplet accuracy of test images, not told the classes; 75 % there."""
    model = images.variational()
    return triplet_accuracy(model.transform(images.X_test), images.y_test), 0.75


def linear(images):
    """Squared error of a test image by 30 principal components; Science 313, 2006."""
    pca = PCA(30, random_state=0).fit(images.X)
    rows = pca.inverse_transform(pca.transform(images.X_test))
    return errors(images.X_test, rows), 13.87


def deep(images):
    """Squared error of a test image by 784-1000-500-250-30 units; Science 313, 2006.

    The rate, the weight decay and the number of epochs were chosen by the error on the
    last 10,000 training images, after training on the other 50,000.
    """
    model = VariationalAutoencoder(
        30,
        likelihood="bernoulli",
        kl_weight=0,
        similarity_weight=0,
        hidden_layer_sizes=(1_000, 500, 250),
        n_init=1,
        learning_rate_init=4e-3,
        alpha=0.1,
        max_iter=36,
        random_state=0,
    ).fit(images.X)
    rows = model.inverse_transform(model.transform(images.X_test))
    return errors(images.X_test, rows), 3.00


def binary(images):
    """Share of probabilities of 32 bits between .1 and .9; a fifth would be many."""
    model = SemanticHashing(32, random_state=0).fit(images.part)
    probabilities = model.bit_probabilities(images.unseen)
    return ((probabilities > 0.1) & (probabilities < 0.9)).mean(), 0.2


def detected(name):
    """Area under the curve of planted outliers, ours and that of PCA."""
    X = StandardScaler().fit_transform(load(name)[0])
    planted = np.arange(len(X)) < len(X) // 20
    # Values of their own features, but each from another row.
    X[planted] = np.random.default_rng(0).permuted(X, axis=0)[planted]
    pca = PCA(5).fit(X)
    lost = np.square(X - pca.inverse_transform(pca.transform(X))).sum(axis=1)
    detector = ReconstructionOutlierDetector(StableAutoencoder(5), random_state=0)
    ours = roc_auc_score(planted, -detector.fit(X).score_samples(X))
    return ours, roc_auc_score(planted, lost)


# What is claimed, the way it is measured, and whether less or more is better than the
# other figure, of a rival or published.
CLAIMS = {
    "denoised": (denoised, "less"),
    "sparse": (sparse, "more"),
    "insensitive": (insensitive, "less"),
    "likely": (likely, "less"),
    "knowing": (knowing, "more"),
    "unknowing": (unknowing, "about"),
    "linear": (linear, "about"),
    "deep": (deep, "less"),
    "binary": (binary, "less"),
    **{
        f"detected, {name}": (lambda _, name=name: detected(name), "more")
        for name in ("wine", "breast cancer", "digits")
    },
}


def claim(name, images):
    """Measure what a member was added for."""
    job, better = CLAIMS[name]
    (figure, other), time = timed(lambda: job(images))
    return {
        "claim": name,
        "figure": f"{figure:.4f}",
        "other": f"{other:.4f}",
        "better": better,
        "seconds": f"{time:.0f}",
    }


def show_claims(names, images):
    """Measure claims one by one, and keep each beside what was measured before."""
    for name in tqdm(names, desc="claims"):
        found = claim(name, images)
        show(found)
        write("claims", among_earlier("claims", [found], claim=CLAIMS))


def main():
    """Compare the members, or show what they were added for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="digits, two seeds")
    parser.add_argument("--claims", nargs="*", choices=CLAIMS, help="of all by default")
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--data-dir", help="folder with mnist.npz; else from OpenML")
    arguments = parser.parse_args()
    if arguments.claims is not None:
        if arguments.quick:
            parser.error("--claims has no --quick")
        show_claims(arguments.claims or list(CLAIMS), Images(arguments.data_dir))
        return
    if arguments.quick:
        list(compare("digits", digits(None), 2))
        return
    cells = {"data": DATA, "member": MEMBERS, "similarity_weight": WEIGHTS}
    for name in arguments.data:
        for row in compare(name, DATA[name](arguments.data_dir), N_SEEDS):
            write("family", among_earlier("family", [row], **cells))


if __name__ == "__main__":
    main()
