import numpy as np
import pytest
from scipy.sparse import csr_array

from stable_embedding.data import duplicates
from stable_embedding.data.duplicates import merge_duplicates
from stable_embedding.data.row_hash import canonical_order

CONTAINERS = [np.asarray, csr_array]


@pytest.fixture
def X(rng):
    return rng.normal(size=(40, 3))


def described(X, found):
    """Samples with their weights and hashes, in the order that they have."""
    rows = X[found.order]
    rows = rows.toarray() if hasattr(rows, "toarray") else rows
    return rows.tolist(), found.weights.tolist(), found.hashes.tolist()


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_weight_is_so_many_copies(container, X, rng):
    weights = rng.integers(0, 4, size=40)
    weights[:3] = [0, 1, 2]
    index = rng.permutation(np.arange(40).repeat(weights))
    repeated, weighted = container(X[index]), container(X)
    assert described(repeated, merge_duplicates(repeated)) == described(
        weighted, merge_duplicates(weighted, weights.astype(float))
    )


@pytest.mark.parametrize("container", CONTAINERS)
def test_samples_without_duplicates_stay_as_they_are_ordered(container, X):
    order, hashes = canonical_order(container(X))
    found = merge_duplicates(container(X))
    np.testing.assert_array_equal(found.order, order)
    np.testing.assert_array_equal(found.hashes, hashes)
    np.testing.assert_array_equal(found.weights, 1)


def test_weights_add_up_to_the_same_in_any_order(X, rng):
    X, weights = np.concatenate([X, X, X]), rng.uniform(size=120)
    shuffled = rng.permutation(120)
    there = described(X, merge_duplicates(X, weights))
    assert there == described(
        X[shuffled], merge_duplicates(X[shuffled], weights[shuffled])
    )
    assert len(there[0]) == 40
    assert np.isclose(sum(there[1]), weights.sum())


def test_samples_of_other_classes_are_not_equal(X, rng):
    X, labels = (
        np.concatenate([X, X, [[9.0, 9.0, 9.0]]]),
        np.repeat([0, 1, 1], [40, 40, 1]),
    )
    assert len(merge_duplicates(X[:80], labels=labels[:80]).order) == 80
    found = merge_duplicates(X, labels=labels)
    assert len(set(found.hashes.tolist())) == 81
    shuffled = rng.permutation(81)
    renamed = merge_duplicates(X[shuffled], labels=1 - labels[shuffled])
    np.testing.assert_array_equal(X[found.order], X[shuffled][renamed.order])
    there, back = labels[found.order], labels[shuffled][renamed.order]
    np.testing.assert_array_equal(there, back)


def test_samples_of_other_places_are_not_equal(X):
    X, places = np.concatenate([X, X, X]), np.full((120, 2), np.nan)
    assert len(merge_duplicates(X, reference=places).order) == 40
    places[:40] = 1.0
    found = merge_duplicates(X, reference=places)
    assert len(found.order) == 80
    assert sorted(found.weights.tolist()) == [1.0] * 40 + [2.0] * 40


def test_of_samples_that_are_all_equal_two_are_kept():
    found = merge_duplicates(np.ones((7, 2)))
    np.testing.assert_array_equal(found.weights, [3.5, 3.5])
    assert len(set(found.hashes.tolist())) == 2


def test_samples_are_not_merged_where_that_is_not_wanted(X):
    X = np.concatenate([X, X])
    weights = np.ones(80)
    weights[3] = 0
    found = merge_duplicates(X, weights, merge=False)
    np.testing.assert_array_equal(np.sort(found.order), np.delete(np.arange(80), 3))
    assert len(set(found.hashes.tolist())) == 79


@pytest.mark.parametrize("what", ["weights", "labels", "reference"])
@pytest.mark.parametrize("kind", [int, float])
def test_duplicates_that_are_kept_have_an_order_of_their_own(kind, what, X, rng):
    X, shuffled = np.concatenate([X, X, X]), rng.permutation(120)
    values = rng.permutation(120).astype(kind)
    values = {
        "weights": 1.0 + values,
        "labels": values,
        "reference": np.stack([values, values], axis=1),
    }[what]
    one = merge_duplicates(X, **{what: values}, merge=False)
    other = merge_duplicates(X[shuffled], **{what: values[shuffled]}, merge=False)
    np.testing.assert_array_equal(values[one.order], values[shuffled][other.order])
    np.testing.assert_array_equal(one.hashes, other.hashes)


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("changed", [lambda X: X + 8, lambda X: 4 * X])
def test_offset_and_unit_do_not_change_the_order(merge, changed, rng):
    X, labels = rng.normal(size=(60, 2)).round(), rng.integers(3, size=60)
    one = merge_duplicates(X, labels=labels, merge=merge)
    other = merge_duplicates(changed(X), labels=labels, merge=merge)
    np.testing.assert_array_equal(one.order, other.order)
    np.testing.assert_array_equal(one.hashes, other.hashes)


def test_samples_that_share_a_hash_are_not_merged(X, monkeypatch):
    def colliding(X, *args, index=None, **more):
        n_hashed = X.shape[0] if index is None else len(index)
        return np.zeros(n_hashed, dtype=np.uint64)

    monkeypatch.setattr(duplicates, "hash_samples", colliding)
    X = np.concatenate([X, X[:1]])
    assert len(merge_duplicates(X).order) >= 40
