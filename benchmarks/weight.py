"""What the similarity weight and the start buy on digits, and which the rule takes.

``python -m benchmarks.weight [--quick] [--n-jobs N]`` searches a grid of both by
stability and reconstruction of the rows held out, and chooses by
:func:`stable_embedding.most_stable_within_one_standard_error`. Writes
``benchmarks/results/weight.csv``.
"""

import argparse

from sklearn.model_selection import GridSearchCV, KFold
from tqdm.auto import tqdm

from stable_embedding import (
    StableAutoencoder,
    manifold_variance_score,
    most_stable_within_one_standard_error,
)

from .datasets import load
from .results import show_and_write

GRID = {"init": ["random", "pca"], "similarity_weight": [0, 0.1, 0.3, 1, 3]}


def search(X, n_components, shuffle, quick, n_jobs):
    """Search the grid; one row for each candidate."""
    n_folds, n_init = (2, 2) if quick else (5, 5)
    folds = KFold(n_folds, shuffle=shuffle, random_state=0 if shuffle else None)
    found = GridSearchCV(
        StableAutoencoder(n_components, n_init=n_init, random_state=0),
        GRID,
        scoring={"stability": manifold_variance_score, "reconstruction": None},
        refit=most_stable_within_one_standard_error,
        cv=folds,
        n_jobs=n_jobs,
    ).fit(X)
    scores = [
        f"{part}_test_{score}"
        for score in ("stability", "reconstruction")
        for part in ("mean", "std")
    ]
    return [
        {
            "components": n_components,
            "folds": "shuffled" if shuffle else "in order",
            **parameters,
            **{score: f"{found.cv_results_[score][i]:.6f}" for score in scores},
            "chosen": i == found.best_index_,
        }
        for i, parameters in enumerate(found.cv_results_["params"])
    ]


def main():
    """Search in 2 and 10 components, with folds in order and shuffled."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2 runs, 2 folds")
    parser.add_argument("--n-jobs", type=int, help="trainings at the same time")
    arguments = parser.parse_args()
    X, _ = load("digits")
    searches = [(k, shuffle) for k in (2, 10) for shuffle in (False, True)]
    rows = [
        row
        for k, shuffle in tqdm(searches, unit="search")
        for row in search(X, k, shuffle, arguments.quick, arguments.n_jobs)
    ]
    show_and_write("weight", rows, arguments.quick)


if __name__ == "__main__":
    main()
