"""Rows that are measured again replace those known before."""

import pytest

pytest.importorskip("matplotlib")

from benchmarks import compare


def row(data, method, figure, **more):
    return {"data": data, "method": method, **more, "figure": figure}


def test_what_is_measured_again_is_replaced():
    known = [row("digits", "PCA", "old"), row("digits", "Isomap", "old")]
    measured = [row("swiss roll", "PCA", "new", date="today")]
    measured.append(row("digits", "PCA", "new", date="today"))
    assert compare.merged(known, measured) == [
        row("digits", "PCA", "new", date="today"),
        row("digits", "Isomap", "old", date=""),
        row("swiss roll", "PCA", "new", date="today"),
    ]


def test_a_method_that_is_not_installed_is_left_out(monkeypatch, capsys):
    def missing(seed):
        raise ImportError("no module named peer")

    monkeypatch.setitem(compare.MAPS, "peer", missing)
    assert compare.can_be_made("PCA")
    assert not compare.can_be_made("peer")
    assert "peer: no module named peer" in capsys.readouterr().out
