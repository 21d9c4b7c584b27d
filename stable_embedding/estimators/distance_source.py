"""Where the distances that codes follow come from; it decides on their unit."""

from functools import partial
from numbers import Real

import numpy as np

from ..data.sample_distances import GIVEN_DISTANCES
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
        return GIVEN_DISTANCES
    if plan.follows_cosines:
        return "similarity='cosine'"
    if not plan.has_own_metric:
        return "metric='euclidean'"
    name = plan.metric
    if isinstance(name, str):
        name = _CITYBLOCK.get(name, name)
    parameters = {"p": 2} if name == "minkowski" else {}
    parameters |= plan.metric_params or {}
    parameters.pop("n_jobs", None)
    items = [("metric", name), *sorted(parameters.items())]
    return ", ".join(f"{key}={_described(value)}" for key, value in items)


def _described(value):
    """Return a text for a value, the same in every process for plain values."""
    if isinstance(value, partial):
        given = [*value.args, *(v for _, v in sorted(value.keywords.items()))]
        return f"{_described(value.func)} of {', '.join(map(_described, given))}"
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    if isinstance(value, np.ndarray):
        return f"an array of digest {stable_hash(value)[:16]}"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Real) and not isinstance(value, bool):
        return repr(float(value))
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_described, value))}]"
    return repr(value)
