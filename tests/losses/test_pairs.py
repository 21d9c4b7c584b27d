import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist

from stable_embedding.losses.base import Batch, Outputs, TotalLoss
from stable_embedding.losses.pairs import distance_loss, mean_squared_difference
from stable_embedding.losses.reconstruction import (
    ReconstructionLoss,
    reconstruction_loss,
)
from stable_embedding.losses.similarity import (
    distance,
)
from stable_embedding.losses.similarity_loss import (
    SimilarityLoss,
)


@pytest.mark.numeric
@pytest.mark.parametrize("n_samples", [2, 100, 128, 129, 300])
def test_distances_of_large_batches_are_compared_within_blocks(
    n_samples, scaled_samples, rng
):
    samples = scaled_samples[:n_samples]
    codes = torch.from_numpy(rng.normal(size=(n_samples, 5)))
    n_blocks = -(-n_samples // 128)
    blocks = np.arange(n_samples // n_blocks * n_blocks).reshape(n_blocks, -1)
    expected = [
        np.mean((pdist(codes[block]) - pdist(samples[block])) ** 2) for block in blocks
    ]
    found = distance_loss(samples, codes).item()
    assert found == pytest.approx(np.mean(expected), rel=1e-6)
    in_runs = distance_loss(
        torch.stack([samples, samples]), torch.stack([codes, samples])
    )
    assert in_runs[0].item() == pytest.approx(found)
    assert in_runs[1].item() == pytest.approx(0, abs=1e-12)


@pytest.mark.numeric
@pytest.mark.parametrize("shape", [(7, 3), (2, 7, 1), (150, 2)])
def test_the_gradient_by_hand_is_that_of_autograd(shape, rng):
    samples = torch.from_numpy(rng.normal(size=(*shape[:-1], 5)))
    codes = torch.from_numpy(rng.normal(size=shape)).requires_grad_()
    # Another weight for each separate batch.
    lost = distance_loss(samples, codes)
    weights = torch.arange(1.0, 1 + lost.numel()).reshape(lost.shape)
    (found,) = torch.autograd.grad((weights * lost).sum(), codes)
    halves = -(-shape[-2] // 128)
    blocks = (halves, shape[-2] // halves)
    lost = mean_squared_difference(
        distance(codes.unflatten(-2, blocks)), distance(samples.unflatten(-2, blocks))
    )
    (expected,) = torch.autograd.grad((weights * lost.mean(-1)).sum(), codes)
    torch.testing.assert_close(found, expected)


@pytest.mark.numeric
def test_discarded_variance_is_made_up_for(rng):
    # Noise in many directions: no two samples share any of it.
    samples = torch.from_numpy(rng.normal(size=(100, 3)))
    noise = torch.from_numpy(0.03 * rng.normal(size=(100, 20_000)))
    noise -= noise.mean(0)
    whole = torch.cat([samples, noise], dim=1)
    discarded = noise.square().sum().item() / 99  # over pairs of different samples
    codes = torch.from_numpy(rng.normal(size=(100, 2)))
    expected = distance_loss(whole, codes).item()
    # Distances of noise scatter around their mean.
    found = distance_loss(samples, codes, discarded).item()
    assert found == pytest.approx(expected, 0.01)
    assert abs(distance_loss(samples, codes).item() - expected) > 0.5 * expected
    outputs = Outputs(codes, torch.zeros_like(samples))
    batch = Batch(samples, torch.arange(100))
    variance = noise.square().sum(1).mean()
    terms = [
        ReconstructionLoss(variance),
        SimilarityLoss(distance, 1.0, 2.0, variance),
    ]
    total, reconstruction, similar = TotalLoss(terms)(outputs, batch)
    lost = reconstruction_loss(whole, torch.zeros_like(whole))
    torch.testing.assert_close(reconstruction, lost)
    torch.testing.assert_close(total, reconstruction + similar)


def test_the_gradient_is_finite_where_codes_coincide(scaled_samples):
    codes = torch.zeros(20, 2, dtype=scaled_samples.dtype, requires_grad=True)
    distance_loss(scaled_samples[:20], codes).backward()
    assert not codes.grad.any()


def test_a_single_sample_has_no_pairs_to_lose():
    assert mean_squared_difference(torch.ones(1, 1), torch.zeros(1, 1)) == 0
