"""A map of customers is trained anew each month of a year, from CSV files to a page."""

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from stable_embedding import (
    StableAutoencoder,
    drift_report,
    load,
    movement_report,
    retrain,
    save,
    to_onnx,
)
from stable_embedding.preprocessing import MixedDataEncoder

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("matplotlib")
pytest.importorskip("skl2onnx")
pytestmark = pytest.mark.slow

N_FIRST, N_NEW, N_LEAVING = 400, 60, 10
N_WATCHED = 120
PLANTED = 7


def new_customers(month, n_customers, rng):
    """Draw customers; in one month half of them are of a kind that was not there."""
    age = rng.normal(45, 12, n_customers)
    city = rng.choice(["Busan", "Seoul", "Suwon"], n_customers)
    income = 900 * age + 9_000 * (city == "Seoul")
    income += rng.normal(0, 4_000, n_customers)
    visits = rng.poisson(3 + age / 20).astype(float)
    spent = 20 * visits + income / 1_000 + rng.normal(0, 10, n_customers)
    if month == PLANTED:
        odd = np.arange(n_customers) % 2 == 0
        income[odd] = 150_000 - 1_500 * age[odd]
        spent[odd] = 400 - 30 * visits[odd]
    plan = np.where(visits > 6, "gold", "basic").astype(object)
    plan[rng.random(n_customers) < 0.1] = None
    income[rng.random(n_customers) < 0.05] = np.nan
    return pd.DataFrame(
        {
            "age": age,
            "income": income,
            "visits": visits,
            "spent": spent,
            "city": city,
            "plan": plan,
        },
        index=pd.Index([f"{month}-{i}" for i in range(n_customers)], name="id"),
    )


def read(path):
    """Read a month's file, with "" for a missing text, as ONNX has none."""
    return pd.read_csv(path, index_col="id").fillna({"plan": ""})


def one_hot_and_standard():
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_exclude="number")),
    )


def mixed():
    numbers = make_column_transformer(
        (
            SimpleImputer(strategy="median"),
            make_column_selector(dtype_include="number"),
        ),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    return make_pipeline(numbers, MixedDataEncoder(handle_unknown="ignore"))


def assert_served_alike(pipeline, table):
    graph = to_onnx(pipeline, X=table)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    [found] = session.run(None, {name: table[[name]].to_numpy() for name in table})
    expected = pipeline.transform(table)
    # The bound that docs/saving.md promises of all graphs.
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.numeric
@pytest.mark.parametrize(("encoder", "seed"), [(one_hot_and_standard, 0), (mixed, 1)])
def test_a_map_keeps_its_place_for_a_year(encoder, seed, tmp_path):
    rng = np.random.default_rng(seed)
    new_customers(0, N_FIRST, rng).to_csv(tmp_path / "month-0.csv")
    table = read(tmp_path / "month-0.csv")
    # They are not trained on, so that new customers can be compared with them.
    watched, table = table[:N_WATCHED], table[N_WATCHED:]
    model = StableAutoencoder(2, n_init=2, max_iter=20, random_state=seed)
    pipeline = make_pipeline(encoder(), model).fit(table)
    joblib.dump(pipeline, tmp_path / "map.joblib")
    first, alarms = pd.DataFrame(pipeline.transform(table), table.index), []
    for month in range(1, 12):
        # What came: a file with those who stayed and those who are new.
        left = rng.choice(len(table), N_LEAVING, replace=False)
        new = new_customers(month, N_NEW, rng)
        if month == 5:
            new.loc[new.index[0], "city"] = "Incheon"  # which no encoder knows
        pd.concat([table.drop(table.index[left]), new]).to_csv(tmp_path / "now.csv")

        # The monthly job.
        pipeline, now = joblib.load(tmp_path / "map.joblib"), read(tmp_path / "now.csv")
        result = retrain(pipeline, now, reference=table)
        joblib.dump(result.estimator, tmp_path / "map.joblib")

        drift = drift_report(pipeline, now.loc[new.index], watched, level=1e-3)
        if drift.drifted:
            alarms.append(month)
            drift.to_html(tmp_path / f"drift-{month}.html")
        assert len(result.ids) == len(table) - N_LEAVING
        assert result.displacement < 0.01
        pipeline, table = result.estimator, now
    report = movement_report(first, pipeline, table, groups="city")
    assert report.summary["n_common"] > N_FIRST / 3
    assert report.summary["displacement"] < 0.03
    report.to_html(tmp_path / "year.html")
    page = (tmp_path / "year.html").read_text()
    assert report.largest()[0]["id"] in page
    # At this level a false alarm comes in one of a hundred years.
    assert alarms == [PLANTED]
    assert (tmp_path / f"drift-{PLANTED}.html").exists()
    save(pipeline[-1], tmp_path / "map.safetensors")
    inputs = pipeline[:-1].transform(table)
    again = load(tmp_path / "map.safetensors")
    np.testing.assert_array_equal(again.transform(inputs), pipeline.transform(table))
    if encoder is one_hot_and_standard:
        assert_served_alike(pipeline, table)
