"""Samples that a training holds in memory, or reads when it needs them."""

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.utils import gen_even_slices
from torch import Tensor

from . import limits
from .scaling import ScaledSamples


class LazySamples:
    """Samples that are read when they are indexed, as tensors.

    Dense samples are read in chunks, one after the other, because those of a file
    should not be read one by one. Sparse ones are read and made dense in batches.

    Parameters
    ----------
    samples : ScaledSamples
        What is read.

    device : str or torch.device, default="cpu"
        Where the tensors are.
    """

    def __init__(self, samples: ScaledSamples, device: str | torch.device = "cpu"):
        self.samples = samples
        self.device = device
        n_bytes = samples.sample_bytes * len(samples)
        n_chunks = 1 if issparse(samples.X) else -(-n_bytes // limits.READ_BYTES)
        self.chunks = list(gen_even_slices(len(samples), n_chunks))

    def __len__(self) -> int:
        return len(self.samples)

    def to(self, device: str | torch.device) -> "LazySamples":
        """Return the same samples as tensors on a device."""
        return LazySamples(self.samples, device)

    def __getitem__(self, index: slice | Tensor) -> Tensor:
        wanted = index.cpu().numpy() if isinstance(index, Tensor) else index
        return torch.from_numpy(self.samples[wanted]).to(self.device)


def exceeds_memory(X):
    """Tell whether X is an array of numbers too large to be held once more."""
    return (
        isinstance(X, np.ndarray)
        and X.ndim == 2
        and X.dtype.kind in "biuf"
        and X.size * np.dtype(np.float32).itemsize > limits.IN_MEMORY_BYTES
    )


def chunk_slices(samples: Tensor | LazySamples) -> list[slice]:
    """Slices of samples among which no batch mixes; a tensor is one slice."""
    if isinstance(samples, Tensor):
        return [slice(0, len(samples))]
    return samples.chunks


def samples_in_memory(samples, hashes):
    """Return samples as a tensor, and their hashes: all, or the first of lazy ones."""
    if isinstance(samples, Tensor):
        return samples, hashes
    n_samples = limits.READ_BYTES // samples.samples.sample_bytes
    first = slice(max(2, min(samples.chunks[0].stop, n_samples)))
    return samples[first], hashes[first]
