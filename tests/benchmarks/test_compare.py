"""What is due is measured, in turns if it is short, and cells say what is missing."""

import pytest

pytest.importorskip("matplotlib")

from benchmarks import compare


def row(data, method, figure, **more):
    return {"data": data, "method": method, **more, "figure": figure}


def test_a_method_that_is_not_installed_is_left_out(monkeypatch, capsys):
    def missing(seed):
        raise ImportError("no module named peer")

    monkeypatch.setitem(compare.MAPS, "peer", missing)
    assert compare.can_be_made("PCA")
    assert not compare.can_be_made("peer")
    assert "peer: no module named peer" in capsys.readouterr().out


def test_what_the_file_has_is_not_due():
    cells = [("digits", "PCA"), ("digits", "Isomap")]
    known = [row("digits", "PCA", "old")]
    assert compare.due(cells, known, again=False) == [("digits", "Isomap")]
    assert compare.due(cells, known, again=True) == cells


def test_short_fits_are_timed_in_turns():
    seconds = {"short": [1, 3, 2], "long": [compare.SHORT_FIT + 1], "endless": [None]}
    order = []

    def run(method):
        order.append(method)
        found = seconds[method].pop(0)
        return found and {"fit_seconds": found, "transform_seconds": 0.5}

    found = compare.timed_in_turns(list(seconds), run)
    assert order == ["short", "long", "endless", "short", "short"]
    assert found["short"] == {"fit_seconds": "2", "transform_seconds": "0.5"}
    assert found["long"]["fit_seconds"] == f"{compare.SHORT_FIT + 1:.4g}"
    assert set(found["endless"].values()) == {"over"}


def test_cells_say_what_is_missing():
    names = ("stress", "unseen_r2")
    assert compare.filled(names, {"stress": 0.25}) == {
        "stress": "0.25",
        "unseen_r2": "no",
    }
    assert set(compare.filled(names, None).values()) == {"over"}
