import numpy as np
import pytest
import torch

from stable_embedding import SparseAutoencoder
from stable_embedding.estimators.sparse import kl_sparsity, l1_sparsity, largest
from tests.precision import assert_near


def test_the_divergence_is_zero_if_and_only_if_means_are_at_the_target():
    at_target = torch.tensor([[0.1, 0.3], [0.3, 0.1]], dtype=torch.float64)
    assert kl_sparsity(at_target, 0.2).item() == pytest.approx(0, abs=1e-12)
    for means in (at_target + 0.01, at_target * torch.tensor([1.0, 1.1])):
        assert kl_sparsity(means, 0.2) > 1e-5


@pytest.mark.numeric
def test_the_divergence_is_that_of_bernoulli_variables():
    activations = torch.rand(20, 3, dtype=torch.float64)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Bernoulli(torch.full((3,), 0.2, dtype=torch.float64)),
        torch.distributions.Bernoulli(activations.mean(0)),
    ).mean()
    torch.testing.assert_close(kl_sparsity(activations, 0.2), expected)


def test_the_divergence_has_the_gradient_of_finite_differences():
    activations = (0.1 + 0.8 * torch.rand(6, 3, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: kl_sparsity(a, 0.2), activations)


def test_activations_that_are_all_off_are_finite():
    activations = torch.zeros(4, 2, requires_grad=True)
    loss = kl_sparsity(activations, 0.1)
    loss.backward()
    assert loss.isfinite()
    assert activations.grad.isfinite().all()


@pytest.mark.numeric
def test_the_size_of_codes_is_in_units_of_their_length(rng):
    codes = rng.normal(size=(2, 7, 4))
    expected = np.abs(codes).sum(-1) / (2 * np.linalg.norm(codes, axis=-1))
    codes = torch.from_numpy(codes)
    np.testing.assert_allclose(l1_sparsity(codes), expected.mean(-1), rtol=1e-4)
    np.testing.assert_allclose(l1_sparsity(1e3 * codes), expected.mean(-1))
    assert l1_sparsity(torch.ones(5, 4)).item() == pytest.approx(1, rel=1e-5)
    assert l1_sparsity(torch.eye(4)).item() == pytest.approx(0.5, rel=1e-5)


def test_codes_that_are_all_zero_have_finite_gradients():
    codes = torch.zeros(5, 4, requires_grad=True)
    l1_sparsity(codes).backward()
    assert codes.grad.isfinite().all()


def test_the_largest_are_kept():
    codes = torch.tensor([[1.0, -3.0, 2.0], [0.5, 0.1, -0.2]])
    expected = torch.tensor([[0.0, -3.0, 2.0], [0.5, 0.0, -0.2]])
    torch.testing.assert_close(largest(codes, 2), expected)


@pytest.mark.parametrize(("sparsity", "n_active"), [(4, 4), (0.25, 5), (0.001, 1)])
def test_exactly_so_many_components_are_active(sparsity, n_active, digits):
    model = SparseAutoencoder(
        20, penalty="k_sparse", sparsity=sparsity, n_init=2, max_iter=5
    ).fit(digits[0])
    for codes in model.transform_runs(digits[0]):
        assert set((codes != 0).sum(axis=1)) == {n_active}
    assert model.sparsity_loss_ == 0


@pytest.mark.parametrize(
    "similarity_weight", [pytest.param(0, marks=pytest.mark.slow), 1]
)
def test_codes_become_sparser_with_the_weight(similarity_weight, digits):
    X = digits[0]
    sizes, shares = [], []
    for weight in (0, 0.1, 0.3, 1.0):
        model = SparseAutoencoder(
            10,
            penalty="l1",
            sparsity_weight=weight,
            similarity_weight=similarity_weight,
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
                10, penalty="l1", sparsity_weight=weight, random_state=0
            ).fit_transform(X)
        ).mean()
        for weight in (0, 0.1, 0.3, 1.0)
    ]
    assert sizes == sorted(sizes, reverse=True)


def test_mean_activations_come_to_the_target(digits):
    X = digits[0]
    distances = []
    for weight in (0, 0.1, 1.0, 10.0):
        model = SparseAutoencoder(
            20,
            sparsity=0.1,
            sparsity_weight=weight,
            similarity_weight=0,
            random_state=0,
        ).fit(X)
        activations = model.transform(X) / model.scale_
        assert activations.min() >= 0
        assert activations.max() <= 1
        distances.append(np.abs(activations.mean(axis=0) - 0.1).max())
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.05 < 0.3 < distances[0]


@pytest.mark.numeric
@pytest.mark.parametrize("penalty", ["kl", "l1", "k_sparse"])
def test_a_map_is_laid_on_another_by_its_axes(penalty, digits):
    X = digits[0]
    model = SparseAutoencoder(
        5, penalty=penalty, sparsity=0.4, max_iter=20, random_state=0
    ).fit(X)
    codes = model.transform(X)
    rows = model.inverse_transform(codes)
    signs = 1 if penalty == "kl" else np.array([1, -1, -1, 1, 1])
    elsewhere = codes[:, [3, 0, 4, 1, 2]] * signs
    model.align(X, elsewhere)
    assert_near(model.transform(X), elsewhere)
    moved = model.inverse_transform(model.transform(X))
    assert_near(moved, rows)


def test_what_makes_no_sense_is_refused(iris):
    with pytest.raises(ValueError, match="sparsity=3 components cannot be kept of"):
        SparseAutoencoder(2, penalty="k_sparse", sparsity=3).fit(iris[0])
    with pytest.raises(ValueError, match="sparsity=1 must be a float"):
        SparseAutoencoder(2, sparsity=1).fit(iris[0])
