import os
import signal

import numpy as np
import pytest
import torch
from hypothesis import settings
from sklearn.datasets import load_digits, load_iris
from threadpoolctl import threadpool_limits

# One thread a process: on cores that are shared, threads wait for each other many
# times longer than they compute.
N_THREADS = int(os.environ.get("TEST_THREADS", "1"))
os.environ["NUMBA_NUM_THREADS"] = str(N_THREADS)  # read when numba is imported

# Generated inputs are the same in each run, but for the thorough one, which tries new
# ones.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("thorough", max_examples=1_000, print_blob=True)
settings.load_profile("repeatable")

os.environ["MPLBACKEND"] = "Agg"  # matplotlib is optional: it is not imported here
# What a shell starts in the background ignores Ctrl-C, which some tests press.
signal.signal(signal.SIGINT, signal.default_int_handler)

torch.set_num_threads(N_THREADS)
threadpool_limits(N_THREADS, user_api="blas")


def pytest_runtest_teardown():
    # A test may set them, as may numba, on which pynndescent runs.
    torch.set_num_threads(N_THREADS)


@pytest.fixture(autouse=True)
def _torch_seed():
    torch.manual_seed(0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="session")
def digits():
    return load_digits(return_X_y=True)
