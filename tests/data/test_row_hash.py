import numpy as np
import pytest
from scipy.sparse import csr_array

from stable_embedding.data import limits
from stable_embedding.data.row_hash import (
    canonical_order,
    farthest_sample,
    hash_samples,
    mix_bits,
    shuffled_index,
)


def test_mix_is_one_to_one_and_scatters():
    values = mix_bits(np.arange(100_000, dtype=np.uint64))
    assert len(np.unique(values)) == 100_000
    bits = np.unpackbits(values.view(np.uint8)).reshape(-1, 64)
    np.testing.assert_allclose(bits.mean(axis=0), 0.5, atol=0.01)


@pytest.mark.parametrize("distinct", [2, 17, 1_000])
def test_distinct_samples_have_distinct_hashes(distinct, rng):
    # Small integers, whose bits as floating-point numbers are mostly zeros.
    X = rng.integers(distinct, size=(20_000, 8)).astype(float)
    n_distinct = len(np.unique(X, axis=0))
    assert len(np.unique(hash_samples(X))) == n_distinct
    assert len(np.unique(hash_samples(X[:, ::-1]))) == n_distinct


def hashes_of(X):
    """Hashes in the order of X."""
    order, hashes = canonical_order(X)
    in_order = np.empty_like(hashes)
    in_order[order] = hashes
    return in_order


@pytest.mark.parametrize("unit", [1e-100, 1e-6, 1 / 3, 1e6, 1e100])
def test_hashes_do_not_depend_on_unit_offset_and_last_bits(unit, rng):
    # Differences and quotients round alike everywhere, so that no tolerance is needed.
    X = rng.normal(size=(500, 3))
    hashes = hashes_of(X)
    np.testing.assert_array_equal(hashes_of(X * unit), hashes)
    np.testing.assert_array_equal(hashes_of(X * (1 + 2e-16)), hashes)
    assert (hashes_of(unit * (X + np.array([1, 10, 100]))) == hashes).mean() > 0.99
    noisy = hashes_of(X + 0.01 * rng.normal(size=X.shape))
    assert (noisy == hashes).mean() < 0.01


def test_hashes_seldom_change_when_a_sample_is_removed(rng):
    X = rng.normal(size=(1_000, 5))
    hashes = hashes_of(X)
    unchanged = [
        (hashes_of(np.delete(X, removed, axis=0)) == np.delete(hashes, removed)).all()
        for removed in range(0, 1_000, 20)
    ]
    assert np.mean(unchanged) > 0.9


def test_samples_beside_one_far_away_are_ordered_too(rng):
    X = np.vstack([rng.normal(size=(400, 3)), [[1e12, 0, 0]]])
    order, hashes = canonical_order(X)
    shuffled = rng.permutation(X)
    again, same_hashes = canonical_order(shuffled)
    np.testing.assert_array_equal(X[order], shuffled[again])
    np.testing.assert_array_equal(hashes, same_hashes)


@pytest.mark.parametrize("largest", [1e308, 1e200])
def test_values_that_overflow_give_no_warning(largest):
    order, _ = canonical_order(np.array([[largest, 0], [-largest, 1], [0, 3]]))
    assert sorted(order) == [0, 1, 2]


def test_the_farthest_sample_is_found_in_any_order(rng):
    corners = np.array([[1.0, 1, 0], [0, 1, 1], [1, 0, 1], [0, 0, 0.9]])
    found = [
        farthest_sample(rng.permutation(np.tile(corners, (5, 1)))) for _ in range(10)
    ]
    assert len(np.unique(found, axis=0)) == 1
    X = rng.normal(size=(10_000, 3))
    X[17] = 100
    np.testing.assert_array_equal(farthest_sample(X), X[17])


def test_hashes_of_zeros_are_finite_and_alike():
    assert len(np.unique(hash_samples(np.zeros((5, 2))))) == 1


def test_hashes_see_columns_and_not_types_or_layout(rng):
    X = rng.normal(size=(50, 3)).astype(np.float32)
    hashes = hash_samples(X)
    np.testing.assert_array_equal(hash_samples(X.astype(np.float64)), hashes)
    np.testing.assert_array_equal(hash_samples(np.asfortranarray(X)), hashes)
    assert not (hash_samples(X[:, ::-1]) == hashes).any()
    first, second = hash_samples(np.array([[0.0, 1.0], [-0.0, 1.0]]))
    assert first == second


def test_hashes_do_not_depend_on_chunks(rng, monkeypatch):
    X = rng.normal(size=(50, 3))
    whole = hash_samples(X)
    monkeypatch.setattr(limits, "CHUNK_SAMPLES", 7)
    np.testing.assert_array_equal(hash_samples(X), whole)


def test_sparse_samples_are_ordered_as_dense_ones(rng):
    X = rng.integers(2, size=(200, 6)) * rng.normal(size=(200, 6))
    for sparse, dense in zip(canonical_order(csr_array(X)), canonical_order(X)):
        np.testing.assert_array_equal(sparse, dense)


def test_shuffled_samples_have_the_same_canonical_order(rng):
    X = rng.integers(3, size=(200, 3)).astype(float)  # with many duplicates
    shuffled = rng.permutation(X)
    order, hashes = canonical_order(X)
    other, other_hashes = canonical_order(shuffled)
    np.testing.assert_array_equal(X[order], shuffled[other])
    np.testing.assert_array_equal(hashes, other_hashes)
    assert len(np.unique(hashes)) == 200


def test_duplicates_are_scattered():
    _, hashes = canonical_order(np.ones((1_000, 2)))
    places = np.flatnonzero(shuffled_index(hashes, np.random.default_rng(0)) < 500)
    assert 400 < np.median(places) < 600


def test_a_shuffle_follows_its_seed_and_moves_everything():
    _, hashes = canonical_order(np.arange(1_000.0)[:, None])
    first, again, other = (
        shuffled_index(hashes, np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert sorted(first) == list(range(1_000))
    for order in (first, other):
        assert abs(np.corrcoef(order, np.arange(1_000))[0, 1]) < 0.1
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.1


def test_passes_of_one_stream_differ():
    _, hashes = canonical_order(np.arange(100.0)[:, None])
    rng = np.random.default_rng(0)
    assert (shuffled_index(hashes, rng) != shuffled_index(hashes, rng)).any()


def test_removing_a_sample_keeps_the_order_of_the_others(rng):
    X = rng.normal(size=(100, 3))
    order, hashes = canonical_order(X)
    fewer, fewer_hashes = canonical_order(np.delete(X, 7, axis=0))
    samples, left = X[order], np.delete(X, 7, axis=0)[fewer]
    before = samples[shuffled_index(hashes, np.random.default_rng(3))]
    after = left[shuffled_index(fewer_hashes, np.random.default_rng(3))]
    dropped = np.flatnonzero((before == X[7]).all(axis=1))
    np.testing.assert_array_equal(np.delete(before, dropped, axis=0), after)
