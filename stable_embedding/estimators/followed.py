"""What codes follow: a later training must follow the same, in the same unit."""

from numbers import Real

import numpy as np

from ..training.identity import stable_hash


def what_is_followed(plan, distances):
    """Describe what codes follow.

    It is a text, which a file without code holds. The name of a function stands for it.

    Parameters
    ----------
    plan : TrainingPlan

    distances : {ndarray, sparse matrix}, callable or None
        Distances of the user's own.

    Returns
    -------
    str
    """
    if distances is not None:
        return "distances"
    if plan.follows_cosines:
        return "similarity='cosine'"
    if not plan.has_own_metric:
        return "metric='euclidean'"
    metric = f"metric={described(plan.metric)}"
    if not plan.metric_params:
        return metric
    items = sorted(plan.metric_params.items())
    parameters = ", ".join(f"{name}={described(value)}" for name, value in items)
    return f"{metric} with {parameters}"


def described(value):
    """Return a text for a value, the same in every process."""
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    if isinstance(value, np.ndarray):
        return f"an array of digest {stable_hash(value)[:16]}"
    if isinstance(value, Real) and not isinstance(value, bool):
        return repr(float(value))
    return repr(value)
