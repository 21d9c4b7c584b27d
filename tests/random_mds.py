"""MDS from a random start, which moves with the seed."""

from inspect import signature

from sklearn.manifold import MDS

# Earlier than 1.8, scikit-learn's has no other start.
_START = {"init": "random"} if "init" in signature(MDS).parameters else {}


def random_mds(**parameters):
    """Build an MDS that starts once, at random."""
    return MDS(n_init=1, **_START, **parameters)
