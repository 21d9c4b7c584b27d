"""How many runs a training has, how many steps, and how many samples a batch holds."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from .plan import TrainingPlan

# A batch grows from this size, for a thousand samples, to the other, for ten thousand.
# With neighbors it has to hold enough negatives.
_SMALLEST_BATCH = 128
_LARGEST_BATCH = 256
_LARGEST_BATCH_OF_NEIGHBORS = 512

# Steps of a training on a thousand samples or fewer. They grow with the cube root of
# the number, and are five epochs or more of the largest batches.
_MIN_STEPS = 600
_MIN_EPOCHS = 5

# Steps of a short training on this many samples or fewer. Few samples are shrunk so
# strongly toward PCA that the network soon stands still.
_SHORT_STEPS = 300
_SHORT_SAMPLES = 150

# Even where batches hold all samples, so that each sample has a deviation.
_MIN_RUNS = 2


def auto_batch_size(
    n_samples: float, neighbor_weight: float, n_distinct: int | None = None
) -> int:
    """Return the batch size for a number of samples; one more adds at most one.

    It is at most the number of distinct samples, which is that of samples by default.
    """
    largest = _LARGEST_BATCH_OF_NEIGHBORS if neighbor_weight else _LARGEST_BATCH
    growth = math.log10(largest / _SMALLEST_BATCH)
    size = round(_SMALLEST_BATCH * (n_samples / 1_000) ** growth)
    size = max(_SMALLEST_BATCH, min(size, largest))
    return min(math.ceil(n_samples) if n_distinct is None else n_distinct, size)


def auto_n_steps(n_samples: float, short: bool = False) -> int:
    """Return the steps of a training; one sample more adds at most one.

    A short training has fewer steps on a few hundred samples.
    """
    growth = max(1.0, n_samples / 1_000) ** (1 / 3)
    least: float = _MIN_STEPS
    if short:
        least = min(least, _SHORT_STEPS + max(0.0, n_samples - _SHORT_SAMPLES))
    return round(max(least * growth, _MIN_EPOCHS * n_samples / _LARGEST_BATCH))


def count_batches(n_samples: int, batch_size: int) -> int:
    """Count even batches of at most `batch_size` samples, each of two or more."""
    return max(1, min(-(-n_samples // batch_size), n_samples // 2))


def count_whole_batches(n_samples: int, batch_size: int) -> int:
    """Count the batches of `batch_size` samples; fewer samples are one batch."""
    return max(1, n_samples // batch_size)


class Schedule(NamedTuple):
    """How many steps a training takes.

    Attributes
    ----------
    batch_size : int
        Number of samples in a batch.

    n_steps : int
        Number of batches of the whole training.

    n_epochs : int
        Number of passes; the last may be cut short.
    """

    batch_size: int
    n_steps: int
    n_epochs: int


def schedule(
    plan: TrainingPlan, sizes: Sequence[int], mean_weight: float = 1.0
) -> Schedule:
    """Return the schedule for the numbers of samples that are read together.

    Each stands for `mean_weight` samples, which decide on the steps.
    """
    n_samples, batch_size = sum(sizes) * mean_weight, plan.batch_size
    if batch_size == "auto":
        batch_size = auto_batch_size(n_samples, plan.neighbor_weight, sum(sizes))
    batch_size = int(batch_size)
    n_batches = sum(count_whole_batches(size, batch_size) for size in sizes)
    if plan.max_iter == "auto":
        n_steps = auto_n_steps(n_samples, plan.short)
        return Schedule(batch_size, n_steps, -(-n_steps // n_batches))
    return Schedule(batch_size, int(plan.max_iter) * n_batches, int(plan.max_iter))


def economize(
    plan: TrainingPlan,
    n_samples: int,
    mean_weight: float = 1.0,
    *,
    keep_runs: bool = False,
) -> TrainingPlan:
    """Return the plan without runs and steps that few samples do not need.

    The variance between runs that differ by their batches alone is proportional to
    :math:`1 - b / n` for batches of :math:`b` of :math:`n` samples. "auto" is as many
    runs as bring the variance of their mean to that of eight runs on many samples.

    Parameters
    ----------
    plan : TrainingPlan

    n_samples : int
        Number of distinct samples.

    mean_weight : float, default=1.0
        How many samples each stands for, in the mean.

    keep_runs : bool, default=False
        Whether to keep the number of runs.
    """
    if not plan.differs_by_batches_alone:
        return plan
    plan = replace(plan, short=True)
    if keep_runs or plan.n_init != "auto":
        return plan
    batch_size = schedule(plan, [n_samples], mean_weight).batch_size
    left = 1 - min(batch_size, n_samples) / n_samples
    n_runs = max(_MIN_RUNS, math.ceil(len(plan.seeds) * left))
    return replace(plan, seeds=plan.seeds[:n_runs])
