"""Batches of samples in a new order on each pass, and validation splits."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.lazy_samples import chunk_slices
from ..data.neighbors import draw_positives, restrict_nodes
from ..data.row_hash import draw_salt, salted_hash, shuffled_index
from ..data.training_data import TrainingSet
from ..losses.base import Batch
from .plan import TrainingPlan
from .schedule import count_batches, count_whole_batches, schedule

InputTransform = Callable[[Tensor, np.ndarray], Tensor | tuple[Tensor, ...]]


def validation_split(
    hashes: np.ndarray, fraction: float, seed: int, chunks: Sequence[slice]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw the samples of each chunk to train on, and those to validate on."""
    # Another stream than that of the batches, which draws from the seed itself.
    rng = np.random.default_rng([seed, 1])
    orders = [chunk.start + shuffled_index(hashes[chunk], rng) for chunk in chunks]
    at = [round(fraction * len(order)) for order in orders]
    return [(order[n:], order[:n]) for n, order in zip(at, orders)]


def validation_splits(
    training_set: TrainingSet, fraction: float, seeds: Sequence[int]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Draw the samples of each run to train on, and those to validate on.

    Returns
    -------
    training, validation : list of ndarray of shape (n_runs, n_samples_of_the_part)
        For each chunk of the samples.

    Raises
    ------
    ValueError
        If a part would have fewer than two samples.
    """
    chunks = chunk_slices(training_set.inputs)
    of_runs = [
        validation_split(training_set.hashes, fraction, seed, chunks) for seed in seeds
    ]
    of_chunks = [list(map(np.stack, zip(*splits))) for splits in zip(*of_runs)]
    for training, validation in of_chunks:
        n_training, n_validation = training.shape[1], validation.shape[1]
        if min(n_training, n_validation) < 2:
            raise ValueError(
                f"validation_fraction={fraction} of {n_training + n_validation} samples"
                f" holds out {n_validation}; early stopping needs two or more on"
                " either side"
            )
    training_index, validation_index = map(list, zip(*of_chunks))
    return training_index, validation_index


def weights_of_runs(
    weights: np.ndarray | None, index: Sequence[np.ndarray] | None
) -> Tensor | None:
    """Divide weights by their mean over the samples of each run.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,) or None

    index : sequence of ndarray of shape (n_runs, n_samples_of_chunk) or None
        Samples of each run, for each chunk; all by default.

    Returns
    -------
    Tensor of shape (n_runs or 1, n_samples), dtype float32, or None
    """
    if weights is None:
        return None
    means = np.ones(1)
    if index is not None:
        means = weights[np.concatenate(index, axis=1)].mean(axis=1)
    # Where no sample counts, no weight does.
    found = weights / np.maximum(means, np.finfo(np.float64).tiny)[:, None]
    return torch.from_numpy(found.astype(np.float32))


class BatchIterator:
    """Batches of samples in a new random order on each pass, sliced from tensors.

    The order is drawn from the samples' hashes, so that a sample more or fewer changes
    each batch little, see :mod:`~stable_embedding.data.row_hash`. A tensor is indexed
    once a batch; a loader that collects sample by sample takes several times as long.

    Batches to evaluate on hold all samples, dealt evenly, so that none has a single
    sample, which would have no pair. Batches to train on have `batch_size` samples each
    and leave out the few samples that are last in the order of the pass: batches of a
    size that jumps with the number of samples would move the map.

    Where samples are read in chunks, a pass takes the chunks in random order, the same
    for every run, and deals the samples of each.

    Parameters
    ----------
    training_set : TrainingSet
        The samples, with their hashes. With a graph of neighbors a batch holds anchors
        and after them a positive of each, drawn from its neighbors.

    batch_size : int
        Number of samples in a batch to train on, and largest number in one to evaluate
        on. With 2, an odd number of samples has one batch of three.

    seeds : sequence of int, default=(0,)
        Seed of the orders of each run. Batches of one run have shape
        (n_samples, n_features), those of several (n_runs, n_samples, n_features).

    index : sequence of ndarray of shape (n_runs, n_samples_of_chunk) or None
        Samples of each run, for each chunk; all by default.

    shard : pair of int, default=(0, 1)
        Rank and number of the processes among which each batch is split.

    input_transform : callable or None, default=None
        From a batch of samples, and a number drawn for each of them by its hash, to
        the arguments of the network; by default the batch is the only one.

    restrict_positives : bool, default=False
        Whether positives are drawn from the samples of `index` alone.

    reshuffle : bool, default=True
        Whether each pass has a new order. If not, all passes are alike.

    n_steps : int or None, default=None
        Number of batches to train on, of all passes together, the last of which may be
        cut short. With None the batches are to evaluate on.

    Raises
    ------
    ValueError
        If a part of a batch would have fewer than two samples.
    """

    def __init__(
        self,
        training_set: TrainingSet,
        batch_size: int,
        seeds: Sequence[int] = (0,),
        index: Sequence[np.ndarray] | None = None,
        shard: tuple[int, int] = (0, 1),
        input_transform: InputTransform | None = None,
        restrict_positives: bool = False,
        reshuffle: bool = True,
        n_steps: int | None = None,
    ):
        self.inputs, self.hashes = training_set.inputs, training_set.hashes
        self.labels, graph = training_set.labels, training_set.graph
        self.weights = weights_of_runs(training_set.weights, index)
        if self.weights is not None:
            self.weights = self.weights.to(self.inputs.device)
        self.chunks = chunk_slices(self.inputs)
        self.seeds = seeds
        self.index = index
        self.shard = shard
        self.input_transform = input_transform
        self.reshuffle = reshuffle
        self.graphs = [graph] * len(seeds)
        if restrict_positives and graph is not None and index is not None:
            self.graphs = [
                restrict_nodes(graph, np.concatenate(of_run)) for of_run in zip(*index)
            ]
        sizes = (
            [chunk.stop - chunk.start for chunk in self.chunks]
            if index is None
            else [of_runs.shape[1] for of_runs in index]
        )
        self.n_steps_left = n_steps
        count = count_batches if n_steps is None else count_whole_batches
        self.n_batches = [count(size, batch_size) for size in sizes]
        self.n_dealt = sizes
        if n_steps is not None:
            self.n_dealt = [
                min(size, n * batch_size) for size, n in zip(sizes, self.n_batches)
            ]
        smallest = min(size // n for size, n in zip(self.n_dealt, self.n_batches))
        if shard[1] > 1 and smallest < 2 * shard[1]:
            raise ValueError(
                f"a batch of {smallest} samples leaves fewer than two for some of"
                f" {shard[1]} processes: raise batch_size (it is {batch_size}), or"
                " train on more samples"
            )
        self._seed()

    def skip(self, n_passes: int) -> "BatchIterator":
        """Skip passes that an interrupted training has already done.

        The random streams advance by what these passes drew, without ordering samples.
        """
        n_chunks = len(self.chunks)
        for _ in range(n_passes):
            self.rng_of_chunks.permutation(n_chunks)
        for rng, graph in zip(self.rngs, self.graphs):
            # One salt for the order of a chunk, and one for its positives.
            for _ in range(n_passes * n_chunks * (1 if graph is None else 2)):
                draw_salt(rng)
        if self.input_transform is not None:
            for rng in self.rngs_of_numbers:
                for _ in range(n_passes * n_chunks):
                    draw_salt(rng)
        if self.n_steps_left is not None:
            self.n_steps_left = max(0, self.n_steps_left - n_passes * len(self))
        return self

    def __len__(self) -> int:
        """Count the batches of a pass."""
        return sum(self.n_batches)

    def __iter__(self) -> Iterator[tuple[tuple[Tensor, ...], Batch]]:
        """Yield the arguments of the network, and what it should make of them."""
        if not self.reshuffle:
            self._seed()
        rank, world_size = self.shard
        for at in self.rng_of_chunks.permutation(len(self.chunks)):
            chunk, inputs, start = self.chunks[at], self.inputs, 0
            order = self._draw_order(at)
            numbers = self._draw_numbers(chunk)
            if len(self.chunks) > 1:
                inputs, start = inputs[chunk], chunk.start
            order = order.to(inputs.device)[..., : self.n_dealt[at]]
            for index in order.tensor_split(self.n_batches[at], dim=-1):
                if self.n_steps_left is not None:
                    if not self.n_steps_left:
                        return
                    self.n_steps_left -= 1
                if world_size > 1:
                    index = index.tensor_split(world_size, dim=-1)[rank]
                index = index.flatten(-2)
                local = index - start if start else index
                samples = inputs[local]
                labels = None if self.labels is None else self.labels[index]
                weights = self._weights_at(index)
                arguments: tuple[Tensor, ...] = (samples,)
                if self.input_transform is not None:
                    of_batch = local.cpu().numpy()
                    drawn = np.take_along_axis(numbers, of_batch, axis=-1)
                    found = self.input_transform(samples, drawn)
                    arguments = found if isinstance(found, tuple) else (found,)
                yield arguments, Batch(samples, index, labels, weights)

    def _weights_at(self, index: Tensor) -> Tensor | None:
        """Return the weights of the samples of a batch, in every run."""
        if self.weights is None:
            return None
        if index.dim() == 1:
            return self.weights[0, index]
        return self.weights.expand(len(index), -1).gather(-1, index)

    def _seed(self) -> None:
        """Start all random streams."""
        self.rng_of_chunks = np.random.default_rng(0)
        self.rngs = [np.random.default_rng(seed) for seed in self.seeds]
        # Transforms have streams of their own, so that orders are the same without.
        self.rngs_of_numbers = [np.random.default_rng([seed, 2]) for seed in self.seeds]

    def _draw_numbers(self, chunk: slice) -> Any:
        """Draw a number for each sample of a chunk, in every run."""
        if self.input_transform is None:
            return None
        hashes = self.hashes[chunk]
        numbers = [salted_hash(hashes, rng) for rng in self.rngs_of_numbers]
        return numbers[0] if len(numbers) == 1 else np.stack(numbers)

    def _draw_order(self, at: int) -> Tensor:
        """Draw the orders of all runs of the samples in a chunk, and their positives.

        Returns shape (n_runs, 1 or 2, n_samples), without the first axis of one run.
        """
        chunk = self.chunks[at]
        orders = []
        for run, (rng, graph) in enumerate(zip(self.rngs, self.graphs)):
            index = (
                np.arange(chunk.start, chunk.stop)
                if self.index is None
                else self.index[at][run]
            )
            order = index[shuffled_index(self.hashes[index], rng)]
            halves = [order]
            if graph is not None:
                halves.append(draw_positives(graph, order, self.hashes[order], rng))
            orders.append(halves)
        return torch.from_numpy(np.array(orders)).squeeze(0)


class Batches:
    """The batches of a training, of its validation, and of its last evaluation.

    Parameters
    ----------
    training_set : TrainingSet
        Samples, where they are trained on.

    split : pair of lists of ndarray or None
        Samples of each run to train on and to validate on.

    plan : TrainingPlan
        How to train.

    Attributes
    ----------
    schedule : Schedule
        How many steps the training takes.
    """

    training_index: Any
    validation_index: Any

    def __init__(self, training_set: TrainingSet, split: Any, plan: TrainingPlan):
        self.training_index, self.validation_index = split or (None, None)
        sizes = (
            [chunk.stop - chunk.start for chunk in chunk_slices(training_set.inputs)]
            if split is None
            else [of_runs.shape[1] for of_runs in self.training_index]
        )
        self.seeds = plan.seeds
        self.schedule = schedule(plan, sizes, training_set.mean_weight)
        self._iterator = partial(
            BatchIterator, training_set, self.schedule.batch_size, shard=plan.shard
        )

    def to_train(self, input_transform: Any, n_epochs_done: int) -> BatchIterator:
        """Batches in a new order for each epoch and run."""
        batches = self._iterator(
            seeds=self.seeds,
            index=self.training_index,
            input_transform=input_transform,
            restrict_positives=True,
            n_steps=self.schedule.n_steps,
        )
        return batches.skip(n_epochs_done)

    def in_fixed_order(self) -> BatchIterator:
        """Batches of the same samples, alike for all runs."""
        fixed = [0] * len(self.seeds)
        return self._iterator(
            seeds=fixed, index=self.training_index, restrict_positives=True
        )

    def to_validate(self) -> BatchIterator | None:
        """Batches of validation samples, alike in all epochs and for all runs."""
        if self.validation_index is None:
            return None
        fixed = [0] * len(self.seeds)
        return self._iterator(seeds=fixed, index=self.validation_index, reshuffle=False)
