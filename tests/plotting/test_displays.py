import matplotlib.colors
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.random_projection import GaussianRandomProjection

from stable_embedding import StableAutoencoder, manifold_variance_matrix
from stable_embedding.plotting import displays as plotting
from stable_embedding.plotting import (
    COLORS,
    MARKERS,
    EmbeddingDisplay,
    LossCurveDisplay,
    ManifoldVarianceDisplay,
    ParetoDisplay,
    ShepardDisplay,
    StabilityDisplay,
)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_draws_every_point_once_with_a_color_a_class(rng):
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


def test_runs_of_an_estimator_without_any_are_trained(iris):
    projection = GaussianRandomProjection(2)
    display = EmbeddingDisplay.from_estimator(projection, iris[0], runs=True)
    assert np.shape(display.embedding) == (5, 150, 2)


def test_axes_must_be_as_many_as_runs(rng):
    _, axes = plt.subplots(1, 2)
    runs = rng.normal(size=(3, 5, 2))
    EmbeddingDisplay(runs[:2]).plot(ax=axes)
    with pytest.raises(ValueError, match="ax holds 2 axes; 3 are drawn on"):
        EmbeddingDisplay(runs).plot(ax=axes)


def test_classes_must_be_as_many_as_points(rng):
    with pytest.raises(ValueError, match=r"\[4, 5\]"):
        EmbeddingDisplay(rng.normal(size=(5, 2)), [1, 2, 3, 4]).plot()


def test_refuses_what_cannot_be_drawn(rng):
    with pytest.raises(ValueError, match=r"shape \(5, 3\)"):
        EmbeddingDisplay(rng.normal(size=(5, 3))).plot()


def test_colors_differ():
    assert len(set(COLORS)) == len(COLORS) >= 10
    assert len(set(MARKERS)) == len(MARKERS) >= 10


def lightness(color):
    red, green, blue = matplotlib.colors.to_rgb(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_colormap_is_read_in_gray():
    shades = [lightness(plt.get_cmap(plotting.COLORMAP)(i)[:3]) for i in range(256)]
    assert (np.diff(shades) > 0).mean() > 0.95


# ------------------------------------------------------------ manifold variance


def test_the_matrix_is_sorted_by_class(rng):
    runs, y = rng.normal(size=(3, 20, 2)), rng.permutation(np.repeat(["b", "a"], 10))
    display = ManifoldVarianceDisplay.from_embeddings(runs, y)
    order = np.argsort(y, kind="stable")
    expected = manifold_variance_matrix(runs[:, order])
    np.testing.assert_allclose(display.ax_.images[0].get_array(), expected)
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == ["a", "b"]
    assert display.ax_.get_xlabel() == "points, sorted by class"
    bars = [ax.get_ylabel() for ax in display.figure_.axes]
    assert "variance of the normalized distance" in bars


def test_points_are_colored_by_their_own_variance(iris):
    X, y = iris
    model = StableAutoencoder(n_init=3, max_iter=2, init="random").fit(X)
    display = ManifoldVarianceDisplay.from_estimator(model, X, y, kind="map")
    (points,) = display.ax_.collections
    np.testing.assert_allclose(points.get_offsets(), model.transform(X))
    expected = manifold_variance_matrix(model.transform_runs(X)).mean(axis=1)
    np.testing.assert_allclose(points.get_array(), expected)
    assert display.ax_.get_xlabel() == "component 1"


def test_a_map_that_never_moves_can_be_drawn(iris):
    for kind in ("matrix", "map"):
        ManifoldVarianceDisplay.from_estimator(PCA(2), iris[0], kind=kind)
    plt.gcf().canvas.draw()


def test_many_points_are_subsampled_with_their_classes(rng, monkeypatch):
    monkeypatch.setattr(plotting, "MAX_POINTS", 30)
    y = np.repeat([0, 1], 50)
    runs = y[:, None] + 0.01 * rng.normal(size=(2, 100, 2))
    display = ManifoldVarianceDisplay.from_embeddings(runs, y)
    assert display.variance.shape == (30, 30)
    np.testing.assert_array_equal(display.y, display.embedding[:, 0].round())


def test_bad_variances_are_refused(rng):
    runs = rng.normal(size=(2, 10, 3))
    with pytest.raises(ValueError, match="kind='image'"):
        ManifoldVarianceDisplay.from_embeddings(runs, kind="image")
    with pytest.raises(ValueError, match=r"shape \(10, 3\)"):
        ManifoldVarianceDisplay.from_embeddings(runs, kind="map")
    with pytest.raises(ValueError, match="two"):
        ManifoldVarianceDisplay.from_embeddings(runs[:1])
    with pytest.raises(ValueError, match=r"\[9, 10\]"):
        ManifoldVarianceDisplay.from_embeddings(runs, np.arange(9))
    with pytest.raises(ValueError, match=r"\[10, 9\]"):
        ManifoldVarianceDisplay(np.eye(10), y=np.arange(9)).plot()


# ------------------------------------------------------------------- the others


def test_shepard_shows_every_pair_and_the_best_line(rng):
    X = rng.normal(size=(40, 3))
    display = ShepardDisplay.from_embedding(X, 2 * X)
    (drawn,) = display.ax_.collections
    assert drawn.get_array().sum() == 40 * 39 / 2
    np.testing.assert_allclose(display.distances_embedded, 2 * pdist(X))
    assert display.ax_.get_legend().get_texts()[0].get_text().endswith("2.00 to 1")
    with pytest.raises(ValueError, match=r"\[40, 39\]"):
        ShepardDisplay.from_embedding(X, X[:39])


def test_shepard_needs_distances():
    with pytest.raises(ValueError, match="all zero"):
        ShepardDisplay.from_embedding(np.ones((5, 2)), np.eye(5))


def test_loss_curves_need_a_history(iris):
    with pytest.raises(TypeError, match=r"PCA.*keeps no history_"):
        LossCurveDisplay.from_estimator(PCA(2).fit(iris[0]))


def test_a_missing_class_is_a_class(rng):
    display = EmbeddingDisplay(rng.normal(size=(3, 2)), [1, 2, np.nan]).plot()
    assert sum(len(group.get_offsets()) for group in display.ax_.collections) == 3


def test_shepard_of_many_rows_keeps_pairs_together(rng, monkeypatch):
    monkeypatch.setattr(plotting, "_SHEPARD_ROWS", 20)
    X = rng.normal(size=(50, 3))
    display = ShepardDisplay.from_embedding(X, 3 * X)
    np.testing.assert_allclose(display.distances_embedded, 3 * display.distances)
    assert len(display.distances) == 20 * 19 / 2


@pytest.mark.parametrize("early_stopping", [False, True])
def test_loss_curves_are_the_history(early_stopping, iris):
    model = StableAutoencoder(
        max_iter=5, early_stopping=early_stopping, neighbor_weight=1
    )
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(model)
    display = LossCurveDisplay.from_estimator(model.fit(iris[0]))
    drawn = {line.get_label(): line for line in display.ax_.get_lines()}
    assert drawn.keys() == {name.replace("_", " ") for name in model.history_}
    for name, losses in model.history_.items():
        line = drawn[name.replace("_", " ")]
        np.testing.assert_array_equal(line.get_ydata(), losses)
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, len(losses) + 1))


