"""Draw a subset of the samples that is the same at each call."""

import numpy as np
from sklearn.utils import resample


def fixed_subsample(n_samples, n_kept):
    """Draw the index of at most `n_kept` samples, the same at each call."""
    if n_samples <= n_kept:
        return np.arange(n_samples)
    return resample(
        np.arange(n_samples), replace=False, n_samples=n_kept, random_state=0
    )
