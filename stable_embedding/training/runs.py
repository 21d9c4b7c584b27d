"""Loss histories of the runs, and their mean."""

from itertools import zip_longest
from typing import NamedTuple

import numpy as np


class Run(NamedTuple):
    """Losses of the training of one network.

    Attributes
    ----------
    history : dict of str to list of float
        For each term of the loss, its mean over the samples of each epoch that the term
        counts. The loss is the weighted sum of these. With early stopping also the
        means over validation samples, prefixed with ``validation_``.

    losses : dict of str to float
        Terms over the training samples after the last epoch.
    """

    history: dict[str, list[float]]
    losses: dict[str, float]


def mean_run(runs):
    """Average the losses of runs; each epoch over those that have not stopped.

    Parameters
    ----------
    runs : list of Run
        One or more runs.

    Returns
    -------
    history : dict of str to list of float

    losses : dict of str to float
    """
    history = {}
    for name in runs[0].history:
        of_runs = (run.history[name] for run in runs)
        epochs = list(zip_longest(*of_runs, fillvalue=np.nan))
        history[name] = np.nanmean(epochs, axis=1).tolist()
    losses = {
        name: float(np.mean([run.losses[name] for run in runs]))
        for name in runs[0].losses
    }
    return history, losses
