"""Subsets of the samples: one that is the same at each call, one by content."""

import numpy as np
from sklearn.utils import resample


def fixed_subsample(n_samples, n_kept):
    """Draw the index of at most `n_kept` samples, the same at each call."""
    if n_samples <= n_kept:
        return np.arange(n_samples)
    return resample(
        np.arange(n_samples), replace=False, n_samples=n_kept, random_state=0
    )


def smallest_hashes(hashes, n_kept, counted=None):
    """Return the sorted index of the `n_kept` samples with the smallest hashes.

    They are the same samples in any order, and nearly the same if a few come or go.
    With `counted`, a mask, they are chosen among samples where it is true.
    """
    if counted is not None:
        index = np.flatnonzero(counted)
        return index[smallest_hashes(hashes[index], n_kept)]
    if len(hashes) <= n_kept:
        return np.arange(len(hashes))
    return np.sort(np.argpartition(hashes, n_kept)[:n_kept])
