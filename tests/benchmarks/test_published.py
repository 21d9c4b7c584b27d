"""The protocol is that of the paper."""

import pytest

from benchmarks import published
from benchmarks.published import N_NEIGHBORS, PUBLISHED


def test_every_published_method_has_every_number_of_neighbors():
    for method, cells in PUBLISHED.items():
        assert tuple(cells) == N_NEIGHBORS, method


@pytest.mark.numeric
def test_pca_has_the_accuracies_of_the_paper(digits):
    """The paper's folds are not known: a quarter of the folds' own spread is left."""
    rows = published.measure("PCA", *digits)
    for row in rows:
        accuracy, spread = PUBLISHED["PCA"][int(row["n_neighbors"])]
        assert float(row["accuracy"]) == pytest.approx(accuracy, abs=spread / 4)


def test_rows_of_the_paper_are_written_as_they_stand_there():
    rows = published.published()
    assert len(rows) == len(PUBLISHED) * len(N_NEIGHBORS)
    row = next(r for r in rows if (r["method"], r["n_neighbors"]) == ("UMAP", "40"))
    assert (row["accuracy"], row["spread"]) == ("0.954", "0.060")


def test_a_method_measured_again_replaces_its_rows():
    old = [published.row("PCA", "measured", k, 0.5, 0.0) for k in N_NEIGHBORS]
    new = [published.row("PCA", "measured", k, 0.75, 0.0) for k in N_NEIGHBORS]
    other = [published.row("UMAP", "measured", k, 0.25, 0.0) for k in N_NEIGHBORS]
    known = published.kept([], old + other)
    assert published.kept(known, new) == [*published.published(), *new, *other]
