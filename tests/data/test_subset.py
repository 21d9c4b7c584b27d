import numpy as np
import pytest
from scipy.sparse import csr_array

from stable_embedding.data.scaling import ScaledSamples
from stable_embedding.data.subset import Subset, choose_subset
from stable_embedding.data.training_data import GivenData, distinct_samples


def scaled(X):
    """Samples as they are, in the order of a training."""
    order, hashes, _ = distinct_samples(GivenData(X))
    return ScaledSamples(X, np.zeros(X.shape[1]), 1.0, order, hashes=hashes)


@pytest.fixture
def X(rng):
    return rng.normal(size=(500, 4)).astype(np.float32)


def test_small_data_are_their_own_subset(X):
    samples = scaled(X)
    subset = choose_subset(samples, 2)
    np.testing.assert_array_equal(subset.index, np.arange(len(X)))
    np.testing.assert_array_equal(subset.samples, samples[:])
    assert subset.weights is None


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_a_subset_is_drawn_by_content(kind, X, rng, little_memory):
    def subset_of(X):
        samples = scaled(kind(X))
        subset = choose_subset(samples, 2)
        assert max(subset.hashes) == np.sort(samples.hashes)[len(subset.index) - 1]
        return set(map(tuple, subset.samples.tolist()))

    subset = subset_of(X)
    assert len(subset) == 50
    assert subset_of(rng.permutation(X)) == subset
    assert len(subset_of(X[1:]) & subset) >= 49


def test_a_subset_has_samples_enough_for_a_frame(X, little_memory):
    samples = scaled(X)
    assert len(choose_subset(samples, 2).index) == 50
    assert len(choose_subset(samples, 20).index) == 200


def test_the_smallest_of_a_subset_keep_what_belongs_to_them(X, rng):
    hashes, weights = rng.permutation(500), rng.uniform(size=500)
    samples = ScaledSamples(X, np.zeros(4), 1.0, hashes=hashes, weights=weights)
    found = Subset.at(np.arange(0, 500, 2), samples).smallest(20)
    assert len(found.index) == 20
    assert set(found.hashes) == set(np.sort(hashes[::2])[:20])
    np.testing.assert_array_equal(found.samples, X[found.index])
    np.testing.assert_array_equal(found.hashes, hashes[found.index])
    np.testing.assert_array_equal(found.weights, weights[found.index])
