"""The thesis's four claims, and which part of the recipe earns them.

``python -m benchmarks.thesis [--quick] [--data-dir FOLDER] [--n-jobs N] [--data NAME
...]`` trains a plain autoencoder from ten seeds, and beside it the same network with
the similarity loss alone, the recipe without that loss, and both, which is
`StableAutoencoder`. All are trained on the same rows, for as many epochs (on few rows
the recipe for fewer), and measured on rows held out:

- variability: the manifold variance over seeds, of at most 1,000 rows;
- deviation: the standard deviation over seeds of the accuracy of classifiers;
- reconstruction: the share of the variance that is not explained;
- classification: the accuracy of k-NN, logistic regression, an SVM and a random forest,
  each trained on the codes of at most 5,000 of the rows trained on.

Intervals of 95 % are over seeds: runs of both arms are drawn again, and not points.
Stop it when you like: it keeps each training in ``benchmarks/results/trainings``, and
resumes from there unless the sources or versions have changed.
Writes each run to ``benchmarks/results/thesis_runs.csv``, what is gained on the plain
one to ``thesis.csv``, and ``thesis.png``. Rows of data sets that are not named stay.
"""

import argparse
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import sklearn
import torch
from joblib import Memory, Parallel, delayed
from scipy.spatial.distance import pdist
from scipy.stats import bootstrap
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import resample
from tqdm.auto import tqdm

from stable_embedding import StableAutoencoder

from .datasets import MNIST_TRAINING_ROWS, load, split
from .methods import CLASSIFIERS, PLAIN
from .results import FOLDER, among_earlier, save, show, write
from .sources import fingerprint

N_SEEDS = 10
COMPARED_ROWS = 1_000
CLASSIFIED_ROWS = 5_000
N_RESAMPLES = 2_000

# Rows to train on; of None two thirds.
DATA = {
    "iris": ("iris", None),
    "wine": ("wine", None),
    "breast cancer": ("breast cancer", None),
    "digits": ("digits", None),
    "MNIST, 10,000 rows": ("mnist", 10_000),
    "MNIST, 60,000 rows": ("mnist", MNIST_TRAINING_ROWS),
}
N_COMPONENTS = (2, 10)

ARMS = {
    "plain autoencoder": PLAIN,
    "similarity loss alone": {**PLAIN, "similarity_weight": 1},
    "recipe without the loss": {"similarity_weight": 0},
    "StableAutoencoder": {},
}

# What the thesis reports at best, in percent.
CLAIMED = {
    "variability": 49.58,
    "deviation": 88.05,
    "reconstruction": 23.79,
    "classification": 15.31,
}
TITLES = {
    "variability": "less variability of the map",
    "deviation": "less deviation of accuracy",
    "reconstruction": "less reconstruction loss",
    "classification": "gain in accuracy",
}


def rows_of(data, data_dir):
    """Rows to train on and rows held out, with their labels."""
    name, n_rows = DATA[data]
    X, y = load(name, data_dir)
    if name == "mnist":
        kept, held_out = slice(n_rows), slice(MNIST_TRAINING_ROWS, None)
        return X[kept], X[held_out], y[kept], y[held_out]
    return split(name, X, y, seed=0)


def some(n_kept, *arrays):
    """Draw the same rows of some arrays, each time the same, or keep all."""
    n_kept = min(n_kept, len(arrays[0]))
    return resample(*arrays, replace=False, n_samples=n_kept, random_state=0)


def run(data, n_components, arm, seed, data_dir):
    """Train once; return what is measured and the codes of some rows held out."""
    torch.set_num_threads(1)
    X, X_unseen, y, y_unseen = rows_of(data, data_dir)
    model = StableAutoencoder(n_components, random_state=seed, **ARMS[arm]).fit(X)
    codes, labels = some(CLASSIFIED_ROWS, model.transform(X), y)
    unseen, unseen_labels = some(CLASSIFIED_ROWS, model.transform(X_unseen), y_unseen)
    measured = {"reconstruction": 1 - model.score(X_unseen)}
    for name, make in CLASSIFIERS.items():
        classifier = make_pipeline(StandardScaler(), make()).fit(codes, labels)
        measured[name] = classifier.score(unseen, unseen_labels)
    return measured, some(COMPARED_ROWS, unseen)


class Arm:
    """All runs of one arm on one data set."""

    def __init__(self, runs):
        self.measured = [measured for measured, _ in runs]
        normalized = [codes / codes.mean() for codes in (pdist(c) for _, c in runs)]
        # Half the mean squared difference of two runs is their variance.
        self.variance = np.array(
            [[np.mean((a - b) ** 2) / 2 for a in normalized] for b in normalized]
        )

    def column(self, name):
        """One measure of all runs; "classification" is the mean over classifiers."""
        names = list(CLASSIFIERS) if name == "classification" else [name]
        return np.mean([[one[name] for one in self.measured] for name in names], axis=0)

    def manifold_variance(self, drawn):
        """Manifold variance of runs drawn, by pairs of runs that are not the same."""
        pairs = np.not_equal.outer(drawn, drawn)
        return self.variance[np.ix_(drawn, drawn)][pairs].mean()

    def statistic(self, name):
        """Name what is compared as a function of the runs drawn."""
        if name == "variability":
            return self.manifold_variance
        if name == "deviation":
            accuracy = self.column("classification")
            return lambda drawn: accuracy[drawn].std(ddof=1)
        values = self.column(name)
        return lambda drawn: values[drawn].mean()


