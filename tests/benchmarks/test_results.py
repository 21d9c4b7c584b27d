"""Rows that are measured again replace those known before."""

from benchmarks import results


def row(data, method, figure, **more):
    return {"data": data, "method": method, **more, "figure": figure}


def test_what_is_measured_again_is_replaced(monkeypatch):
    known = [row("digits", "PCA", "old"), row("digits", "Isomap", "old")]
    monkeypatch.setattr(results, "read_earlier", lambda name: known)
    measured = [row("swiss roll", "PCA", "new", date="today")]
    measured.append(row("digits", "PCA", "new", date="today"))
    cells = {"data": ["digits", "swiss roll"], "method": ["PCA", "Isomap"]}
    assert results.among_earlier("compare", measured, **cells) == [
        row("digits", "PCA", "new", date="today"),
        row("digits", "Isomap", "old", date=""),
        row("swiss roll", "PCA", "new", date="today"),
    ]


def test_cells_have_several_rows_and_numbers(monkeypatch):
    earlier = [
        {"data": data, "components": components, "split": split, "accuracy": ".9"}
        for data, components in (("wine", "2"), ("wine", "10"), ("digits", "2"))
        for split in "01"
    ]
    monkeypatch.setattr(results, "read_earlier", lambda name: earlier)
    wine = {"data": "wine", "components": 2}
    measured = [wine | {"split": n, "alpha": 30, "accuracy": ".95"} for n in (0, 1)]
    cells = {"data": ("wine", "digits"), "components": (2, 10)}
    found = results.among_earlier("pipeline_runs", measured, **cells)
    assert found[:2] == measured
    assert found[2:] == [one | {"alpha": ""} for one in earlier[2:]]


def test_what_is_measured_no_more_is_dropped(monkeypatch):
    known = [row("digits", "gone", "old"), row("digits", "PCA", "old")]
    monkeypatch.setattr(results, "read_earlier", lambda name: known)
    measured = [row("digits", "Isomap", "new")]
    cells = {"data": ["digits"], "method": ["PCA", "Isomap"]}
    found = results.among_earlier("compare", measured, **cells)
    assert found == [row("digits", "PCA", "old"), row("digits", "Isomap", "new")]


def test_columns_may_have_any_name(monkeypatch):
    known = [{"rows": "10", "name": "PCA"}, {"rows": "20", "name": "PCA"}]
    monkeypatch.setattr(results, "read_earlier", lambda name: known)
    cells = {"rows": [10, 20], "name": ["PCA"]}
    found = results.among_earlier("scaling", [{"rows": 20, "name": "PCA"}], **cells)
    assert found == [known[0], {"rows": 20, "name": "PCA"}]
