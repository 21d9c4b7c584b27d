"""Display of a trade-off between two scores."""

from itertools import cycle

import numpy as np

from .base import MARKERS, Display, as_written, draw_legend
from .colors import COLORS


class ParetoDisplay(Display):
    """Trade-off between two scores, with the Pareto front.

    Higher is better for both scores. Points on the Pareto front are filled: no other
    point is better in one score and at least as good in the other.

    Parameters
    ----------
    paths : dict of str to dict of str to pair of float
        Points that are connected by a line, such as the scores of an estimator for
        several values of a parameter. Each path maps labels to pairs (x, y), in order.

    points : dict of str to pair of float or None, default=None
        Single points (x, y) to compare with, by their names.

    xlabel : str, default="x"
        Name of the first score.

    ylabel : str, default="y"
        Name of the second score.

    Attributes
    ----------
    front_ : list of pair of str
        Points on the front, as pairs of path and label. For a single point, both are
        its name.

    ax_ : matplotlib Axes
        Axes that were drawn on, after `plot`.

    figure_ : matplotlib Figure
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
        for name in self.points:
            if (name, name) in values:
                raise ValueError(
                    f"points has {name!r}, and the path {name!r} has a point of that"
                    " name; give one of them another name"
                )
        values |= {
            (name, name): np.asarray(point, dtype=float)
            for name, point in self.points.items()
        }
        if not values:
            raise ValueError("paths and points are empty; pass at least one point")
        for at, value in values.items():
            if value.shape != (2,) or not np.isfinite(value).all():
                raise ValueError(f"{at} is {value}; a point must be two finite numbers")
        self.front_ = [
            at
            for at, value in values.items()
            if not any(_dominates(other, value) for other in values.values())
        ]

    def _draw(self):
        lines = []
        for path, color in zip(self.paths, cycle(COLORS)):
            of_path = self.paths[path]
            x, y = np.reshape([*of_path.values()], (-1, 2)).T
            lines += self.ax_.plot(x, y, color=color, label=as_written(path), zorder=1)
            for label, point in of_path.items():
                self._mark(point, label, "o", color, (path, label) in self.front_)
        for (name, point), marker in zip(self.points.items(), cycle(MARKERS[1:])):
            self._mark(point, name, marker, "#000000", (name, name) in self.front_)
        self.ax_.set(xlabel=as_written(self.xlabel), ylabel=as_written(self.ylabel))
        self.ax_.margins(0.12)
        if self.paths:
            draw_legend(self.ax_, lines, loc="best", fontsize="small")

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
