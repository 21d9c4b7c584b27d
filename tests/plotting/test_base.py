import re
import sys

import numpy as np
import pandas as pd
import pytest

from stable_embedding import StabilityReport
from stable_embedding.plotting import (
    COLORMAP,
    COLORS,
    MARKERS,
    DriftDisplay,
    EmbeddingDisplay,
    FeatureSensitivityDisplay,
    LossCurveDisplay,
    ManifoldVarianceDisplay,
    MovementDisplay,
    ParetoDisplay,
    ShepardDisplay,
    StabilityDisplay,
)
from stable_embedding.plotting.base import as_written

matplotlib = pytest.importorskip("matplotlib")
plt = pytest.importorskip("matplotlib.pyplot")

DISPLAYS = {
    "embedding": lambda: EmbeddingDisplay(np.eye(2)),
    "manifold variance": lambda: ManifoldVarianceDisplay(np.eye(3)),
    "shepard": lambda: ShepardDisplay([1.0, 2.0], [1.0, 3.0]),
    "loss curve": lambda: LossCurveDisplay({"loss": [1.0, 0.5]}),
    "stability": lambda: StabilityDisplay({"PCA": {"seed": 0.1}}, "displacement"),
    "feature sensitivity": lambda: FeatureSensitivityDisplay(np.eye(2)),
    "pareto": lambda: ParetoDisplay({"path": {"0": (1.0, 2.0)}}),
}


