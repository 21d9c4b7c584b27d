import sys

import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array
from sklearn import config_context
from sklearn.neighbors import KNeighborsTransformer, NearestNeighbors, kneighbors_graph
from sklearn.preprocessing import FunctionTransformer

from stable_embedding.data import limits, neighbors
from stable_embedding.data.input_distances import held_if_few
from stable_embedding.data.metric_distances import MetricDistances
from stable_embedding.data.metrics import PairMetric
from stable_embedding.data.neighbors import (
    draw_positives,
    graph_by_distances,
    graph_from_transformer,
    neighbor_graph,
    restrict_nodes,
)
from stable_embedding.data.row_hash import canonical_order
from stable_embedding.data.scaling import ScaledSamples


@pytest.fixture
def X(rng):
    return rng.normal(size=(60, 3))


def as_samples(X, order=None):
    return ScaledSamples(X, 0.0, 1.0, order)


def whole(X):
    return [slice(0, len(X))]


def auto_graph(X, n_neighbors, order=None):
    return neighbor_graph("auto", n_neighbors, as_samples(X, order), whole(X))


def lists(graph):
    """Neighbors of each sample, in the order in which they are stored."""
    return [part.tolist() for part in np.split(graph.indices, graph.indptr[1:-1])]


def sorted_lists(graph):
    return [sorted(part) for part in lists(graph)]


def by_comparison(X, n_neighbors):
    """Neighbors of each sample, nearest first."""
    distances = np.linalg.norm(X[:, None] - X, axis=2)
    np.fill_diagonal(distances, np.inf)
    return distances.argsort(axis=1)[:, :n_neighbors].tolist()


def test_the_graph_holds_the_nearest_of_each_sample_nearest_first(X):
    assert lists(auto_graph(X, 5)) == by_comparison(X, 5)


@pytest.mark.parametrize("shape", [(60, 3), (300, 40), (1_500, 5), (20, 2)])
def test_an_exact_search_finds_what_nearest_neighbors_finds(shape, rng):
    X = rng.normal(size=shape).astype(np.float32)
    search = NearestNeighbors(n_neighbors=15).fit(X)
    expected = search.kneighbors(return_distance=False)
    assert lists(auto_graph(X, 15)) == expected.tolist()


@pytest.mark.parametrize("n_samples", [1, 2, 4, 5])
def test_of_few_samples_all_others_are_neighbors(n_samples):
    X = np.arange(float(n_samples))[:, None]
    everyone = list(range(n_samples))
    expected = [[i for i in everyone if i != sample] for sample in everyone]
    assert sorted_lists(auto_graph(X, 4)) == expected
    assert sorted_lists(auto_graph(X, 15)) == expected


