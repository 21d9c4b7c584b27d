"""How near numbers must be that are computed in two ways.

The same computation gives the same bits when it is run again on the same machine, and
its tests compare exactly. Another way to the same numbers adds in another order: in
chunks of other sizes, stacked, by another kernel. How far that moves them depends on
the processor. `make kernels` tries several.
"""

import numpy as np

from stable_embedding.stability import displacement

# One pass through a network, relative to the largest value. Float32 rounds to 6e-8; the
# worst over all kernels was 7e-7.
PASS = 1e-5

# Maps of two trainings, as a displacement: squares, relative to the map's variance.
# Rounding grows from step to step. The worst over all kernels was 3e-13, of twenty
# epochs; another seed moves a map by 1e-4 in two.
TRAINING = 1e-9


def assert_near(found, expected, atol=PASS):
    """Assert that two arrays agree relative to the largest expected value."""
    found, expected = (np.asarray(x, dtype=np.float64) for x in (found, expected))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=atol)


def assert_same_map(found, expected, atol=TRAINING):
    """Assert that two maps of the same samples agree to the rounding of a training."""
    assert displacement(found, expected) < atol
