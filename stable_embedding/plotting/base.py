"""Base class of the displays, and what they share."""

from collections.abc import Mapping
from numbers import Integral

import numpy as np

from ..data.containers import dense

MARKERS = "osD^vPX*<>"


class Display:
    """Base class of the displays.

    A subclass implements `_draw`, which draws on `ax_`. If its `plot` has more
    parameters, it overrides `plot` and calls `_open`.
    """

    # Size of a new figure in inches, or None for the default of matplotlib.
    _FIGSIZE: tuple[float, float] | None = None

    def plot(self, *, ax=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on. By default, a new figure.

        Returns
        -------
        Display
            The display itself, with `ax_` and `figure_`.
        """
        self._check()
        self._open(ax, figsize=self._FIGSIZE)
        self._draw()
        return self

    def _check(self):
        """Raise if there is nothing to draw, before a figure is opened."""

    def _draw(self):
        raise NotImplementedError

    def _open(self, ax, n_columns=1, figsize=None):
        """Set the axes to draw on: those given, or those of a new figure."""
        pyplot = import_pyplot()
        if ax is None:
            _, ax = pyplot.subplots(
                1, n_columns, layout="constrained", squeeze=False, figsize=figsize
            )
        axes = np.asarray(ax).ravel()
        if len(axes) != n_columns:
            raise ValueError(f"ax has {len(axes)} axes, but {n_columns} are needed")
        self.axes_, self.ax_ = axes, axes[0]
        self.figure_ = self.ax_.figure


def import_pyplot():
    """Import matplotlib.pyplot, or say how to install it.

    Returns
    -------
    module
        The module matplotlib.pyplot.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot
    except ImportError as error:
        raise ImportError(
            "pictures need matplotlib: pip install 'stable_embedding[plot]'"
        ) from error
    return matplotlib.pyplot


def check_two_components(embedding):
    """Return an embedding as an array; raise unless it has two components."""
    embedding = np.asarray(dense(embedding, "embedding"))
    if embedding.ndim != 2 or embedding.shape[1] != 2:
        raise ValueError(
            f"embedding has shape {embedding.shape}; it must have shape (n_samples, 2)"
            " to be drawn"
        )
    return embedding


def check_dict(given, name, contents):
    """Raise unless a parameter is a dict."""
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{name} is of type {type(given).__name__}; it must be a dict of {contents}"
        )


def check_count(count, name, smallest, or_none=False):
    """Raise unless a parameter is a whole number that is large enough."""
    if or_none and count is None:
        return
    if not (isinstance(count, Integral) and count >= smallest):
        accepted = f"a whole number, {smallest} or more"
        if or_none:
            accepted += ", or None"
        raise ValueError(f"{name}={count!r} must be {accepted}")


def as_written(name):
    r"""Escape dollar signs, which matplotlib would read as a formula.

    Parameters
    ----------
    name : object
        Name of a class, a feature or anything else that is drawn as text.

    Returns
    -------
    str

    Examples
    --------
    >>> from stable_embedding.plotting.base import as_written
    >>> print(as_written("from $5 to $10"))
    from \$5 to \$10
    """
    return str(name).replace("$", r"\$")


def draw_legend(ax, artists, **options):
    """Draw a legend of artists by their labels.

    Parameters
    ----------
    ax : matplotlib Axes

    artists : list of matplotlib Artist
        They have labels. matplotlib itself leaves out those with an underscore first.

    **options : dict
        Options of the legend.
    """
    legend = ax.legend(artists, [""] * len(artists), **options)
    for text, artist in zip(legend.get_texts(), artists):
        text.set_text(artist.get_label())


def label_components(ax):
    """Label the axes with the two components, at equal scales."""
    ax.set(xlabel="component 1", ylabel="component 2", aspect="equal")
