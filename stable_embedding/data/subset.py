"""Subset of the samples from which axes, frames and constants are computed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse

from . import limits
from .sample_weights import weights_at
from .subsample import smallest_hashes


@dataclass(frozen=True)
class Subset:
    """Some of the samples, chosen by content.

    Attributes
    ----------
    index : ndarray of int of shape (n_subset,)
        Their positions among all samples.

    samples : ndarray of shape (n_subset, n_features)
        The samples, scaled.

    hashes : ndarray of shape (n_subset,), dtype uint64
        Their hashes.

    weights : ndarray of shape (n_subset,) or None
        Their weights; None where all are the same.
    """

    index: np.ndarray
    samples: np.ndarray
    hashes: np.ndarray
    weights: np.ndarray | None

    @classmethod
    def at(cls, index: np.ndarray, samples: Any) -> "Subset":
        """Return the samples at some positions.

        Parameters
        ----------
        index : ndarray of int of shape (n_subset,)

        samples : ScaledSamples of shape (n_samples, n_features)
            With their hashes.
        """
        weights = weights_at(samples.weights, index)
        return cls(index, samples[index], samples.hashes[index], weights)

    def smallest(self, n_kept: int) -> "Subset":
        """Return at most `n_kept` of these samples, those with the smallest hashes."""
        some = smallest_hashes(self.hashes, n_kept)
        return Subset(
            self.index[some],
            self.samples[some],
            self.hashes[some],
            weights_at(self.weights, some),
        )


def choose_subset(samples, n_components):
    """Choose the samples from which axes and frames are computed.

    These are all samples if they fit into memory, else those with the smallest hashes.

    Parameters
    ----------
    samples : ScaledSamples
        With their hashes.

    n_components : int

    Returns
    -------
    Subset
    """
    index = smallest_hashes(samples.hashes, _size_of_subset(samples, n_components))
    return Subset.at(index, samples)


def _size_of_subset(samples, n_components):
    """Return the most samples that stand for all."""
    sparse = issparse(samples.X)
    if not sparse and samples.order is not None:  # they are held
        return len(samples)
    n_bytes = limits.SPARSE_SUBSET_BYTES if sparse else limits.SUBSET_BYTES
    return max(
        n_bytes // samples.sample_bytes,
        limits.SUBSET_SAMPLES,
        limits.SUBSET_SAMPLES_PER_COMPONENT * n_components,
    )
