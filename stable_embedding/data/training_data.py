"""What of the data is held for a training, and what is read when it is needed."""

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.utils import gen_even_slices
from torch import Tensor

from ..data.row_hash import canonical_order, hashes_in_place
from ..data.scaling import ScaledSamples

# Bytes of float32 rows that are held for a training; more are read when needed, dense
# ones so many bytes at once.
_HELD_BYTES = 2**29
_CHUNK_BYTES = 2**26

# Bytes of a sample that stands for all rows where these are not held or sparse, and its
# least number of rows, with as many for each component.
_SAMPLE_BYTES = 2**26
_SPARSE_SAMPLE_BYTES = 2**25
_SAMPLE_ROWS = 256
_SAMPLE_ROWS_PER_COMPONENT = 10


def exceeds_memory(X):
    """Tell whether X is an array of numbers too large to be held once more."""
    return (
        isinstance(X, np.ndarray)
        and X.ndim == 2
        and X.dtype.kind in "biuf"
        and X.size * np.dtype(np.float32).itemsize > _HELD_BYTES
    )


def order_and_hashes(X):
    """Find an order of the rows and keys to shuffle them by, both by their content.

    Large arrays are read as they lie, and have no order but that.
    """
    return (None, hashes_in_place(X)) if exceeds_memory(X) else canonical_order(X)


def representative_samples(rows, keys, n_components):
    """Compute the rows that stand for all where axes and frames are found.

    All of them if they can be held, else those with the smallest keys: the same ones in
    any order of the rows, and nearly the same of a few rows more or fewer.

    Parameters
    ----------
    rows : ScaledSamples

    keys : ndarray of shape (n_rows,)

    n_components : int

    Returns
    -------
    ndarray of shape (n_sampled_rows, n_features)
    """
    sparse = issparse(rows.X)
    if not sparse and not exceeds_memory(rows.X):
        return rows[:]
    n_bytes = _SPARSE_SAMPLE_BYTES if sparse else _SAMPLE_BYTES
    most = max(
        n_bytes // rows.sample_bytes,
        _SAMPLE_ROWS,
        _SAMPLE_ROWS_PER_COMPONENT * n_components,
    )
    if len(rows) <= most:
        return rows[:]
    return rows[np.sort(np.argpartition(keys, most)[:most])]


def training_inputs(rows, sample, basis):
    """Rows to train on, in a basis or None: as a tensor where they can be held."""
    if len(sample) == len(rows) and not issparse(rows.X):
        return torch.from_numpy(sample if basis is None else sample @ basis.T)
    rows = rows.project(basis)
    if rows.sample_bytes * len(rows) > _HELD_BYTES or (
        issparse(rows.X) and basis is None
    ):
        return LazySamples(rows)
    return torch.from_numpy(rows[:])


def samples_in_memory(rows, keys):
    """Rows as a tensor, and their keys: all, or the first where they are not held."""
    if isinstance(rows, Tensor):
        return rows, keys
    first = slice(
        max(2, min(rows.chunks[0].stop, _CHUNK_BYTES // rows.rows.sample_bytes))
    )
    return rows[first], keys[first]


class LazySamples:
    """Rows that are read when they are indexed, as tensors.

    Dense rows are read in chunks, one after the other, since those of a file should not
    be read one by one; sparse ones by batches, which are made dense.

    Parameters
    ----------
    rows : ScaledSamples
        What is read.

    device : str, default="cpu"
        Where the tensors are.
    """

    def __init__(self, rows: ScaledSamples, device: str | torch.device = "cpu"):
        self.rows = rows
        self.device = device
        n_bytes = rows.sample_bytes * len(rows)
        n_chunks = 1 if issparse(rows.X) else -(-n_bytes // _CHUNK_BYTES)
        self.chunks = list(gen_even_slices(len(rows), n_chunks))

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: str | torch.device) -> "LazySamples":
        """Return the same rows as tensors on a device."""
        return LazySamples(self.rows, device)

    def __getitem__(self, index: slice | Tensor) -> Tensor:
        wanted = index.cpu().numpy() if isinstance(index, Tensor) else index
        return torch.from_numpy(self.rows[wanted]).to(self.device)


def chunk_slices(rows: Tensor | LazySamples) -> list[slice]:
    """Slices of rows among which a batch does not mix; of a tensor it is one."""
    return [slice(0, len(rows))] if isinstance(rows, Tensor) else rows.chunks
