"""
Keep a map in place for a year
==============================

A dashboard shows a map of customers. Each month some leave, others come, and the map is
retrained from a CSV file. It must look the same, and tell when new customers are not
like those who were there.
"""

# %%
# Customers are a table of numbers and categories, with ids. In month 7 a third of those
# who come are of a new kind: they visit often and spend little.
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
# The first map. A hundred customers are set aside: it is never trained on them, so that
# new ones can be compared with them.
folder = TemporaryDirectory()
file = Path(folder.name) / "customers.csv"
everyone = customers(0, 600)
watched, table = everyone[:100], everyone[100:]
model = StableAutoencoder(2, n_init=2, max_iter=20, random_state=0)
pipeline = make_pipeline(MixedDataEncoder(), model).fit(table)
first_codes = pd.DataFrame(pipeline.transform(table), table.index)

# %%
# Each month a file comes. The monthly job is three lines: read it, retrain, and keep
# the new pipeline. New customers are also compared with those set aside, by a map that
# has seen neither. A false alarm has a probability of one in a thousand.
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
# The map stays where it was, and the new kind gets a place of its own. Movement is in
# percent of the map's variance.
report = movement_report(first_codes, pipeline, table, groups="plan")
print(report)

figure, (old_ax, new_ax, month_ax) = plt.subplots(
    1, 3, figsize=(11, 3.6), layout="constrained"
)
for ax, codes, title in (
    (old_ax, first_codes.to_numpy(), "month 0"),
    (new_ax, pipeline.transform(table), "month 11"),
):
    ax.scatter(*codes.T, s=6, color="0.6")
    ax.set(title=title, aspect="equal")
odd = [name for name in table.index if name.startswith("7-") and int(name[2:]) > 32]
new_ax.scatter(
    *pipeline.transform(table.loc[odd]).T, s=10, color="C1", label="the new kind"
)
new_ax.legend(loc="lower left")
old_ax.sharex(new_ax)
old_ax.sharey(new_ax)
month_ax.bar(list(moved), [100 * value for value in moved.values()])
month_ax.set(title="common customers moved", xlabel="month", ylabel="%")
folder.cleanup()
