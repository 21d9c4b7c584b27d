import numpy as np
import pytest
import torch
from scipy import stats

from stable_embedding.data.corruption import CodeNoise, Corruption, normal, uniform


@pytest.fixture
def numbers(rng):
    return rng.integers(2**63, size=400, dtype=np.uint64)


def test_uniform_values_are_uniform(numbers):
    values = uniform(numbers, 25)
    assert values.shape == (400, 25)
    assert 0 < values.min() < values.max() < 1
    assert stats.kstest(values.ravel(), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("n_values", [1, 24, 25])
def test_normal_values_are_normal(n_values, numbers):
    values = normal(numbers, n_values)
    assert values.shape == (400, n_values)
    assert stats.kstest(values.ravel(), "norm").pvalue > 1e-3
    if n_values > 1:
        of_features = np.corrcoef(values.T)[np.triu_indices(n_values, 1)]
        assert np.abs(of_features).max() < 5 / 400**0.5
        of_rows = np.corrcoef(values)[np.triu_indices(400, 1)]
        assert abs(of_rows.mean()) < 0.01


def test_the_ends_of_the_range_are_finite():
    numbers = np.array([0, 2**64 - 1], dtype=np.uint64)
    assert np.isfinite(normal(numbers, 1_000)).all()


def test_a_row_keeps_its_values(numbers):
    values = normal(numbers, 6)
    fewer = np.delete(numbers, 7)
    np.testing.assert_array_equal(normal(fewer, 6), np.delete(values, 7, axis=0))
    several = normal(numbers.reshape(2, 200), 6)
    np.testing.assert_array_equal(several.reshape(400, 6), values)


@pytest.mark.parametrize("level", [0.1, 0.4, 1.0])
@pytest.mark.parametrize("kind", ["masking", "salt_and_pepper"])
def test_as_many_values_are_altered_as_should_be(kind, level, numbers, rng):
    rows = torch.from_numpy(rng.uniform(1, 2, size=(400, 30)).astype(np.float32))
    extremes = torch.full((30,), 0.5), torch.full((30,), 3.0)
    altered = Corruption(kind, level, *extremes)(rows, numbers)
    share = (altered != rows).double().mean().item()
    assert abs(share - level) <= 3 * (level * (1 - level) / rows.numel()) ** 0.5
    changed = set(altered[altered != rows].tolist())
    assert changed == ({0.0} if kind == "masking" else {0.5, 3.0})
    if kind == "salt_and_pepper":
        low = (altered == 0.5).sum() / (altered != rows).sum()
        assert 0.45 < low < 0.55


def test_normal_noise_has_its_level(numbers):
    rows = torch.ones(400, 30)
    noise = Corruption("gaussian", 0.7)(rows, numbers) - rows
    assert abs(noise.std().item() - 0.7) < 3 * 0.7 / (2 * noise.numel()) ** 0.5


def test_rows_are_not_changed_in_place(numbers):
    rows = torch.ones(400, 3)
    for kind in ("gaussian", "masking", "salt_and_pepper"):
        Corruption(kind, 0.5, torch.zeros(3), torch.ones(3))(rows, numbers)
    assert (rows == 1).all()


def test_noise_of_codes_goes_beside_the_rows(numbers):
    rows = torch.ones(400, 3)
    same, noise = CodeNoise(5)(rows, numbers)
    assert same is rows
    np.testing.assert_array_equal(noise, normal(numbers, 5))
