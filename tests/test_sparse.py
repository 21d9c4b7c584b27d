import numpy as np
import pytest
import torch

from stable_embedding import SparseAutoencoder
from stable_embedding.sparse import kl_sparsity, l1_sparsity, largest


def test_the_divergence_is_zero_if_and_only_if_means_are_at_the_target():
    at_target = torch.tensor([[0.1, 0.3], [0.3, 0.1]], dtype=torch.float64)
    assert kl_sparsity(at_target, 0.2).item() == pytest.approx(0, abs=1e-12)
    for means in (at_target + 0.01, at_target * torch.tensor([1.0, 1.1])):
        assert kl_sparsity(means, 0.2) > 1e-5


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


def test_the_sum_of_sizes_is_that_of_numpy(rng):
    codes = rng.normal(size=(2, 7, 4))
    expected = np.abs(codes).sum(-1).mean(-1) / 2
    np.testing.assert_allclose(l1_sparsity(torch.from_numpy(codes)), expected)


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


def test_codes_become_smaller_with_the_weight(digits):
    X = digits[0]
    sizes = []
    for weight in (0, 0.1, 0.3, 1.0):
        model = SparseAutoencoder(
            10, penalty="l1", sparsity_weight=weight, random_state=0
        ).fit(X[:1_200])
        sizes.append(np.abs(model.transform(X[1_200:])).mean())
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 0.9 * sizes[0]


@pytest.mark.parametrize("init", ["pca", "random"])
def test_a_decoder_cannot_magnify(init, digits):
    model = SparseAutoencoder(
        5,
        penalty="l1",
        sparsity_weight=1.0,
        similarity_weight=0,
        hidden_layer_sizes=(),
        init=init,
        max_iter=20,
        random_state=0,
    ).fit(digits[0])
    network = model.network_
    codes = torch.eye(5)
    columns = network.decode(codes) - network.decode(torch.zeros(1, 5))
    # Of both weights together, so of their sum at most the root of 2.
    assert columns.norm(dim=1).max() <= 2**0.5 * network.bound + 1e-4


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


def test_runs_lie_in_one_frame(digits):
    X = digits[0]
    for penalty in ("kl", "l1", "k_sparse"):
        model = SparseAutoencoder(
            10, penalty=penalty, sparsity=0.3, n_init=2, random_state=0
        ).fit(X)
        first, second = model.transform_runs(X)
        assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.9


def test_what_makes_no_sense_is_refused(iris):
    with pytest.raises(ValueError, match="sparsity=3 components cannot be kept of"):
        SparseAutoencoder(2, penalty="k_sparse", sparsity=3).fit(iris[0])
    with pytest.raises(ValueError, match="sparsity=1 must be a float"):
        SparseAutoencoder(2, sparsity=1).fit(iris[0])
