import matplotlib.pyplot as plt
import numpy as np
import pytest

from stable_embedding import StableAutoencoder
from stable_embedding.plotting import COLORS, EmbeddingDisplay


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_draws_every_point_once_with_a_colour_a_class(rng):
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


def test_from_estimator_draws_its_map(iris):
    X, y = iris
    model = StableAutoencoder(max_iter=2).fit(X)
    display = EmbeddingDisplay.from_estimator(model, X, y)
    np.testing.assert_array_equal(display.embedding, model.transform(X))


def test_refuses_what_cannot_be_drawn(rng):
    with pytest.raises(ValueError, match=r"shape \(5, 3\)"):
        EmbeddingDisplay(rng.normal(size=(5, 3))).plot()


def test_colours_differ():
    assert len(set(COLORS)) == len(COLORS) >= 10
