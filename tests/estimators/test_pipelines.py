"""In company with others: data frames, pipelines, searches, pickles."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import StableAutoencoder
from tests.precision import assert_same_map


@pytest.mark.numeric
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames_in_and_out(quick, frame, iris):
    X, _ = iris
    names = ["a", "b", "c", "d"]
    data = frame(dict(zip(names, X.T)))
    library = frame.__module__.split(".")[0]
    model = quick(random_state=0).set_output(transform=library)
    codes = model.fit_transform(data)
    assert isinstance(codes, frame)
    assert list(codes.columns) == ["stableautoencoder0", "stableautoencoder1"]
    assert list(model.feature_names_in_) == names
    # Its columns lie apart in memory, so sums of them may be taken in another order.
    of_array = clone(model).set_output(transform="default").fit_transform(X)
    assert_same_map(codes.to_numpy(), of_array)
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(frame(dict(zip("wxyz", X.T))))


@pytest.mark.slow
def test_in_a_pipeline_before_a_classifier(iris):
    X, y = iris
    pipeline = make_pipeline(
        StandardScaler(), StableAutoencoder(max_iter=100), LogisticRegression()
    )
    assert cross_val_score(pipeline, X, y, cv=3, n_jobs=2).mean() > 0.85


@pytest.mark.slow
def test_grid_search_of_the_weight_in_a_pipeline(quick, iris):
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), quick(), LogisticRegression())
    search = GridSearchCV(
        pipeline, {"stableautoencoder__similarity_weight": [0.1, 1.0]}, cv=2, n_jobs=2
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert np.isfinite(search.best_estimator_[:-1].transform(X)).all()


def test_grid_search_without_scoring_uses_explained_variance(quick, iris):
    X, _ = iris
    search = GridSearchCV(quick(), {"n_components": [1, 3]}, cv=2).fit(X)
    assert search.best_params_ == {"n_components": 3}


def test_pickle_gives_the_same_map_and_holds_no_data(quick, digits):
    X, _ = digits
    model = quick(random_state=0).fit(X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    weights = sum(p.nbytes for p in model.network_.parameters())
    assert len(pickle.dumps(model)) < weights + 20_000
    assert len(pickle.dumps(model)) < X.nbytes