@pytest.mark.parametrize("name", DISPLAYS)
def test_without_matplotlib_a_display_says_what_brings_it(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'stable_embedding\[plot\]'"):
        DISPLAYS[name]().plot()


@pytest.mark.parametrize("name", DISPLAYS)
def test_every_display_draws_on_given_axes_or_a_new_figure(name):
    display = DISPLAYS[name]()
    figure, ax = plt.subplots()
    assert display.plot(ax=ax) is display
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert ax.has_data()
    assert display.plot().figure_ is not figure
    assert display.ax_.has_data()


def test_colors_and_markers_differ():
    assert len(set(COLORS)) == len(COLORS) >= 10
    assert len(set(MARKERS)) == len(MARKERS) >= 10


def lightness(color):
    red, green, blue = matplotlib.colors.to_rgb(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_colormap_is_read_in_gray():
    shades = [lightness(plt.get_cmap(COLORMAP)(i)[:3]) for i in range(256)]
    assert (np.diff(shades) > 0).mean() > 0.95


# Two dollar signs around what is no formula.
NAME = "$x_$ a"

NAMED = {
    "classes": lambda: EmbeddingDisplay(np.eye(2), [NAME, "b"]),
    "name of classes": lambda: EmbeddingDisplay(
        np.eye(2), pd.Series(["a", "b"], name=NAME)
    ),
    "name of numbers": lambda: EmbeddingDisplay(
        np.eye(2), pd.Series([0.5, 1.5], name=NAME)
    ),
    "groups": lambda: MovementDisplay(np.eye(2), np.eye(2) + 1, [NAME, "b"]),
    "drift": lambda: DriftDisplay({NAME: 0.5}, {NAME: True}),
    "features": lambda: FeatureSensitivityDisplay(np.eye(2), [NAME, "b"]),
    "classes in order": lambda: ManifoldVarianceDisplay(np.eye(2), y=[NAME, "b"]),
    "estimators": lambda: StabilityDisplay({NAME: {NAME: 0.1}}, NAME),
    "paths": lambda: ParetoDisplay(
        {NAME: {NAME: (1, 2)}}, {NAME + " b": (0.5, 1)}, xlabel=NAME, ylabel=NAME
    ),
}


@pytest.mark.parametrize(
    "draw",
    [
        lambda a, b: EmbeddingDisplay(np.eye(2), [a, b]),
        lambda a, b: MovementDisplay(np.eye(2), np.eye(2) + 1, [a, b]),
        lambda a, b: StabilityDisplay({a: {"seed": 0.1}, b: {"seed": 0.1}}, "raw"),
        lambda a, b: ParetoDisplay({a: {"0": (1.0, 2.0)}, b: {"0": (2.0, 1.0)}}),
    ],
)
def test_names_may_begin_with_an_underscore(draw):
    display = draw("_first", "_second").plot()
    display.figure_.canvas.draw()
    legend = display.ax_.get_legend()
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["_first", "_second"]
    # It is as wide as its texts.
    width = legend.get_window_extent().width
    assert all(text.get_window_extent().width < width for text in legend.get_texts())


@pytest.mark.parametrize("name", NAMED)
def test_dollar_signs_in_names_are_drawn_as_written(name):
    figure = NAMED[name]().plot().figure_
    figure.canvas.draw()
    texts = [text.get_text() for text in figure.findobj(matplotlib.text.Text)]
    assert as_written(NAME) in texts


CODES = pd.DataFrame(np.eye(3)[:, :2], index=["a", "b", "c"])
OTHERS, Y = CODES[::-1], pd.Series([1, 2, 3], index=["c", "b", "a"])

IN_ANOTHER_ORDER = {
    "y": lambda: EmbeddingDisplay(CODES, Y).plot(),
    "std": lambda: EmbeddingDisplay(CODES, std=Y).plot(),
    "y of runs": lambda: EmbeddingDisplay([CODES, CODES], Y).plot(),
    "embedding[1]": lambda: EmbeddingDisplay([CODES, OTHERS]).plot(),
    "new": lambda: MovementDisplay(CODES, OTHERS).plot(),
    "groups": lambda: MovementDisplay(CODES, CODES, Y).plot(),
    "groups of old": lambda: MovementDisplay(CODES, np.eye(3)[:, :2], Y).plot(),
    "y of embeddings": lambda: ManifoldVarianceDisplay.from_embeddings(
        [CODES, CODES + 1], Y
    ),
    "y of variance": lambda: ManifoldVarianceDisplay(CODES @ CODES.T, y=Y).plot(),
    "embedding": lambda: ManifoldVarianceDisplay(
        CODES @ CODES.T, embedding=OTHERS
    ).plot(kind="map"),
    "X_embedded": lambda: ShepardDisplay.from_embedding(CODES, OTHERS),
}


@pytest.mark.parametrize("name", IN_ANOTHER_ORDER)
def test_values_with_ids_in_another_order_are_refused(name):
    parameter = re.escape(name.split()[0])
    with pytest.raises(ValueError, match=f"^{parameter} has the id 'c' where .* 'a'"):
        IN_ANOTHER_ORDER[name]()
    assert not plt.get_fignums()


SQUARE = np.eye(2)

WRONG = [
    (lambda: LossCurveDisplay([1.0, 0.5]), TypeError, "history is of type list; it"),
    (lambda: LossCurveDisplay({}), ValueError, "history={} has no loss"),
    (
        lambda: LossCurveDisplay({"loss": 1.0}),
        ValueError,
        r"history\['loss'\] has shape",
    ),
    (lambda: StabilityDisplay([], "x"), TypeError, "values is of type list"),
    (lambda: StabilityDisplay({}, "x"), ValueError, "values={} has no estimator"),
    (lambda: StabilityReport([]), ValueError, "values={} has no estimator"),
    (
        lambda: StabilityDisplay({"a": {"seed": 1}, "b": {"order": 1}}, "x"),
        ValueError,
        r"values\['b'\] has the perturbations \['order'\], but values\['a'\] has \['s",
    ),
    (
        lambda: StabilityDisplay({"a": 1}, "x"),
        TypeError,
        r"values\['a'\] is of type int",
    ),
    (lambda: DriftDisplay([0.1], [True]), TypeError, "statistics is of type list"),
    (lambda: DriftDisplay({"a": 0.1}, [True]), TypeError, "drifted is of type list"),
    (
        lambda: DriftDisplay({"a": 0.1, "b": 0.2}, {"a": True}),
        ValueError,
        "drifted lacks 'b', of which statistics has a value",
    ),
    *(
        (
            lambda n=n: DriftDisplay({"a": 0.1}, {"a": True}, max_bars=n),
            ValueError,
            f"max_bars={n} must be a whole number, 1 or more",
        )
        for n in (0, -1, 1.5)
    ),
    (
        lambda: ShepardDisplay([1.0, 2.0], [1.0]),
        ValueError,
        r"distances has shape \(2,\) and distances_embedded \(1,\); both must have",
    ),
    (lambda: ShepardDisplay(SQUARE, SQUARE), ValueError, r"distances has shape \(2, 2"),
    (
        lambda: ShepardDisplay([1.0, np.nan], [1.0, 2.0]),
        ValueError,
        "Input distances contains NaN",
    ),
    (
        lambda: ManifoldVarianceDisplay(np.ones((3, 4)), y=[1, 2, 3]),
        ValueError,
        r"variance has shape \(3, 4\); it must have shape \(n_samples, n_samples\)",
    ),
    (
        lambda: EmbeddingDisplay(SQUARE, std=["a", "b"]),
        ValueError,
        "std cannot be read as numbers: could not convert string to float: 'a'",
    ),
    (
        lambda: EmbeddingDisplay(SQUARE, [{}, {}]),
        TypeError,
        "y must hold classes, such as text or numbers: unhashable type: 'dict'",
    ),
    (
        lambda: MovementDisplay(SQUARE, SQUARE, [{}, {}]),
        TypeError,
        "groups must hold classes, such as text or numbers",
    ),
    (
        lambda: ManifoldVarianceDisplay(SQUARE, y=[{}, {}]),
        TypeError,
        "y must hold classes, such as text or numbers",
    ),
    (
        lambda: EmbeddingDisplay(SQUARE, [0.5, 10**400]),
        ValueError,
        "y holds a number beyond float64",
    ),
]


@pytest.mark.parametrize(("make", "error", "message"), WRONG)
def test_what_cannot_be_drawn_is_said_before_a_figure_is_opened(make, error, message):
    display = make()
    with pytest.raises(error, match=f"^{message}"):
        display.plot()
    assert not plt.get_fignums()


@pytest.mark.parametrize("count", [-1, 2.5, "2"])
def test_numbers_of_what_is_drawn_are_whole(count):
    for draw, name in (
        (lambda: MovementDisplay(SQUARE, SQUARE).plot(n_arrows=count), "n_arrows"),
        (
            lambda: FeatureSensitivityDisplay(SQUARE).plot(max_features=count),
            "max_features",
        ),
    ):
        with pytest.raises(ValueError, match=f"{name}={count!r} must be a whole numb"):
            draw()
    assert not plt.get_fignums()


@pytest.mark.parametrize("name", ["$", "$a$", r"\$a\$", "a", "$$$"])
def test_a_name_is_drawn_like_itself_without_formulas(name):
    def pixels(text, **options):
        figure = plt.figure(figsize=(1, 1))
        figure.text(0.1, 0.5, text, **options)
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba())

    np.testing.assert_array_equal(
        pixels(as_written(name)), pixels(name, parse_math=False)
    )
