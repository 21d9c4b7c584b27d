"""Shepard diagram of an embedding."""

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.utils import check_array, check_consistent_length

from ..data import limits
from ..data.containers import check_samples
from ..data.distances import pair_distances
from ..data.images import images_as_rows
from ..data.sample_ids import check_same_samples
from ..data.subsample import fixed_subsample
from ..stability.pipelines import embed, embedding_steps, inputs_of_last
from .base import Display
from .colors import COLORMAP, COLORS


class ShepardDisplay(Display):
    """Shepard diagram: distances in the embedding against distances in the data.

    Hexagons are colored by the number of pairs, on a logarithmic scale. The line shows
    the proportional distances that fit best.

    Parameters
    ----------
    distances : array-like of shape (n_pairs,)
        Distances of pairs of samples in the data.

    distances_embedded : array-like of shape (n_pairs,)
        Distances of the same pairs in the embedding.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.

    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    stable_embedding.quality.distance_correlation : Correlation of the same distances.

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
        """Draw the diagram of a fitted transformer.

        Parameters
        ----------
        estimator : transformer
            Fitted transformer. For a pipeline, distances in the data are those between
            inputs of its last transformer, ``pipeline[:-1].transform(X)``.

        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples to embed, in a form that the estimator accepts. If there are more
            than 1,000, 1,000 of them are drawn, the same ones in each call.

        ax : matplotlib Axes or None, default=None
            Axes to draw on. By default, a new figure.

        Returns
        -------
        ShepardDisplay
        """
        inputs = inputs_of_last(embedding_steps(estimator), X)
        codes = embed(estimator, X)
        return cls.from_embedding(images_as_rows(inputs), codes, ax=ax)

    @classmethod
    def from_embedding(cls, X, X_embedded, *, ax=None):
        """Draw the diagram of an embedding, with Euclidean distances.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data. If there are more than 1,000 samples, 1,000 of them are drawn, the
            same ones in each call.

        X_embedded : array-like of shape (n_samples, n_components)
            Embedding of X.

        ax : matplotlib Axes or None, default=None
            Axes to draw on. By default, a new figure.

        Returns
        -------
        ShepardDisplay
        """
        check_same_samples(X, X_embedded, "X_embedded")
        X = check_samples(X, accept_sparse=True, ensure_min_samples=2)
        X_embedded = check_samples(X_embedded, "X_embedded")
        check_consistent_length(X, X_embedded)
        kept = fixed_subsample(X.shape[0], limits.SHEPARD_SAMPLES)
        return cls(pair_distances(X[kept]), pdist(X_embedded[kept])).plot(ax=ax)

    def _check(self):
        shapes = []
        for name in ("distances", "distances_embedded"):
            given = check_array(getattr(self, name), ensure_2d=False, input_name=name)
            shapes.append(given.shape)
        if len(shapes[0]) != 1 or shapes[1] != shapes[0]:
            raise ValueError(
                f"distances has shape {shapes[0]} and distances_embedded {shapes[1]};"
                " both must have shape (n_pairs,)"
            )
        if not np.any(self.distances):
            raise ValueError("distances are all zero; at least two samples must differ")

    def _draw(self):
        wanted, found = np.asarray(self.distances), np.asarray(self.distances_embedded)
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
            xlabel="distance in the data (units of the data)",
            ylabel="distance in the embedding (units of the embedding)",
            xlim=(0, None),
            ylim=(0, None),
        )
        self.ax_.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False)
        self.figure_.colorbar(drawn, ax=self.ax_, label="number of pairs")
