import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from stable_embedding import StableAutoencoder
from stable_embedding.plotting import FeatureSensitivityDisplay

plt = pytest.importorskip("matplotlib.pyplot")

NAMES = ["a", "b", "c", "d"]


def bars(display):
    """Lengths of the bars, by the label of their series and the name of a feature."""
    names = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    return {
        series.get_label(): dict(zip(names, (bar.get_width() for bar in series)))
        for series in display.ax_.containers
    }


def test_bars_are_sorted_and_only_the_longest_are_drawn():
    values = [[1.0, 3.0, 0.0, 2.0], [0.0, 4.0, 1.0, 0.0]]
    display = FeatureSensitivityDisplay(values, NAMES)
    assert bars(display.plot(max_features=3)) == {
        "all components": {"b": 5.0, "d": 2.0, "a": 1.0}
    }
    assert bars(display.plot(max_features=None, per_component=True)) == {
        "component 1": dict(zip("bdac", [3.0, 2.0, 1.0, 0.0])),
        "component 2": dict(zip("bdac", [4.0, 0.0, 0.0, 1.0])),
    }
    low, high = display.ax_.get_ylim()
    assert low > high  # the longest stands on top


def test_features_of_one_name_share_a_bar():
    display = FeatureSensitivityDisplay([[3.0, 1.0, 4.0]], ["job", "age", "job"])
    assert bars(display.plot()) == {"all components": {"job": 5.0, "age": 1.0}}
    unnamed = FeatureSensitivityDisplay([[3.0, 1.0]]).plot()
    assert list(bars(unnamed)["all components"]) == ["x0", "x1"]


@pytest.mark.parametrize("last", [None, LogisticRegression()])
def test_of_a_pipeline_the_names_are_those_that_its_scaler_passes_on(last, iris):
    X = pd.DataFrame(iris[0] * [1, 100, 1, 1], columns=NAMES)
    model = StableAutoencoder(n_init=1, max_iter=5, random_state=0)
    steps = [StandardScaler(), model, *([] if last is None else [last])]
    pipeline = make_pipeline(*steps).fit(X, iris[1])
    display = FeatureSensitivityDisplay.from_estimator(pipeline, X)
    inputs = pipeline[0].transform(X)
    expected = np.linalg.norm(pipeline[1].feature_sensitivity(inputs), axis=0)
    assert bars(display)["all components"] == pytest.approx(dict(zip(NAMES, expected)))
    ours = FeatureSensitivityDisplay.from_estimator(
        pipeline, X, feature_names=["s", "s", "p", "p"]
    )
    assert bars(ours)["all components"].keys() == {"s", "p"}


def test_names_that_nobody_gives_are_numbers(iris):
    model = StableAutoencoder(n_init=1, max_iter=5)
    pipeline = make_pipeline(FunctionTransformer(), model).fit(iris[0])
    display = FeatureSensitivityDisplay.from_estimator(pipeline, iris[0])
    assert bars(display)["all components"].keys() == {"x0", "x1", "x2", "x3"}


def test_what_cannot_be_drawn_is_said_before_a_figure_is_opened(iris):
    with pytest.raises(TypeError, match=r"PCA.*no feature_sensitivity"):
        FeatureSensitivityDisplay.from_estimator(PCA(2).fit(iris[0]), iris[0])
    with pytest.raises(NotFittedError):
        FeatureSensitivityDisplay.from_estimator(StableAutoencoder(), iris[0])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        FeatureSensitivityDisplay([[1.0, 2.0]], ["a"]).plot()
    with pytest.raises(ValueError, match="max_features=0"):
        FeatureSensitivityDisplay([[1.0]]).plot(max_features=0)
    with pytest.raises(ValueError, match="sensitivity contains NaN"):
        FeatureSensitivityDisplay([[np.nan]]).plot()
    assert not plt.get_fignums()
