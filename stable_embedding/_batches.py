"""Batches of rows in a new order on each pass, from memory or from where rows lie."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.utils import gen_even_slices
from torch import Tensor

from .scaling import ScaledRows
from .shuffling import shuffle

# Bytes of the rows that are read at once where not all of them are held.
_CHUNK_BYTES = 2**26


class RowsOnDemand:
    """Rows that are read when they are indexed, as tensors.

    Dense rows are read in chunks, one after the other, since those of a file should not
    be read one by one; sparse ones by batches, which are made dense.

    Parameters
    ----------
    rows : ScaledRows
        What is read.

    device : str, default="cpu"
        Where the tensors are.
    """

    def __init__(self, rows: ScaledRows, device: str = "cpu"):
        self.rows = rows
        self.device = device
        n_bytes = rows.row_bytes * len(rows)
        n_chunks = 1 if issparse(rows.X) else -(-n_bytes // _CHUNK_BYTES)
        self.chunks = list(gen_even_slices(len(rows), n_chunks))

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: str) -> "RowsOnDemand":
        """Return the same rows as tensors on a device."""
        return RowsOnDemand(self.rows, device)

    def __getitem__(self, index: slice | Tensor) -> Tensor:
        wanted = index.cpu().numpy() if isinstance(index, Tensor) else index
        return torch.from_numpy(self.rows[wanted]).to(self.device)


def chunks_of(rows: Tensor | RowsOnDemand) -> list[slice]:
    """Slices of rows among which a batch does not mix; of a tensor it is one."""
    return rows.chunks if isinstance(rows, RowsOnDemand) else [slice(0, len(rows))]


def count_batches(n_rows: int, batch_size: int) -> int:
    """Count the batches of at most `batch_size` rows with two rows or more in each."""
    return max(1, min(-(-n_rows // batch_size), n_rows // 2))


def hold_out(
    keys: np.ndarray, fraction: float, seed: int, chunks: Sequence[slice]
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the rows to train on and those held out, the same share of each chunk."""
    # Another stream than that of the batches, which draws from the seed itself.
    rng = np.random.default_rng([seed, 1])
    held_out, training = [], []
    for chunk in chunks:
        order = chunk.start + shuffle(keys[chunk], rng)
        n_held_out = round(fraction * len(order))
        held_out.append(order[:n_held_out])
        training.append(order[n_held_out:])
    return np.concatenate(training), np.concatenate(held_out)


class BatchIterator:
    """Batches of rows in a new random order on each pass, sliced from one tensor.

    The order is drawn from the rows' keys, so that a row more or fewer changes each
    batch little, see :mod:`~stable_embedding.shuffling`. Rows are dealt evenly, so that
    no batch is left with a single row, which would have no pair. A tensor is indexed
    once a batch; a loader that collects row by row takes several times as long.

    Where rows are read in chunks, a pass takes these in random order, the same for
    every run, and deals the rows of each.

    Parameters
    ----------
    dataset : object
        As skorch hands it over, with the rows as `X`, a tensor or `RowsOnDemand`.

    batch_size : int
        Largest number of rows in a batch; of an odd number in twos one has three.

    keys : ndarray of shape (n_rows,)
        Keys of the rows.

    seeds : sequence of int
        Seed of the orders of each run. Batches of one run have shape
        (n_rows, n_features), those of several (n_runs, n_rows, n_features).

    index : ndarray of shape (n_runs, n_rows) or None
        Rows of each run; all by default. Runs have as many rows of each chunk.

    share : pair of int, default=(0, 1)
        Which part of each batch to take, and of how many: one for each process.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        keys: np.ndarray,
        seeds: Sequence[int] = (0,),
        index: np.ndarray | None = None,
        share: tuple[int, int] = (0, 1),
    ):
        self.rows = dataset.X
        self.chunks = chunks_of(self.rows)
        self.batch_size = batch_size
        self.keys = keys
        self.index = index
        self.share = share
        self.rng_of_chunks = np.random.default_rng(0)
        self.rngs = [np.random.default_rng(seed) for seed in seeds]

    def __len__(self) -> int:
        """Count the batches of a pass."""
        return sum(
            count_batches(len(self._rows_of(0, chunk)), self.batch_size)
            for chunk in self.chunks
        )

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        part, n_parts = self.share
        for at in self.rng_of_chunks.permutation(len(self.chunks)):
            chunk, rows = self.chunks[at], self.rows
            order = self._order(chunk)
            if len(self.chunks) > 1:
                rows, order = rows[chunk], order - chunk.start
            n_batches = count_batches(order.shape[-1], self.batch_size)
            for index in order.to(rows.device).tensor_split(n_batches, dim=-1):
                if n_parts > 1:
                    index = index.tensor_split(n_parts, dim=-1)[part]
                batch = rows[index]
                yield batch, batch

    def _rows_of(self, run: int, chunk: slice) -> np.ndarray:
        """Index of a run's rows within a chunk."""
        if self.index is None:
            return np.arange(chunk.start, chunk.stop)
        index = self.index[run]
        if len(self.chunks) == 1:
            return index
        return index[(index >= chunk.start) & (index < chunk.stop)]

    def _order(self, chunk: slice) -> Tensor:
        orders = []
        for run, rng in enumerate(self.rngs):
            index = self._rows_of(run, chunk)
            orders.append(index[shuffle(self.keys[index], rng)])
        return torch.from_numpy(np.stack(orders)).squeeze(0)
