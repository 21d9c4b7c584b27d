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


def progress_over(slices, n_samples, desc, verbose):
    """Iterate over slices of samples, with a bar of those that are done.

    The bar is closed where an error ends the loop, so that the next line is below it.

    Parameters
    ----------
    slices : iterable of slice

    n_samples : int
        Number of samples in all of them.

    desc : str
        What is done.

    verbose : bool
        Whether to show the bar.

    Yields
    ------
    slice
    """
    with progress_bar(
        total=n_samples, desc=desc, unit="sample", disable=not verbose
    ) as bar:
        for part in slices:
            yield part
            bar.update(part.stop - part.start)
