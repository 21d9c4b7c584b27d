"""Pictures, in scikit-learn's convention of displays. They need matplotlib."""

from itertools import cycle

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from ..data.subsample import fixed_subsample
from ..stability.measures import (
    MAX_POINTS,
    check_embeddings,
    manifold_variance_matrix,
    nearest_to_consensus,
)
from ..stability.scoring import embeddings_of

# Okabe and Ito's colors, told apart with any color vision, and three more shades of
# them, so that ten classes have one each.
COLORS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#56B4E9",
    "#CC79A7",
    "#F0E442",
    "#000000",
    "#999999",
    "#8B5A2B",
)

MARKERS = "osD^vPX*<>"

# For what has an order; read alike with any color vision and in gray.
COLORMAP = "cividis"

# Rows whose pairs a Shepard diagram shows.
_SHEPARD_ROWS = 1_000


class _Display:
    """What every display does first."""

    def _open(self, ax, n_columns=1, **size):
        """Draw on the axes that are given, or on those of a new figure."""
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(
                1, n_columns, layout="constrained", squeeze=False, **size
            )
        axes = np.asarray(ax).ravel()
        if len(axes) != n_columns:
            raise ValueError(f"ax holds {len(axes)} axes; {n_columns} are drawn on")
        self.axes_, self.ax_ = axes, axes[0]
        self.figure_ = self.ax_.figure


def _check_map(embedding):
    """Check that points can be drawn on a plane."""
    embedding = np.asarray(embedding)
    if embedding.ndim != 2 or embedding.shape[1] != 2:
        raise ValueError(
            f"embedding has shape {embedding.shape}; a map that can be drawn has shape"
            " (n_samples, 2)"
        )
    return embedding


def _label_components(ax):
    ax.set(xlabel="component 1", ylabel="component 2", aspect="equal")