def test_a_term_without_weight_is_not_drawn(iris):
    model = StableAutoencoder(max_iter=5, similarity_weight=0).fit(iris[0])
    display = LossCurveDisplay.from_estimator(model)
    assert [line.get_label() for line in display.ax_.get_lines()] == [
        "loss",
        "reconstruction loss",
    ]


def test_equal_stabilities_do_not_hide_each_other():
    values = {"a": {"seed": 0.0, "order": 0.1}, "b": {"seed": 0.0, "order": 0.1}}
    ax = StabilityDisplay(values, "raw displacement").plot().ax_
    heights = [tuple(line.get_ydata()) for line in ax.get_lines()]
    assert len(set(heights)) == 2
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["seed", "order"]
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["a", "b"]


@pytest.mark.parametrize(("log", "scale"), [(True, "symlog"), (False, "linear")])
def test_what_is_best_at_one_has_a_linear_axis(log, scale):
    values = {"a": {"seed": 0.4, "order": 1.0}}
    ax = StabilityDisplay(values, "neighbor overlap", log=log).plot().ax_
    assert ax.get_xscale() == scale
    assert ax.get_xlim()[0] == 0


def test_the_front_is_what_nothing_beats_in_both(rng):
    points = {str(i): tuple(point) for i, point in enumerate(rng.normal(size=(40, 2)))}
    front = {name for name, _ in ParetoDisplay({}, points).front_}
    for name, (x, y) in points.items():
        better = [a >= x and b >= y for key, (a, b) in points.items() if key != name]
        assert (name in front) == (not any(better))
    twice = ParetoDisplay({"path": {"0": (1, 2), "1": (1, 2)}})
    assert twice.front_ == [("path", "0"), ("path", "1")]


def test_a_path_is_drawn_in_order_and_its_front_is_filled():
    path = {"0": (0.9, 0.6), "1": (0.8, 0.8), "2": (0.7, 0.7)}
    display = ParetoDisplay({"ours": path}, {"theirs": (0.6, 0.9)}, xlabel="kept")
    ax = display.plot().ax_
    line, *marks = ax.get_lines()
    np.testing.assert_array_equal(line.get_xydata(), list(path.values()))
    filled = [mark.get_markerfacecolor() != "white" for mark in marks]
    assert filled == [True, True, False, True]
    assert [text.get_text() for text in ax.texts] == ["0", "1", "2", "theirs"]
    assert ax.get_xlabel() == "kept"


@pytest.mark.parametrize("point", [(1, np.nan), (1, 2, 3), (np.inf, 1)])
def test_points_of_a_front_are_two_numbers(point):
    with pytest.raises(ValueError, match="a point is two finite numbers"):
        ParetoDisplay({"path": {"0": point}})
    with pytest.raises(ValueError, match="nothing to compare"):
        ParetoDisplay({})
