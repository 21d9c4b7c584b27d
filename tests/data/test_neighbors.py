import sys

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.neighbors import KNeighborsTransformer
from sklearn.preprocessing import FunctionTransformer

from stable_embedding.data import neighbors
from stable_embedding.data.neighbors import (
    draw_positives,
    graph_from_transformer,
    nearest_neighbors,
    neighbor_graph,
    restrict_nodes,
)
from stable_embedding.data.row_hash import canonical_order
from stable_embedding.data.scaling import ScaledSamples


@pytest.fixture
def X(rng):
    return rng.normal(size=(60, 3))


def as_rows(X, order=None):
    return ScaledSamples(X, 0.0, 1.0, order)


def whole(X):
    return [slice(0, len(X))]


def lists(graph):
    """Neighbors of each row, sorted."""
    return [sorted(part) for part in np.split(graph.indices, graph.indptr[1:-1])]


def by_comparison(X, n_neighbors):
    distances = np.linalg.norm(X[:, None] - X, axis=2)
    np.fill_diagonal(distances, np.inf)
    return [sorted(row[:n_neighbors]) for row in distances.argsort(axis=1)]


def test_the_graph_holds_the_nearest_of_each_row(X):
    graph = neighbor_graph(as_rows(X), 5, whole(X))
    assert lists(graph) == by_comparison(X, 5)


def test_where_there_are_few_rows_all_others_are_neighbors():
    X = np.arange(4.0)[:, None]
    graph = neighbor_graph(as_rows(X), 15, whole(X))
    assert lists(graph) == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]


def test_no_row_is_its_own_neighbor_among_copies():
    X = np.ones((30, 2))
    graph = neighbor_graph(as_rows(X), 5, whole(X))
    assert not graph.diagonal().any()
    assert (np.diff(graph.indptr) == 5).all()


def test_rows_of_a_chunk_have_their_neighbors_in_it(X):
    chunks = [slice(0, 25), slice(25, 60)]
    graph = neighbor_graph(as_rows(X), 5, chunks)
    first, second = by_comparison(X[:25], 5), by_comparison(X[25:], 5)
    assert lists(graph) == first + [[25 + i for i in row] for row in second]
    found = graph_from_transformer(
        KNeighborsTransformer(n_neighbors=5), as_rows(X), chunks
    )
    for row, (columns, nearest) in enumerate(zip(lists(found), by_comparison(X, 5))):
        assert columns == [i for i in nearest if (i < 25) == (row < 25)]


def test_many_rows_are_searched_by_descent(X, monkeypatch, rng):
    pytest.importorskip("pynndescent")
    monkeypatch.setattr(neighbors, "_COMPARED_ROWS", 0)
    X = rng.normal(size=(2_000, 5)).astype(np.float32)
    graph = neighbor_graph(as_rows(X), 15, whole(X))
    again = neighbor_graph(as_rows(X), 15, whole(X))
    assert lists(graph) == lists(again)
    assert not graph.diagonal().any()
    expected = by_comparison(X, 15)
    shared = [len(set(a) & set(b)) for a, b in zip(lists(graph), expected)]
    assert np.mean(shared) > 0.95 * 15


def test_without_pynndescent_many_rows_are_refused(X, monkeypatch):
    monkeypatch.setattr(neighbors, "_COMPARED_ROWS", 20)
    monkeypatch.setitem(sys.modules, "pynndescent", None)
    with pytest.raises(ImportError, match=r"60 rows.*stable_embedding\[neighbors\]"):
        nearest_neighbors(X.astype(np.float32), 5)


@pytest.mark.parametrize("mode", ["distance", "connectivity"])
def test_a_transformer_finds_the_same_graph(X, mode):
    order, _ = canonical_order(X)
    rows = as_rows(X, order)
    expected = neighbor_graph(rows, 5, whole(X))
    # Its graphs count a row itself among its neighbors.
    n_neighbors = 5 if mode == "distance" else 6
    transformer = KNeighborsTransformer(mode=mode, n_neighbors=n_neighbors)
    assert lists(graph_from_transformer(transformer, rows, whole(X))) == lists(expected)


def test_a_graph_that_is_there_already_can_be_given(X):
    order, _ = canonical_order(X)
    in_a_ring = np.roll(np.eye(len(X)), 1, axis=1)
    given = FunctionTransformer(lambda _: csr_array(in_a_ring))
    found = graph_from_transformer(given, as_rows(X, order), whole(X))
    expected = in_a_ring[np.ix_(order, order)]
    np.testing.assert_array_equal(found.toarray(), expected)


@pytest.mark.parametrize(
    ("function", "error", "match"),
    [
        (lambda X: X, TypeError, "returned a ndarray; it must return a sparse graph"),
        (csr_array, ValueError, r"shape \(60, 3\) for 60 rows"),
    ],
)
def test_what_is_no_graph_is_refused(X, function, error, match):
    with pytest.raises(error, match=match):
        graph_from_transformer(FunctionTransformer(function), as_rows(X), whole(X))


def test_among_some_rows_only_these_are_neighbors(X):
    graph = neighbor_graph(as_rows(X), 5, whole(X))
    chosen = np.arange(0, 60, 2)
    for columns, nearest in zip(lists(restrict_nodes(graph, chosen)), lists(graph)):
        assert columns == [i for i in nearest if i % 2 == 0]


def test_partners_are_neighbors_and_each_is_drawn(X):
    graph = neighbor_graph(as_rows(X), 5, whole(X))
    _, keys = canonical_order(X)
    index, rng = np.arange(60), np.random.default_rng(0)
    drawn = np.array([draw_positives(graph, index, keys, rng) for _ in range(500)])
    counts = [np.bincount(column, minlength=60) for column in drawn.T]
    for count, nearest in zip(counts, lists(graph)):
        assert count[nearest].sum() == 500
    # A hundred each in the mean, and a standard deviation of nine.
    assert min(count[count > 0].min() for count in counts) > 50
    assert np.mean([np.count_nonzero(count) for count in counts]) == 5


def test_a_row_without_neighbors_is_its_own_partner():
    graph = csr_array(np.array([[0, 1, 0], [0, 0, 0], [0, 1, 0]]))
    keys = np.arange(3, dtype=np.uint64)
    partners = draw_positives(graph, np.arange(3), keys, np.random.default_rng(0))
    assert partners.tolist() == [1, 1, 1]


def test_partners_do_not_depend_on_the_other_rows(X):
    graph = neighbor_graph(as_rows(X), 5, whole(X))
    _, keys = canonical_order(X)
    index = np.arange(10, 30)
    every = draw_positives(graph, np.arange(60), keys, np.random.default_rng(3))
    some = draw_positives(graph, index, keys[index], np.random.default_rng(3))
    np.testing.assert_array_equal(some, every[index])


def test_a_progress_bar_counts_rows(X, capsys):
    neighbor_graph(as_rows(X), 5, whole(X), verbose=True)
    assert "neighbors: 100%" in capsys.readouterr().err
