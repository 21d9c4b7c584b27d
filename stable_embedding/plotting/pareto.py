"""Display of a trade-off between two scores."""

from itertools import cycle

import numpy as np

from .base import MARKERS, Display, as_written
from .colors import COLORS


class ParetoDisplay(Display):
    """Two scores against each other, along paths of a parameter.

    Points on the Pareto front are filled: no other point is better in one score and at
    least as good in the other.

    Parameters
    ----------
    paths : dict of str to dict of str to pair of float
        For each path its points by their labels, in order. A point is a pair x and y;
        more is better of both.

    points : dict of str to pair of float or None, default=None
        Single points to compare with, by their names.

    xlabel : str, default="x"
        Name of x.

    ylabel : str, default="y"
        Name of y.

    Attributes
    ----------
    front_ : list of pair of str
        The points on the front, each as its path and its label. A single point is given
        as its name twice.

    axes_ : ndarray of Axes
        Axes that were drawn on, after `plot`.

    ax_ : Axes
        The first of them.

    figure_ : Figure
        Figure of the axes.

    Examples
    --------
    >>> from stable_embedding.plotting import ParetoDisplay
    >>> path = {"0": (0.9, 0.6), "1": (0.8, 0.8), "2": (0.7, 0.7)}
    >>> display = ParetoDisplay({"ours": path}, {"theirs": (0.6, 0.9)})
    >>> display.front_
    [('ours', '0'), ('ours', '1'), ('theirs', 'theirs')]
    """

    _FIGSIZE = (6, 5)

    def __init__(self, paths, points=None, *, xlabel="x", ylabel="y"):
        self.paths = paths
        self.points = points or {}
        self.xlabel = xlabel
        self.ylabel = ylabel
        values = {
            (path, label): np.asarray(point, dtype=float)
            for path, of_path in paths.items()
            for label, point in of_path.items()
        }
        values |= {
            (name, name): np.asarray(point, dtype=float)
            for name, point in self.points.items()
        }
        if not values:
            raise ValueError("paths and points are empty; there is nothing to compare")
        for at, value in values.items():
            if value.shape != (2,) or not np.isfinite(value).all():
                raise ValueError(f"{at} is {value}; a point is two finite numbers")
        self.front_ = [
            at
            for at, value in values.items()
            if not any(_dominates(other, value) for other in values.values())
        ]

    def _draw(self):
        for path, color in zip(self.paths, cycle(COLORS)):
            of_path = self.paths[path]
            x, y = zip(*of_path.values())
            self.ax_.plot(x, y, color=color, label=as_written(path), zorder=1)
            for label, point in of_path.items():
                self._mark(point, label, "o", color, (path, label) in self.front_)
        for (name, point), marker in zip(self.points.items(), cycle(MARKERS[1:])):
            self._mark(point, name, marker, "#000000", (name, name) in self.front_)
        self.ax_.set(xlabel=as_written(self.xlabel), ylabel=as_written(self.ylabel))
        self.ax_.margins(0.12)
        if self.paths:
            self.ax_.legend(loc="best", fontsize="small")

    def _mark(self, point, label, marker, color, on_front):
        face = color if on_front else "white"
        self.ax_.plot(*point, marker, color=color, markerfacecolor=face, zorder=2)
        self.ax_.annotate(
            as_written(label),
            point,
            xytext=(5, 4),
            textcoords="offset points",
            fontsize="small",
        )


def _dominates(first, second):
    """Tell whether a point is no worse in either score and better in one."""
    return (first >= second).all() and (first > second).any()
