"""How near numbers must be that are computed in two ways.

The same computation gives the same bits when it is run again on the same machine, and
its tests compare exactly. Another way to the same numbers adds in another order: in
chunks of other sizes, stacked, by another kernel. How far that moves them depends on
the processor. `make kernels` tries several.
"""

import numpy as np

from stable_embedding.stability import displacement

# One pass through a network, relative to the largest value. Float32 rounds to 6e-8.
# Over the settings of `make kernels` on an AMD EPYC the worst was 1.3e-7, for digits
# embedded one by one and in reverse.
PASS = 1e-5

# Maps of two trainings, as a displacement: squares, relative to the map's variance.
# Rounding grows from step to step. There, stacked runs of two epochs were equal to
# those alone; a sample dropped moves these trainings by 1e-5, another seed by 7e-4.
TRAINING = 1e-7


def assert_near(found, expected, atol=PASS):
    """Assert that two arrays agree relative to the largest expected value."""
    found, expected = (np.asarray(x, dtype=np.float64) for x in (found, expected))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=atol)


def assert_same_map(found, expected, atol=TRAINING):
    """Assert that two maps of the same samples agree to the rounding of a training."""
    assert displacement(found, expected) < atol