def gain(plain, arm, measure):
    """Percent gained on the plain one, and its interval over runs."""
    of_plain, of_arm = plain.statistic(measure), arm.statistic(measure)
    sign = 1 if measure in ("classification", *CLASSIFIERS) else -1

    def percent(runs_of_plain, runs_of_arm):
        return 100 * sign * (of_arm(runs_of_arm) / of_plain(runs_of_plain) - 1)

    runs = np.arange(len(plain.measured))
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = bootstrap(
            (runs, runs),
            percent,
            vectorized=False,
            n_resamples=N_RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(0),
        ).bootstrap_distribution
        # Of three runs now and then one alone is drawn, which has no variance.
        low, high = np.nanpercentile(drawn, [2.5, 97.5])
        return {
            "plain": f"{of_plain(runs):.6g}",
            "value": f"{of_arm(runs):.6g}",
            "percent": f"{percent(runs, runs):.2f}",
            "low": f"{low:.2f}",
            "high": f"{high:.2f}",
        }


def compared(arms):
    """Compare each arm with the plain one by each measure."""
    rows = []
    for (data, n_components, arm), of_arm in arms.items():
        if ARMS[arm] is PLAIN:
            continue
        plain = arms[data, n_components, "plain autoencoder"]
        for measure in (*CLAIMED, *CLASSIFIERS):
            rows.append(
                {
                    "data": data,
                    "components": n_components,
                    "method": arm,
                    "measure": measure,
                    **gain(plain, of_arm, measure),
                }
            )
            show(rows[-1])
    return rows


def draw(rows):
    """Draw each claim: a bar a data set and arm, and the thesis's figure as a line."""
    cells = list(dict.fromkeys((row["data"], row["components"]) for row in rows))
    figure, grid = plt.subplots(
        1, len(CLAIMED), figsize=(13, 6), sharey=True, layout="constrained"
    )
    for ax, (measure, claimed) in zip(grid, CLAIMED.items()):
        for i, arm in enumerate(name for name in ARMS if ARMS[name] is not PLAIN):
            of_arm = [r for r in rows if (r["method"], r["measure"]) == (arm, measure)]
            percent, low, high = np.array(
                [[row["percent"], row["low"], row["high"]] for row in of_arm],
                dtype=float,
            ).T
            ax.errorbar(
                percent,
                np.arange(len(cells)) + 0.22 * (i - 1),
                # The interval of a resampled deviation need not hold its value.
                xerr=np.maximum(0, [percent - low, high - percent]),
                fmt="o",
                markersize=4,
                label=arm,
            )
        ax.axvline(0, color="0.6", linewidth=1)
        ax.axvline(claimed, color="0.3", linestyle="--", linewidth=1, label="thesis")
        ax.set(title=TITLES[measure], xlabel="percent of the plain autoencoder's")
        # A lost cell may be far off; its figure stands in the table.
        ax.set_xlim(left=max(-105, ax.get_xlim()[0]))
    grid[0].set_yticks(range(len(cells)), [f"{data}, k={k}" for data, k in cells])
    grid[0].invert_yaxis()
    save("thesis", figure, legend_of=grid[0])


def main():
    """Train all, print what was gained, write and draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two data sets, 3 seeds")
    parser.add_argument("--data-dir", help="folder with mnist.npz; else from OpenML")
    parser.add_argument("--n-jobs", type=int, help="trainings at the same time")
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    arguments = parser.parse_args()
    data, n_seeds = arguments.data, N_SEEDS
    if arguments.quick:
        data, n_seeds = ("wine", "digits"), 3
    jobs = list(product(data, N_COMPONENTS, ARMS, range(n_seeds)))
    versions = fingerprint("thesis"), torch.__version__, sklearn.__version__
    memory = Memory(FOLDER / "trainings" / "-".join(versions), verbose=0)
    kept = memory.cache(run, ignore=["data_dir"])
    trained = Parallel(arguments.n_jobs, return_as="generator")(
        delayed(kept)(*job, arguments.data_dir) for job in jobs
    )
    runs = {}
    for (*key, _), found in zip(jobs, tqdm(trained, total=len(jobs), unit="training")):
        runs.setdefault(tuple(key), []).append(found)
    rows = compared({key: Arm(found) for key, found in runs.items()})
    if arguments.quick:
        return
    rows = among_earlier("thesis", rows, data=DATA)
    write("thesis", rows, seeds=f"0 to {n_seeds - 1}")
    each = [
        {
            "data": data,
            "components": n_components,
            "method": arm,
            "seed": seed,
            **{name: f"{value:.6f}" for name, value in measured.items()},
        }
        for (data, n_components, arm), found in runs.items()
        for seed, (measured, _) in enumerate(found)
    ]
    each = among_earlier("thesis_runs", each, data=DATA)
    write("thesis_runs", each, seeds=f"0 to {n_seeds - 1}")
    draw(rows)


if __name__ == "__main__":
    main()
