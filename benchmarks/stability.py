"""How far a map moves when it is trained again, and what it keeps meanwhile.

``python -m benchmarks.stability --data-dir FOLDER [--only CASE ...] [--quick]`` fits
each case with four seeds, and with one seed on three data sets that each lack another
row. It measures unseen rows:

- the mean squared displacement between fits over the variance of the map, raw;
- the same for a single run of the consensus;
- unexplained variance, accuracy of 5 nearest neighbors, trustworthiness;
- the relative manifold variance that `manifold_variance_score` estimates from one fit,
  over the one that the four fits have;
- the rank correlation of ``transform(X, return_std=True)`` with how far rows move.

Of the mixed table the next month is measured in place of a dropped row: 2 % of the rows
leave, 10 % are new, and the new map is pulled to the old one, or only aligned. Appends
to ``benchmarks/results/stability.csv``.
"""

import argparse
from functools import partial
from itertools import combinations

import numpy as np
from scipy.stats import spearmanr
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier

from stable_embedding import (
    StableAutoencoder,
    manifold_variance,
    manifold_variance_score,
)
from stable_embedding.stability import displacement

from .datasets import (
    MNIST_TRAINING_ROWS,
    adult,
    customers,
    load,
    news,
    one_hot_and_standard,
    split,
)
from .results import among_earlier, show, write

MNIST_UNSEEN = 10_000
NEIGHBORS = {"neighbor_weight": 3}

# Unseen customers from which the new ones of a month come; others are measured.
POOL = 600


def digits(data_dir, order=0):
    """Two thirds of the digits, and the rest."""
    return split("digits", *load("digits"), seed=order)


def mnist(data_dir, n_rows, order=None):
    """Images of MNIST to train on, in their order or another, and those for testing."""
    X, y = load("mnist", data_dir)
    index = np.arange(MNIST_TRAINING_ROWS)
    if order is not None:
        index = np.random.default_rng(order).permutation(index)
    index = index[:n_rows]
    return X[index], X[-MNIST_UNSEEN:], y[index], y[-MNIST_UNSEEN:]


def table(data_dir):
    """Encode a month of customers, and unseen ones."""
    frame, group = customers(5_000, np.random.default_rng(0))
    X = one_hot_and_standard(frame[:3_000]).transform(frame)
    return X[:3_000], X[3_000:], group[:3_000], group[3_000:]


def without_a_row(X, at):
    """Drop a row."""
    return X[np.delete(np.arange(X.shape[0]), at)]


def next_month(X, pool, codes, at):
    """Let 2 % of the rows leave and 10 % come; return what is known of their codes."""
    n_rows = len(X)
    rng = np.random.default_rng(at)
    stay = np.sort(rng.permutation(n_rows)[: round(0.98 * n_rows)])
    come = rng.permutation(len(pool))[: round(0.1 * n_rows)]
    no_places = np.full((len(come), codes.shape[1]), np.nan)
    return (
        np.concatenate([X[stay], pool[come]]),
        np.concatenate([codes[stay], no_places]),
    )


CASES = {
    "digits": (digits, {}),
    "digits, another split": (partial(digits, order=1), {}),
    "digits, neighbors": (digits, NEIGHBORS),
    "MNIST 10,000": (partial(mnist, n_rows=10_000), {}),
    "MNIST 10,000, others": (partial(mnist, n_rows=10_000, order=1), {}),
    "MNIST 60,000": (partial(mnist, n_rows=60_000), {}),
    "MNIST 60,000, neighbors": (partial(mnist, n_rows=60_000), NEIGHBORS),
    "adult": (partial(adult, n_rows=8_000), {}),
    "adult, neighbors": (partial(adult, n_rows=8_000), NEIGHBORS),
    "news": (news, {}),
    "news, neighbors": (news, NEIGHBORS),
    "customers, neighbors": (table, NEIGHBORS),
}


def moved(codes):
    """Mean displacement between each two of several embeddings."""
    return np.mean([displacement(*two) for two in combinations(codes, 2)])


def measure(case, data_dir, n_seeds, n_dropped):
    """Fit a case several times, and compare the maps of unseen rows."""
    build, parameters = CASES[case]
    X, X_unseen, y, y_unseen = build(data_dir)
    has_months = case.startswith("customers")
    if has_months:
        pool, X_unseen, y_unseen = X_unseen[:POOL], X_unseen[POOL:], y_unseen[POOL:]
    fit = partial(StableAutoencoder, 2, **parameters)
    model = fit(random_state=0).fit(X)
    codes_of_X = model.transform(X)
    codes, std = model.transform(X_unseen, return_std=True)
    runs = model.transform_runs(X_unseen)
    others = [fit(random_state=seed).fit(X) for seed in range(1, n_seeds)]
    seeds = [codes, *(other.transform(X_unseen) for other in others)]
    one = [runs[0], *(other.transform_runs(X_unseen)[0] for other in others)]
    changed, aligned = [], []
    for at in range(n_dropped):
        if has_months:
            month, places = next_month(X, pool, codes_of_X, at)
            again = fit(random_state=0).fit(month, reference=places)
            known = np.isfinite(places).all(axis=1)
            laid = fit(random_state=0).fit(month).align(month[known], places[known])
            aligned.append(displacement(codes, laid.transform(X_unseen)))
        else:
            at = (137 + 1_009 * at) % X.shape[0]
            again = fit(random_state=0).fit(without_a_row(X, at))
        changed.append(displacement(codes, again.transform(X_unseen)))
    estimated = 1 - manifold_variance_score(model, X_unseen)
    distances = [np.square(codes - other).sum(axis=1) for other in seeds[1:]]
    classifier = KNeighborsClassifier().fit(codes_of_X, y)
    dense = X_unseen[:2_000]
    return {
        "case": case,
        "rows": X.shape[0],
        "seed": f"{moved(seeds):.5f}",
        "dropped_or_month": f"{np.mean(changed):.5f}",
        "month_only_aligned": f"{np.mean(aligned):.5f}" if aligned else "",
        "seed_of_one_run": f"{moved(one):.5f}",
        "unexplained": f"{1 - model.score(X_unseen):.4f}",
        "knn": f"{classifier.score(codes, y_unseen):.4f}",
        "trustworthiness": f"{trustworthiness(dense, codes[:2_000]):.4f}",
        "estimated_over_found": (
            f"{estimated / manifold_variance(seeds, relative=True):.2f}"
        ),
        "std_rank_correlation": f"{spearmanr(std, np.mean(distances, axis=0))[0]:.2f}",
    }


def main():
    """Measure the cases one after the other, print and write each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="digits, two fits of each")
    parser.add_argument("--data-dir", help="folder with MNIST, Adult and AG News")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    arguments = parser.parse_args()
    if arguments.quick:
        show(measure("digits", None, 2, 1))
        return
    for case in arguments.only:
        row = measure(case, arguments.data_dir, n_seeds=4, n_dropped=3)
        show(row)
        write("stability", among_earlier("stability", [row], case=CASES))


if __name__ == "__main__":
    main()
