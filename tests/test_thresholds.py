"""A sample more moves no map far, on whichever side of a size it takes the data."""

import numpy as np
import pytest

from stable_embedding import StableAutoencoder
from stable_embedding.data import limits
from stable_embedding.stability import displacement

pytestmark = pytest.mark.slow

# The last sample is one too many for what holds for all others.
N_SAMPLES = 1_201

# Two runs of 20 epochs move by .001 or less if a sample is dropped, and by .007 if
# batches are halved.
FAR = 0.004


def moved_by_the_last_sample(X, unseen, **parameters):
    """Displacement of unseen samples between fits with the last sample and without."""
    parameters = {"n_init": 2, "max_iter": 20, "random_state": 0} | parameters
    codes = [
        StableAutoencoder(**parameters).fit(rows).transform(unseen)
        for rows in (X[:-1], X)
    ]
    return displacement(*codes)


@pytest.mark.parametrize(
    ("limit", "per_sample", "parameters"),
    [
        ("IN_MEMORY_BYTES", 4 * 64, {}),
        ("SHRINKAGE_SAMPLES", 1, {}),
        ("ESTIMATION_SAMPLES", 1, {"neighbor_weight": 1.0}),
        ("CHUNK_SAMPLES", 1, {}),
    ],
)
def test_a_limit_is_no_cliff(limit, per_sample, parameters, digits, monkeypatch):
    X = digits[0].astype(np.float32)
    monkeypatch.setattr(limits, limit, per_sample * (N_SAMPLES - 1))
    far = moved_by_the_last_sample(X[:N_SAMPLES], X[N_SAMPLES:], **parameters)
    assert far < FAR


# Steps begin to grow where batches do.
@pytest.mark.parametrize(("n_samples", "max_iter"), [(1_001, "auto"), (10_001, 20)])
def test_batches_begin_and_end_to_grow_without_a_cliff(n_samples, max_iter):
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(n_samples + 1_000, 3))
    X = np.tanh(hidden @ rng.normal(size=(3, 12))) + 0.1 * rng.normal(
        size=(len(hidden), 12)
    )
    known, unseen = X[:n_samples], X[n_samples:]
    assert moved_by_the_last_sample(known, unseen, max_iter=max_iter) < FAR
