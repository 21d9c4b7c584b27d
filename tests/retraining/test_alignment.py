import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import (
    ReconstructionOutlierDetector,
    StableAutoencoder,
    align,
    drift_report,
    movement_report,
    retrain,
)
from stable_embedding.preprocessing import MixedDataEncoder
from stable_embedding.stability import displacement

QUICK = {"max_iter": 3, "n_init": 1, "random_state": 0}


def turned(codes):
    return np.asarray(codes) @ np.array([[0.6, -0.8], [0.8, 0.6]]) + [3.0, -1.0]


def test_a_map_goes_where_a_rigid_map_of_it_lies(iris):
    X, _ = iris
    pipeline = make_pipeline(StandardScaler(), StableAutoencoder(**QUICK)).fit(X)
    nested = make_pipeline(PCA(4), pipeline).fit(X)
    frozen = make_pipeline(StandardScaler().fit(X), FrozenEstimator(pipeline))
    for estimator in (
        pipeline,
        nested,
        StableAutoencoder(**QUICK).fit(X),
        frozen,
        FrozenEstimator(frozen),
    ):
        target = turned(estimator.transform(X))
        assert align(estimator, X, target) is estimator
        # Codes are float32.
        assert displacement(estimator.transform(X), target) < 1e-10


def test_it_is_the_align_of_the_estimator(iris):
    X, _ = iris
    first, second = (StableAutoencoder(**QUICK).fit(X) for _ in range(2))
    target = turned(first.transform(X)) ** 3
    align(first, X, target)
    second.align(X, target)
    np.testing.assert_array_equal(first.transform(X), second.transform(X))


def test_a_table_and_codes_in_a_frame():
    table = pd.DataFrame({"size": np.arange(20.0), "color": list("abcdb") * 4})
    pipeline = make_pipeline(MixedDataEncoder(), StableAutoencoder(**QUICK)).fit(table)
    target = pd.DataFrame(turned(pipeline.transform(table)))
    align(pipeline, table, target)
    assert displacement(pipeline.transform(table), target) < 1e-10


def test_steps_after_the_map_are_refused_but_the_pipeline_without_them_is_not(iris):
    X, y = iris
    pipeline = make_pipeline(StableAutoencoder(**QUICK), LogisticRegression()).fit(X, y)
    codes = pipeline[:-1].transform(X)
    with pytest.raises(ValueError, match="steps \\['logisticregression'\\] after"):
        align(pipeline, X, turned(codes))
    np.testing.assert_array_equal(pipeline[:-1].transform(X), codes)
    align(pipeline[:-1], X, turned(codes))
    assert displacement(pipeline[:-1].transform(X), turned(codes)) < 1e-10


def test_what_cannot_be_aligned_stays(iris):
    X, _ = iris
    pipeline = make_pipeline(StandardScaler(), StableAutoencoder(**QUICK)).fit(X)
    codes = pipeline.transform(X)
    for target, message in [
        (codes[1:], "codes has 149 samples, but X has 150"),
        (codes[:, :1], r"codes has shape \(150, 1\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            align(pipeline, X, target)
    np.testing.assert_array_equal(pipeline.transform(X), codes)
    with pytest.raises(TypeError, match="must be a fitted autoencoder"):
        align(PCA(2).fit(X), X, codes)
    with pytest.raises(NotFittedError):
        align(StableAutoencoder(), X, codes)


@pytest.mark.parametrize(
    "use",
    [
        lambda detector, X: align(detector, X, X[:, :2]),
        lambda detector, X: drift_report(detector, X[:50], X[50:]),
        lambda detector, X: movement_report(detector, detector, X, ids=range(len(X))),
        lambda detector, X: retrain(detector, X),
    ],
    ids=["align", "drift_report", "movement_report", "retrain"],
)
def test_of_a_detector_it_is_said_what_to_pass(use, iris):
    X, _ = iris
    scorer = StableAutoencoder(n_init=1, max_iter=1)
    detector = ReconstructionOutlierDetector(scorer).fit(X)
    with pytest.raises(TypeError, match="pass its estimator_$"):
        use(detector, X)


def test_codes_of_other_rows_are_refused_and_those_without_ids_are_not():
    index = [f"customer {i}" for i in range(20)]
    table = pd.DataFrame(
        {"size": np.arange(20.0) ** 2, "color": list("abcdb") * 4}, index
    )
    pipeline = make_pipeline(MixedDataEncoder(), StableAutoencoder(**QUICK)).fit(table)
    codes = pipeline.transform(table)
    target = pd.DataFrame(turned(codes), index)
    with pytest.raises(ValueError, match="codes has the id 'customer 19' where X"):
        align(pipeline, table, target[::-1])
    np.testing.assert_array_equal(pipeline.transform(table), codes)
    align(pipeline, table, target[::-1].loc[table.index])
    assert displacement(pipeline.transform(table), target) < 1e-10
    align(pipeline, table, target.reset_index(drop=True))


def test_codes_with_components_in_another_order_are_refused(iris):
    X, _ = iris
    model = StableAutoencoder(**QUICK).set_output(transform="pandas").fit(X)
    codes = model.transform(X)
    turned = codes[codes.columns[::-1]]
    for use, name in (
        (lambda: align(model, X, turned), "codes"),
        (lambda: model.align(X, turned), "reference"),
        (lambda: clone(model).fit(X, reference=turned), "reference"),
        (lambda: model.inverse_transform(turned), "X"),
    ):
        message = f"^{name} has the column 'stableautoencoder1' where this StableAuto"
        with pytest.raises(ValueError, match=message):
            use()
    pd.testing.assert_frame_equal(model.transform(X), codes)
    renamed = turned.set_axis(["x", "y"], axis=1)
    assert displacement(align(model, X, renamed).transform(X), renamed) < 1e-10
