import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist

from stable_embedding.losses.similarity import (
    SIMILARITIES,
    distance,
)
from stable_embedding.losses.similarity_loss import (
    collapsed_similarity_loss,
    similarity_loss,
)


@pytest.mark.numeric
def test_loss_of_distances_is_half_the_mean_square_over_pairs(scaled_samples, rng):
    samples, codes = scaled_samples[:100], torch.from_numpy(rng.normal(size=(100, 2)))
    expected = 0.5 * np.mean((pdist(codes) - pdist(samples)) ** 2)
    found = similarity_loss(samples, codes, distance, 2.0).item()
    # Distances from inner products lose digits of small ones.
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", SIMILARITIES)
def test_loss_is_0_when_kept_and_1_when_collapsed(name, scaled_samples):
    samples, similarity = scaled_samples, SIMILARITIES[name]
    collapsed_loss = collapsed_similarity_loss(samples, similarity)
    kept = similarity_loss(samples, samples.clone(), similarity, collapsed_loss).item()
    origin = torch.zeros(len(samples), 2, dtype=samples.dtype)
    lost = similarity_loss(samples, origin, similarity, collapsed_loss).item()
    assert kept == pytest.approx(0, abs=1e-12)
    # n / (n - 1), where the normalizer of distances is exact only in the limit.
    # Blocks of 100 samples scatter around it.
    assert lost == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("name", ["distance", "rbf"])
def test_loss_does_not_see_rigid_maps(name, scaled_samples):
    rotation, _ = torch.linalg.qr(torch.randn(5, 5, dtype=scaled_samples.dtype))
    codes = scaled_samples @ rotation + 1
    loss = similarity_loss(scaled_samples, codes, SIMILARITIES[name], 1.0)
    assert loss.item() == pytest.approx(0, abs=1e-12)


def test_scale_of_the_codes_counts(scaled_samples):
    lost = similarity_loss(scaled_samples, scaled_samples / 2, distance, 2.0)
    assert lost.item() > 0.1


def test_normalizer_of_constant_samples_is_one():
    assert collapsed_similarity_loss(torch.zeros(5, 2), SIMILARITIES["rbf"]) == 1.0
