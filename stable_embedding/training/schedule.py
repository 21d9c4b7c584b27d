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


def auto_n_steps(n_samples: float) -> int:
    """Return the steps of a training; one sample more adds at most one."""
    growth = max(1.0, n_samples / 1_000) ** (1 / 3)
    return round(max(_MIN_STEPS * growth, _MIN_EPOCHS * n_samples / _LARGEST_BATCH))


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
        n_steps = auto_n_steps(n_samples)
        return Schedule(batch_size, n_steps, -(-n_steps // n_batches))
    return Schedule(batch_size, int(plan.max_iter) * n_batches, int(plan.max_iter))


def limit_runs(
    plan: TrainingPlan, n_samples: int, mean_weight: float = 1.0
) -> TrainingPlan:
    """Return the plan with the number of runs that "auto" is for a number of samples.

    The variance between runs that differ by their batches alone is proportional to
    :math:`1 - b / n` for batches of :math:`b` of :math:`n` samples. So fewer runs than
    eight bring the variance of their mean to that of eight runs on many samples.

    Parameters
    ----------
    plan : TrainingPlan

    n_samples : int
        Number of distinct samples.

    mean_weight : float, default=1.0
        How many samples each stands for, on average.
    """
    if plan.n_init != "auto" or not plan.differs_by_batches_alone:
        return plan
    batch_size = schedule(plan, [n_samples], mean_weight).batch_size
    fraction_left_out = 1 - min(batch_size, n_samples) / n_samples
    n_runs = max(_MIN_RUNS, math.ceil(len(plan.seeds) * fraction_left_out))
    return replace(plan, seeds=plan.seeds[:n_runs])
