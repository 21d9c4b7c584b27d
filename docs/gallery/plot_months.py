"""
Keep a map in place for twelve months
=====================================

Retrain the map each month with :func:`~stable_embedding.retrain`, and check new samples
with :func:`~stable_embedding.drift_report`. The map on a dashboard then looks the same
all year, and an alarm says when new customers differ.
"""

# %%
# Make a table of customers with numbers, categories and ids. In month 7 a third of the
# new customers are of another kind: they visit often and spend little.
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from stable_embedding import (
    StableAutoencoder,
    drift_report,
    movement_report,
    retrain,
)
from stable_embedding.preprocessing import MixedDataEncoder

rng = np.random.default_rng(0)


def customers(month, n_customers, n_odd=0):
    """Draw the customers who come in a month, the last of them of a new kind."""
    visits = rng.gamma(3, 2, n_customers)
    spent = 20 * visits + rng.normal(0, 15, n_customers)
    plan = np.where(visits + rng.normal(0, 2, n_customers) > 6, "gold", "basic")
    is_odd = np.arange(n_customers) >= n_customers - n_odd
    visits[is_odd], spent[is_odd] = 25 + 3 * rng.normal(size=n_odd), 20
    return pd.DataFrame(
        {
            "age": rng.normal(45, 12, n_customers) + (plan == "gold") * 10,
            "visits": visits,
            "spent": spent,
            "plan": plan,
            "city": rng.choice(["Busan", "Seoul", "Suwon"], n_customers),
        },
        index=pd.Index([f"{month}-{i}" for i in range(n_customers)], name="id"),
    )


# %%
# Fit the first map. Set a hundred customers aside for the comparison.
folder = TemporaryDirectory()
file = Path(folder.name) / "customers.csv"
everyone = customers(0, 600)
watched, table = everyone[:100], everyone[100:]
model = StableAutoencoder(2, n_init=2, max_iter=20, random_state=0)
pipeline = make_pipeline(MixedDataEncoder(), model).fit(table)
first_codes = pd.DataFrame(pipeline.transform(table), table.index)

# %%
# Read the file of each month, retrain, and keep the new pipeline. Compare new customers
# with those that are set aside, by the old map, which has seen neither. A small level,
# such as ``level=1e-3``, makes false alarms rare. Check an alarm against a second
# reference: one that is unusual by chance raises it again.
moved, alarms = {}, []
for month in range(1, 12):
    new = customers(month, 50, n_odd=17 * (month == 7))
    pd.concat([table.sample(len(table) - 10, random_state=month), new]).to_csv(file)

    now = pd.read_csv(file, index_col="id")
    result = retrain(pipeline, now, reference=table)
    successor = result.estimator

    drift = drift_report(pipeline, now.loc[new.index], watched, level=1e-3)
    if drift.drifted:
        alarms.append(month)
        print(f"month {month}: {drift}")
    moved[month] = result.displacement
    pipeline, table = successor, now

print(f"alarms in months {alarms}")

# %%
# Look at the result. The map stays in place, and the new kind gets a separate place.
# The movement is a percentage of the variance of the map.
report = movement_report(first_codes, pipeline, table, groups="plan")
print(report)

figure, (old_ax, new_ax, month_ax) = plt.subplots(
    1, 3, figsize=(11, 3.6), layout="constrained"
)
for ax, codes, title in (
    (old_ax, first_codes.to_numpy(), "month 0"),
    (new_ax, pipeline.transform(table), "month 11, the new kind in orange"),
):
    ax.scatter(*codes.T, s=6, color="0.6")
    ax.set(title=title, aspect="equal")
odd = [name for name in table.index if name.startswith("7-") and int(name[2:]) > 32]
new_ax.scatter(*pipeline.transform(table.loc[odd]).T, s=10, color="C1")
old_ax.sharex(new_ax)
old_ax.sharey(new_ax)
month_ax.bar(list(moved), [100 * value for value in moved.values()])
month_ax.set(title="common customers moved", xlabel="month", ylabel="%")
folder.cleanup()
