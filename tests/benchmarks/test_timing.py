"""Seconds of jobs, which leave torch as they found it."""

import torch

from benchmarks.timing import timed


def test_a_job_that_changes_the_threads_of_torch_changes_them_for_itself_alone():
    before = torch.get_num_threads()

    result, seconds = timed(lambda: torch.set_num_threads(before + 1))

    assert result is None
    assert seconds > 0
    assert torch.get_num_threads() == before
