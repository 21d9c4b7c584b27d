import numpy as np
import pytest
import torch


@pytest.fixture
def scaled_samples(rng):
    x = rng.normal(size=(300, 5)) * [3, 2, 1, 1, 1]
    x -= x.mean(axis=0)
    return torch.from_numpy(x / np.sqrt(np.square(x).sum(axis=1).mean()))
