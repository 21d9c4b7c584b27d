"""How a map is best trained anew, when it should stay where it is.

``python -m benchmarks.retraining [--data-dir FOLDER] [--only DATA ...] [--seed S]
[--neighbors] [--quick]`` fits a map of last month's samples, changes the samples, and
calls `retrain` in several ways:

- "align": a free training, laid on the old map by the samples that both know;
- "warm_start": a training from the old networks, laid on the old map;
- "pull": a training in which codes of known samples are pulled to the old ones;
- "pull, weight 3" and so on: the same with another `consensus_weight`;
- "pull, new ones too": codes of new samples are pulled to where the old map puts them.

What changes:

- "next month": 2 % of the samples leave, and 10 % are new;
- "loss": a fifth leave;
- "drift": as many as a third are new, all from one side of the map;
- "group": a class is new, whole.

Measured are the displacement of the samples that both maps know, and of unseen ones;
the fraction of the variance that the old and the new map explain, of new samples and of
unseen ones; and the accuracy on unseen samples of five nearest neighbors among the old
codes, asked about codes of the old map and of the new one. Unseen samples are of the
classes that were known last month. Of Adult that is one class where a group is new, so
that the accuracy says nothing.

Tables pass through a pipeline: customers through a `ColumnTransformer`, people of Adult
through `MixedDataEncoder`, fitted last month. With ``--neighbors`` all have
``neighbor_weight=3``. The strategy and its weight were chosen with seeds from 100 on.
Appends to ``benchmarks/results/retraining.csv``.
"""

import argparse
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from stable_embedding import StableAutoencoder, retrain
from stable_embedding.preprocessing import MixedDataEncoder
from stable_embedding.stability import displacement

from .datasets import customers, load, one_hot_and_standard
from .results import read_earlier, show, write

N_OLD, N_ALL = 2_000, 5_000


def of_digits(data_dir, rng):
    """Shuffle the digits."""
    X, y = load("digits")
    order = rng.permutation(len(X))
    return [], X[order], y[order]


def of_mnist(data_dir, rng):
    """Draw images of MNIST."""
    X, y = load("mnist", data_dir)
    order = rng.permutation(len(X))[:N_ALL]
    return [], X[order], y[order]


def of_customers(data_dir, rng):
    """Draw a mixed table, and name what encodes it."""
    frame, group = customers(N_ALL, rng)
    return [clone(one_hot_and_standard(frame))], frame, group


def of_adult(data_dir, rng):
    """Draw people, whose income is their class."""
    frame = pd.read_csv(Path(data_dir) / "adult.csv.gz", keep_default_na=False)
    frame = frame.iloc[rng.permutation(len(frame))[:N_ALL]]
    income = frame.pop("income").to_numpy()
    return [MixedDataEncoder(handle_unknown="ignore")], frame, income


DATA = {
    "customers": of_customers,
    "adult": of_adult,
    "digits": of_digits,
    "MNIST": of_mnist,
}

# Strategy, weight of the pull, and whether new samples are pulled too.
METHODS = {
    "align": ("align", "auto", False),
    "warm_start": ("warm_start", "auto", False),
    "pull": ("pull", "auto", False),
    "pull, weight 3": ("pull", 3.0, False),
    "pull, weight 10": ("pull", 10.0, False),
    "pull, new ones too": ("pull", "auto", True),
}


class Month(NamedTuple):
    """Places of the samples of last month, of those that stay, come, and are unseen."""

    old: np.ndarray
    stay: np.ndarray
    come: np.ndarray
    unseen: np.ndarray


