import pytest

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
