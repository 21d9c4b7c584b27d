"""Display of an embedding in two components."""

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from ..data.containers import dense
from ..stability.scoring import embed, embeddings_of
from .base import COLORS, Display, check_two_components, label_components


class EmbeddingDisplay(Display):
    """An embedding in two components, colored by class; or several side by side.

    Parameters
    ----------
    embedding : array-like of shape (n_samples, 2) or (n_runs, n_samples, 2)
        One embedding, or several of the same samples. Several are drawn side by side at
        one scale.

    y : array-like of shape (n_samples,) or None, default=None
        Class of each sample.

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

    def __init__(self, embedding, y=None):
        self.embedding = embedding
        self.y = y

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, runs=False, ax=None):
        """Draw the embedding by a transformer.

        Parameters
        ----------
        estimator : transformer
            With two components, or a pipeline with one, without its predictor. It must
            be fitted unless `runs` is true.

        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples to embed and draw, in whatever form the estimator takes.

        y : array-like of shape (n_samples,) or None, default=None
            Class of each sample.

        runs : bool, default=False
            Whether to draw several trainings side by side: the runs of the fitted
            estimator, or five new trainings on X, as
            :func:`~stable_embedding.manifold_variance_score` uses them.

        ax : matplotlib Axes, array of them or None, default=None
            Axes to draw on, by default those of a new figure.

        Returns
        -------
        EmbeddingDisplay
        """
        if runs:
            return cls(np.stack(list(embeddings_of(estimator, X, y))), y).plot(ax=ax)
        return cls(embed(estimator, X), y).plot(ax=ax)

    def plot(self, *, ax=None, legend=True):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, array of them or None, default=None
            Axes to draw on, by default those of a new figure.

        legend : bool, default=True
            Whether to add a legend of the classes beside the axes.

        Returns
        -------
        EmbeddingDisplay
            The display itself, with its axes.
        """
        runs = np.asarray(dense(self.embedding, "embedding"))
        several = runs.ndim == 3
        runs = [check_two_components(run) for run in (runs if several else runs[None])]
        if self.y is not None:
            check_consistent_length(self.y, runs[0])
        self._open(ax, len(runs), (3 * len(runs) + 1, 3.2) if several else None)
        for i, (ax, run) in enumerate(zip(self.axes_, runs)):
            self._scatter(ax, run)
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

    def _scatter(self, ax, embedding):
        y = np.zeros(len(embedding)) if self.y is None else column_or_1d(self.y)
        labels, classes = np.unique(y, return_inverse=True)
        for i, label in enumerate(labels):
            ax.scatter(
                *embedding[classes == i].T,
                s=6,
                linewidths=0,
                color=COLORS[i % len(COLORS)],
                label=str(label),
            )
        label_components(ax)


def _set_limits(ax, points):
    """Show a square with a margin around all points."""
    low, high = points.min(axis=0), points.max(axis=0)
    center, half = (low + high) / 2, 0.53 * (high - low).max()
    ax.set(xlim=center[0] + [-half, half], ylim=center[1] + [-half, half])
