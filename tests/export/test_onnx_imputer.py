"""Imputers of numbers are converted in float64."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from stable_embedding import StableAutoencoder, to_onnx

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")


def run(graph, inputs):
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    return session.run(None, inputs)[0]


@pytest.fixture
def incomplete(rng):
    X = 1e9 + rng.normal(size=(60, 4))
    X[rng.random(X.shape) < 0.2] = np.nan
    X[:2] = [[np.nan] * 4, [1e9] * 4]
    return X


@pytest.mark.parametrize(
    "imputer",
    [
        SimpleImputer(),
        SimpleImputer(strategy="median"),
        SimpleImputer(strategy="most_frequent", add_indicator=True),
        SimpleImputer(strategy="constant", fill_value=7.5),
    ],
    ids=str,
)
def test_an_imputer_fills_what_is_missing_in_float64(imputer, incomplete):
    # 1e9 + noise: float32 would round the noise away.
    imputer = imputer.fit(incomplete)
    found = run(to_onnx(imputer, X=incomplete), {"X": incomplete})
    np.testing.assert_array_equal(found, imputer.transform(incomplete))


def test_a_number_may_stand_for_a_missing_one(incomplete):
    X = np.nan_to_num(incomplete, nan=-1)
    imputer = SimpleImputer(missing_values=-1).fit(X)
    np.testing.assert_array_equal(
        run(to_onnx(imputer, X=X), {"X": X}), imputer.transform(X)
    )


@pytest.mark.parametrize("keep", [False, True])
def test_an_empty_column_is_dropped_or_kept_as_the_imputer_does(keep, incomplete):
    incomplete[:, 1] = np.nan
    imputer = SimpleImputer(keep_empty_features=keep).fit(incomplete[:, [0, 2, 1]])
    X = incomplete[:, [0, 2, 1]]
    if not keep:
        with pytest.warns(UserWarning, match="without any observed values"):
            expected = imputer.transform(X)
    else:
        expected = imputer.transform(X)
    found = run(to_onnx(imputer, X=X), {"X": X})
    np.testing.assert_array_equal(found, expected)


@pytest.mark.numeric
def test_a_table_with_missing_values_is_embedded_alike(incomplete, rng):
    table = pd.DataFrame(incomplete[:, :2], columns=["last seen", "income"])
    table["city"] = rng.choice(["Busan", "", "Suwon"], len(table))
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["last seen", "income"]),
        (OneHotEncoder(handle_unknown="ignore"), ["city"]),
    )
    model = StableAutoencoder(2, n_init=1, max_iter=3, random_state=0)
    pipeline = make_pipeline(columns, model).fit(table)
    table.loc[0, "city"] = "Paris"
    inputs = {name: table[[name]].to_numpy() for name in table}
    found = run(to_onnx(pipeline, X=table), inputs)
    expected = pipeline.transform(table)
    # The bound that docs/saving.md promises of all graphs.
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
