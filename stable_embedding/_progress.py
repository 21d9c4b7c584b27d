"""Progress bars, where there is something to show them on."""

import sys

from tqdm.auto import tqdm


def progress_bar(*arguments, disable=False, **options):
    """Make a bar of tqdm's.

    Parameters
    ----------
    *arguments : object
        As of :class:`tqdm.tqdm`.

    disable : bool, default=False
        Whether to show nothing. Nothing is shown either in a process without a standard
        error stream, such as a service or one that pythonw runs.

    **options : object
        As of :class:`tqdm.tqdm`.

    Returns
    -------
    tqdm
    """
    return tqdm(*arguments, disable=disable or sys.stderr is None, **options)
