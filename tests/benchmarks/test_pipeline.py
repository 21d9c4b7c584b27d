"""What is measured replaces what the file has of the same cell, and no more."""

from benchmarks import pipeline


def row(data, components, accuracy, **more):
    cell = {"data": data, "components": components, "accuracy": accuracy}
    return cell | more


def test_cells_that_are_not_measured_stay(monkeypatch):
    earlier = [
        row("wine", "2", ".9"),
        row("wine", "10", ".8"),
        row("digits", "2", ".7"),
    ]
    monkeypatch.setattr(pipeline, "read_earlier", lambda name: earlier)
    found = pipeline.with_earlier([row("wine", 2, ".95", alpha=30.0)])
    assert found == [
        row("wine", 2, ".95", alpha=30.0),
        row("wine", "10", ".8", alpha=""),
        row("digits", "2", ".7", alpha=""),
    ]
