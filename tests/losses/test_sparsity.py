import numpy as np
import pytest
import torch

from stable_embedding.losses.base import Batch, Outputs
from stable_embedding.losses.sparsity import (
    KLSparsityLoss,
    L1SparsityLoss,
    kl_sparsity,
    l1_sparsity,
)


def test_the_divergence_is_zero_if_and_only_if_means_are_at_the_target():
    at_target = torch.tensor([[0.1, 0.3], [0.3, 0.1]], dtype=torch.float64)
    assert kl_sparsity(at_target, 0.2).item() == pytest.approx(0, abs=1e-12)
    for means in (at_target + 0.01, at_target * torch.tensor([1.0, 1.1])):
        assert kl_sparsity(means, 0.2) > 1e-5


@pytest.mark.numeric
def test_the_divergence_is_that_of_bernoulli_variables(rng):
    activations = torch.from_numpy(rng.random((20, 3)))
    expected = torch.distributions.kl_divergence(
        torch.distributions.Bernoulli(torch.full((3,), 0.2, dtype=torch.float64)),
        torch.distributions.Bernoulli(activations.mean(0)),
    ).mean()
    torch.testing.assert_close(kl_sparsity(activations, 0.2), expected)


@pytest.mark.numeric
def test_the_divergence_has_the_gradient_of_finite_differences(rng):
    activations = torch.from_numpy(0.1 + 0.8 * rng.random((6, 3))).requires_grad_()
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
    # The smallest length is added to that of each code.
    np.testing.assert_allclose(l1_sparsity(codes), expected.mean(-1), rtol=1e-4)
    np.testing.assert_allclose(l1_sparsity(1e3 * codes), expected.mean(-1))
    assert l1_sparsity(torch.ones(5, 4)).item() == pytest.approx(1, rel=1e-5)
    assert l1_sparsity(torch.eye(4)).item() == pytest.approx(0.5, rel=1e-5)


def test_codes_that_are_all_zero_have_finite_gradients():
    codes = torch.zeros(5, 4, requires_grad=True)
    l1_sparsity(codes).backward()
    assert codes.grad.isfinite().all()


def test_terms_are_the_functions_of_codes(rng):
    codes = torch.from_numpy(rng.random((20, 3)))
    outputs, batch = Outputs(codes, codes), Batch(codes, torch.arange(20))
    kl, l1 = KLSparsityLoss(0.5, 0.2), L1SparsityLoss(0.3)
    assert kl(outputs, batch) == kl_sparsity(codes, 0.2)
    assert l1(outputs, batch) == l1_sparsity(codes)
    assert (kl.weight, l1.weight, kl.name, l1.name) == (0.5, 0.3, *["sparsity"] * 2)
