"""What all displays share: axes to draw on, and markers."""

import numpy as np

from ..data.containers import dense

MARKERS = "osD^vPX*<>"


class Display:
    """Base class of the displays.

    A subclass draws on `ax_` in `_draw`. One whose `plot` has more parameters overrides
    `plot`, and calls `_open` itself.
    """

    # Size of a new figure in inches, or None for the default of matplotlib.
    _FIGSIZE: tuple[float, float] | None = None

    def plot(self, *, ax=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on, by default those of a new figure.

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
            raise ValueError(f"ax holds {len(axes)} axes; {n_columns} are needed")
        self.axes_, self.ax_ = axes, axes[0]
        self.figure_ = self.ax_.figure


def import_pyplot():
    """Import matplotlib.pyplot when something is drawn.

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
    """Check that an embedding can be drawn on a plane."""
    embedding = np.asarray(dense(embedding, "embedding"))
    if embedding.ndim != 2 or embedding.shape[1] != 2:
        raise ValueError(
            f"embedding has shape {embedding.shape}; an embedding that can be drawn has"
            " shape (n_samples, 2)"
        )
    return embedding


def as_written(name):
    r"""Return a name as matplotlib must get it to draw it as it is written.

    Names come from data. Those with dollar signs would be read as formulas.

    Parameters
    ----------
    name : object
        Name of a class, a feature, or anything else that is drawn.

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


def label_components(ax):
    """Label the axes with the two components, at equal scales."""
    ax.set(xlabel="component 1", ylabel="component 2", aspect="equal")
