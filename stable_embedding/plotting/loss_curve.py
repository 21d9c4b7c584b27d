"""Display of the training loss."""

from itertools import cycle

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..stability.pipelines import embedding_steps, last_step
from .base import Display, check_dict
from .colors import COLORS

_VALIDATION = "validation_"


class LossCurveDisplay(Display):
    """Loss and its terms at each epoch.

    Training losses are solid lines. Validation losses, which early stopping records,
    are dashed.

    Parameters
    ----------
    history : dict of str to list of float
        The `history_` of a fitted :class:`~stable_embedding.StableAutoencoder`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.

    figure_ : matplotlib Figure
        Figure of the axes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import StableAutoencoder
    >>> from stable_embedding.plotting import LossCurveDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> model = StableAutoencoder(n_init=2, random_state=0).fit(X)
    >>> LossCurveDisplay.from_estimator(model).ax_.get_xlabel()
    'epoch'
    """

    def __init__(self, history):
        self.history = history

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the losses of a fitted estimator.

        Parameters
        ----------
        estimator : StableAutoencoder
            Fitted estimator, or a fitted pipeline that embeds by one.

        ax : matplotlib Axes or None, default=None
            Axes to draw on. By default, a new figure.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        TypeError
            If the estimator has no `history_`.
        """
        check_is_fitted(estimator)
        last = last_step(embedding_steps(estimator))
        if not hasattr(last, "history_"):
            raise TypeError(
                f"estimator={estimator!r} has no history_; it must be a fitted"
                " StableAutoencoder, or a pipeline that embeds by one"
            )
        return cls(last.history_).plot(ax=ax)

    def _check(self):
        check_dict(self.history, "history", "losses by term, as the history_ of a fit")
        for name, losses in self.history.items():
            if not isinstance(name, str) or np.ndim(losses) != 1:
                raise ValueError(
                    f"history[{name!r}] has shape {np.shape(losses)}; it must be the"
                    " name of a term, with a loss for each epoch"
                )
        if not self.history:
            raise ValueError("history={} has no loss; it must have one or more")

    def _draw(self):
        terms = [name for name in self.history if not name.startswith(_VALIDATION)]
        is_negative = any(np.any(np.less(one, 0)) for one in self.history.values())
        is_zero = not any(map(np.any, self.history.values()))
        for color, name in zip(cycle(COLORS), terms):
            for key, style in ((name, "-"), (_VALIDATION + name, "--")):
                losses = self.history.get(key, ())
                if np.any(losses) or (is_zero and len(losses)):
                    self.ax_.plot(
                        np.arange(1, len(losses) + 1),
                        losses,
                        style,
                        color=color,
                        # The total stays visible below a term that equals it.
                        linewidth=3 if name == "loss" else 1.5,
                        label=key.replace("_", " "),
                    )
        self.ax_.set(xlabel="epoch", ylabel="loss (as a fraction)")
        if not is_negative:
            self.ax_.set_ylim(bottom=0)
        self.ax_.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