def next_month(model, X, y, n_old, rng):
    """Let 2 % leave and 10 % come."""
    old, others = np.split(np.arange(len(y)), [n_old])
    come, unseen = np.split(others, [n_old // 10])
    return Month(old, np.sort(rng.permutation(old)[n_old // 50 :]), come, unseen)


def loss(model, X, y, n_old, rng):
    """Let a fifth leave."""
    old, unseen = np.split(np.arange(len(y)), [n_old])
    return Month(old, np.sort(rng.permutation(old)[n_old // 5 :]), old[:0], unseen)


def drift(model, X, y, n_old, rng):
    """Let samples come from one side of the map."""
    old, others = np.split(np.arange(len(y)), [n_old])
    pool, unseen = np.split(others, [len(others) * 2 // 3])
    side = embedded(model, X, pool)[:, 0]
    return Month(old, old, pool[np.argsort(side)[-n_old // 3 :]], unseen)


def group(model, X, y, n_old, rng):
    """Let the last class come, of which the model must know no sample."""
    is_new = y == np.unique(y)[-1]
    old, unseen = np.split(np.flatnonzero(~is_new), [n_old])
    return Month(old, old, np.flatnonzero(is_new)[: n_old // 4], unseen)


CHANGES = {"next month": next_month, "loss": loss, "drift": drift, "group": group}


def taken(X, places):
    """Take samples of a table or an array."""
    return X.iloc[places] if hasattr(X, "iloc") else X[places]


def embedded(model, X, places):
    """Embed some of the samples."""
    return model.transform(taken(X, places))


def explained(model, X, places):
    """Return the fraction of variance explained of what the autoencoder is given."""
    if not len(places):
        return float("nan")
    inputs = taken(X, places)
    return model[-1].score(model[:-1].transform(inputs) if len(model) > 1 else inputs)


def measure(names, data, seed, neighbor_weight, methods, max_iter="auto"):
    """Change the samples of one data set, and train anew in several ways."""
    name, change = names
    encoders, X, y = data
    n_old = min(N_OLD, len(y) * 6 // 10)
    if change == "group":
        n_old = min(n_old, np.count_nonzero(y != np.unique(y)[-1]) * 2 // 3)
    parameters = {"neighbor_weight": neighbor_weight, "max_iter": max_iter}
    model = make_pipeline(
        *map(clone, encoders), StableAutoencoder(2, random_state=seed, **parameters)
    )
    rng = np.random.default_rng(seed)
    if change == "group":
        month = group(None, X, y, n_old, rng)
        model.fit(taken(X, month.old))
    else:
        model.fit(taken(X, np.arange(n_old)))
        month = CHANGES[change](model, X, y, n_old, rng)
    samples = np.concatenate([month.stay, month.come])
    old_codes = {
        part: embedded(model, X, places)
        for part, places in month._asdict().items()
        if len(places)
    }
    classifier = KNeighborsClassifier().fit(old_codes["old"], y[month.old])
    before = classifier.score(old_codes["unseen"], y[month.unseen])
    for method in methods:
        strategy, weight, all_samples = METHODS[method]
        previous = deepcopy(model)
        # Another order of the samples, as another month has.
        previous[-1].set_params(consensus_weight=weight, random_state=seed + 1)
        new = retrain(
            previous,
            taken(X, samples),
            ids=samples,
            reference=None if all_samples else month.stay,
            strategy=strategy,
        ).estimator
        codes = embedded(new, X, month.unseen)
        known = displacement(old_codes["stay"], embedded(new, X, month.stay))
        yield {
            "data": name,
            "change": change,
            "neighbor_weight": neighbor_weight,
            "seed": seed,
            "method": method,
            "known": f"{known:.5f}",
            "unseen": f"{displacement(old_codes['unseen'], codes):.5f}",
            "r2_new_before": f"{explained(model, X, month.come):.4f}",
            "r2_new_after": f"{explained(new, X, month.come):.4f}",
            "r2_unseen_before": f"{explained(model, X, month.unseen):.4f}",
            "r2_unseen_after": f"{explained(new, X, month.unseen):.4f}",
            "accuracy_before": f"{before:.4f}",
            "accuracy_after": f"{classifier.score(codes, y[month.unseen]):.4f}",
        }


KEY = ("data", "change", "neighbor_weight", "seed", "method")


def earlier_rows():
    """Read what was measured before, by what it was measured of."""
    rows = read_earlier("retraining")
    return {tuple(row[name] for name in KEY): row for row in rows}


def main():
    """Measure, print and write each row when it is found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="digits, two epochs")
    parser.add_argument("--data-dir", help="folder with Adult and MNIST")
    parser.add_argument("--only", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--changes", nargs="+", choices=CHANGES, default=list(CHANGES))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--neighbors", action="store_true", help="neighbor_weight=3")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    weight = 3 if arguments.neighbors else 0
    if arguments.quick:
        data = of_digits(None, np.random.default_rng(0))
        names = "digits", "next month"
        for row in measure(names, data, 0, weight, ["align", "pull"], max_iter=2):
            show(row)
        return
    for name in arguments.only:
        rng = np.random.default_rng(arguments.seed)
        data = DATA[name](arguments.data_dir, rng)
        for change in arguments.changes:
            names = name, change
            for row in measure(names, data, arguments.seed, weight, arguments.methods):
                show(row)
                rows = earlier_rows()
                rows[tuple(str(row[column]) for column in KEY)] = row
                write("retraining", list(rows.values()))


if __name__ == "__main__":
    main()