class EmbeddingDisplay(_Display):
    """A map of two components, each point colored by its class; or several of them.

    Parameters
    ----------
    embedding : array-like of shape (n_samples, 2) or (n_runs, n_samples, 2)
        The points, in one run or in several, which are drawn side by side at one scale.

    y : array-like of shape (n_samples,) or None, default=None
        Class of each point.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        Where it was drawn, one for each run.

    ax_ : matplotlib Axes
        The first of them.

    figure_ : matplotlib Figure
        Holds the axes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import StableAutoencoder
    >>> from stable_embedding.plotting import EmbeddingDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = StableAutoencoder(random_state=0).fit(X)
    >>> display = EmbeddingDisplay.from_estimator(model, X, y)
    >>> display.ax_.get_xlabel()
    'component 1'
    """

    def __init__(self, embedding, y=None):
        self.embedding = embedding
        self.y = y

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, runs=False, ax=None):
        """Draw the map of a transformer.

        Parameters
        ----------
        estimator : transformer
            With two components. Fitted, unless its runs are drawn.

        X : array-like of shape (n_samples, n_features)
            Rows to embed and draw.

        y : array-like of shape (n_samples,) or None, default=None
            Class of each row.

        runs : bool, default=False
            Whether to draw several trainings side by side: the runs that it was fitted
            with, or five new ones on X, as
            :func:`~stable_embedding.manifold_variance_score` takes them.

        ax : matplotlib Axes, array of them or None, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        EmbeddingDisplay
        """
        if runs:
            return cls(np.stack(embeddings_of(estimator, X, y)), y).plot(ax=ax)
        return cls(estimator.transform(X), y).plot(ax=ax)

    def plot(self, *, ax=None, legend=True):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes, array of them or None, default=None
            Where to draw; a new figure by default.

        legend : bool, default=True
            Whether to name the classes beside the axes.

        Returns
        -------
        EmbeddingDisplay
            This one, with its axes.
        """
        runs = np.asarray(self.embedding)
        several = runs.ndim == 3
        runs = [_check_map(run) for run in (runs if several else runs[None])]
        if self.y is not None:
            check_consistent_length(self.y, runs[0])
        size = {"figsize": (3 * len(runs) + 1, 3.2)} if several else {}
        self._open(ax, len(runs), **size)
        for i, (ax, run) in enumerate(zip(self.axes_, runs)):
            self._draw(ax, run)
            if several:
                _set_limits(ax, np.concatenate(runs))
                ax.set(
                    title=f"training {i + 1}", ylabel=ax.get_ylabel() if not i else ""
                )
        if legend and self.y is not None:
            self.axes_[-1].legend(
                loc="center left", bbox_to_anchor=(1, 0.5), markerscale=2
            )
        return self

    def _draw(self, ax, embedding):
        y = np.zeros(len(embedding)) if self.y is None else self.y
        labels, classes = np.unique(y, return_inverse=True)
        for i, label in enumerate(labels):
            ax.scatter(
                *embedding[classes == i].T,
                s=6,
                linewidths=0,
                color=COLORS[i % len(COLORS)],
                label=str(label),
            )
        _label_components(ax)


def _set_limits(ax, points):
    """Show a square with a margin around all points."""
    low, high = points.min(axis=0), points.max(axis=0)
    center, half = (low + high) / 2, 0.53 * (high - low).max()
    ax.set(xlim=center[0] + [-half, half], ylim=center[1] + [-half, half])


def _check_kind(kind):
    if kind not in ("matrix", "map"):
        raise ValueError(f"kind={kind!r} must be 'matrix' or 'map'")


class ManifoldVarianceDisplay(_Display):
    """How much each distance, or each point, of a map moves between trainings.

    Parameters
    ----------
    variance : array-like of shape (n_samples, n_samples)
        As from :func:`~stable_embedding.manifold_variance_matrix`.

    embedding : array-like of shape (n_samples, 2) or None, default=None
        One of the maps, to color its points.

    y : array-like of shape (n_samples,) or None, default=None
        Class of each point, by which the matrix is sorted.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.

    figure_ : matplotlib Figure
        Holds the axes.

    See Also
    --------
    stable_embedding.manifold_variance_matrix : Computes the variance.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import StableAutoencoder
    >>> from stable_embedding.plotting import ManifoldVarianceDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = StableAutoencoder(n_init=3, random_state=0).fit(X)
    >>> display = ManifoldVarianceDisplay.from_estimator(model, X, y)
    >>> display.variance.shape
    (150, 150)
    """

    def __init__(self, variance, *, embedding=None, y=None):
        self.variance = variance
        self.embedding = embedding
        self.y = y

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, kind="matrix", ax=None):
        """Draw the variance between the trainings of an estimator.

        Parameters
        ----------
        estimator : transformer
            One fitted with ``n_init >= 2`` shows the variance between its runs; any
            other is trained five times on X.

        X : array-like of shape (n_samples, n_features)
            Rows to embed.

        y : array-like of shape (n_samples,) or None, default=None
            Class of each row.

        kind : {"matrix", "map"}, default="matrix"
            See `plot`.

        ax : matplotlib Axes or None, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        ManifoldVarianceDisplay
        """
        return cls.from_embeddings(embeddings_of(estimator, X, y), y, kind=kind, ax=ax)

    @classmethod
    def from_embeddings(cls, embeddings, y=None, *, kind="matrix", ax=None):
        """Draw the variance between several embeddings of the same points.

        Parameters
        ----------
        embeddings : array-like of shape (n_runs, n_samples, n_components) or list
            The same points in two runs or more. Above 2,000 points the same 2,000 are
            drawn at each call.

        y : array-like of shape (n_samples,) or None, default=None
            Class of each point.

        kind : {"matrix", "map"}, default="matrix"
            See `plot`.

        ax : matplotlib Axes or None, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        ManifoldVarianceDisplay
        """
        _check_kind(kind)
        check_embeddings(embeddings)
        runs = [np.asarray(run) for run in embeddings]
        if y is not None:
            check_consistent_length(y, runs[0])
        kept = fixed_subsample(len(runs[0]), MAX_POINTS)
        runs = [run[kept] for run in runs]
        return cls(
            manifold_variance_matrix(runs),
            embedding=runs[nearest_to_consensus(runs)],
            y=None if y is None else np.asarray(y)[kept],
        ).plot(kind=kind, ax=ax)

    def plot(self, *, kind="matrix", ax=None):
        """Draw it.

        Parameters
        ----------
        kind : {"matrix", "map"}, default="matrix"
            The variance of each pair's distance as an image, sorted by class; or the
            map nearest to the consensus with each point colored by its own variance,
            the mean of its row. Colors end at the 99th percentile.

        ax : matplotlib Axes or None, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        ManifoldVarianceDisplay
            This one, with its axes.
        """
        _check_kind(kind)
        variance = check_array(self.variance, input_name="variance")
        if self.y is not None:
            check_consistent_length(variance, self.y)
        if kind == "map":
            embedding = _check_map(self.embedding)
            check_consistent_length(variance, embedding)
        self._open(ax)
        if kind == "matrix":
            drawn = self._draw_matrix(variance)
            label = "variance of the normalized distance"
        else:
            drawn = self._draw_map(variance.mean(axis=1), embedding)
            label = "mean variance of a point's normalized distances"
        self.figure_.colorbar(drawn, ax=self.ax_, label=label, extend="max")
        return self

    def _draw_matrix(self, variance):
        order = np.arange(len(variance))
        if self.y is not None:
            order = np.argsort(self.y, kind="stable")
            labels, first = np.unique(np.asarray(self.y)[order], return_index=True)
            edges = np.append(first, len(order)) - 0.5
            for edge in edges[1:-1]:
                self.ax_.axhline(edge, color="white", linewidth=0.5)
                self.ax_.axvline(edge, color="white", linewidth=0.5)
            ticks = (edges[1:] + edges[:-1]) / 2
            self.ax_.set_xticks(ticks, labels)
            self.ax_.set_yticks(ticks, labels)
        what = "points in their order" if self.y is None else "points, sorted by class"
        self.ax_.set(xlabel=what, ylabel=what)
        return self.ax_.imshow(
            variance[np.ix_(order, order)],
            cmap=COLORMAP,
            vmin=0,
            vmax=np.quantile(variance, 0.99) or None,
            interpolation="nearest",
        )

    def _draw_map(self, of_points, embedding):
        _label_components(self.ax_)
        return self.ax_.scatter(
            *embedding.T,
            c=of_points,
            s=8,
            linewidths=0,
            cmap=COLORMAP,
            vmin=0,
            vmax=np.quantile(of_points, 0.99) or None,
        )


class ShepardDisplay(_Display):
    """Distances in the embedding against those of the data, pair by pair.

    Parameters
    ----------
    distances : array-like of shape (n_pairs,)
        Distances in the data.

    distances_embedded : array-like of shape (n_pairs,)
        Distances of the same pairs in the embedding.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.

    figure_ : matplotlib Figure
        Holds the axes.

    See Also
    --------
    stable_embedding.quality.distance_correlation : The same in one number.

    References
    ----------
    R. N. Shepard, "The analysis of proximities: multidimensional scaling with an
    unknown distance function", Psychometrika 27, 1962.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from stable_embedding.plotting import ShepardDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> display = ShepardDisplay.from_estimator(PCA(2).fit(X), X)
    >>> display.distances.shape
    (11175,)
    """

    def __init__(self, distances, distances_embedded):
        self.distances = distances
        self.distances_embedded = distances_embedded

    @classmethod
    def from_estimator(cls, estimator, X, *, ax=None):
        """Draw the distances that a fitted transformer keeps.

        Parameters
        ----------
        estimator : transformer
            Fitted.

        X : array-like of shape (n_samples, n_features)
            Rows to embed.

        ax : matplotlib Axes or None, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        ShepardDisplay
        """
        return cls.from_embedding(X, estimator.transform(X), ax=ax)

    @classmethod
    def from_embedding(cls, X, X_embedded, *, ax=None):
        """Draw the distances that an embedding keeps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. Above 1,000 rows the pairs of the same 1,000 are drawn at each
            call.

        X_embedded : array-like of shape (n_samples, n_components)
            Their embedding.

        ax : matplotlib Axes or None, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        ShepardDisplay
        """
        X = check_array(X, ensure_min_samples=2)
        X_embedded = check_array(X_embedded, input_name="X_embedded")
        check_consistent_length(X, X_embedded)
        kept = fixed_subsample(len(X), _SHEPARD_ROWS)
        return cls(pdist(X[kept]), pdist(X_embedded[kept])).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        ShepardDisplay
            This one, with its axes.
        """
        wanted, found = np.asarray(self.distances), np.asarray(self.distances_embedded)
        if not wanted.any():
            raise ValueError("distances are all zero; there is nothing to draw against")
        self._open(ax)
        drawn = self.ax_.hexbin(
            wanted, found, gridsize=60, bins="log", mincnt=1, cmap=COLORMAP
        )
        slope = (wanted @ found) / (wanted @ wanted)
        self.ax_.axline(
            (0, 0),
            slope=slope,
            color=COLORS[3],
            label=f"proportional, {slope:.2f} to 1",
        )
        self.ax_.set(
            xlabel="distance in the data (their units)",
            ylabel="distance in the embedding (its units)",
            xlim=(0, None),
            ylim=(0, None),
        )
        self.ax_.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False)
        self.figure_.colorbar(drawn, ax=self.ax_, label="number of pairs")
        return self


