"""Compare ``alpha="auto"`` with PCA on rows that neither has seen.

``python -m benchmarks.unseen [--data-dir FOLDER]`` splits each data set several times
into two thirds to train on and a third to measure, standardizes features of mixed
units, and compares the variance left unexplained with that of PCA with as many
components. Writes ``benchmarks/results/unseen.csv``.
"""

import argparse

import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from stable_embedding import StableAutoencoder
from stable_embedding.quality import explained_variance

from .datasets import MIXED_UNITS, NAMES, load, small_sets
from .results import write

N_COMPONENTS = (2, 5)
N_SPLITS = 5
MNIST_ROWS = 15_000


def unexplained(estimator, X_train, X_test):
    """Share of the variance of unseen rows that is not explained."""
    estimator.fit(X_train)
    reconstruction = estimator.inverse_transform(estimator.transform(X_test))
    return 1 - explained_variance(X_test, reconstruction)


def measure(name, n_components, split, data_dir):
    """Compare the two on one split of one data set."""
    X = load(name, data_dir)[0] if name in NAMES else small_sets()[name]
    if name == "mnist":
        X = X[np.random.default_rng(split).permutation(len(X))[:MNIST_ROWS]]
    X_train, X_test = train_test_split(X, test_size=1 / 3, random_state=split)
    if name in MIXED_UNITS:
        scaler = StandardScaler().fit(X_train)
        X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    n_found = min(n_components, X.shape[1])
    of_pca = unexplained(PCA(n_found), X_train, X_test)
    ours = unexplained(StableAutoencoder(n_components, random_state=0), X_train, X_test)
    return {
        "data": name,
        "rows": len(X_train),
        "components": n_components,
        "split": split,
        "PCA": f"{of_pca:.6f}",
        "StableAutoencoder": f"{ours:.6f}",
    }


def main():
    """Measure all, print the worst split of each, write every one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder with mnist.npz in Keras's layout")
    data_dir = parser.parse_args().data_dir
    names = [*small_sets(), *NAMES]
    jobs = [
        (name, n_components, split)
        for name in names
        for n_components in N_COMPONENTS
        for split in range(N_SPLITS)
    ]
    rows = [measure(*job, data_dir) for job in tqdm(jobs, unit="split")]
    for name in names:
        for k in N_COMPONENTS:
            of = [r for r in rows if (r["data"], r["components"]) == (name, k)]
            pca, ours = np.array(
                [[r["PCA"], r["StableAutoencoder"]] for r in of], dtype=float
            ).T
            print(
                f"{name:13} k={k} rows={of[0]['rows']:6}  PCA {pca.mean():.4f}"
                f"  ours {ours.mean():.4f}  worst difference {(ours - pca).max():+.4f}"
                f" ({np.max((ours - pca) / np.maximum(pca, 1e-6)):+.2%})"
            )
    write("unseen", rows)


if __name__ == "__main__":
    main()
