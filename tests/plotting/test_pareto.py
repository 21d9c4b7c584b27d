import numpy as np
import pytest

from stable_embedding.plotting import ParetoDisplay

pytest.importorskip("matplotlib")


def test_no_point_dominates_the_front(rng):
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
def test_points_are_two_finite_numbers(point):
    with pytest.raises(ValueError, match="a point must be two finite numbers"):
        ParetoDisplay({"path": {"0": point}})


def test_points_differ_in_their_names():
    path = {"PCA": (1, 1), "b": (0.9, 0.9)}
    with pytest.raises(ValueError, match="points has 'PCA', and the path 'PCA' has a"):
        ParetoDisplay({"PCA": path}, {"PCA": (0, 0)})
    assert ParetoDisplay({"PCA": path}, {"b": (0, 0)}).front_ == [("PCA", "PCA")]


def test_an_empty_display_is_refused():
    with pytest.raises(ValueError, match="pass at least one point"):
        ParetoDisplay({})


def test_a_path_may_be_empty():
    assert ParetoDisplay({"ours": {}}, {"theirs": (1, 2)}).plot().front_