class LossCurveDisplay(_Display):
    """The terms of the loss by epoch.

    Parameters
    ----------
    history : dict of str to list of float
        As `history_` of a fitted :class:`~stable_embedding.StableAutoencoder`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.

    figure_ : matplotlib Figure
        Holds the axes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import StableAutoencoder
    >>> from stable_embedding.plotting import LossCurveDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> model = StableAutoencoder(random_state=0).fit(X)
    >>> LossCurveDisplay.from_estimator(model).ax_.get_xlabel()
    'epoch'
    """

    def __init__(self, history):
        self.history = history

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the course of a training.

        Parameters
        ----------
        estimator : StableAutoencoder
            Fitted.

        ax : matplotlib Axes or None, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        LossCurveDisplay
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "history_"):
            raise TypeError(
                f"estimator={estimator!r} keeps no history_ of its losses, as a fitted"
                " StableAutoencoder does"
            )
        return cls(estimator.history_).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        LossCurveDisplay
            This one, with its axes.
        """
        self._open(ax)
        held_out = "validation_"
        terms = [name for name in self.history if not name.startswith(held_out)]
        for color, name in zip(COLORS, terms):
            for key, style in ((name, "-"), (held_out + name, "--")):
                losses = self.history.get(key, ())
                if np.any(losses):
                    self.ax_.plot(
                        np.arange(1, len(losses) + 1),
                        losses,
                        style,
                        color=color,
                        # The total stays visible where one term is all of it.
                        linewidth=3 if name == "loss" else 1.5,
                        label=key.replace("_", " "),
                    )
        self.ax_.set(
            xlabel="epoch",
            ylabel="loss (share of what there is to lose)",
            ylim=(0, None),
        )
        self.ax_.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
        return self


class StabilityDisplay(_Display):
    """One measure of stability of several estimators, under each perturbation.

    Parameters
    ----------
    values : dict of str to dict of str to float
        For each estimator the measure under each perturbation.

    label : str
        What is measured.

    log : bool, default=True
        Whether the axis is logarithmic, down to 1e-4, as suits what is 0 at best; else
        it shows all from 0 to 1.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.

    figure_ : matplotlib Figure
        Holds the axes.

    See Also
    --------
    stable_embedding.stability_report : Measures, and draws this.

    Examples
    --------
    >>> from stable_embedding.plotting import StabilityDisplay
    >>> values = {"PCA": {"seed": 0.0, "noise": 0.001}}
    >>> StabilityDisplay(values, "raw displacement").plot().ax_.get_xlabel()
    'raw displacement'
    """

    # Values below are drawn on a linear scale down to 0, those above on a logarithmic.
    _SMALLEST = 1e-4

    def __init__(self, values, label, *, log=True):
        self.values = values
        self.label = label
        self.log = log

    def plot(self, *, ax=None):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        StabilityDisplay
            This one, with its axes.
        """
        self._open(ax)
        perturbations = list(next(iter(self.values.values())))
        rows = np.arange(len(perturbations))
        # Estimators stand a little apart, so that equal values do not hide each other.
        shifts = (
            np.linspace(-0.25, 0.25, len(self.values)) if len(self.values) > 1 else [0]
        )
        for i, (name, of_estimator) in enumerate(self.values.items()):
            self.ax_.plot(
                [of_estimator[perturbation] for perturbation in perturbations],
                rows + shifts[i],
                linestyle="none",
                marker=MARKERS[i % len(MARKERS)],
                color=COLORS[i % len(COLORS)],
                label=name,
            )
        self.ax_.set_yticks(rows, [name.replace("_", " ") for name in perturbations])
        self.ax_.invert_yaxis()
        if self.log:
            self.ax_.set_xscale("symlog", linthresh=self._SMALLEST)
        self.ax_.set(xlabel=self.label, xlim=(0, None if self.log else 1.02))
        self.ax_.grid(axis="x", alpha=0.3)
        self.ax_.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        return self


