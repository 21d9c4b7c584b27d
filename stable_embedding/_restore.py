"""Leave an estimator as it was if a call fails."""

from contextlib import contextmanager

import numpy as np


@contextmanager
def restore_on_error(estimator):
    """Undo what was set on an estimator if the block fails or is interrupted.

    A RandomState that is its `random_state` is reset too.
    """
    before = dict(vars(estimator))
    generator = getattr(estimator, "random_state", None)
    draws = isinstance(generator, np.random.RandomState)
    drawn = generator.get_state() if draws else None
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        if draws:
            generator.set_state(drawn)
        raise
