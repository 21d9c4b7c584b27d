"""Display of a stability report."""

import numpy as np

from .base import MARKERS, Display, as_written, check_dict, draw_legend
from .colors import COLORS

# Values below this are drawn on a linear scale, larger ones on a logarithmic scale.
_SMALLEST = 1e-4


class StabilityDisplay(Display):
    """Stability of several estimators under each perturbation.

    Parameters
    ----------
    values : dict of str to dict of str to float
        For each estimator, the value of the measure under each perturbation.

    label : str
        Name of the measure, for the axis.

    log : bool, default=True
        Whether the axis is logarithmic above 1e-4 and linear below. Use it for a
        measure whose best value is 0. Otherwise the axis is linear from 0 to 1.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.

    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    stable_embedding.stability_report : Computes the values; its `plot` draws this.

    Examples
    --------
    >>> from stable_embedding.plotting import StabilityDisplay
    >>> values = {"PCA": {"seed": 0.0, "noise": 0.001}}
    >>> StabilityDisplay(values, "raw displacement").plot().ax_.get_xlabel()
    'raw displacement'
    """

    def __init__(self, values, label, *, log=True):
        self.values = values
        self.label = label
        self.log = log

    def _check(self):
        check_dict(self.values, "values", "dicts of values, one for each estimator")
        if not self.values:
            raise ValueError("values={} has no estimator; it must have one or more")
        first, *_ = self.values
        for name, of_estimator in self.values.items():
            check_dict(of_estimator, f"values[{name!r}]", "values by perturbation")
            if of_estimator.keys() != self.values[first].keys():
                raise ValueError(
                    f"values[{name!r}] has the perturbations {list(of_estimator)}, but"
                    f" values[{first!r}] has {list(self.values[first])}; all estimators"
                    " must have the same"
                )

    def _draw(self):
        perturbations = list(next(iter(self.values.values())))
        heights = np.arange(len(perturbations))
        # The markers of estimators are shifted so that equal values do not overlap.
        n_estimators = len(self.values)
        shifts = np.linspace(-0.25, 0.25, n_estimators) if n_estimators > 1 else [0]
        drawn = []
        for i, (name, of_estimator) in enumerate(self.values.items()):
            drawn += self.ax_.plot(
                [of_estimator[perturbation] for perturbation in perturbations],
                heights + shifts[i],
                linestyle="none",
                marker=MARKERS[i % len(MARKERS)],
                color=COLORS[i % len(COLORS)],
                label=as_written(name),
                clip_on=False,  # a marker at an end of the axis is drawn whole
            )
        self.ax_.set_yticks(
            heights, [as_written(name.replace("_", " ")) for name in perturbations]
        )
        self.ax_.invert_yaxis()
        if self.log:
            self.ax_.set_xscale("symlog", linthresh=_SMALLEST)
        self.ax_.set(
            xlabel=as_written(self.label), xlim=(0, None if self.log else 1.02)
        )
        self.ax_.grid(axis="x", alpha=0.3)
        draw_legend(self.ax_, drawn, loc="center left", bbox_to_anchor=(1, 0.5))
