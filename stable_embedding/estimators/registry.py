"""The estimators of this package, by name: each registers itself."""

from typing import TypeVar

Estimator = TypeVar("Estimator", bound=type)

ESTIMATORS: dict[str, type] = {}


def register(estimator: Estimator) -> Estimator:
    """Let files, ONNX graphs, tests and benchmarks know an estimator of this package.

    Parameters
    ----------
    estimator : type
        The class. Its name is the one under which it is saved.

    Returns
    -------
    type
        The same class.
    """
    ESTIMATORS[estimator.__name__] = estimator
    return estimator
