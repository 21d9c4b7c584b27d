"""Progress bars that also work without a standard error stream."""

import sys

from tqdm.auto import tqdm


def progress_bar(*arguments, disable=False, **options):
    """Create a progress bar.

    Parameters
    ----------
    *arguments : object
        Positional arguments of :class:`tqdm.tqdm`.

    disable : bool, default=False
        Whether to hide the bar. It is always hidden in a process without a standard
        error stream, such as a service or one that pythonw runs.

    **options : object
        Keyword arguments of :class:`tqdm.tqdm`.

    Returns
    -------
    tqdm
    """
    return tqdm(*arguments, disable=disable or sys.stderr is None, **options)


def progress_over(slices, n_samples, desc, verbose):
    """Iterate over slices of samples and show progress in samples.

    The bar is closed if an error ends the loop, so that the next output starts on a new
    line.

    Parameters
    ----------
    slices : iterable of slice

    n_samples : int
        Number of samples in all slices together.

    desc : str
        Label of the bar.

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