class ParetoDisplay(_Display):
    """What is gained of one thing by giving up another, along weights.

    Points that no other one beats in both are filled: the Pareto front.

    Parameters
    ----------
    paths : dict of str to dict of str to pair of float
        For each path its points by their labels, in order, each as x and y; more is
        better of both.

    points : dict of str to pair of float or None, default=None
        Others to compare with, by their names.

    xlabel : str, default="x"
        What x is.

    ylabel : str, default="y"
        What y is.

    Attributes
    ----------
    front_ : list of pair of str
        The points of the front, each as its path and its label; of others the name
        twice.

    axes_ : ndarray of Axes
        What was drawn on, after `plot`.

    ax_ : Axes
        The first of them.

    figure_ : Figure
        The figure it is on.

    Examples
    --------
    >>> from stable_embedding.plotting import ParetoDisplay
    >>> path = {"0": (0.9, 0.6), "1": (0.8, 0.8), "2": (0.7, 0.7)}
    >>> display = ParetoDisplay({"ours": path}, {"theirs": (0.6, 0.9)})
    >>> display.front_
    [('ours', '0'), ('ours', '1'), ('theirs', 'theirs')]
    """

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
            if not any(_beats(other, value) for other in values.values())
        ]

    def plot(self, *, ax=None):
        """Draw the paths and the points.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw; on a new figure by default.

        Returns
        -------
        self : ParetoDisplay
        """
        self._open(ax, figsize=(6, 5))
        for path, color in zip(self.paths, cycle(COLORS)):
            of_path = self.paths[path]
            x, y = zip(*of_path.values())
            self.ax_.plot(x, y, color=color, label=path, zorder=1)
            for label, point in of_path.items():
                self._mark(point, label, "o", color, (path, label) in self.front_)
        for (name, point), marker in zip(self.points.items(), cycle(MARKERS[1:])):
            self._mark(point, name, marker, "#000000", (name, name) in self.front_)
        self.ax_.set(xlabel=self.xlabel, ylabel=self.ylabel)
        self.ax_.margins(0.12)
        if self.paths:
            self.ax_.legend(loc="best", fontsize="small")
        return self

    def _mark(self, point, label, marker, color, on_front):
        face = color if on_front else "white"
        self.ax_.plot(*point, marker, color=color, markerfacecolor=face, zorder=2)
        self.ax_.annotate(
            label, point, xytext=(5, 4), textcoords="offset points", fontsize="small"
        )


def _beats(first, second):
    """Tell whether a point is no worse in anything and better in something."""
    return (first >= second).all() and (first > second).any()