@pytest.mark.parametrize("n_copies", [3, 5, 6, 7, 30])
def test_duplicates_are_neighbors_of_each_other(n_copies, rng):
    X = np.repeat(rng.normal(size=(8, 2)), n_copies, axis=0)
    graph = auto_graph(X, 5)
    assert (np.diff(graph.indptr) == 5).all()
    for sample, found in enumerate(lists(graph)):
        assert sample not in found
        assert len(set(found)) == 5
        n_duplicates = sum(i // n_copies == sample // n_copies for i in found)
        assert n_duplicates == min(5, n_copies - 1)
    assert lists(auto_graph(X, 5)) == lists(graph)


def test_ties_do_not_depend_on_the_order_of_samples(rng):
    X = rng.integers(4, size=(200, 2)).astype(float)  # many ties and duplicates
    shuffled = rng.permutation(X)
    first = auto_graph(X, 5, canonical_order(X)[0])
    second = auto_graph(shuffled, 5, canonical_order(shuffled)[0])
    assert lists(first) == lists(second)


def test_neighbors_of_a_chunk_are_in_it(X):
    chunks = [slice(0, 25), slice(25, 60)]
    graph = neighbor_graph("auto", 5, as_samples(X), chunks)
    first, second = by_comparison(X[:25], 5), by_comparison(X[25:], 5)
    assert lists(graph) == first + [[25 + i for i in nearest] for nearest in second]
    transformer = KNeighborsTransformer(n_neighbors=5)
    found = neighbor_graph(transformer, 99, as_samples(X), chunks)
    for sample, (kept, nearest) in enumerate(zip(lists(found), by_comparison(X, 5))):
        assert kept == sorted(i for i in nearest if (i < 25) == (sample < 25))


def test_a_search_by_held_distances_sees_the_samples_in_their_order(
    X, monkeypatch, rng
):
    order, metric = rng.permutation(len(X)), PairMetric("minkowski", {"p": 3}, X)
    held = held_if_few(MetricDistances(X, metric, order))
    expected = graph_by_distances(held, metric, 5, as_samples(X, order), whole(X))
    monkeypatch.setattr(limits, "EXACT_NEIGHBOR_SAMPLES", 0)
    search = KNeighborsTransformer(n_neighbors=5, p=3)
    monkeypatch.setattr(neighbors, "approximate_search", lambda *_: search)
    found = graph_by_distances(held, metric, 5, as_samples(X, order), whole(X))
    assert sorted_lists(found) == sorted_lists(expected)


def test_without_pynndescent_many_samples_are_refused(X, monkeypatch):
    monkeypatch.setattr(limits, "EXACT_NEIGHBOR_SAMPLES", 20)
    monkeypatch.setitem(sys.modules, "pynndescent", None)
    with pytest.raises(ImportError, match=r"60 samples.*stable_embedding\[neighbors\]"):
        auto_graph(X, 5)


@pytest.mark.parametrize("mode", ["distance", "connectivity"])
def test_a_transformer_finds_the_same_graph(X, mode):
    order, _ = canonical_order(X)
    # With "connectivity" a sample itself is one of the neighbors asked for.
    n_neighbors = 5 if mode == "distance" else 6
    transformer = KNeighborsTransformer(mode=mode, n_neighbors=n_neighbors)
    found = graph_from_transformer(transformer, as_samples(X, order), whole(X))
    assert lists(found) == sorted_lists(auto_graph(X, 5, order))


def test_the_order_of_samples_in_a_graph_does_not_count(X, rng):
    def search(samples):
        found = kneighbors_graph(samples, 5)
        found.sort_indices()  # by the places of samples in X
        return found

    def found_in(X):
        samples = as_samples(X, canonical_order(X)[0])
        return lists(
            graph_from_transformer(FunctionTransformer(search), samples, whole(X))
        )

    assert found_in(X) == found_in(rng.permutation(X))


def without_edges(samples):
    return csr_array((len(samples), len(samples)))


def with_loops(samples):
    return csr_array(np.eye(len(samples)))


@pytest.mark.parametrize("search", [without_edges, with_loops])
def test_a_graph_without_neighbors_is_refused(X, search):
    neighbors = FunctionTransformer(search)
    with pytest.raises(ValueError, match=r"neighbors=.*finds no neighbor of any of 60"):
        graph_from_transformer(neighbors, as_samples(X), whole(X))
    # Of a single sample that counts there are none.
    alone = as_samples(X, np.array([3]))
    assert graph_from_transformer(neighbors, alone, [slice(0, 1)]).nnz == 0


def test_a_transformer_sees_the_samples_in_the_order_of_X(X):
    def record(samples):
        seen.append(samples)
        return csr_array(np.roll(np.eye(len(samples)), 1, axis=1))

    seen = []
    order, _ = canonical_order(X)
    graph = graph_from_transformer(
        FunctionTransformer(record), as_samples(X, order), whole(X)
    )
    np.testing.assert_allclose(seen[0], X, rtol=1e-6)  # of float32
    assert graph.nnz == len(X)


@pytest.mark.parametrize("neighbors", ["auto", KNeighborsTransformer(n_neighbors=5)])
def test_the_output_configured_for_transformers_does_not_matter(X, neighbors):
    expected = neighbor_graph(neighbors, 5, as_samples(X), whole(X))
    with config_context(transform_output="pandas"):
        found = neighbor_graph(neighbors, 5, as_samples(X), whole(X))
    assert lists(found) == lists(expected)


def test_a_precomputed_graph_can_be_given(X):
    order, _ = canonical_order(X)
    ring = np.roll(np.eye(len(X)), 1, axis=1)
    given = FunctionTransformer(lambda _: csr_array(ring))
    found = graph_from_transformer(given, as_samples(X, order), whole(X))
    np.testing.assert_array_equal(found.toarray(), ring[np.ix_(order, order)])


def test_stored_zeros_are_neighbors_and_missing_ones_are_not():
    def search(X):
        indices = np.array([0, 1, 1, -1, 2, 0])
        return csr_array((np.zeros(6), indices, np.array([0, 2, 4, 6])), (3, 3))

    X = np.arange(3.0)[:, None]
    order = np.array([2, 0, 1])
    transformer = FunctionTransformer(search)
    graph = graph_from_transformer(transformer, as_samples(X, order), whole(X))
    # Samples 2, 0 and 1, of which 0 is at place 1 and 1 at place 2.
    assert lists(graph) == [[1], [2], []]


def test_any_sparse_format_is_a_graph(X):
    ring = FunctionTransformer(lambda _: coo_array(np.roll(np.eye(60), 1, axis=1)))
    graph = graph_from_transformer(ring, as_samples(X), whole(X))
    assert lists(graph) == [[(i + 1) % 60] for i in range(60)]


@pytest.mark.parametrize(
    ("function", "error", "match"),
    [
        (lambda X: X, TypeError, "returned a ndarray; it must return a sparse graph"),
        (csr_array, ValueError, r"shape \(60, 3\) for 60 samples"),
    ],
)
def test_what_is_no_graph_is_refused(X, function, error, match):
    with pytest.raises(error, match=match):
        graph_from_transformer(FunctionTransformer(function), as_samples(X), whole(X))


def test_restricted_to_some_samples_only_these_are_neighbors(X):
    graph = auto_graph(X, 5)
    chosen = np.arange(0, 60, 2)
    for kept, nearest in zip(lists(restrict_nodes(graph, chosen)), lists(graph)):
        assert kept == [i for i in nearest if i % 2 == 0]


def test_positives_are_neighbors_and_each_is_drawn(X):
    graph = auto_graph(X, 5)
    _, hashes = canonical_order(X)
    index, rng = np.arange(60), np.random.default_rng(0)
    drawn = np.array([draw_positives(graph, index, hashes, rng) for _ in range(500)])
    counts = [np.bincount(column, minlength=60) for column in drawn.T]
    for count, nearest in zip(counts, lists(graph)):
        assert count[nearest].sum() == 500
    # Each has a mean of a hundred and a standard deviation of nine.
    assert min(count[count > 0].min() for count in counts) > 50
    assert np.mean([np.count_nonzero(count) for count in counts]) == 5


def test_a_sample_without_neighbors_is_its_own_positive():
    graph = csr_array(np.array([[0, 1, 0], [0, 0, 0], [0, 1, 0]]))
    hashes = np.arange(3, dtype=np.uint64)
    positives = draw_positives(graph, np.arange(3), hashes, np.random.default_rng(0))
    assert positives.tolist() == [1, 1, 1]


def test_positives_do_not_depend_on_the_other_samples(X):
    graph = auto_graph(X, 5)
    _, hashes = canonical_order(X)
    index = np.arange(10, 30)
    every = draw_positives(graph, np.arange(60), hashes, np.random.default_rng(3))
    some = draw_positives(graph, index, hashes[index], np.random.default_rng(3))
    np.testing.assert_array_equal(some, every[index])


def test_a_progress_bar_counts_samples(X, capsys):
    neighbor_graph("auto", 5, as_samples(X), whole(X), verbose=True)
    assert "neighbors: 100%" in capsys.readouterr().err
