import numpy as np
import pytest
import torch

from stable_embedding.data import limits
from stable_embedding.losses.base import Batch, Outputs, TotalLoss
from stable_embedding.losses.neighbor import (
    NeighborLoss,
    initial_kernel_scale,
    neighbor_loss,
    student_kernel,
)
from stable_embedding.losses.similarity import squared_distance


def naive_neighbor_loss(codes, log_scale):
    """The formula, code by code."""
    n_anchors = len(codes) // 2
    kernel = 1 / (1 + (2 * log_scale).exp() * squared_distance(codes).clamp_min(0))
    lost = []
    for i in range(2 * n_anchors):
        others = [kernel[i, j] for j in range(2 * n_anchors) if j != i]
        lost.append(torch.stack(others).sum().log() - kernel[i, i - n_anchors].log())
    return torch.stack(lost).mean() / np.log(2 * n_anchors - 1)


@pytest.mark.numeric
@pytest.mark.parametrize("n_anchors", [2, 3, 20])
def test_loss_and_gradients_are_those_of_the_formula(n_anchors, rng):
    codes = torch.from_numpy(rng.normal(size=(2 * n_anchors, 2))).requires_grad_()
    log_scale = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    expected = naive_neighbor_loss(codes, log_scale)
    found = neighbor_loss(codes, log_scale)
    torch.testing.assert_close(found, expected)
    for gradients in zip(
        torch.autograd.grad(3 * found, [codes, log_scale]),
        torch.autograd.grad(3 * expected, [codes, log_scale]),
    ):
        torch.testing.assert_close(*gradients)


@pytest.mark.numeric
def test_batches_are_kept_apart_each_with_its_scale(rng):
    codes = torch.from_numpy(rng.normal(size=(3, 20, 2)))
    log_scales = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    found = neighbor_loss(codes, log_scales)
    expected = torch.stack(list(map(neighbor_loss, codes, log_scales)))
    torch.testing.assert_close(found, expected)


@pytest.mark.numeric
def test_loss_of_a_large_batch_is_that_of_its_blocks(rng):
    anchors, positives = torch.from_numpy(rng.normal(size=(2, 2, 1_025, 2)))
    log_scales = torch.tensor([0.5, 1.0], dtype=torch.float64)
    found = neighbor_loss(torch.cat([anchors, positives], dim=1), log_scales)
    of_blocks = [
        neighbor_loss(torch.cat([anchors[:, at], positives[:, at]], dim=1), log_scales)
        for at in (slice(0, 341), slice(341, 682), slice(682, 1_023))
    ]
    torch.testing.assert_close(found, torch.stack(of_blocks).mean(0))


@pytest.mark.numeric
def test_as_many_batches_are_computed_at_once_as_the_cache_can_hold(rng, monkeypatch):
    codes = torch.from_numpy(rng.normal(size=(5, 20, 2))).requires_grad_()
    log_scales = torch.linspace(-1, 1, 5, dtype=torch.float64, requires_grad=True)
    weights = torch.from_numpy(rng.uniform(size=(5, 10)))
    found = []
    for n_values in (5 * 20**2, 2 * 20**2, 1):
        monkeypatch.setattr(limits, "KERNEL_VALUES", n_values)
        loss = neighbor_loss(codes, log_scales, weights)
        found.append([loss, *torch.autograd.grad(loss.sum(), [codes, log_scales])])
    for others in found[1:]:
        for value, expected in zip(others, found[0], strict=True):
            torch.testing.assert_close(value, expected)


def test_loss_is_a_fraction(rng):
    n_anchors, log_scale = 50, torch.tensor(0.0)
    collapsed = neighbor_loss(torch.zeros(2 * n_anchors, 2), log_scale)
    assert collapsed.item() == pytest.approx(1)
    anchors = torch.from_numpy(rng.normal(size=(n_anchors, 2))) * 1e4
    apart = neighbor_loss(torch.cat([anchors, anchors + 1e-3]), log_scale.double())
    assert 0 <= apart.item() < 0.01


@pytest.mark.numeric
def test_the_kernel_is_that_of_distances(rng):
    codes = torch.from_numpy(rng.normal(size=(2, 9, 3)))
    expected = 1 / (1 + torch.cdist(codes, codes).square())
    torch.testing.assert_close(student_kernel(codes), expected)


def test_the_first_scale_is_relative_to_the_distance_of_neighbors(rng):
    codes = 0.01 * rng.normal(size=(30, 2))
    moved = codes + np.array([0.3, 0.4])
    assert initial_kernel_scale(codes, moved) == pytest.approx(6)
    assert initial_kernel_scale(100 * codes, 100 * moved) == 1
    assert initial_kernel_scale(codes, codes) == 1e3


def test_only_the_scale_of_the_kernel_is_learned():
    assert not list(TotalLoss([NeighborLoss(0.0)]).parameters())
    loss = TotalLoss([NeighborLoss(0.3, torch.tensor([2.0, 3.0]))])
    (log_scale,) = loss.parameters()
    torch.testing.assert_close(log_scale.exp().detach(), torch.tensor([2.0, 3.0]))


def test_the_term_learns_its_scale(rng):
    codes = torch.from_numpy(rng.normal(size=(20, 2))).float()
    term = NeighborLoss(1.0, torch.tensor(2.0))
    lost = term(Outputs(codes, codes), Batch(codes, torch.arange(20)))
    assert lost == neighbor_loss(codes, term.log_scale)
    lost.backward()
    assert term.log_scale.grad != 0
