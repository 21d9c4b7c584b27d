"""Display of the sensitivity of an embedding to each feature."""

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from ..data.containers import check_samples
from ..stability.pipelines import (
    embedding_steps,
    inputs_of_last,
    last_step,
    names_of_inputs,
)
from .base import Display, as_written, check_count
from .colors import COLORS


class FeatureSensitivityDisplay(Display):
    """Bars of how far codes move when a feature changes by one standard deviation.

    Parameters
    ----------
    sensitivity : array-like of shape (n_components, n_features)
        As returned by :meth:`~stable_embedding.StableAutoencoder.feature_sensitivity`,
        in the units of the codes.

    feature_names : array-like of shape (n_features,) or None, default=None
        Names of the features; by default "x0", "x1" and so on. Features with the same
        name share one bar, the root of the sum of their squares. To draw one bar for a
        one-hot encoded column, give all its indicators the name of the column.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.

    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    stable_embedding.StableAutoencoder.feature_sensitivity : Computes the sensitivity.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import StableAutoencoder
    >>> from stable_embedding.plotting import FeatureSensitivityDisplay
    >>> X = load_iris(as_frame=True).data
    >>> model = StableAutoencoder(n_init=2, random_state=0).fit(X)
    >>> display = FeatureSensitivityDisplay.from_estimator(model, X)
    >>> display.ax_.get_yticklabels()[0].get_text()
    'petal length (cm)'
    """

    def __init__(self, sensitivity, feature_names=None):
        self.sensitivity = sensitivity
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        feature_names=None,
        per_component=False,
        max_features=20,
        ax=None,
    ):
        """Draw the sensitivity of a fitted autoencoder.

        Parameters
        ----------
        estimator : StableAutoencoder
            Fitted estimator, or a fitted pipeline whose embedding step is one. The
            features of a pipeline are the inputs of the autoencoder,
            ``pipeline[:-1].transform(X)``. After a scaler, one standard deviation of a
            feature is one standard deviation of its column.

        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples over which the derivatives are averaged, in a form that the
            estimator accepts.

        feature_names : array-like of shape (n_features,) or None, default=None
            Names of the autoencoder's input features. By default, the names that the
            steps before it return, or those it was fitted with. Features with the same
            name share one bar.

        per_component : bool, default=False
            Whether to draw one bar for each component. By default, one bar is the root
            of the sum of squares over components.

        max_features : int or None, default=20
            Largest number of features to draw, those with the largest sensitivity; None
            for all.

        ax : matplotlib Axes or None, default=None
            Axes to draw on. By default, a new figure.

        Returns
        -------
        FeatureSensitivityDisplay

        Raises
        ------
        TypeError
            If the estimator has no `feature_sensitivity`.

        ValueError
            If `max_features` is less than 1, or `feature_names` has another length.
        """
        check_is_fitted(estimator)
        steps = embedding_steps(estimator)
        last = last_step(steps)
        if not hasattr(last, "feature_sensitivity"):
            raise TypeError(
                f"estimator={estimator!r} has no feature_sensitivity; it must be a"
                " StableAutoencoder, or a pipeline that embeds by one"
            )
        sensitivity = last.feature_sensitivity(inputs_of_last(steps, X))
        if feature_names is None:
            feature_names = names_of_inputs(steps)
        return cls(sensitivity, feature_names).plot(
            per_component=per_component, max_features=max_features, ax=ax
        )

    def plot(self, *, per_component=False, max_features=20, ax=None):
        """Draw the display.

        Parameters
        ----------
        per_component : bool, default=False
            Whether to draw one bar for each component. By default, one bar is the root
            of the sum of squares over components.

        max_features : int or None, default=20
            Largest number of features to draw, those with the largest sensitivity; None
            for all.

        ax : matplotlib Axes or None, default=None
            Axes to draw on. By default, a new figure.

        Returns
        -------
        FeatureSensitivityDisplay
            The display itself, with `ax_` and `figure_`.
        """
        check_count(max_features, "max_features", 1, or_none=True)
        names, values = self._by_name()
        totals = np.linalg.norm(values, axis=0)
        shown = np.argsort(-totals, kind="stable")[:max_features]
        bars = values[:, shown] if per_component else totals[None, shown]
        self._open(ax, figsize=(6, 1.2 + 0.28 * len(shown)))
        heights, thickness = np.arange(len(shown)), 0.8 / len(bars)
        for i, lengths in enumerate(bars):
            self.ax_.barh(
                heights + (i - (len(bars) - 1) / 2) * thickness,
                lengths,
                thickness,
                color=COLORS[i % len(COLORS)],
                label=f"component {i + 1}" if per_component else "all components",
            )
        self.ax_.set_yticks(heights, [as_written(names[i]) for i in shown])
        self.ax_.invert_yaxis()
        self.ax_.set_xlabel("change of the code for one standard deviation")
        self.ax_.grid(axis="x", alpha=0.3)
        if per_component:
            self.ax_.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        return self

    def _by_name(self):
        """Return distinct names, and the combined sensitivity of each."""
        values = check_samples(self.sensitivity, "sensitivity")
        if self.feature_names is None:
            return [f"x{i}" for i in range(values.shape[1])], values
        check_consistent_length(self.feature_names, values.T)
        names = [str(name) for name in self.feature_names]
        places = {name: at for at, name in enumerate(dict.fromkeys(names))}
        distinct, at = list(places), np.array([places[name] for name in names])
        squares = np.zeros((len(values), len(distinct)))
        np.add.at(squares, (slice(None), at), values**2)
        return distinct, np.sqrt(squares)
