import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from stable_embedding.losses.base import Batch, Outputs
from stable_embedding.losses.label import LabelLoss, agreement, certainty, label_loss

SCALE = torch.tensor(0.5)
NAN = float("nan")


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator)


def reference(codes, labels):
    """The loss of classes, sample by sample."""
    squares = (codes[:, None] - codes).square().sum(-1) * math.exp(2 * SCALE)
    kernel = 1 / (1 + squares)
    lost = of_collapsed = 0.0
    for i, label in enumerate(labels):
        others = [j for j in range(len(labels)) if j != i and labels[j] >= 0]
        alike = [j for j in others if labels[j] == label]
        if label >= 0 and 0 < len(alike) < len(others):
            lost -= math.log(kernel[i, alike].sum() / kernel[i, others].sum())
            of_collapsed -= math.log(len(alike) / len(others))
    return lost / of_collapsed


@pytest.mark.numeric
@pytest.mark.parametrize(
    "labels", [[0, 1, 0, 1, 2, 2, 0], [0, -1, 1, 0, -1, 1, 1], [0, 0, 1, 2, -1, 1, 1]]
)
def test_it_is_the_share_of_a_collapsed_maps_cross_entropy(labels):
    codes = draw(7, 2)
    found = label_loss(codes, torch.tensor(labels), SCALE)
    # Rounding of float32: sums in another order.
    assert found.item() == pytest.approx(reference(codes, labels), rel=1e-4)


def test_a_collapsed_map_has_one_and_classes_far_apart_none():
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    assert_close(label_loss(torch.zeros(6, 2), labels, SCALE), torch.tensor(1.0))
    far = 1e4 * labels[:, None].repeat(1, 2).float()
    assert label_loss(far, labels, SCALE) < 1e-4


@pytest.mark.parametrize("labels", [[1] * 5, [-1] * 5, [-1, 3, -1, -1, -1]])
def test_labels_that_do_not_differ_are_no_loss(labels):
    codes = draw(5, 2).requires_grad_()
    loss = label_loss(codes, torch.tensor(labels), SCALE)
    loss.backward()
    assert loss == 0
    assert not codes.grad.any()


def test_names_of_classes_do_not_count():
    codes, labels = draw(40, 2), torch.arange(40) % 4
    renamed = torch.tensor([7, 2, 9, 0])[labels]
    # The same computation.
    assert torch.equal(
        label_loss(codes, labels, SCALE), label_loss(codes, renamed, SCALE)
    )


@pytest.mark.numeric
def test_certain_probabilities_are_classes():
    codes, labels = draw(40, 2), torch.arange(40) % 4
    probabilities = torch.eye(4)[labels]
    # Rounding of float32: products for comparisons.
    assert_close(
        label_loss(codes, probabilities, SCALE), label_loss(codes, labels, SCALE)
    )
    assert_close(certainty(probabilities), torch.ones(40))
    assert_close(certainty(torch.full((3, 4), 0.25)), torch.zeros(3))


def test_numbers_agree_by_how_near_they_are():
    labels = torch.tensor([[0.0], [0.1], [1.0], [NAN]])
    found = agreement(labels)
    assert_close(found, found.mT)
    assert found[0, 1] > 0.9 > 0.1 > found[0, 2] > 0
    assert not found[3].any()
    assert not found.diagonal().any()
    assert certainty(labels).tolist() == [1, 1, 1, 0]
    codes = torch.tensor([[0.0], [0.1], [1.0], [0.5]])
    ordered = label_loss(codes, labels.squeeze(-1), SCALE)
    mixed = label_loss(codes[[0, 2, 1, 3]], labels.squeeze(-1), SCALE)
    assert ordered < mixed


@pytest.mark.numeric
@pytest.mark.parametrize("kind", ["classes", "numbers", "probabilities"])
def test_batches_are_taken_apart(kind):
    codes = draw(3, 30, 2)
    labels = {
        "classes": torch.arange(90).view(3, 30) % 5 - 1,
        "numbers": draw(3, 30, seed=1),
        "probabilities": draw(3, 30, 4, seed=1).softmax(-1),
    }[kind]
    scales = torch.tensor([0.1, 0.5, 1.0])
    each = [label_loss(*one) for one in zip(codes, labels, scales)]
    # Rounding of float32: batched products sum in another order.
    assert_close(label_loss(codes, labels, scales), torch.stack(each))


def test_large_batches_are_split():
    codes, labels = draw(1_100, 2), torch.arange(1_100) % 3
    assert 0.9 < label_loss(codes, labels, SCALE) < 1.3


@pytest.mark.numeric
def test_its_gradient_is_that_of_differences():
    codes = draw(9, 2).double().requires_grad_()
    labels = torch.arange(9) % 3
    assert torch.autograd.gradcheck(
        lambda codes, scale: label_loss(codes, labels, scale),
        (codes, SCALE.double().requires_grad_()),
        atol=1e-4,
    )


@pytest.mark.parametrize("n_runs", [1, 3])
def test_each_run_learns_a_scale(n_runs):
    term = LabelLoss(1.0, n_runs)
    codes = draw(n_runs, 20, 2).squeeze(0)
    index = torch.arange(20).expand(codes.shape[:-1])
    outputs = type("Outputs", (), {"codes": codes})
    loss = term(outputs, Batch(codes, index, labels=index % 2))
    loss.sum().backward()
    assert loss.shape == codes.shape[:-2]
    assert np.count_nonzero(term.log_scale.grad) == n_runs


def test_only_labeled_samples_of_batches_with_other_labels_are_counted():
    term, codes, index = LabelLoss(1.0), draw(8, 2), torch.arange(8)
    outputs = Outputs(codes, codes)
    for labels, counted in (
        (index % 2, 1),
        (torch.tensor([0, 0, 1, 1, *[-1] * 4]), 0.5),
        (torch.tensor([0, 0, *[-1] * 6]), 0),
        (torch.tensor([0.1, 0.2, 0.5, 0.6, *[NAN] * 4]), 0.5),
        (torch.tensor([0.1, *[NAN] * 7]), 0),
    ):
        lost = term(outputs, Batch(codes, index, labels))
        assert term.counted_fraction == counted
        assert (lost > 0) == (counted > 0)
        # Samples with a label are the first ones, which have a quarter of the weight.
        weights = torch.tensor([0.5] * 4 + [1.5] * 4)
        term(outputs, Batch(codes, index, labels, weights))
        assert term.counted_fraction == (counted if counted == 1 else counted / 2)
