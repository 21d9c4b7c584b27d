"""Display of a drift report."""

import numpy as np

from .base import Display, as_written, check_count, check_dict, import_pyplot
from .colors import COLORS

# Color of comparisons that did not drift. It is not one of the class colors.
_GRAY = "#999999"


class DriftDisplay(Display):
    """Bars of how much new samples differ from a reference in each comparison.

    Parameters
    ----------
    statistics : dict of str to float
        Statistic of each comparison, between 0 and 1, by its name. In a
        :func:`~stable_embedding.drift_report` it is the largest difference between the
        two distribution functions (Kolmogorov-Smirnov). For "largest errors" it is the
        difference of two fractions of samples, which can be small and yet significant.

    drifted : dict of str to bool
        Whether each comparison differs by more than chance, by its name.

    max_bars : int or None, default=20
        Largest number of bars; all with None. Comparisons that drifted come first, and
        then the others, each sorted by decreasing statistic. The picture says how many
        more there are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.

    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    stable_embedding.drift_report : Computes the statistics; its `plot` draws this.

    Examples
    --------
    >>> from stable_embedding.plotting import DriftDisplay
    >>> statistics = {"error": 0.4, "age": 0.1}
    >>> display = DriftDisplay(statistics, {"error": True, "age": False})
    >>> [text.get_text() for text in display.plot().ax_.get_yticklabels()]
    ['error', 'age']
    """

    def __init__(self, statistics, drifted, *, max_bars=20):
        self.statistics = statistics
        self.drifted = drifted
        self.max_bars = max_bars

    def _check(self):
        check_dict(self.statistics, "statistics", "numbers by comparison")
        check_dict(self.drifted, "drifted", "booleans by comparison")
        for name in self.statistics:
            if name not in self.drifted:
                raise ValueError(
                    f"drifted lacks {name!r}, of which statistics has a value; both"
                    " must have the same names"
                )
        check_count(self.max_bars, "max_bars", 1, or_none=True)

    def _draw(self):
        names = sorted(
            self.statistics,
            key=lambda name: (not self.drifted[name], -self.statistics[name]),
        )[: self.max_bars]
        colors = [COLORS[3] if self.drifted[name] else _GRAY for name in names]
        self.ax_.barh(
            np.arange(len(names)), [self.statistics[n] for n in names], color=colors
        )
        self.ax_.set_yticks(np.arange(len(names)), [as_written(name) for name in names])
        self.ax_.invert_yaxis()
        n_more = len(self.statistics) - len(names)
        more = f"and {n_more} more" if n_more else ""
        self.ax_.set(xlabel="statistic", xlim=(0, 1), ylabel=more)
        self.ax_.grid(axis="x", alpha=0.3)
        patch = import_pyplot().Rectangle
        self.ax_.legend(
            [
                patch((0, 0), 1, 1, color=COLORS[3]),
                patch((0, 0), 1, 1, color=_GRAY),
            ],
            ["drifted", "within chance"],
            loc="lower right",
        )
