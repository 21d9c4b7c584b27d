import numpy as np
import pytest
from sklearn.base import clone

from stable_embedding import SparseAutoencoder


@pytest.mark.parametrize(("sparsity", "n_active"), [(4, 4), (0.25, 5), (0.001, 1)])
def test_exactly_so_many_components_are_active(sparsity, n_active, digits):
    model = SparseAutoencoder(
        20, penalty="k_sparse", sparsity=sparsity, n_init=2, max_iter=5
    ).fit(digits[0])
    for codes in model.transform_runs(digits[0]):
        assert set((codes != 0).sum(axis=1)) == {n_active}
    assert model.sparsity_loss_ == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "similarity_weight", [0, pytest.param(1, marks=pytest.mark.slow)]
)
def test_codes_become_sparser_with_the_weight(similarity_weight, digits):
    X = digits[0]
    sizes, shares = [], []
    for weight in (0, 0.1, 1.0):
        model = SparseAutoencoder(
            10,
            penalty="l1",
            sparsity_weight=weight,
            similarity_weight=similarity_weight,
            n_init=1,
            max_iter=40,
            random_state=0,
        ).fit(X[:1_200])
        codes = model.transform(X[1_200:])
        size = np.sqrt(np.square(codes).mean())
        sizes.append(np.abs(codes).mean() / size)
        shares.append((np.abs(codes) < 0.1 * size).mean())
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 0.9 * sizes[0]
    assert shares[-1] > 1.5 * shares[0]


@pytest.mark.slow
def test_with_the_similarity_loss_codes_become_smaller_too(digits):
    X = digits[0]
    sizes = [
        np.abs(
            SparseAutoencoder(
                10,
                penalty="l1",
                sparsity_weight=weight,
                n_init=1,
                max_iter=20,
                random_state=0,
            ).fit_transform(X)
        ).mean()
        for weight in (0, 0.1, 0.3, 1.0)
    ]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.slow
def test_mean_activations_come_to_the_target(digits):
    X = digits[0]
    distances = []
    for weight in (0, 0.1, 1.0, 10.0):
        model = SparseAutoencoder(
            20,
            sparsity=0.1,
            sparsity_weight=weight,
            similarity_weight=0,
            n_init=1,
            random_state=0,
        ).fit(X)
        activations = model.transform(X) / model.scale_
        assert activations.min() >= 0
        assert activations.max() <= 1
        distances.append(np.abs(activations.mean(axis=0) - 0.1).max())
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.05 < 0.3 < distances[0]


@pytest.mark.parametrize("penalty", ["kl", "l1", "k_sparse"])
def test_a_map_is_laid_on_another_by_its_axes(penalty, digits):
    X = digits[0][:500]
    model = SparseAutoencoder(
        5, penalty=penalty, sparsity=0.4, max_iter=20, random_state=0
    ).fit(X)
    codes = model.transform(X)
    samples = model.inverse_transform(codes)
    signs = 1 if penalty == "kl" else np.array([1, -1, -1, 1, 1])
    elsewhere = codes[:, [3, 0, 4, 1, 2]] * signs
    model.align(X, elsewhere)
    np.testing.assert_allclose(model.transform(X), elsewhere, rtol=1e-4, atol=1e-4)
    moved = model.inverse_transform(model.transform(X))
    np.testing.assert_allclose(moved, samples, atol=1e-3)


@pytest.mark.numeric
@pytest.mark.parametrize(("penalty", "other"), [("kl", "l1"), ("l1", "kl")])
def test_a_penalty_that_is_set_later_lays_no_axes(penalty, other, digits):
    X = digits[0][:300]
    model = SparseAutoencoder(3, penalty=penalty, max_iter=5, random_state=0).fit(X)
    # With signs the axes are laid otherwise than without.
    elsewhere = -model.transform(X)[:, [2, 0, 1]]
    expected = clone(model).fit(X).align(X, elsewhere).transform(X)
    model.set_params(penalty=other).align(X, elsewhere)
    np.testing.assert_array_equal(model.transform(X), expected)


def test_what_makes_no_sense_is_refused(iris):
    with pytest.raises(ValueError, match="sparsity=3 must be at most"):
        SparseAutoencoder(2, penalty="k_sparse", sparsity=3).fit(iris[0])
    with pytest.raises(ValueError, match="sparsity=1 must be a float"):
        SparseAutoencoder(2, sparsity=1).fit(iris[0])
