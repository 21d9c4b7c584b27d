import numpy as np
import pytest
from scipy.spatial.distance import cdist

from stable_embedding import StableAutoencoder
from stable_embedding.data import limits
from stable_embedding.data.metric_distances import ChordDistances
from stable_embedding.data.relations import find_relations
from stable_embedding.data.row_hash import canonical_order
from stable_embedding.data.scaling import ScaledSamples, mean_and_scale
from stable_embedding.training.plan import TrainingPlan

pytestmark = pytest.mark.numeric

N_SAMPLES = 30


@pytest.fixture
def related(rng):
    """Function that finds the relations of samples in an order of their own."""
    X = rng.normal(size=(N_SAMPLES, 3)) + 1
    order, hashes = canonical_order(X)
    samples = ScaledSamples(X, *mean_and_scale(X), order, hashes=hashes)

    def related(given=None, needs_graph=True, chunks=None, **parameters):
        plan = TrainingPlan.from_estimator(StableAutoencoder(**parameters))
        chunks = chunks or [slice(0, N_SAMPLES)]
        found = find_relations(samples, plan, given, chunks, needs_graph)
        return found, X[order]

    return related


def all_of(distances):
    everyone = np.arange(N_SAMPLES)
    return distances.between(everyone, everyone)


def neighbors_of(graph):
    return [
        set(graph.indices[start:stop].tolist())
        for start, stop in zip(graph.indptr, graph.indptr[1:])
    ]


def nearest_by(D, n_neighbors):
    D = D + np.diag(np.full(len(D), np.inf))
    return [set(row[:n_neighbors].tolist()) for row in D.argsort(axis=1)]


def test_euclidean_distances_need_no_source(related):
    found, X = related(n_neighbors=4)
    assert found.distances is None
    assert neighbors_of(found.graph) == nearest_by(cdist(X, X), 4)


def test_a_graph_is_searched_only_where_it_is_needed(related):
    for parameters in ({}, {"metric": "manhattan"}, {"similarity": "cosine"}):
        assert related(needs_graph=False, **parameters)[0].graph is None


def test_a_metric_decides_on_distances_and_neighbors(related):
    found, X = related(metric="manhattan", n_neighbors=4)
    D = cdist(X, X, "cityblock")
    np.testing.assert_allclose(all_of(found.distances), D, rtol=1e-6)
    assert neighbors_of(found.graph) == nearest_by(D, 4)


def test_given_distances_come_before_a_metric(related):
    points = np.arange(N_SAMPLES, dtype=float)[:, None]
    given = cdist(points, points) + 0.01 * np.square(points - points.T) ** 0.25
    found, _ = related(given, metric="manhattan", n_neighbors=1)
    assert found.distances.between(np.array([0]), np.arange(N_SAMPLES)).max() > 10
    assert max(map(len, neighbors_of(found.graph))) == 1


def test_cosines_are_followed_by_chords_and_neighbors_stay_those_of_the_metric(related):
    found, X = related(similarity="cosine", n_neighbors=4)
    assert isinstance(found.distances, ChordDistances)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    np.testing.assert_allclose(all_of(found.distances), cdist(unit, unit), atol=1e-6)
    assert neighbors_of(found.graph) == nearest_by(cdist(X, X), 4)


def test_geodesic_distances_are_no_shorter_than_straight_ones(related, monkeypatch):
    # All samples are landmarks, so that distances are those of paths.
    monkeypatch.setattr(limits, "LANDMARKS", N_SAMPLES)
    found, X = related(metric="geodesic", n_neighbors=5)
    graph_only = found.graph.astype(bool).toarray()
    assert (graph_only.sum(axis=1) == 5).all()
    paths, straight = all_of(found.distances), cdist(X, X)
    assert np.corrcoef(paths.ravel(), straight.ravel())[0, 1] > 0.8


def test_neighbors_stay_within_their_chunk(related):
    chunks = [slice(0, 12), slice(12, N_SAMPLES)]
    for parameters in ({}, {"metric": "manhattan"}, {"metric": "geodesic"}):
        found, _ = related(chunks=chunks, n_neighbors=3, **parameters)
        for at, others in enumerate(neighbors_of(found.graph)):
            assert all((at < 12) == (other < 12) for other in others)
