"""Draw integer seeds of trainings."""

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state


def draw_seeds(random_state, n_seeds):
    """Draw one integer seed for each training."""
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
    estimator = clone(estimator)
    if names:  # a frozen estimator has no parameters to set
        estimator.set_params(**dict.fromkeys(names, seed))
    return estimator
