import numpy as np
import pytest
import torch
from scipy import stats

from stable_embedding.data.corruption import CodeNoise, Corruption, normal, uniform


@pytest.fixture
def starts(rng):
    return rng.integers(2**63, size=400, dtype=np.uint64)


def test_uniform_values_are_uniform(starts):
    values = uniform(starts, 25)
    assert values.shape == (400, 25)
    assert 0 < values.min() < values.max() < 1
    assert stats.kstest(values.ravel(), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("n_values", [1, 24, 25])
def test_normal_values_are_normal(n_values, starts):
    values = normal(starts, n_values)
    assert values.shape == (400, n_values)
    assert stats.kstest(values.ravel(), "norm").pvalue > 1e-3
    if n_values > 1:
        of_features = np.corrcoef(values.T)[np.triu_indices(n_values, 1)]
        assert np.abs(of_features).max() < 5 / 400**0.5
        of_samples = np.corrcoef(values)[np.triu_indices(400, 1)]
        assert abs(of_samples.mean()) < 0.01


def test_the_ends_of_the_range_are_finite():
    starts = np.array([0, 2**64 - 1], dtype=np.uint64)
    assert np.isfinite(normal(starts, 1_000)).all()


def test_a_sample_keeps_its_values(starts):
    # Vectorized logarithms and cosines may round differently at another position.
    values = normal(starts, 6)
    fewer = normal(np.delete(starts, 7), 6)
    np.testing.assert_allclose(fewer, np.delete(values, 7, axis=0), rtol=0, atol=1e-5)
    several = normal(starts.reshape(2, 200), 6)
    np.testing.assert_allclose(several.reshape(400, 6), values, rtol=0, atol=1e-5)


@pytest.mark.parametrize("level", [0.1, 0.4, 1.0])
@pytest.mark.parametrize("kind", ["masking", "salt_and_pepper"])
def test_the_level_is_the_fraction_of_values_replaced(kind, level, starts, rng):
    samples = torch.from_numpy(rng.uniform(1, 2, size=(400, 30)).astype(np.float32))
    extremes = torch.full((30,), 0.5), torch.full((30,), 3.0)
    altered = Corruption(kind, level, *extremes)(samples, starts)
    fraction = (altered != samples).double().mean().item()
    assert abs(fraction - level) <= 3 * (level * (1 - level) / samples.numel()) ** 0.5
    changed = set(altered[altered != samples].tolist())
    assert changed == ({0.0} if kind == "masking" else {0.5, 3.0})
    if kind == "salt_and_pepper":
        low = (altered == 0.5).sum() / (altered != samples).sum()
        assert 0.45 < low < 0.55


def test_the_level_is_the_deviation_of_gaussian_noise(starts):
    samples = torch.ones(400, 30)
    noise = Corruption("gaussian", 0.7)(samples, starts) - samples
    assert abs(noise.std().item() - 0.7) < 3 * 0.7 / (2 * noise.numel()) ** 0.5


def test_samples_are_not_changed_in_place(starts):
    samples = torch.ones(400, 3)
    for kind in ("gaussian", "masking", "salt_and_pepper"):
        Corruption(kind, 0.5, torch.zeros(3), torch.ones(3))(samples, starts)
    assert (samples == 1).all()


def test_noise_of_codes_is_returned_beside_the_samples(starts):
    samples = torch.ones(400, 3)
    same, noise = CodeNoise(5)(samples, starts)
    assert same is samples
    np.testing.assert_array_equal(noise, normal(starts, 5))
