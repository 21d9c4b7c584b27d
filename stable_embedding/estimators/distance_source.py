"""Where the distances that codes follow come from; it decides on their unit."""

from numbers import Real

import numpy as np

from ..training.identity import stable_hash

# Other names of one metric.
_CITYBLOCK = dict.fromkeys(("l1", "manhattan"), "cityblock")


def distance_source(plan, distances):
    """Describe where the distances that codes follow come from.

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
    name = plan.metric
    if isinstance(name, str):
        name = _CITYBLOCK.get(name, name)
    items = {"metric": name, **dict(sorted((plan.metric_params or {}).items()))}
    items.pop("n_jobs", None)
    return ", ".join(f"{key}={described(items[key])}" for key in items)


def described(value):
    """Return a text for a value, the same in every process."""
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    if isinstance(value, np.ndarray):
        return f"an array of digest {stable_hash(value)[:16]}"
    if isinstance(value, Real) and not isinstance(value, bool):
        return repr(float(value))
    return repr(value)
