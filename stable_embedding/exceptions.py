"""Warnings of this package. Filter them by class with :mod:`warnings`."""

__all__ = ["DominatedVarianceWarning"]


class DominatedVarianceWarning(UserWarning):
    """One sample or one feature has most of the training data's variance.

    `fit` warns if a feature has more than 99 % of the total variance, or if a sample
    has more than half of it and more than ten times an equal fraction. The embedding
    then shows little else. Such a sample often contains a sentinel such as -999 or a
    value in another unit. Such a feature usually needs scaling.
    """
