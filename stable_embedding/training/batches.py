"""Batches of rows in a new order on each pass, and rows held out from them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from ..data.neighbors import draw_positives, restrict_nodes
from ..data.row_hash import salted_hash, shuffled_index
from ..data.training_data import chunk_slices


def count_batches(n_rows: int, batch_size: int) -> int:
    """Count the batches of at most `batch_size` rows with two rows or more in each."""
    return max(1, min(-(-n_rows // batch_size), n_rows // 2))


def validation_split(
    keys: np.ndarray, fraction: float, seed: int, chunks: Sequence[slice]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw the rows of each chunk to train on, and those held out."""
    # Another stream than that of the batches, which draws from the seed itself.
    rng = np.random.default_rng([seed, 1])
    orders = [chunk.start + shuffled_index(keys[chunk], rng) for chunk in chunks]
    at = [round(fraction * len(order)) for order in orders]
    return [(order[n:], order[:n]) for n, order in zip(at, orders)]


class BatchIterator:
    """Batches of rows in a new random order on each pass, sliced from tensors.

    The order is drawn from the rows' keys, so that a row more or fewer changes each
    batch little, see :mod:`~stable_embedding.shuffling`. Rows are dealt evenly, so that
    no batch is left with a single row, which would have no pair. A tensor is indexed
    once a batch; a loader that collects row by row takes several times as long.

    Where rows are read in chunks, a pass takes these in random order, the same for
    every run, and deals the rows of each.

    Parameters
    ----------
    dataset : object
        As skorch hands it over, with the rows as `X`, a tensor or `LazySamples`.

    batch_size : int
        Largest number of rows in a batch; of an odd number in twos one has three.

    keys : ndarray of shape (n_rows,)
        Keys of the rows.

    seeds : sequence of int
        Seed of the orders of each run. Batches of one run have shape
        (n_rows, n_features), those of several (n_runs, n_rows, n_features).

    index : sequence of ndarray of shape (n_runs, n_rows_of_chunk) or None
        Rows of each run, for each chunk; all by default.

    share : pair of int, default=(0, 1)
        Which part of each batch to take, and of how many: one for each process.

    neighbors : csr_array of shape (n_rows, n_rows) or None, default=None
        Graph of neighbors within chunks. A batch then holds rows and after them a
        partner of each, drawn from its neighbors.

    closed : bool, default=False
        Whether partners are drawn from the rows of `index` alone.

    noise : callable or None, default=None
        From a batch of rows and a number drawn for each of them, by its key, to what
        the network is given; the batch itself by default.

    labels : Tensor of shape (n_rows,) or None, default=None
        What the network should return are then rows and labels.

    n_passes_done : int, default=0
        Passes that an earlier iterator has made, after which this one goes on.

    Raises
    ------
    ValueError
        If a part of a batch would have a single row or none.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        keys: np.ndarray,
        seeds: Sequence[int] = (0,),
        index: Sequence[np.ndarray] | None = None,
        share: tuple[int, int] = (0, 1),
        neighbors: csr_array | None = None,
        closed: bool = False,
        noise: Callable[[Tensor, np.ndarray], Any] | None = None,
        labels: Tensor | None = None,
        n_passes_done: int = 0,
    ):
        self.rows = dataset.X
        self.chunks = chunk_slices(self.rows)
        self.keys = keys
        self.index = index
        self.share = share
        self.rng_of_chunks = np.random.default_rng(0)
        self.rngs = [np.random.default_rng(seed) for seed in seeds]
        # Noise has streams of its own, so that without it the orders are the same.
        self.noise = noise
        self.rngs_of_noise = [np.random.default_rng([seed, 2]) for seed in seeds]
        self.labels = labels
        sizes = (
            [chunk.stop - chunk.start for chunk in self.chunks]
            if index is None
            else [of_runs.shape[1] for of_runs in index]
        )
        self.neighbors = [neighbors] * len(self.rngs)
        if closed and neighbors is not None and index is not None:
            self.neighbors = [
                restrict_nodes(neighbors, np.concatenate(of_run))
                for of_run in zip(*index)
            ]
        self.n_batches = [count_batches(size, batch_size) for size in sizes]
        smallest = min(size // n for size, n in zip(sizes, self.n_batches))
        if share[1] > 1 and smallest < 2 * share[1]:
            raise ValueError(
                f"a batch of {smallest} rows leaves fewer than two for some of"
                f" {share[1]} processes: raise batch_size (it is {batch_size}), or"
                " train on more rows"
            )

        for _ in range(n_passes_done):
            for at in self.rng_of_chunks.permutation(len(self.chunks)):
                self._order(at)
                self._numbers(self.chunks[at])

    def __len__(self) -> int:
        """Count the batches of a pass."""
        return sum(self.n_batches)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        part, n_parts = self.share
        for at in self.rng_of_chunks.permutation(len(self.chunks)):
            chunk, rows = self.chunks[at], self.rows
            order = self._order(at)
            numbers = self._numbers(chunk)
            if len(self.chunks) > 1:
                rows, order = rows[chunk], order - chunk.start
            order = order.to(rows.device)
            for index in order.tensor_split(self.n_batches[at], dim=-1):
                if n_parts > 1:
                    index = index.tensor_split(n_parts, dim=-1)[part]
                index = index.flatten(-2)
                inputs = target = batch = rows[index]
                if self.noise is not None:
                    drawn = np.take_along_axis(numbers, index.cpu().numpy(), axis=-1)
                    inputs = self.noise(batch, drawn)
                if self.labels is not None:
                    target = batch, self.labels[chunk][index]
                yield inputs, target

    def _numbers(self, chunk: slice) -> np.ndarray | None:
        """Draw a number for each row of a chunk, in every run."""
        if self.noise is None:
            return None
        numbers = [salted_hash(self.keys[chunk], rng) for rng in self.rngs_of_noise]
        return numbers[0] if len(numbers) == 1 else np.stack(numbers)

    def _order(self, at: int) -> Tensor:
        """Draw the orders of all runs of the rows in a chunk, and their partners.

        Returns shape (n_runs, 1 or 2, n_rows), without the first axis of a single run.
        """
        chunk = self.chunks[at]
        orders = []
        for run, (rng, neighbors) in enumerate(zip(self.rngs, self.neighbors)):
            index = (
                np.arange(chunk.start, chunk.stop)
                if self.index is None
                else self.index[at][run]
            )
            order = index[shuffled_index(self.keys[index], rng)]
            halves = [order]
            if neighbors is not None:
                partners = draw_positives(neighbors, order, self.keys[order], rng)
                halves.append(partners)
            orders.append(halves)
        return torch.from_numpy(np.array(orders)).squeeze(0)
