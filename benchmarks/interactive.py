"""Measure the file of an interactive map of many customers.

A file holds Bokeh once, and for each sample its coordinates in each month, its color,
its opacity, its id, and the columns that are shown.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from benchmarks.results import write
from stable_embedding.plotting import InteractiveDisplay


def customers(n_customers):
    """Make a table of two numbers, a category and a text of many levels."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "plan": rng.choice(["free", "basic", "plus", None], n_customers),
            "income": rng.gamma(2, 20_000, n_customers),
            "age": rng.integers(18, 90, n_customers),
            "city": [f"city {i}" for i in rng.zipf(1.4, n_customers).clip(1, 5_000)],
        },
        index=[f"customer {i}" for i in range(n_customers)],
    )


def megabytes(n_customers, n_months):
    """Size of the file."""
    frame, rng = customers(n_customers), np.random.default_rng(0)
    codes = {f"month {i}": rng.normal(size=(n_customers, 2)) for i in range(n_months)}
    display = InteractiveDisplay(
        codes,
        frame["plan"],
        hover=frame,
        ids=dict.fromkeys(codes, frame.index),
        std=rng.gamma(2, size=n_customers),
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "map.html"
        display.save(path)
        return path.stat().st_size / 1e6


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    rows = [
        {
            "samples": n_customers,
            "months": n_months,
            "megabytes": round(megabytes(n_customers, n_months), 2),
        }
        for n_customers in (100, 10_000, 100_000)
        for n_months in (1, 12)
    ]
    print(pd.DataFrame(rows).to_string(index=False))
    write("interactive", rows)


if __name__ == "__main__":
    main()
