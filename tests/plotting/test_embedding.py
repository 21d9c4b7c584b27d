import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.random_projection import GaussianRandomProjection

from stable_embedding import StableAutoencoder
from stable_embedding.plotting import EmbeddingDisplay

plt = pytest.importorskip("matplotlib.pyplot")


def test_draws_every_sample_once_with_one_color_per_class(rng):
    embedding, y = rng.normal(size=(30, 2)), np.repeat(["a", "b", "c"], 10)
    display = EmbeddingDisplay(embedding, y).plot()
    drawn = np.concatenate([group.get_offsets() for group in display.ax_.collections])
    np.testing.assert_array_equal(drawn, embedding)
    colors = {tuple(g.get_facecolor()[0]) for g in display.ax_.collections}
    assert len(colors) == 3
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["a", "b", "c"]


def test_draws_on_given_axes_without_classes(rng):
    figure, ax = plt.subplots()
    display = EmbeddingDisplay(rng.normal(size=(5, 2))).plot(ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert ax.get_legend() is None
    assert ax.get_ylabel() == "component 2"


def test_from_estimator_draws_its_embedding(iris):
    X, y = iris
    model = StableAutoencoder(max_iter=2).fit(X)
    display = EmbeddingDisplay.from_estimator(model, X, y)
    np.testing.assert_array_equal(display.embedding, model.transform(X))


def test_runs_are_drawn_side_by_side_at_one_scale(iris):
    X, y = iris
    model = StableAutoencoder(n_init=3, max_iter=2).fit(X)
    display = EmbeddingDisplay.from_estimator(model, X, y, runs=True)
    assert len(display.axes_) == 3
    assert len({ax.get_xlim() for ax in display.axes_}) == 1
    for ax, run in zip(display.axes_, model.transform_runs(X)):
        drawn = np.concatenate([group.get_offsets() for group in ax.collections])
        np.testing.assert_allclose(drawn, run)  # iris is sorted by class
    legends = [ax.get_legend() for ax in display.axes_]
    assert legends[:2] == [None, None]
    assert legends[2] is not None


def test_an_estimator_without_runs_is_trained_for_them(iris):
    projection = GaussianRandomProjection(2)
    display = EmbeddingDisplay.from_estimator(projection, iris[0], runs=True)
    assert np.shape(display.embedding) == (5, 150, 2)


def test_axes_must_be_as_many_as_runs(rng):
    _, axes = plt.subplots(1, 2)
    runs = rng.normal(size=(3, 5, 2))
    EmbeddingDisplay(runs[:2]).plot(ax=axes)
    with pytest.raises(ValueError, match="ax has 2 axes, but 3 are needed"):
        EmbeddingDisplay(runs).plot(ax=axes)


def test_classes_must_be_as_many_as_samples(rng):
    with pytest.raises(ValueError, match=r"\[4, 5\]"):
        EmbeddingDisplay(rng.normal(size=(5, 2)), [1, 2, 3, 4]).plot()


def test_two_components_are_needed(rng):
    with pytest.raises(ValueError, match=r"shape \(5, 3\)"):
        EmbeddingDisplay(rng.normal(size=(5, 3))).plot()
    assert not plt.get_fignums()


def test_a_missing_class_is_a_class(rng):
    display = EmbeddingDisplay(rng.normal(size=(3, 2)), [1, 2, np.nan]).plot()
    assert sum(len(group.get_offsets()) for group in display.ax_.collections) == 3


def offsets(ax):
    return np.concatenate([group.get_offsets() for group in ax.collections])


def test_numbers_have_a_color_bar_and_missing_ones_are_named(rng):
    embedding, y = rng.normal(size=(50, 2)), rng.normal(size=50)
    y[:5] = np.nan
    display = EmbeddingDisplay(embedding, pd.Series(y, name="income")).plot()
    missing, numbers = display.ax_.collections
    np.testing.assert_array_equal(missing.get_offsets(), embedding[:5])
    np.testing.assert_array_equal(numbers.get_array(), y[5:])
    bar = numbers.colorbar.ax
    [text] = bar.get_legend().get_texts()
    assert text.get_text() == "missing"
    assert bar.get_ylabel() == "income"


def test_numbers_beyond_the_scale_are_pointed_at(rng):
    y = np.append(rng.uniform(size=998), [1e6, -1e6])
    display = EmbeddingDisplay(rng.normal(size=(1000, 2)), y).plot()
    assert display.ax_.collections[-1].colorbar.extend == "both"
    display = EmbeddingDisplay(rng.normal(size=(50, 2)), y[:50]).plot()
    assert display.ax_.collections[-1].colorbar.extend == "neither"


def test_runs_share_one_color_bar(rng):
    runs = rng.normal(size=(3, 20, 2))
    display = EmbeddingDisplay(runs, rng.normal(size=20)).plot()
    assert len(display.figure_.axes) == 4
    assert len(EmbeddingDisplay(runs).plot().figure_.axes) == 3


def test_dates_are_written_as_dates(rng):
    days = np.datetime64("2024-01-01") + np.arange(300)
    display = EmbeddingDisplay(rng.normal(size=(300, 2)), days).plot()
    display.figure_.canvas.draw()
    bar = display.ax_.collections[-1].colorbar
    written = [text.get_text() for text in bar.ax.get_yticklabels()]
    assert {"Mar", "May"} <= set(written) or {"Feb", "Apr"} <= set(written)


def test_colors_do_not_repeat_among_many_classes(rng):
    y = np.arange(300) % 37
    display = EmbeddingDisplay(rng.normal(size=(300, 2)), y.astype(str)).plot()
    colors = [tuple(g.get_facecolor()[0]) for g in display.ax_.collections]
    assert len(set(colors)) == len(colors) == 11
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts[-1] == "other (27)"
    assert len(offsets(display.ax_)) == 300


def test_uncertain_points_fade(rng):
    embedding, std = rng.normal(size=(30, 2)), rng.gamma(2, size=30)
    for y in (None, np.arange(30) % 2, rng.normal(size=30)):
        display = EmbeddingDisplay(embedding, y, std).plot()
        display.figure_.canvas.draw()
        drawn = offsets(display.ax_)
        alpha = np.concatenate(
            [g.get_facecolors()[:, 3] for g in display.ax_.collections]
        )
        place = {tuple(point): i for i, point in enumerate(embedding)}
        order = np.argsort([std[place[tuple(point)]] for point in drawn])
        assert (np.diff(alpha[order]) <= 0).all()
        assert alpha.min() < 0.2
        assert alpha.max() == 1


def test_deviations_are_those_of_the_runs(customers):
    pipeline, frame = customers
    display = EmbeddingDisplay.from_estimator(
        pipeline, frame, y="income", return_std=True
    )
    inputs = pipeline[0].transform(frame[["age", "plan"]])
    codes, std = pipeline[-1].transform(inputs, return_std=True)
    np.testing.assert_array_equal(display.embedding, codes)
    np.testing.assert_array_equal(display.std, std)
    assert list(display.y) == list(frame["income"])


@pytest.fixture(scope="module")
def customers():
    """Return a pipeline, and a frame with a column that it was not fitted on."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "income": rng.gamma(2, size=60),
            "age": rng.normal(40, 9, 60),
            "plan": rng.choice(["free", "basic", "pro"], 60),
        }
    )
    encoder = make_column_transformer(
        (StandardScaler(), ["age"]), (OneHotEncoder(sparse_output=False), ["plan"])
    )
    model = StableAutoencoder(n_init=2, max_iter=2, random_state=0)
    return make_pipeline(encoder, model).fit(frame[["age", "plan"]]), frame


def test_deviations_need_an_estimator_that_has_some(iris):
    with pytest.raises(TypeError, match="PCA.*return_std=True"):
        EmbeddingDisplay.from_estimator(PCA(2).fit(iris[0]), iris[0], return_std=True)
    with pytest.raises(ValueError, match="runs=True and return_std=True"):
        EmbeddingDisplay.from_estimator(PCA(2), iris[0], runs=True, return_std=True)
    with pytest.raises(ValueError, match=r"std has shape \(2,\)"):
        EmbeddingDisplay(iris[0][:, :2], std=[1, 2]).plot()
    assert not plt.get_fignums()


def test_no_estimator_is_trained_on_the_column_that_colors(customers):
    pipeline, frame = customers
    numbers = frame[["income", "age"]].assign(size=frame["income"] ** 2)
    for library in (pd.DataFrame, pl.from_pandas):
        shown = EmbeddingDisplay.from_estimator(
            PCA(2), library(numbers), "age", runs=True
        )
        expected = PCA(2).fit_transform(numbers[["income", "size"]])
        np.testing.assert_allclose(shown.embedding[0], expected)
        np.testing.assert_array_equal(shown.y, numbers["age"])
    shown = EmbeddingDisplay.from_estimator(pipeline, frame, "income", runs=True)
    assert np.shape(shown.embedding) == (2, 60, 2)


def test_a_column_must_be_there(customers):
    pipeline, frame = customers
    with pytest.raises(ValueError, match="y='salary' is not a column of X"):
        EmbeddingDisplay.from_estimator(pipeline, frame, y="salary")


def test_codes_that_are_missing_leave_the_limits_to_others(rng):
    runs = rng.normal(size=(2, 30, 2))
    expected = EmbeddingDisplay(runs).plot()
    runs = np.concatenate([runs, np.full((2, 5, 2), np.nan)], axis=1)
    found = EmbeddingDisplay(runs).plot()
    for ax, other in zip(found.axes_, expected.axes_):
        assert (ax.get_xlim(), ax.get_ylim()) == (other.get_xlim(), other.get_ylim())
    EmbeddingDisplay(runs[:, 30:]).plot()
