import numpy as np
import pytest

from stable_embedding import StableAutoencoder
from stable_embedding.training.schedule import (
    auto_batch_size,
    auto_n_steps,
    count_batches,
    limit_runs,
    schedule,
)


@pytest.mark.parametrize(("neighbor_weight", "largest"), [(0.0, 256), (3.0, 512)])
def test_a_sample_more_changes_no_batch_and_no_schedule_by_more_than_one(
    neighbor_weight, largest
):
    n_samples = range(2, 200_001)
    sizes = [auto_batch_size(n, neighbor_weight) for n in n_samples]
    steps = [auto_n_steps(n) for n in n_samples]
    assert set(np.diff(sizes)) == set(np.diff(steps)) == {0, 1}
    assert sizes[0] == 2
    assert sizes[-1] == largest
    assert steps[0] == 600


@pytest.mark.parametrize(
    ("n_samples", "batch_size", "expected"),
    [(2, 2, 1), (3, 2, 1), (4, 2, 2), (5, 2, 2), (100, 16, 7), (1, 16, 1)],
)
def test_a_batch_has_two_samples_or_more(n_samples, batch_size, expected):
    assert count_batches(n_samples, batch_size) == expected


def test_a_schedule_takes_what_is_given(make_plan):
    assert schedule(make_plan(batch_size=16, max_iter=5), [50]) == (16, 15, 5)
    auto = make_plan(batch_size="auto", max_iter="auto")
    assert schedule(auto, [300]) == (128, 600, 300)
    assert schedule(auto, [150, 150]) == (128, 600, 300)


def test_steps_are_those_of_so_many_samples_as_weights_say(make_plan):
    auto = make_plan(batch_size="auto", max_iter="auto")
    assert schedule(auto, [300], 50.0)[:2] == (256, auto_n_steps(15_000))
    assert schedule(auto, [100], 50.0)[:2] == (100, auto_n_steps(5_000))
    assert schedule(auto, [300], 1e-3) == schedule(auto, [300])


def test_few_samples_have_as_many_runs_as_their_batches_are_random(make_plan):
    plan = make_plan(
        n_init="auto", seeds=list(range(8)), batch_size="auto", max_iter="auto"
    )
    numbers = [len(limit_runs(plan, n).seeds) for n in range(2, 2_000)]
    assert np.abs(np.diff(numbers)).max() == 1
    for n_samples, n_runs in ((2, 2), (170, 2), (171, 3), (256, 4), (2_000, 8)):
        few = limit_runs(plan, n_samples)
        assert few.seeds == plan.seeds[:n_runs]
        # In the variance of their mean, beside that of eight runs on many samples.
        left = 1 - min(128, n_samples) / n_samples
        assert left / n_runs <= 1 / 8
    # Their weights decide on the batch, as for so many samples.
    assert len(limit_runs(plan, 300, 50.0).seeds) == 2


def test_a_given_number_of_runs_is_kept(make_plan):
    plan = make_plan(n_init=5, seeds=list(range(5)))
    assert limit_runs(plan, 100) is plan


@pytest.mark.parametrize(
    "parameters", [{"neighbor_weight": 1.0}, {"early_stopping": True}]
)
def test_what_is_random_beside_batches_needs_all_runs(parameters, iris):
    X, _ = iris
    plan = StableAutoencoder(**parameters)._plan(resume=False)
    assert limit_runs(plan, len(X)) is plan
    assert len(plan.seeds) == 8
    assert len(limit_runs(StableAutoencoder()._plan(resume=False), len(X)).seeds) == 2
