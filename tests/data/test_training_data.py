import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from stable_embedding import StableAutoencoder
from stable_embedding.data import pca
from stable_embedding.data.subspace import discarded_squares
from stable_embedding.data.training_data import (
    GivenData,
    TrainingData,
    distinct_samples,
)
from stable_embedding.training.plan import TrainingPlan


def plan(**parameters):
    defaults = {"random_state": 0, "device": "cpu"}
    return TrainingPlan.from_estimator(StableAutoencoder(**(defaults | parameters)))


@pytest.fixture
def X(rng):
    return rng.normal(size=(500, 4)).astype(np.float32)


def order_and_hashes(X):
    """The order by content and the hashes that a training has."""
    return distinct_samples(GivenData(X))[:2]


def test_copies_in_large_data_have_hashes_of_their_own(little_memory):
    _, hashes = order_and_hashes(np.ones((300, 3), dtype=np.float32))
    assert len(np.unique(hashes)) == 300


def test_hashes_of_large_data_are_those_of_their_samples(X, rng, little_memory):
    shuffled = rng.permutation(500)
    _, hashes = order_and_hashes(X)
    np.testing.assert_array_equal(order_and_hashes(X[shuffled])[1], hashes[shuffled])


@pytest.mark.numeric
def test_prepared_data_are_scaled_and_ordered_by_content(X, rng):
    data = TrainingData.prepare(GivenData(X), plan())
    inputs = data.training_set.inputs
    assert inputs.shape == (500, 4)
    np.testing.assert_allclose(inputs.mean(0), 0, atol=1e-6)
    assert inputs.square().sum(1).mean().item() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(data.mean, X.mean(axis=0), atol=1e-6)
    assert data.scale == pytest.approx(X.std(axis=0).dot(X.std(axis=0)) ** 0.5, 1e-5)
    # The same computation, on the same samples in the same order.
    shuffled = TrainingData.prepare(GivenData(rng.permutation(X)), plan())
    assert torch.equal(shuffled.training_set.inputs, inputs)
    np.testing.assert_array_equal(shuffled.axes, data.axes)
    np.testing.assert_array_equal(
        shuffled.training_set.hashes, data.training_set.hashes
    )


@pytest.mark.numeric
def test_axes_are_principal(X):
    X = X * [4, 3, 2, 1]
    data = TrainingData.prepare(GivenData(X.astype(np.float32)), plan(n_components=3))
    cosines = np.abs(data.axes @ PCA(3).fit(X).components_.T)
    np.testing.assert_allclose(cosines, np.eye(3), atol=1e-4)


def test_labels_follow_their_samples(X):
    labels = X[:, 0].copy()
    data = TrainingData.prepare(GivenData(X, labels), plan())
    first = data.training_set.inputs[:, 0].numpy() * data.scale + data.mean[0]
    np.testing.assert_allclose(data.training_set.labels, first, atol=1e-5)
    assert TrainingData.prepare(GivenData(X), plan()).training_set.labels is None


def test_a_graph_is_built_where_neighbors_count(X):
    assert TrainingData.prepare(GivenData(X), plan()).training_set.graph is None
    parameters = {"neighbor_weight": 1.0, "n_neighbors": 3}
    data = TrainingData.prepare(GivenData(X), plan(**parameters))
    graph, inputs = data.training_set.graph, data.training_set.inputs
    distances = torch.cdist(inputs, inputs).fill_diagonal_(np.inf)
    nearest = distances.argmin(1)
    assert graph.shape == (500, 500)
    assert all(nearest[i] in graph.indices[graph.indptr[i] :][:3] for i in range(500))


def test_an_earlier_scaling_is_kept_and_samples_are_counted(X):
    scaling = np.full(4, 0.5), 2.0, 3.0
    data = TrainingData.prepare(GivenData(X), plan(), scaling=scaling, n_seen=1_500)
    assert (data.mean, data.scale, data.code_scale) == scaling
    assert data.n_samples_seen == 2_000
    assert data.fraction_of_seen == 0.25
    assert not data.is_constant
    assert TrainingData.prepare(GivenData(X), plan()).fraction_of_seen == 1


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_constant_samples_are_told_and_count_as_seen(X, value):
    data = TrainingData.prepare(GivenData(np.full((20, 4), value)), plan())
    assert data.is_constant
    assert data.scale == 1
    data = TrainingData.prepare(GivenData(X), plan(), n_seen=20)
    assert not data.is_constant
    assert data.n_samples_seen == 520
    assert data.fraction_of_seen == 1


@pytest.mark.numeric
def test_wide_samples_are_projected_where_that_is_allowed(rng, monkeypatch):
    monkeypatch.setattr(pca, "_WIDE_FEATURES", 32)
    X = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 80))
    X = (X + 0.01 * rng.normal(size=X.shape)).astype(np.float32)
    data = TrainingData.prepare(GivenData(X), plan())
    n_coordinates = len(data.basis)
    assert n_coordinates < 80
    assert data.training_set.inputs.shape == (300, n_coordinates)
    np.testing.assert_allclose(
        data.basis @ data.basis.T, np.eye(n_coordinates), atol=1e-5
    )
    assert 0 <= data.discarded_variance < 0.02
    lost = discarded_squares(data.samples, data.training_set)
    whole = data.samples[:]
    expected = np.square(whole - whole @ data.basis.T @ data.basis).sum(axis=1)
    # Differences of squares of unit size, in float32.
    np.testing.assert_allclose(lost, expected, atol=1e-5)
    whole = TrainingData.prepare(GivenData(X), plan(init="random"))
    assert whole.basis is None
    assert whole.discarded_variance == 0
    assert whole.training_set.inputs.shape == (300, 80)
