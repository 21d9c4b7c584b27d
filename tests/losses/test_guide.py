"""The terms that guide codes while a training is young."""

import pytest
import torch

from stable_embedding.losses.base import Batch, Outputs
from stable_embedding.losses.guide import (
    GuideLoss,
    ScalingGuideLoss,
    scaling_guide_weight,
)


@pytest.fixture
def places():
    return torch.randn(10, 2, generator=torch.Generator().manual_seed(0))


def given(places, index, shift=0.0):
    return Outputs(places[index] + shift, None), Batch(None, index)


def test_it_is_the_squared_distance_from_the_places_of_the_batch(places):
    term = GuideLoss(3.0, places)
    index = torch.tensor([[4, 1, 7], [0, 2, 9]])
    assert not term(*given(places, index)).any()
    loss = term(*given(places, index, torch.tensor([0.3, 0.4])))
    torch.testing.assert_close(loss, torch.full((2,), 0.25))


def test_it_falls_to_zero_in_the_first_half_of_the_steps(places):
    term = GuideLoss(1.0, places)
    term.begin(n_steps=100)
    index = torch.arange(5)
    losses = [term(*given(places, index, 1.0)).item() for _ in range(100)]
    assert losses[0] == pytest.approx(2)
    assert losses[25] == pytest.approx(1, rel=1e-4)
    assert losses == sorted(losses, reverse=True)
    assert max(losses[51:]) == 0


def test_evaluation_takes_no_step(places):
    term = GuideLoss(1.0, places)
    term.begin(n_steps=10)
    term.eval()
    first, again = (term(*given(places, torch.arange(5), 1.0)) for _ in range(2))
    assert first == again


def test_its_state_goes_with_it(places):
    term, again = GuideLoss(1.0, places), GuideLoss(1.0, torch.zeros_like(places))
    term.begin(n_steps=10)
    again.begin(n_steps=10)
    for _ in range(3):
        term(*given(places, torch.arange(5), 1.0))
    again.load_state_dict(term.state_dict())
    batch = given(places, torch.arange(5), 1.0)
    assert again(*batch) == term(*batch)


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def lost_products(samples, codes):
    """Mean squared difference of inner products, pair by pair."""
    centered = [one - one.mean(0) for one in (samples, codes)]
    n_samples = len(samples)
    lost = [
        (centered[0][i] @ centered[0][j] - centered[1][i] @ centered[1][j]) ** 2
        for i in range(n_samples)
        for j in range(i)
    ]
    return torch.stack(lost).mean()


@pytest.mark.numeric
def test_inner_products_are_compared_pair_by_pair():
    samples, codes = draw(7, 4), draw(7, 2, seed=1)
    term = ScalingGuideLoss(1.0, 3.0)
    found = term(Outputs(codes, None), Batch(samples, torch.arange(7)))
    torch.testing.assert_close(found, lost_products(samples, codes) / 3)


@pytest.mark.numeric
def test_inner_products_of_several_runs_are_those_of_each():
    samples, codes = draw(3, 7, 4), draw(3, 7, 2, seed=1)
    term = ScalingGuideLoss(1.0, 1.0).eval()
    index = torch.arange(7)
    found = term(Outputs(codes, None), Batch(samples, index.expand(3, -1)))
    each = [
        term(Outputs(one, None), Batch(of_run, index))
        for one, of_run in zip(codes, samples)
    ]
    torch.testing.assert_close(found, torch.stack(each))


def test_inner_products_have_the_gradient_of_their_loss():
    samples, codes = draw(6, 4), draw(6, 2, seed=1).requires_grad_()
    codes.data[1] = codes.data[0]
    term = ScalingGuideLoss(1.0, 1.0).eval()

    def loss(codes):
        return term(Outputs(codes, None), Batch(samples, torch.arange(6)))

    assert torch.autograd.gradcheck(loss, codes)
    assert torch.autograd.gradcheck(loss, torch.zeros_like(codes).requires_grad_())


@pytest.mark.parametrize("seed", range(3))
def test_inner_products_lead_from_anywhere_to_the_scores_of_pca(seed):
    spread = torch.tensor([3.0, 2.0, 1.0, 0.5, 0.2], dtype=torch.float64)
    samples = draw(60, 5, seed=seed) * spread / spread.norm()
    samples -= samples.mean(0)
    codes = draw(60, 2, seed=seed + 10).requires_grad_()
    term = ScalingGuideLoss(1.0, 1.0).eval()
    search = torch.optim.LBFGS([codes], max_iter=300, line_search_fn="strong_wolfe")

    def loss():
        search.zero_grad()
        value = term(Outputs(codes, None), Batch(samples, torch.arange(60)))
        value.backward()
        return value

    search.step(loss)
    u, s, _ = torch.linalg.svd(samples, full_matrices=False)
    scores = u[:, :2] * s[:2]
    with torch.no_grad():
        apart = torch.cdist(codes, codes) - torch.cdist(scores, scores)
        # Scores minimize the sum with the pairs of a sample with itself, which are a
        # sixtieth of all here.
        assert apart.abs().mean() < 0.05 * torch.cdist(scores, scores).mean()


def test_inner_products_fall_to_zero_before_half_of_the_steps():
    term = ScalingGuideLoss(1.0, 1.0)
    term.begin(n_steps=100)
    batch = Outputs(draw(7, 2), None), Batch(draw(7, 4), torch.arange(7))
    losses = [term(*batch).item() for _ in range(100)]
    assert losses[20] == pytest.approx(losses[0] / 2, rel=1e-4)
    assert losses == sorted(losses, reverse=True)
    assert losses[38] > 0
    assert max(losses[41:]) == 0


def test_inner_products_count_less_in_more_components():
    weights = [scaling_guide_weight(k, 1.0) for k in range(1, 12)]
    assert weights == sorted(weights, reverse=True)
    assert min(weights) > 0


def test_the_guide_vanishes_with_the_similarity_weight():
    weights = [scaling_guide_weight(2, w) for w in (0.0, 1e-12, 0.5, 1.0, 3.0)]
    assert weights[0] == 0
    assert weights[1] < 1e-8
    assert weights[2] == weights[3] / 2
    assert weights[3] == weights[4]
