import pytest
import torch

from stable_embedding.data import limits
from stable_embedding.losses.base import Batch, Outputs
from stable_embedding.losses.triplet import TripletLoss, triplet_loss


@pytest.fixture
def codes():
    return torch.randn(12, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.numeric
def test_it_is_that_of_a_loop(codes):
    labels = torch.arange(12) % 3
    excess = []
    for a in range(12):
        for p in range(12):
            for n in range(12):
                if p != a and labels[a] == labels[p] != labels[n]:
                    near = 0.5 * (codes[a] - codes[p]).square().sum()
                    far = 0.5 * (codes[a] - codes[n]).square().sum()
                    excess.append((near - far + 0.7).clamp_min(0))
    expected = torch.stack(excess).mean()
    torch.testing.assert_close(triplet_loss(codes, labels, 0.7), expected)
    stacked = triplet_loss(torch.stack([codes, 2 * codes]), labels.repeat(2, 1), 0.7)
    torch.testing.assert_close(stacked[0], expected)


def test_of_a_collapsed_map_it_is_the_margin():
    labels = torch.arange(200) % 10
    lost = triplet_loss(torch.zeros(200, 2), labels, 0.7).item()
    assert lost == pytest.approx(0.7, rel=1e-5)  # a mean in float32
    assert triplet_loss(torch.zeros(200, 2), torch.zeros(200), 0.7) == 0
    assert triplet_loss(torch.zeros(1, 2), torch.zeros(1), 0.7) == 0


def test_triplets_are_those_of_blocks(codes, monkeypatch):
    monkeypatch.setattr(limits, "TRIPLET_BLOCK", 6)
    near, far = codes[:6], codes[6:] + 100
    labels = torch.tensor([0, 0, 0, 1, 1, 1]).repeat(2)
    found = triplet_loss(torch.cat([near, far]), labels, 0.7)
    halves = [triplet_loss(half, labels[:6], 0.7) for half in (near, far)]
    # As many triplets in either; the second's distances are rounded far off.
    assert found.item() == pytest.approx(sum(halves).item() / 2, rel=1e-4)


def test_the_term_takes_the_labels_of_its_batch(codes):
    labels = torch.arange(12) % 3
    term = TripletLoss(0.5, margin=0.7)
    batch = Batch(codes, torch.arange(12), labels)
    assert term(Outputs(codes, codes), batch) == triplet_loss(codes, labels, 0.7)


@pytest.mark.numeric
def test_samples_without_a_label_are_in_no_triplet(codes):
    labels = torch.arange(12) % 3
    labels[[2, 5, 6]] = -1
    known = labels >= 0
    expected = triplet_loss(codes[known], labels[known], 0.7)
    assert expected > 0
    torch.testing.assert_close(triplet_loss(codes, labels, 0.7), expected)
    assert triplet_loss(codes, torch.full((12,), -1), 0.7) == 0


def test_only_labeled_samples_of_batches_with_triplets_are_counted(codes):
    term = TripletLoss(1.0, 0.7)
    for labels, counted in (
        (torch.arange(12) % 3, 1),
        (torch.tensor([0, 0, 1, *[-1] * 9]), 0.25),
        (torch.tensor([0, 1, 2, *[-1] * 9]), 0),
        (torch.tensor([0, 0, *[-1] * 10]), 0),
    ):
        lost = term(Outputs(codes, codes), Batch(codes, torch.arange(12), labels))
        assert term.counted_fraction == counted
        assert (lost > 0) == (counted > 0)


def test_labeled_samples_count_by_their_weights(codes):
    term, labels = TripletLoss(1.0, 0.7), torch.tensor([0, 0, 1, *[-1] * 9])
    for weight in (0.5, 2.0):
        weights = torch.tensor([weight] * 3 + [1.0] * 9)
        term(Outputs(codes, codes), Batch(codes, torch.arange(12), labels, weights))
        assert term.counted_fraction == weight / 4


@pytest.mark.parametrize("weights", [None, torch.zeros(12)])
def test_without_triplets_the_gradient_is_zero(codes, weights):
    codes.requires_grad_()
    labels = torch.full((12,), -1) if weights is None else torch.arange(12) % 3
    (1e30 * triplet_loss(codes, labels, 0.7, weights)).backward()
    assert not codes.grad.any()
