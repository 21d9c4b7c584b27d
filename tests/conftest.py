import matplotlib
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris

matplotlib.use("Agg")
torch.set_num_threads(1)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="session")
def digits():
    return load_digits(return_X_y=True)
