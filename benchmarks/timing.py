"""Jobs timed in turns, so that what else the machine does falls on all of them."""

from time import perf_counter

import numpy as np
import torch
from tqdm.auto import trange


def timed(job):
    """Return what a job returns, and its seconds.

    Torch has as many threads afterwards as before: UMAP with a seed leaves it with one.
    """
    n_threads = torch.get_num_threads()
    start = perf_counter()
    result = job()
    taken = perf_counter() - start
    torch.set_num_threads(n_threads)
    return result, taken


def seconds(job):
    """Time a job."""
    return timed(job)[1]


def medians(jobs, n_turns, desc):
    """Time jobs in turns, each once before to warm up; return the median of each."""
    for job in jobs:
        timed(job)
    turns = trange(n_turns, desc=desc, unit="turn")
    return np.median([[seconds(job) for job in jobs] for _ in turns], axis=0)
