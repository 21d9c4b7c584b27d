"""Jobs timed in turns, so that what else the machine does falls on all of them."""

from time import perf_counter

import numpy as np
from tqdm.auto import trange


def timed(job):
    """Return what a job returns, and its seconds."""
    start = perf_counter()
    result = job()
    return result, perf_counter() - start


def seconds(job):
    """Time a job."""
    return timed(job)[1]


def medians(jobs, n_turns, desc):
    """Time jobs in turns, each once before to warm up; return the median of each."""
    for job in jobs:
        job()
    turns = trange(n_turns, desc=desc, unit="turn")
    return np.median([[seconds(job) for job in jobs] for _ in turns], axis=0)
