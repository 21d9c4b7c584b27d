"""Shortest paths along the data."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn.neighbors import kneighbors_graph

from stable_embedding.data import limits
from stable_embedding.data.geodesic import (
    connect_components,
    edge_lengths,
    geodesic_distances,
)
from stable_embedding.data.input_distances import CoordinateDistances
from stable_embedding.data.neighbors import graph_from_counts

pytestmark = pytest.mark.numeric


def graph_of(samples, n_neighbors=3):
    graph = kneighbors_graph(samples, n_neighbors)
    return graph_from_counts(np.diff(graph.indptr), graph.indices)


@pytest.fixture
def arc():
    """Places along three quarters of a circle, and points there."""
    angles = np.linspace(0, 1.5 * np.pi, 200)
    return angles, np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_distances_go_along_an_arc(arc):
    angles, points = arc
    everyone = np.arange(200)
    found = geodesic_distances(graph_of(points), points, everyone, 1)
    wanted = np.abs(angles[:, None] - angles)
    np.testing.assert_allclose(
        found.between(everyone, everyone), wanted, rtol=1e-3, atol=1e-3
    )


def test_coordinates_stand_for_many(arc, monkeypatch):
    angles, points = arc
    monkeypatch.setattr(limits, "ALL_PAIRS_SAMPLES", 100)
    landmarks, everyone = np.arange(0, 200, 5), np.arange(200)
    found = geodesic_distances(graph_of(points), points, landmarks, 1)
    assert isinstance(found, CoordinateDistances)
    wanted = np.abs(angles[:, None] - angles)
    np.testing.assert_allclose(found.between(everyone, everyone), wanted, atol=0.02)


def test_lengths_are_euclidean(rng):
    samples = rng.normal(size=(30, 4))
    graph = graph_of(samples)
    wanted = cdist(samples, samples)
    sources = np.repeat(np.arange(30), 3)
    np.testing.assert_allclose(
        edge_lengths(graph, samples), wanted[sources, graph.indices]
    )


def test_parts_are_joined_where_they_are_nearest_with_a_warning():
    samples = np.array([0.0, 1, 2, 10, 11, 12, 31, 32, 33])[:, None]
    graph = graph_of(samples, 2)
    with pytest.warns(UserWarning, match="has 3 connected components"):
        found = geodesic_distances(graph, samples, np.arange(9), 1)
    everyone = np.arange(9)
    np.testing.assert_allclose(
        found.between(everyone, everyone), cdist(samples, samples), rtol=1e-6
    )


def test_one_part_is_left_as_it_is(rng):
    samples = rng.normal(size=(20, 2))
    edges = graph_of(samples, 10).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, n_parts = connect_components(edges, samples)
    assert n_parts == 1
    assert (found != edges).nnz == 0


def test_duplicates_are_at_one_place():
    samples = np.repeat(np.arange(5.0), 3)[:, None]
    found = geodesic_distances(graph_of(samples, 5), samples, np.arange(15), 1)
    everyone = np.arange(15)
    np.testing.assert_allclose(
        found.between(everyone, everyone), cdist(samples, samples), atol=1e-6
    )


def test_parts_may_be_joined_at_one_place():
    samples = np.array([0.0, 1, 2, 0, -1, -2])[:, None]
    edges = ([0, 1, 3, 4], [1, 2, 4, 5])
    half = csr_array((np.ones(4), edges), shape=(6, 6))
    graph = csr_array(half + half.T)
    with pytest.warns(UserWarning, match="has 2 connected components"):
        found = geodesic_distances(graph, samples, np.arange(6), 1)
    everyone = np.arange(6)
    np.testing.assert_allclose(
        found.between(everyone, everyone), cdist(samples, samples), atol=1e-6
    )
