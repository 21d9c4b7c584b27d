import pytest

from stable_embedding import StabilityReport
from stable_embedding.plotting import StabilityDisplay

pytest.importorskip("matplotlib")


def test_equal_values_do_not_overlap():
    values = {"a": {"seed": 0.0, "order": 0.1}, "b": {"seed": 0.0, "order": 0.1}}
    ax = StabilityDisplay(values, "raw displacement").plot().ax_
    heights = [tuple(line.get_ydata()) for line in ax.get_lines()]
    assert len(set(heights)) == 2
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["seed", "order"]
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["a", "b"]


@pytest.mark.parametrize(("log", "scale"), [(True, "symlog"), (False, "linear")])
def test_a_measure_that_is_one_at_best_has_a_linear_axis(log, scale):
    values = {"a": {"seed": 0.4, "order": 1.0}}
    ax = StabilityDisplay(values, "neighbor overlap", log=log).plot().ax_
    assert ax.get_xscale() == scale
    assert ax.get_xlim()[0] == 0


def test_markers_at_the_ends_of_the_axis_are_drawn_whole():
    values = {"a": {"seed": 0.0, "order": 1.0}}
    ax = StabilityDisplay(values, "raw displacement").plot().ax_
    assert [line.get_clip_on() for line in ax.get_lines()] == [False]


def test_the_label_of_a_measure_is_shown_as_it_is():
    rows = [{"estimator": "a", "perturbation": "seed", "run": i} for i in range(2)]
    measures = dict.fromkeys(["raw", "aligned", "manifold_variance"], 0.1)
    rows = [row | measures | {"neighbor_overlap": 1, "r2": 0.5} for row in rows]
    ax = StabilityReport(rows).plot(measure="r2_sd").ax_
    assert ax.get_xlabel() == "standard deviation of R²"
