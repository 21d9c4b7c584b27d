"""What moves a map of digits, and how far: ours beside PCA, t-SNE and UMAP.

``python -m benchmarks.perturbations [--quick] [--n-jobs N]`` trains each method under
each perturbation of :func:`stable_embedding.stability_report`, on all 1,797 digits and
on the first 1,000. Writes ``benchmarks/results/perturbations.csv`` and ``.png``.

t-SNE stands there twice. From its PCA start, scikit-learn's default, it can stay where
it was when a row is dropped, or jump; from a random start it jumps.
"""

import argparse
import warnings

import matplotlib.pyplot as plt
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from stable_embedding import StableAutoencoder, stability_report

from .datasets import load
from .methods import PLAIN
from .results import save, write

N_ROWS = (1_797, 1_000)


def methods():
    """Name each method; UMAP is imported here, since it takes long."""
    from umap import UMAP

    return {
        "PCA": PCA(2),
        "StableAutoencoder": StableAutoencoder(2),
        "StableAutoencoder, n_init=5": StableAutoencoder(2, n_init=5),
        "plain autoencoder": StableAutoencoder(2, **PLAIN),
        "t-SNE": TSNE(2),
        "t-SNE, random start": TSNE(2, init="random"),
        "UMAP": UMAP(n_components=2),
    }


def main():
    """Measure all, print the tables, write and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="300 rows, one run")
    parser.add_argument("--n-jobs", type=int, help="trainings at the same time")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module="umap")
    X, _ = load("digits")
    sizes = (300,) if arguments.quick else N_ROWS
    figure, axes = plt.subplots(
        len(sizes), figsize=(8, 4.5 * len(sizes)), layout="constrained", squeeze=False
    )
    rows = []
    for n_rows, ax in zip(sizes, axes.ravel()):
        report = stability_report(
            methods(),
            X[:n_rows],
            n_runs=1 if arguments.quick else 5,
            n_jobs=arguments.n_jobs,
        )
        print(f"\n{n_rows} digits\n{report}")
        rows += [{"rows": n_rows, **row} for row in report.rows]
        report.plot(ax=ax).ax_.set_title(f"{n_rows:,} digits, 2 components")
    if arguments.quick:
        return
    write("perturbations", rows)
    save("perturbations", figure)


if __name__ == "__main__":
    main()
