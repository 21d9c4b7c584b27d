import numpy as np
import pytest
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
    with pytest.raises(ValueError, match="ax holds 2 axes; 3 are needed"):
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
