"""What leaves a fit as it is: seeds, the order of samples, threads."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.utils import check_random_state
from torch import nn

from stable_embedding.data import limits
from stable_embedding.stability import displacement
from tests.precision import assert_same_map

PLAIN = {"init": "random", "similarity_weight": 0, "learning_rate_init": 1e-3}


@pytest.mark.numeric
@pytest.mark.parametrize("parameters", [{}, PLAIN, {"early_stopping": True}])
def test_the_order_of_the_samples_does_not_count(quick, parameters, digits):
    X = digits[0][:600]
    model = quick(random_state=0, **parameters).fit(X)
    shuffled = np.random.default_rng(0).permutation(X)
    again = quick(random_state=0, **parameters).fit(shuffled.astype(np.float32))
    np.testing.assert_array_equal(model.transform(X), again.transform(X))
    assert model.loss_curve_ == again.loss_curve_


@pytest.mark.numeric
@pytest.mark.parametrize("parameters", [{}, PLAIN, {"early_stopping": True}])
@pytest.mark.parametrize("dropped", [5, 300])
def test_a_sample_that_is_dropped_moves_the_map_little(
    quick, parameters, dropped, digits
):
    X = digits[0][:600]
    codes, without = (
        quick(random_state=0, **parameters).fit(samples).transform(X)
        for samples in (X, np.delete(X, dropped, axis=0))
    )
    assert displacement(codes, without) < 0.04  # plain ones of two seeds move by .7


@pytest.mark.numeric
@pytest.mark.parametrize("parameters", [{}, PLAIN])
def test_the_same_seed_gives_the_same_bits(quick, parameters, iris):
    X, _ = iris
    first, second = (quick(random_state=3, **parameters).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.transform(X), second.transform(X))
    assert first.loss_curve_ == second.loss_curve_


def test_the_users_random_streams_are_untouched(quick, iris):
    X, _ = iris
    of_numpy = check_random_state(None)  # the global stream itself
    before = pickle.dumps(of_numpy.get_state()), torch.get_rng_state()
    quick(random_state=0, early_stopping=True).fit(X)
    assert pickle.dumps(of_numpy.get_state()) == before[0]
    assert torch.equal(before[1], torch.get_rng_state())


@pytest.mark.numeric
@pytest.mark.parametrize("encoder", [None, nn.Linear(4, 2)])
def test_fits_in_threads_are_those_in_series(encoder, quick, iris):
    X, _ = iris

    def codes_of(seed):
        parameters = PLAIN | {"encoder": encoder, "random_state": seed}
        return quick(**parameters).fit_transform(X)

    serial = list(map(codes_of, range(4)))
    with ThreadPoolExecutor(4) as pool:
        parallel = list(pool.map(codes_of, range(4)))
    # A thread's first products may be computed by more threads than torch has been set.
    for codes, expected in zip(parallel, serial, strict=True):
        assert_same_map(codes, expected)


@pytest.mark.numeric
@pytest.mark.parametrize("scale", [1e-20, 1e-6, 1e6, 1e20])
def test_the_unit_of_the_data_is_that_of_the_codes(quick, scale, iris):
    X, _ = iris
    one, other = (quick(random_state=0).fit(X * s).transform(X * s) for s in (1, scale))
    np.testing.assert_allclose(other / scale, one, rtol=1e-2, atol=1e-3)


@pytest.mark.numeric
@pytest.mark.parametrize("all_pairs", [1_000, 10])
def test_geodesic_codes_have_the_unit_of_the_data(quick, all_pairs, iris, monkeypatch):
    monkeypatch.setattr(limits, "ALL_PAIRS_SAMPLES", all_pairs)
    X = iris[0][:50]  # one part of the graph
    geodesic = quick(metric="geodesic", random_state=0)
    one, other = (geodesic.fit(X * s).transform(X * s) for s in (1, 1e6))
    np.testing.assert_allclose(other / 1e6, one, rtol=1e-2, atol=1e-3)
    paths, straight = (np.linalg.norm(of - of.mean(axis=0)) for of in (one, X))
    # A path is longer than the straight way, but within one cluster not by much.
    assert straight < paths < 2 * straight


@pytest.mark.numeric
def test_an_offset_does_not_count(quick, iris):
    X, _ = iris
    one, other = (quick(random_state=0).fit(X + s).transform(X + s) for s in (0, 1e6))
    np.testing.assert_allclose(other, one, rtol=1e-2, atol=1e-2)
