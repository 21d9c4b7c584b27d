"""Display of how samples moved from one embedding to another."""

import numpy as np
from sklearn.utils import check_consistent_length

from ..data.named_columns import check_same_columns
from ..data.sample_ids import check_same_samples
from .base import (
    Display,
    as_written,
    check_count,
    check_two_components,
    draw_legend,
    label_components,
)
from .colors import COLORS, Group, color_classes


class MovementDisplay(Display):
    """Arrows from the old to the new position of samples, over the new embedding.

    Parameters
    ----------
    old, new : array-like of shape (n_samples, 2)
        Two embeddings of the same samples.

    groups : array-like of shape (n_samples,) or None, default=None
        Group of each sample, for its color. Numbers are groups too. If there are more
        than ten groups, the smaller ones are drawn as "other".

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.

    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    stable_embedding.movement_report : Computes the embeddings; its `plot` draws this.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.plotting import MovementDisplay
    >>> old = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> display = MovementDisplay(old, old + 0.1, groups=["a", "a", "b"]).plot()
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['a', 'b']
    """

    def __init__(self, old, new, groups=None):
        self.old = old
        self.new = new
        self.groups = groups

    def plot(self, *, n_arrows=1_000, ax=None):
        """Draw the display.

        Parameters
        ----------
        n_arrows : int, default=1000
            Largest number of arrows. The samples that moved most get them; all samples
            are drawn as points.

        ax : matplotlib Axes or None, default=None
            Axes to draw on. By default, a new figure.

        Returns
        -------
        MovementDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If an embedding does not have two components, the numbers of samples or the
            orders of components differ, or `n_arrows` is no whole number, or negative.
        """
        check_same_samples(self.old, self.new, "new", "old")
        check_same_columns(self.old, self.new, "new", "old")
        check_same_samples(self.old, self.groups, "groups", "old")
        check_same_samples(self.new, self.groups, "groups", "new")
        old, new = map(_coordinates, (self.old, self.new))
        check_consistent_length(old, new)
        groups = _groups(self.groups, len(new))
        check_count(n_arrows, "n_arrows", 0)
        self._open(ax)
        moved = np.linalg.norm(new - old, axis=1)
        has_arrow = np.zeros(len(new), dtype=bool)
        has_arrow[np.argsort(-moved, kind="stable")[:n_arrows]] = True
        points = []
        for label, color, members in groups:
            options = {"s": 6, "linewidths": 0, "label": as_written(label)}
            points += [self.ax_.scatter(*new[members].T, color=color, **options)]
            drawn = members & has_arrow
            self.ax_.quiver(
                *old[drawn].T,
                *(new - old)[drawn].T,
                angles="xy",
                scale_units="xy",
                scale=1,
                width=0.002,
                color=color,
                alpha=0.6,
            )
        label_components(self.ax_)
        # The limits do not include the arrows.
        self.ax_.update_datalim(old)
        self.ax_.autoscale_view()
        if self.groups is not None:
            place = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
            draw_legend(self.ax_, points, markerscale=2, **place)
        return self


def _coordinates(embedding):
    return check_two_components(embedding).astype(np.float64)


def _groups(groups, n_samples):
    if groups is None:
        return [Group("", COLORS[0], np.ones(n_samples, dtype=bool))]
    groups = color_classes(groups, "groups").groups
    n_values = len(groups[0].members) if groups else 0
    if n_values != n_samples:
        raise ValueError(
            f"groups has {n_values} values, but there are {n_samples} samples"
        )
    return groups
