"""Rows that an autoencoder cannot reconstruct."""

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, _fit_context, clone
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from ..estimators.autoencoder import StableAutoencoder
from ..training.seeds import draw_seeds, with_seed


class ReconstructionOutlierDetector(OutlierMixin, BaseEstimator):
    """Outlier detection by reconstruction error, or by another score of an estimator.

    What most rows have in common comes through the bottleneck of an autoencoder; what
    a single row has of its own does not. A row is an outlier if its score is below that
    of a share of the training rows.

    Parameters
    ----------
    estimator : estimator or None, default=None
        With `score_samples`, low for what is anomalous: any autoencoder of this
        package, :class:`sklearn.decomposition.PCA` too. By default `StableAutoencoder`.

    contamination : float, default=0.1
        Share of the training rows that are outliers, at most a half.

    random_state : int, RandomState instance or None, default=None
        Seed of the estimator, in place of its own; with None that one counts.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.

    offset_ : float
        Score below which a row is an outlier.

    n_features_in_ : int
        Number of features of the training data.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where all are strings.

    See Also
    --------
    sklearn.ensemble.IsolationForest : Outlier detection by random splits.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import ReconstructionOutlierDetector
    >>> X, _ = load_iris(return_X_y=True)
    >>> X[-1] = [8, 2, 1, 2]
    >>> detector = ReconstructionOutlierDetector(contamination=0.02, random_state=0)
    >>> int(detector.fit_predict(X)[-1])
    -1
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "score_samples"]), None],
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
        "random_state": ["random_state"],
    }

    def __init__(self, estimator=None, *, contamination=0.1, random_state=None):
        self.estimator = estimator
        self.contamination = contamination
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn what most rows have in common.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like or None
            Handed on to the estimator, which may ignore it.

        Returns
        -------
        self : ReconstructionOutlierDetector
            The fitted detector.
        """
        estimator = self._estimator()
        if self.random_state is None:
            estimator = clone(estimator)
        else:
            [seed] = draw_seeds(self.random_state, 1)
            estimator = with_seed(estimator, seed)
        estimator.fit(X, y)
        # It has validated X, which may have to be the data frame that it is.
        validate_data(self, X, skip_check_array=True)
        scores = estimator.score_samples(X)
        self.offset_ = np.percentile(scores, 100 * self.contamination)
        self.estimator_ = estimator
        return self

    def fit_predict(self, X, y=None):
        """Fit, and tell outliers among the training data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like or None
            Handed on to the estimator, which may ignore it.

        Returns
        -------
        ndarray of shape (n_samples,)
            -1 for outliers, 1 for others.
        """
        return self.fit(X, y).predict(X)

    def score_samples(self, X):
        """Return the score of each row: low is anomalous.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        ndarray of shape (n_samples,)
            Of an autoencoder minus the squared reconstruction error.
        """
        check_is_fitted(self)
        return self.estimator_.score_samples(X)

    def decision_function(self, X):
        """Return how far the score of each row is above the offset.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        ndarray of shape (n_samples,)
            Negative for outliers.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Tell outliers from other rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to judge.

        Returns
        -------
        ndarray of shape (n_samples,)
            -1 for outliers, 1 for others.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        of_estimator = get_tags(self._estimator())
        tags.input_tags = of_estimator.input_tags
        tags.target_tags.required = of_estimator.target_tags.required
        return tags

    def _estimator(self):
        return StableAutoencoder() if self.estimator is None else self.estimator
