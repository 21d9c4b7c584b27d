"""Display of an embedding in two components."""

import numpy as np
from sklearn.utils import check_consistent_length

from ..data.containers import dense
from ..data.named_columns import column_or_values, features_of
from ..data.sample_ids import check_same_samples
from ..stability.pipelines import embed, embed_with_std
from ..stability.scoring import embeddings_of
from .base import (
    Display,
    as_written,
    check_two_components,
    draw_legend,
    label_components,
)
from .colors import (
    COLORMAP,
    COLORS,
    MISSING_COLOR,
    MISSING_LABEL,
    OTHER_COLOR,
    Classes,
    Group,
    Scale,
    color_values,
    opacities,
)

# Pointed ends of the color bar, for numbers below and above the scale.
_EXTEND = {
    (False, False): "neither",
    (True, False): "min",
    (False, True): "max",
    (True, True): "both",
}

# Position of the legend: beside the map, or below the color bar.
_PLACES = {
    Classes: {"loc": "center left", "bbox_to_anchor": (1, 0.5)},
    Scale: {
        "loc": "upper left",
        "bbox_to_anchor": (-0.5, -0.05),
        "frameon": False,
        "borderpad": 0,
        "handletextpad": 0,
    },
}


class EmbeddingDisplay(Display):
    """Scatter plot of an embedding in two components, or of several side by side.

    Categories, text, booleans and whole numbers with at most ten different values are
    drawn as classes, with a legend. The ten largest classes have separate colors, and
    the rest are drawn as "other". Other numbers, dates and durations (in days) are
    drawn with a color bar from their 1st to their 99th percentile. Missing values are
    dark gray and named in the legend.

    Parameters
    ----------
    embedding : array-like of shape (n_samples, 2) or (n_runs, n_samples, 2)
        One embedding, or several of the same samples. Several are drawn side by side at
        the same scale.

    y : array-like of shape (n_samples,) or None, default=None
        Class or number of each sample, for its color.

    std : array-like of shape (n_samples,) or None, default=None
        Standard deviation of each code, from ``transform(X, return_std=True)``. Points
        are opaque up to its 5th percentile, and fade to an opacity of 0.15 at its 95th.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        Axes that were drawn on, one for each embedding.

    ax_ : matplotlib Axes
        The first of them.

    figure_ : matplotlib Figure
        Figure of the axes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import StableAutoencoder
    >>> from stable_embedding.plotting import EmbeddingDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = StableAutoencoder(n_init=2, random_state=0).fit(X)
    >>> display = EmbeddingDisplay.from_estimator(model, X, y)
    >>> display.ax_.get_xlabel()
    'component 1'
    """

    def __init__(self, embedding, y=None, std=None):
        self.embedding = embedding
        self.y = y
        self.std = std

    @classmethod
    def from_estimator(
        cls, estimator, X, y=None, *, runs=False, return_std=False, ax=None
    ):
        """Embed X by a transformer, and draw the embedding.

        Parameters
        ----------
        estimator : transformer
            Transformer to two components, or a pipeline with one. A predictor at its
            end is ignored unless it embeds after scalers alone, as
            ``LinearDiscriminantAnalysis`` does. Scalers after the embedding are ignored
            too. It must be fitted unless `runs` is true.

        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples to embed and draw, in a form that the estimator accepts. A data
            frame may have further columns, which can be named as `y`.

        y : str, array-like of shape (n_samples,) or None, default=None
            Class or number of each sample, or the name of a column of X. Such a column
            is no feature of an estimator that was not fitted on a data frame.

        runs : bool, default=False
            Whether to draw several trainings side by side: the runs of an estimator
            that was fitted with ``n_init >= 2``, or else five new trainings on X.

        return_std : bool, default=False
            Whether points fade with the standard deviation of their codes between the
            runs of the estimator.

        ax : matplotlib Axes, array of them or None, default=None
            Axes to draw on, one for each embedding. By default, a new figure.

        Returns
        -------
        EmbeddingDisplay

        Raises
        ------
        ValueError
            If X has no column `y`, `runs` and `return_std` are both true, `return_std`
            is true and the estimator was fitted with one run, or the embedding does not
            have two components.

        TypeError
            If `return_std` is true and the estimator has no
            ``transform(X, return_std=True)``.
        """
        if runs and return_std:
            raise ValueError(
                "runs=True and return_std=True cannot be combined: pass one of them"
            )
        X, y = features_of(estimator, X, y), column_or_values(y, X)
        if runs:
            return cls(np.stack(list(embeddings_of(estimator, X, y))), y).plot(ax=ax)
        if return_std:
            codes, std = embed_with_std(estimator, X)
            return cls(codes, y, std).plot(ax=ax)
        return cls(embed(estimator, X), y).plot(ax=ax)

    def plot(self, *, ax=None, legend=True):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, array of them or None, default=None
            Axes to draw on, one for each embedding. By default, a new figure.

        legend : bool, default=True
            Whether to add a legend of the classes, or a color bar of the numbers,
            beside the axes.

        Returns
        -------
        EmbeddingDisplay
            The display itself, with its axes.

        Raises
        ------
        ValueError
            If an embedding does not have two components, or `y` or `std` does not have
            one value for each sample.
        """
        self._check_ids()
        runs = np.asarray(dense(self.embedding, "embedding"))
        several = runs.ndim == 3
        runs = [check_two_components(run) for run in (runs if several else runs[None])]
        colors = None
        if self.y is not None:
            check_consistent_length(self.y, runs[0])
            colors = color_values(self.y)
        alpha = None if self.std is None else opacities(self.std, len(runs[0]))
        self._open(ax, len(runs), (3 * len(runs) + 1, 3.2) if several else None)
        for i, (ax, run) in enumerate(zip(self.axes_, runs)):
            _scatter(ax, run, colors, alpha)
            if several:
                _set_limits(ax, np.concatenate(runs))
                ax.set(
                    title=f"training {i + 1}", ylabel=ax.get_ylabel() if not i else ""
                )
        if legend and colors is not None:
            self._explain(colors)
        return self

    def _check_ids(self):
        """Raise if data frames of codes and values are not of the same samples."""
        first, name = self.embedding, "embedding"
        if isinstance(first, (list, tuple)) and first:
            first, name = first[0], "embedding[0]"
            for i, run in enumerate(self.embedding):
                check_same_samples(first, run, f"embedding[{i}]", name)
        check_same_samples(first, self.y, "y", name)
        check_same_samples(first, self.std, "std", name)

    def _explain(self, colors):
        """Draw a legend or a color bar beside the last axes."""
        name = getattr(self.y, "name", None)  # of a series
        title = None if name is None else as_written(name)
        last = beside = self.axes_[-1]
        if isinstance(colors, Scale):
            below, above = _beyond(colors)
            bar = self.figure_.colorbar(
                last.collections[-1],
                ax=list(self.axes_),
                label=title,
                extend=_EXTEND[below, above],
                shrink=0.7,
            )
            beside = bar.ax
            if colors.unit == "date":
                _label_dates(bar)
        marks = [_mark(label, color) for label, color, _ in _groups(colors)]
        if marks:
            draw_legend(
                beside,
                marks,
                title=title if isinstance(colors, Classes) else None,
                **_PLACES[type(colors)],
            )


def _groups(colors):
    """Return the groups in the legend: classes, or missing values among numbers."""
    if isinstance(colors, Classes):
        return colors.groups
    missing = np.isnan(colors.values)
    return [Group(MISSING_LABEL, MISSING_COLOR, missing)] if missing.any() else []


def _mark(label, color):
    """Return an opaque marker for the legend."""
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        linestyle="",
        marker="o",
        markersize=6,
        color=color,
        label=as_written(label),
    )


def _scatter(ax, embedding, colors, alpha):
    """Draw points, with missing values and other classes below the named ones."""

    def draw(members, **options):
        ax.scatter(
            *embedding[members].T,
            s=6,
            linewidths=0,
            alpha=None if alpha is None else alpha[members],
            **options,
        )

    if colors is None:
        draw(np.ones(len(embedding), dtype=bool), color=COLORS[0])
    else:
        for label, color, members in _groups(colors):
            below = color in (OTHER_COLOR, MISSING_COLOR)
            draw(
                members,
                color=color,
                label=as_written(label),
                zorder=0.9 if below else 1,
            )
    if isinstance(colors, Scale):
        present = ~np.isnan(colors.values)
        draw(
            present,
            c=colors.values[present],
            cmap=COLORMAP,
            vmin=colors.low,
            vmax=colors.high,
        )
    label_components(ax)


def _beyond(scale):
    """Tell whether any numbers are below the scale, and whether any are above it."""
    values = scale.values[~np.isnan(scale.values)]
    return bool((values < scale.low).any()), bool((values > scale.high).any())


def _label_dates(bar):
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()
    bar.ax.yaxis.set(
        major_locator=locator, major_formatter=ConciseDateFormatter(locator)
    )


def _set_limits(ax, points):
    """Show a square with a margin around all points that are finite."""
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return
    low, high = points.min(axis=0), points.max(axis=0)
    center, half = (low + high) / 2, 0.53 * (high - low).max()
    ax.set(xlim=center[0] + [-half, half], ylim=center[1] + [-half, half])
