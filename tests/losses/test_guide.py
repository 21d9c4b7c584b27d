"""The term that draws codes to places."""

import pytest
import torch

from stable_embedding.losses.base import Batch, Outputs
from stable_embedding.losses.guide import GuideLoss


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
