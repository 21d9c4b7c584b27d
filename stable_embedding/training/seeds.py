"""Seeds of trainings: integers, so that none of them shares a stream with another."""

from contextlib import contextmanager

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils import check_random_state


def draw_seeds(random_state, n_seeds):
    """Draw integers to seed trainings with."""
    random_state = check_random_state(random_state)
    return random_state.randint(np.iinfo(np.int32).max, size=n_seeds).tolist()


def with_seed(estimator, seed):
    """Clone an estimator with an integer for each `random_state` in it.

    A RandomState instance would be copied by the clone: all trainings would then draw
    the same numbers, and their variance would be a false 0.
    """
    names = [
        name
        for name in estimator.get_params(deep=True)
        if name == "random_state" or name.endswith("__random_state")
    ]
    return clone(estimator).set_params(**dict.fromkeys(names, seed))


@contextmanager
def own_random_stream(seed, device):
    """Let torch draw from a seed in a block, as in dropout, and undo that.

    Parameters
    ----------
    seed : int

    device : str or torch.device
        Where it draws, besides the CPU.
    """
    device = torch.device(device)
    kind = device.type if device.type != "cpu" else "cuda"
    devices = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices=devices, device_type=kind):
        seed_streams(seed, device)
        yield


def seed_streams(seed, device):
    """Seed the random numbers of torch on the CPU, and on a device."""
    device = torch.device(device)
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)
