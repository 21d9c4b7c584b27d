import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn import manifold
from sklearn.neighbors import NearestNeighbors

from stable_embedding.data import limits
from stable_embedding.quality import (
    continuity,
    neighbor_accuracy,
    neighborhood_preservation,
    trustworthiness,
)


def test_trustworthiness_is_scikit_learns_and_continuity_its_mirror(pair):
    X, Z = pair
    expected = manifold.trustworthiness(X, Z, n_neighbors=7)
    assert trustworthiness(X, Z, n_neighbors=7) == expected
    expected = manifold.trustworthiness(Z, X, n_neighbors=7)
    assert continuity(X, Z, n_neighbors=7) == expected
    assert trustworthiness(X, Z) == manifold.trustworthiness(X, Z)


@pytest.mark.parametrize("n_components", [2, 20])
def test_neighbors_far_from_the_origin_are_the_same(n_components, rng):
    X = rng.normal(size=(200, n_components))
    y, far = (X[:, 0] > 0).astype(int), X + 1e8
    for metric in ("euclidean", "cosine"):
        expected = trustworthiness(X, X, metric=metric)
        found = trustworthiness(X, far, metric=metric)
        assert found == pytest.approx(expected, abs=1e-3)
    assert continuity(X, far) == pytest.approx(1, abs=1e-3)
    seen, unseen = slice(0, 100), slice(100, None)
    expected = neighbor_accuracy(X[seen], y[seen], X[unseen], y[unseen])
    found = neighbor_accuracy(far[seen], y[seen], far[unseen], y[unseen])
    assert found == pytest.approx(expected, abs=0.03)


def test_distances_beside_one_far_sample_keep_their_digits(rng):
    X = rng.normal(size=(200, 20))
    X[0] += 1e9
    Z, D = X[:, :2], cdist(X, X)
    for measure in (trustworthiness, continuity):
        assert measure(X, X) == pytest.approx(1)
        assert measure(X, Z) == pytest.approx(measure(D, Z, metric="precomputed"))


def test_equal_distances_of_whole_numbers_stay_equal(digits):
    X, Z = digits[0][:400] - 0.5, digits[0][:400, 20:22]
    found = trustworthiness(X, Z)
    assert found == trustworthiness(cdist(X, X), Z, metric="precomputed")
    assert found == trustworthiness(csr_array(X), Z)


def kept_neighbors(X, Z, n_neighbors):
    """Fraction of neighbors kept, set by set."""
    sets = [
        NearestNeighbors(n_neighbors=n_neighbors).fit(A).kneighbors()[1] for A in (X, Z)
    ]
    both = [len(set(first) & set(second)) for first, second in zip(*sets)]
    return np.mean(both) / n_neighbors


def test_neighbors_kept_agree_with_sets(pair):
    X, Z = pair
    found = neighborhood_preservation(X, Z)
    assert found.q_nx.shape == found.r_nx.shape == (58,)
    for k in (1, 2, 10, 58):
        assert found.q_nx[k - 1] == pytest.approx(kept_neighbors(X, Z, k))
    sizes = np.arange(1, 59)
    np.testing.assert_allclose(
        found.r_nx, (59 * found.q_nx - sizes) / (59 - sizes), atol=1e-12
    )
    expected = np.sum(found.r_nx / sizes) / np.sum(1 / sizes)
    assert found.auc == pytest.approx(expected)


def test_neighbors_kept_by_chance_count_as_nothing(rng):
    X, Z = rng.normal(size=(400, 3)), rng.normal(size=(400, 2))
    assert neighborhood_preservation(X, Z).auc == pytest.approx(0, abs=0.01)


def test_neighbors_do_not_depend_on_blocks(pair, monkeypatch):
    whole = neighborhood_preservation(*pair)
    monkeypatch.setattr(limits, "DISTANCE_ROWS", 7)
    # Distances may be rounded differently, but no two are so nearly equal that their
    # order changes.
    np.testing.assert_allclose(
        neighborhood_preservation(*pair).q_nx, whole.q_nx, rtol=1e-12
    )


def test_duplicates_are_neighbors_by_their_order(iris):
    X, _ = iris
    assert neighborhood_preservation(X, X).auc == pytest.approx(1)
    assert (squareform(pdist(X))[np.triu_indices(150, 1)] == 0).any()
