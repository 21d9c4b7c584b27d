"""Warnings of this package, which :mod:`warnings` can filter by their class."""

__all__ = ["DominatedVarianceWarning"]


class DominatedVarianceWarning(UserWarning):
    """One sample or one feature holds nearly all variance of the training data.

    The map then shows little else. A sample of this kind often holds a sentinel such as
    -999 or a value in another unit; a feature of this kind was not scaled.
    """
