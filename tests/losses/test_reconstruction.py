import pytest
import torch

from stable_embedding.losses.base import Batch, Outputs
from stable_embedding.losses.reconstruction import (
    ReconstructionLoss,
    reconstruction_loss,
)


def test_it_is_the_unexplained_fraction_of_variance(scaled_samples):
    nothing = torch.zeros_like(scaled_samples)
    assert reconstruction_loss(scaled_samples, scaled_samples) == 0
    assert reconstruction_loss(scaled_samples, nothing).item() == pytest.approx(1)


@pytest.mark.parametrize("discarded_variance", [0.0, 0.25])
def test_the_term_adds_what_was_discarded_before(discarded_variance, scaled_samples):
    outputs = Outputs(scaled_samples[:, :2], 0.5 * scaled_samples)
    batch = Batch(scaled_samples, torch.arange(len(scaled_samples)))
    found = ReconstructionLoss(discarded_variance)(outputs, batch)
    assert found.item() == pytest.approx(0.25 + discarded_variance)
