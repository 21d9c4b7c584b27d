import numpy as np
import pytest
import torch

from stable_embedding.losses import Batch, Outputs
from stable_embedding.losses.consensus import ConsensusLoss, auto_consensus_weight


def batch_of(index):
    index = torch.tensor(index)
    return Batch(torch.zeros(*index.shape, 3), index)


def outputs_of(codes):
    codes = torch.as_tensor(codes)
    return Outputs(codes, torch.zeros(*codes.shape[:-1], 3))


def reference(steps, n_samples, n_components):
    """Losses of steps, one sample and one run after the other."""
    means = [None] * n_samples
    losses = []
    for codes, index in steps:
        before = list(means)
        losses.append([])
        for of_run, at in zip(codes, index):
            far = [
                (code - before[i]).square().sum()
                for code, i in zip(of_run, at)
                if before[i] is not None
            ]
            losses[-1].append(sum(far) / max(len(far), 1))
            for code, i in zip(of_run, at):
                means[i] = code if means[i] is None else means[i].lerp(code, 0.25)
    return torch.tensor(losses)


def test_it_agrees_with_a_slow_reference():
    generator = torch.Generator().manual_seed(0)
    term = ConsensusLoss(1.0, 9, 2)
    steps = [
        (
            torch.randn(3, 4, 2, generator=generator),
            [torch.randperm(9, generator=generator)[:4].tolist() for _ in range(3)],
        )
        for _ in range(6)
    ]
    found = [term(outputs_of(codes), batch_of(index)) for codes, index in steps]
    torch.testing.assert_close(torch.stack(found), reference(steps, 9, 2))


def test_one_run_is_held_to_its_own_past():
    term = ConsensusLoss(1.0, 2, 1)
    batch = batch_of([0, 1])
    assert term(outputs_of([[1.0], [2.0]]), batch) == 0
    assert term(outputs_of([[2.0], [2.0]]), batch) == pytest.approx(0.5)
    assert term.mean_codes.flatten().tolist() == [1.25, 2.0]


def test_an_evaluation_moves_nothing():
    term = ConsensusLoss(1.0, 2, 1).eval()
    assert term(outputs_of([[1.0], [2.0]]), batch_of([0, 1])) == 0
    assert (term.steps == 1).all()


def test_mean_codes_are_constants_of_the_gradient():
    term = ConsensusLoss(1.0, 2, 1)
    batch = batch_of([0, 1])
    term(outputs_of([[0.0], [0.0]]), batch)
    codes = torch.tensor([[1.0], [3.0]], requires_grad=True)
    term(outputs_of(codes), batch).backward()
    assert codes.grad.flatten().tolist() == [1.0, 3.0]


@pytest.mark.parametrize("n_times", [1, 2, 12])
def test_a_sample_that_occurs_several_times_moves_as_often(n_times):
    term = ConsensusLoss(1.0, 2, 1, has_positives=True)
    batch = batch_of([0] * n_times + [1])
    term(outputs_of([[4.0]] * (n_times + 1)), batch)
    assert term.mean_codes.flatten().tolist() == pytest.approx([4.0, 4.0])
    term(outputs_of([[0.0]] * (n_times + 1)), batch)
    expected = [4 * 0.75**n_times, 4 * 0.75]
    # Rounding of float32, of codes of size 4.
    assert term.mean_codes.flatten().tolist() == pytest.approx(expected, abs=1e-5)


def test_codes_of_a_sample_in_one_batch_are_averaged():
    term = ConsensusLoss(1.0, 1, 1, has_positives=True)
    term(outputs_of([[1.0], [2.0]]), batch_of([0, 0]))
    assert term.mean_codes.item() == 1.5


def test_a_weight_counts_as_samples_where_others_have_no_place():
    known, new, weight = 5, 3, 4
    reference = torch.full((known + new, 1), torch.nan, dtype=torch.float64)
    reference[:known] = 0
    codes = torch.arange(1.0, 1 + known + new, dtype=torch.float64).unsqueeze(-1)
    weights = torch.tensor([1.0] * known + [weight] * new, dtype=torch.float64)
    term = ConsensusLoss(1.0, known + new, 1, reference)
    index = torch.arange(known + new)
    weighted = batch_of(index.tolist())._replace(weights=weights / weights.mean())
    again = torch.cat([index[:known], index[known:].repeat(weight)])
    repeated = batch_of(again.tolist())
    torch.testing.assert_close(
        term.eval()(outputs_of(codes), weighted),
        term(outputs_of(codes[again]), repeated),
    )


def test_one_run_is_drawn_to_a_reference_alone():
    codes = torch.tensor([[0.0, 0.0], [float("nan")] * 2])
    term = ConsensusLoss(1.0, 2, 2, codes, couples_runs=False)
    batch = batch_of([0, 1])
    for far in (1.0, 5.0):
        found = term(outputs_of([[3.0, 4.0], [far, far]]), batch)
        assert found.item() == 25
        assert term.counted_fraction == 0.5
    torch.testing.assert_close(term.mean_codes, torch.zeros(2, 2))
    assert term(outputs_of([[3.0, 4.0]]), batch_of([1])) == 0
    assert term.counted_fraction == 0


@pytest.mark.parametrize("couples_runs", [False, True])
def test_samples_of_a_reference_count_by_their_weights(couples_runs):
    codes = torch.tensor([[0.0, 0.0], [float("nan")] * 2])
    term = ConsensusLoss(1.0, 2, 2, codes, couples_runs=couples_runs).eval()
    batch, outputs = batch_of([0, 1]), outputs_of([[3.0, 4.0], [1.0, 1.0]])
    assert term(outputs, batch) == 25
    assert term.counted_fraction == 0.5
    weights = torch.tensor([0.5, 1.5])
    assert term(outputs, batch._replace(weights=weights)) == 25
    assert term.counted_fraction == 0.25


def test_without_a_reference_all_samples_of_a_batch_count():
    term = ConsensusLoss(1.0, 2, 2)
    for _ in range(2):
        term(outputs_of([[3.0, 4.0], [1.0, 1.0]]), batch_of([0, 1]))
        assert term.counted_fraction is None


def test_the_automatic_weight_grows_evenly_with_the_samples():
    weights = [auto_consensus_weight(n) for n in range(2, 200_001)]
    assert weights[0] == weights[9_998] == pytest.approx(0.1)
    assert weights[-1] == 1
    steps = np.diff(weights)
    assert steps.min() >= 0
    assert steps.max() < 1.001e-5
    assert auto_consensus_weight(100, has_reference=True) == 3
