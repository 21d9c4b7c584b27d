"""Display of the manifold variance of pairs or samples."""

import numpy as np
from sklearn.utils import check_array, check_consistent_length

from .._sklearn import safe_indexing
from ..data import limits
from ..data.containers import check_samples, readable
from ..data.sample_ids import check_same_samples
from ..data.subsample import fixed_subsample
from ..stability.measures import (
    check_embeddings,
    manifold_variance_matrix,
    nearest_to_consensus,
)
from ..stability.scoring import embeddings_of
from .base import Display, as_written, check_two_components, label_components
from .colors import COLORMAP, classes_in_order


class ManifoldVarianceDisplay(Display):
    """Variance of each distance, or of each sample, between trainings.

    Parameters
    ----------
    variance : array-like of shape (n_samples, n_samples)
        As returned by :func:`~stable_embedding.manifold_variance_matrix`.

    embedding : array-like of shape (n_samples, 2) or None, default=None
        Embedding to draw with ``kind="map"``.

    y : array-like of shape (n_samples,) or None, default=None
        Class of each sample. With ``kind="matrix"`` the samples are sorted by it, in
        the order of a categorical type. Samples without a class come last.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.

    figure_ : matplotlib Figure
        Figure of the axes.

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
    def from_estimator(
        cls, estimator, X, y=None, *, kind="matrix", ax=None, verbose=False
    ):
        """Draw the variance between the trainings of an estimator.

        Parameters
        ----------
        estimator : transformer
            A :class:`~stable_embedding.StableAutoencoder` that was fitted with
            ``n_init >= 2``, whose runs are compared. Any other transformer is trained
            five times on X, with different seeds. A pipeline may end with either.

        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples to embed, in a form that the estimator accepts. If there are more
            than 2,000, 2,000 of them are drawn, the same ones in each call.

        y : array-like of shape (n_samples,) or None, default=None
            Class of each sample.

        kind : {"matrix", "map"}, default="matrix"
            What to draw, see :meth:`plot`.

        ax : matplotlib Axes or None, default=None
            Axes to draw on. By default, a new figure.

        verbose : bool, default=False
            Whether to show a progress bar of new trainings.

        Returns
        -------
        ManifoldVarianceDisplay
        """
        _check_kind(kind)  # before anything is trained
        embeddings = embeddings_of(estimator, X, y, verbose)
        return cls.from_embeddings(embeddings, y, kind=kind, ax=ax)

    @classmethod
    def from_embeddings(cls, embeddings, y=None, *, kind="matrix", ax=None):
        """Draw the variance between several embeddings of the same samples.

        Parameters
        ----------
        embeddings : array-like of shape (n_runs, n_samples, n_components) or list
            Two or more embeddings of the same samples. If there are more than 2,000
            samples, 2,000 of them are drawn, the same ones in each call.

        y : array-like of shape (n_samples,) or None, default=None
            Class of each sample.

        kind : {"matrix", "map"}, default="matrix"
            What to draw, see :meth:`plot`.

        ax : matplotlib Axes or None, default=None
            Axes to draw on. By default, a new figure.

        Returns
        -------
        ManifoldVarianceDisplay
        """
        _check_kind(kind)
        check_embeddings(embeddings)
        runs = [check_samples(run) for run in embeddings]
        check_same_samples(embeddings[0], y, "y", "embeddings[0]")
        if y is not None:
            y = readable(y, "y")
            check_consistent_length(y, runs[0])
        kept = fixed_subsample(len(runs[0]), limits.MEASURED_SAMPLES)
        runs = [run[kept] for run in runs]
        return cls(
            manifold_variance_matrix(runs),
            embedding=runs[nearest_to_consensus(runs)],
            y=None if y is None else safe_indexing(y, kept),
        ).plot(kind=kind, ax=ax)

    def plot(self, *, kind="matrix", ax=None):
        """Draw the display.

        Parameters
        ----------
        kind : {"matrix", "map"}, default="matrix"
            "matrix" draws an image of the variance of each pair's normalized distance,
            sorted by class. "map" draws `embedding` and colors each sample by the mean
            variance of its distances; `from_estimator` and `from_embeddings` take the
            run whose distances are nearest to their mean over runs. The color scale
            ends at the 99th percentile.

        ax : matplotlib Axes or None, default=None
            Axes to draw on. By default, a new figure.

        Returns
        -------
        ManifoldVarianceDisplay
            The display itself, with its axes.

        Raises
        ------
        ValueError
            If `kind` is unknown, numbers of samples differ, or `embedding` does not
            have two components and ``kind="map"``.
        """
        _check_kind(kind)
        for values, name in ((self.y, "y"), (self.embedding, "embedding")):
            check_same_samples(self.variance, values, name, "variance")
        variance = check_array(self.variance, input_name="variance")
        if len(variance) != len(variance.T):
            raise ValueError(
                f"variance has shape {variance.shape}; it must have shape (n_samples,"
                " n_samples)"
            )
        classes = None
        if self.y is not None:
            check_consistent_length(variance, self.y)
            classes = classes_in_order(self.y)
        if kind == "map":
            embedding = check_two_components(self.embedding)
            check_consistent_length(variance, embedding)
        self._open(ax)
        if kind == "matrix":
            drawn = self._draw_matrix(variance, classes)
            label = "variance of the normalized distance"
        else:
            of_each = variance.sum(axis=1) / (len(variance) - 1)
            drawn = self._draw_map(of_each, embedding)
            label = "mean variance of a sample's normalized distances"
        self.figure_.colorbar(drawn, ax=self.ax_, label=label, extend="max")
        return self

    def _draw_matrix(self, variance, classes):
        order = np.arange(len(variance))
        if classes is not None:
            labels, places = classes
            order = np.argsort(places, kind="stable")
            edges = np.append(0, np.bincount(places).cumsum()) - 0.5
            for edge in edges[1:-1]:
                self.ax_.axhline(edge, color="white", linewidth=0.5)
                self.ax_.axvline(edge, color="white", linewidth=0.5)
            labels = [as_written(label) for label in labels]
            ticks = (edges[1:] + edges[:-1]) / 2
            self.ax_.set_xticks(ticks, labels)
            self.ax_.set_yticks(ticks, labels)
        label = "samples, in order" if classes is None else "samples, sorted by class"
        self.ax_.set(xlabel=label, ylabel=label)
        return self.ax_.imshow(
            variance[np.ix_(order, order)],
            interpolation="nearest",
            **_color_scale(variance),
        )

    def _draw_map(self, of_samples, embedding):
        label_components(self.ax_)
        return self.ax_.scatter(
            *embedding.T, c=of_samples, s=8, linewidths=0, **_color_scale(of_samples)
        )


def _check_kind(kind):
    if kind not in ("matrix", "map"):
        raise ValueError(f"kind={kind!r} must be 'matrix' or 'map'")


def _color_scale(values):
    """Color from zero to the 99th percentile; if that is zero, to the largest."""
    vmax = np.quantile(values, 0.99) or None
    return {"cmap": COLORMAP, "vmin": 0, "vmax": vmax}
