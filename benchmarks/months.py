"""Train a map of people anew each month for a year, and see how far it moves.

The Adult data set in the order of a seed: 2,000 people at first, and each month 2 %
leave and 10 % come. In one month half of those who come have their values exchanged
column by column, so that no column alone looks new. New people are compared with 500
who were set aside, by the map of the month before, which has seen neither.
"""

import argparse
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from tqdm.auto import trange

from benchmarks.results import show, write
from stable_embedding import StableAutoencoder, drift_report, retrain
from stable_embedding.preprocessing import MixedDataEncoder
from stable_embedding.stability import displacement

N_FIRST = 2_000
N_WATCHED = 500
PLANTED = 7
LEVEL = 0.05


def people(data_dir, seed):
    """Load people in an order of a seed, with ids, less their class."""
    frame = pd.read_csv(Path(data_dir) / "adult.csv.gz").iloc[:, :-1]
    frame = frame.sample(frac=1, random_state=seed)
    return frame.set_axis(pd.Index([f"p{i}" for i in range(len(frame))], name="id"))


def exchanged(new, rng):
    """Exchange the values of half of some people, column by column."""
    new = new.copy()
    half = new.index[::2]
    for name in new:
        new.loc[half, name] = rng.permutation(new.loc[half, name].to_numpy())
    return new


def year(frame, seed, neighbor_weight, n_months, folder):
    """Train anew each month; return a row for each."""
    rng = np.random.default_rng(seed)
    watched, frame = frame[:N_WATCHED], frame[N_WATCHED:]
    path, taken = Path(folder) / "month.csv", N_FIRST
    frame[:taken].to_csv(path)
    table = pd.read_csv(path, index_col="id")
    model = StableAutoencoder(2, neighbor_weight=neighbor_weight, random_state=seed)
    pipeline = make_pipeline(MixedDataEncoder(handle_unknown="ignore"), model)
    pipeline.fit(table)
    start = pd.DataFrame(pipeline.transform(table), table.index)
    rows = []
    for month in trange(1, n_months, desc=f"year {seed}", unit="month"):
        new = frame[taken : taken + len(table) // 10]
        taken += len(new)
        if month == PLANTED:
            new = exchanged(new, rng)
        left = rng.choice(len(table), len(table) // 50, replace=False)
        pd.concat([table.drop(table.index[left]), new]).to_csv(path)
        now = pd.read_csv(path, index_col="id")
        result = retrain(pipeline, now, reference=table)
        drift = drift_report(pipeline, now.loc[new.index], watched, level=LEVEL)
        pipeline, table = result.estimator, now
        joblib.dump(pipeline, Path(folder) / "map.joblib")
        both = table.index.intersection(start.index)
        since = displacement(
            start.loc[both].to_numpy(), pipeline.transform(table.loc[both])
        )
        rows.append(
            {
                "neighbor_weight": neighbor_weight,
                "seed": seed,
                "month": month,
                "people": len(table),
                "moved %": f"{100 * result.displacement:.3f}",
                "moved since the start %": f"{100 * since:.3f}",
                "R^2": f"{result.r2_after:.3f}",
                "alarm": drift.drifted,
            }
        )
        show(rows[-1])
    return rows


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three months of one year")
    parser.add_argument("--years", type=int, default=1, help="how many, default 1")
    parser.add_argument("--data-dir", required=True, help="folder with adult.csv.gz")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)  # levels that are unknown
    rows = []
    for seed in range(arguments.years):
        frame = people(arguments.data_dir, seed)
        for neighbor_weight in (0, 3):
            with TemporaryDirectory() as folder:
                n_months = 3 if arguments.quick else 12
                rows += year(frame, seed, neighbor_weight, n_months, folder)
    months = [row["month"] for row in rows]
    alarms = [row["month"] for row in rows if row["alarm"]]
    n_planted, n_found = months.count(PLANTED), alarms.count(PLANTED)
    print(
        f"alarms at {LEVEL:.0%}: {len(alarms) - n_found} in {len(rows) - n_planted}"
        f" quiet months, {n_found} in {n_planted} with a planted group"
    )
    if not arguments.quick:
        write("months", rows)


if __name__ == "__main__":
    main()
