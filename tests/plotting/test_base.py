import sys

import numpy as np
import pytest

from stable_embedding.plotting import (
    COLORMAP,
    COLORS,
    MARKERS,
    EmbeddingDisplay,
    FeatureSensitivityDisplay,
    LossCurveDisplay,
    ManifoldVarianceDisplay,
    ParetoDisplay,
    ShepardDisplay,
    StabilityDisplay,
)

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
