"""Pictures, in scikit-learn's convention of displays. They need matplotlib."""

import numpy as np

# Okabe and Ito's colours, told apart with any colour vision, and three more shades of
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


class EmbeddingDisplay:
    """A map of two components, each point coloured by its class.

    Parameters
    ----------
    embedding : array-like of shape (n_samples, 2)
        The points.

    y : array-like of shape (n_samples,) or None, default=None
        Class of each point.

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
    def from_estimator(cls, estimator, X, y=None, *, ax=None):
        """Draw the map of a fitted transformer.

        Parameters
        ----------
        estimator : transformer
            Fitted, with two components.

        X : array-like of shape (n_samples, n_features)
            Rows to embed and draw.

        y : array-like of shape (n_samples,) or None, default=None
            Class of each row.

        ax : matplotlib Axes or None, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        EmbeddingDisplay
        """
        return cls(estimator.transform(X), y).plot(ax=ax)

    def plot(self, *, ax=None, legend=True):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; a new figure by default.

        legend : bool, default=True
            Whether to name the classes beside the axes.

        Returns
        -------
        EmbeddingDisplay
            This one, with its axes.
        """
        import matplotlib.pyplot as plt

        embedding = np.asarray(self.embedding)
        if embedding.ndim != 2 or embedding.shape[1] != 2:
            raise ValueError(
                f"embedding has shape {embedding.shape}; a map that can be drawn has"
                " shape (n_samples, 2)"
            )
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        y = np.zeros(len(embedding)) if self.y is None else np.asarray(self.y)
        for i, label in enumerate(np.unique(y)):
            ax.scatter(
                *embedding[y == label].T,
                s=6,
                linewidths=0,
                color=COLORS[i % len(COLORS)],
                label=str(label),
            )
        ax.set(xlabel="component 1", ylabel="component 2", aspect="equal")
        if legend and self.y is not None:
            ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=2)
        self.ax_ = ax
        self.figure_ = ax.figure
        return self
