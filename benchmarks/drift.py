"""How often `drift_report` gives an alarm, with and without a change.

Customers, a mixed table of nine columns, one-hot and standardized. An autoencoder is
fitted, and everything else is drawn from samples that it has not seen. Where nothing
has changed, reference and new samples are disjoint draws of them.

Run ``python -m benchmarks.drift``.
"""

import argparse

import numpy as np
from tqdm import tqdm

from benchmarks.datasets import customers, one_hot_and_standard
from benchmarks.results import show, write
from stable_embedding import StableAutoencoder
from stable_embedding.reports.drift import compare_distributions, compare_largest, holm
from stable_embedding.reports.drift_reference import measured

LEVEL = 0.05
N_UNSEEN = 20_000
N_REFERENCE = 2_000


def mixed_up(frame, rng):
    """Replace a twentieth of the rows by older ones of mixed-up columns."""
    changed = frame.copy()
    rows = rng.choice(len(frame), len(frame) // 20, replace=False)
    for i, name in enumerate(frame.columns):
        others = rng.choice(len(frame), len(rows))
        changed.iloc[rows, i] = frame[name].to_numpy()[others]
    changed.iloc[rows, frame.columns.get_loc("age")] += 40
    return changed


CHANGES = {
    "a new group of 5 %": mixed_up,
    "spend in another currency (x 1.2)": lambda frame, rng: frame.assign(
        spend=1.2 * frame["spend"]
    ),
    "income missing, imputed by its mean": lambda frame, rng: frame.assign(
        income=np.nan
    ),
}


def at(samples, index):
    return {kind: values[index] for kind, values in samples.items()}


def alarms(reference, new):
    """Tell whether all comparisons together, and errors alone, give an alarm."""
    errors = reference["error"][:, 0], new["error"][:, 0]
    p_values = {
        kind: [p for _, p in compare_distributions(reference[kind], new[kind])]
        for kind in ("error", "code", "feature")
    }
    p_values["largest"] = [compare_largest(*errors)[1]]
    together = holm([p for of_kind in p_values.values() for p in of_kind])
    return min(together) <= LEVEL, p_values["error"][0] <= LEVEL


def rates(name, n_training, n_new, draws):
    together, alone = np.mean(list(draws), axis=0)
    return {
        "reference": name,
        "training samples": n_training,
        "new samples": n_new,
        "alarms, all": together,
        "alarms, errors alone": alone,
    }


def disjoint(n_all, n_reference, n_new, rng):
    order = rng.permutation(n_all)
    return order[:n_reference], order[n_reference : n_reference + n_new]


def study(n_training, n_new_sizes, n_draws, n_unseen):
    rng = np.random.default_rng(n_training)
    frame, _ = customers(n_training + n_unseen, rng)
    encoder = one_hot_and_standard(frame[:n_training])
    X = encoder.transform(frame)
    model = StableAutoencoder(2, n_init=2, random_state=0).fit(X[:n_training])
    training = measured(model, X[:n_training])
    unseen = measured(model, X[n_training:])
    for n_new in n_new_sizes:

        def draw(n_new=n_new):
            return disjoint(n_unseen, N_REFERENCE, n_new, rng)

        draws = [draw() for _ in range(n_draws)]
        yield rates(
            "unseen samples",
            n_training,
            n_new,
            (alarms(at(unseen, a), at(unseen, b)) for a, b in draws),
        )
        yield rates(
            "the training samples",
            n_training,
            n_new,
            (alarms(training, at(unseen, b)) for _, b in draws),
        )
    later = frame[n_training:]
    for name, change in CHANGES.items():
        changed = measured(model, encoder.transform(change(later, rng)))
        for n_new in n_new_sizes:
            draws = [
                disjoint(n_unseen, N_REFERENCE, n_new, rng) for _ in range(n_draws // 4)
            ]
            yield rates(
                f"unseen samples; then {name}",
                n_training,
                n_new,
                (alarms(at(unseen, a), at(changed, b)) for a, b in draws),
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less, and write nothing")
    quick = parser.parse_args().quick
    sizes = [300] if quick else [300, 3_000]
    new_sizes = [50] if quick else [50, 500, 5_000]
    rows = []
    for n_training in tqdm(sizes, unit="training"):
        found = study(
            n_training, new_sizes, 8 if quick else 200, 4_000 if quick else N_UNSEEN
        )
        for row in found:
            rows.append(row)
            show(row)
    if not quick:
        write("drift", rows, seeds="training size")


if __name__ == "__main__":
    main()
