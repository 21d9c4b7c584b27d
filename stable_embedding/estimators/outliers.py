"""Detection of samples that an autoencoder cannot reconstruct."""

from functools import partial
from numbers import Real

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import (
    check_is_fitted,
    has_fit_parameter,
    validate_data,
)

from .._restore import restore_on_error
from .._sklearn import HasMethods, Interval, StrOptions, fit_context, num_samples
from ..data.sample_weights import check_weights, weighted_percentile
from ..stability.pipelines import unfrozen
from ..training.seeds import draw_seeds, with_seed
from .autoencoder import StableAutoencoder
from .base import BaseStableAutoencoder
from .embedding import ROUNDINGS
from .registry import register


def rounding_of_score(estimator, score, of_weights=False):
    """Return how far rounding alone may put a score of an estimator off.

    Parameters
    ----------
    estimator : estimator
        Fitted. Autoencoders of this package know their rounding error; for others it
        follows from the dtype of the score.

    score : float or float32

    of_weights : bool, default=False
        Whether weights of networks are rounded too, to float32. Two scores of one
        sample differ only by the rounding of float64.

    Returns
    -------
    float
    """
    estimator = unfrozen(estimator)
    while isinstance(estimator, Pipeline):
        estimator = unfrozen(estimator[-1])
    if isinstance(estimator, BaseStableAutoencoder):
        rounded = np.float32 if of_weights else np.float64
        return estimator._rounding_of_score(float(score), float(np.finfo(rounded).eps))
    return ROUNDINGS * float(np.spacing(abs(score)))


def finite_scores(scores):
    """Raise scores of minus infinity, as a density of 0 has, such that limits exist.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_samples,)
        Minus infinity is still below any limit that follows from them.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.estimators.outliers import finite_scores
    >>> bool(np.isfinite(finite_scores(np.array([-np.inf, 1.0]))).all())
    True
    """
    scores = np.asarray(scores)
    least = np.finfo(np.result_type(scores, np.float32)).min
    return np.maximum(scores, least / 8)  # Tukey's limit is up to four times as low


def takes_weights(estimator):
    """Tell whether an estimator can be fitted with a `sample_weight`.

    Parameters
    ----------
    estimator : estimator
        A frozen one, whose `fit` does nothing, takes anything. A pipeline takes weights
        if they are routed to a step.

    Returns
    -------
    bool
    """
    if isinstance(estimator, FrozenEstimator):
        return True
    if has_fit_parameter(estimator, "sample_weight"):
        return True
    if not get_config()["enable_metadata_routing"]:
        return False
    routing = get_routing_for_object(estimator)
    return "sample_weight" in routing.consumes("fit", ["sample_weight"])


def advice_on_weights(estimator):
    """Say how weights get into an estimator that does not take them."""
    if not isinstance(estimator, Pipeline):
        return "use another estimator"
    advice = (
        "call set_fit_request(sample_weight=True) on each step that should get it, and"
        " set_fit_request(sample_weight=False) on others that could"
    )
    if get_config()["enable_metadata_routing"]:
        return advice
    enable = "sklearn.set_config(enable_metadata_routing=True)"
    return f"enable metadata routing, {enable}, and {advice}"


def far_out(scores, weights=None, rounding=None):
    """Return the limit below which scores are far out by Tukey's rule.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)

    weights : ndarray of shape (n_samples,) or None, default=None
        How often each counts; once by default.

    rounding : callable or None, default=None
        Gives the least distance below the first quartile that is more than rounding,
        for that quartile; 0 by default.

    Returns
    -------
    float
        The first quartile, less three times the distance of the quartiles, or less
        the rounding if that is more: the quartiles of scores that are nearly all the
        same have no distance.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.estimators.outliers import far_out
    >>> float(far_out(np.arange(5.0)))
    -5.0
    """
    first, third = (weighted_percentile(scores, q, weights) for q in (25, 75))
    least = 0.0 if rounding is None else rounding(first)
    return first - max(3 * (third - first), least)


@register
class ReconstructionOutlierDetector(OutlierMixin, BaseEstimator):
    """Outlier detection by reconstruction error, or by another score of an estimator.

    An autoencoder reconstructs what most samples have in common, but not what is
    peculiar to one sample. A sample is an outlier if its score is below a quantile of
    the training samples' scores.

    Parameters
    ----------
    estimator : estimator or None, default=None
        Estimator whose `score_samples` is low for anomalous samples, such as an
        autoencoder of this package or :class:`sklearn.decomposition.PCA`. By default
        it is a `StableAutoencoder`.

    contamination : float or "auto", default=0.1
        Fraction of the training samples that are outliers, at most a half. With "auto"
        the scores decide, by Tukey's rule for values that are far out: an outlier has a
        score below :math:`Q_1 - 3 (Q_3 - Q_1)` with the quartiles :math:`Q_1` and
        :math:`Q_3` of the training samples' scores. There may be no outlier. If nearly
        all scores are equal, a difference within rounding makes no outlier. Of new
        samples more will be outliers, since a network reconstructs those that it was
        trained on better. To hold the fraction, fit the detector with a
        ``FrozenEstimator`` on samples that were set aside.

    random_state : int, RandomState instance or None, default=None
        Seed that replaces that of the estimator. With None the estimator keeps its own.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator. Of a ``FrozenEstimator`` it is the estimator within.

    offset_ : float
        Score below which a sample is an outlier.

    n_features_in_ : int
        Number of features of the training data.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all are strings.

    See Also
    --------
    drift_report : Tests whether many samples together have changed.
    sklearn.ensemble.IsolationForest : Outlier detection by random splits.

    References
    ----------
    J. W. Tukey, "Exploratory data analysis", Addison-Wesley, 1977, chapter 2.

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
        "contamination": [
            Interval(Real, 0, 0.5, closed="right"),
            StrOptions({"auto"}),
        ],
        "random_state": ["random_state"],
    }

    def __init__(self, estimator=None, *, contamination=0.1, random_state=None):
        self.estimator = estimator
        self.contamination = contamination
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Fit the estimator, and the score below which samples are outliers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like or None
            Passed to the estimator, which may ignore it.

        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample counts, for the estimator and for the fraction of
            outliers; by default once. A step of a pipeline gets them if scikit-learn's
            metadata routing is enabled, and the step has requested them.

        Returns
        -------
        self : ReconstructionOutlierDetector
            The fitted detector.

        Raises
        ------
        TypeError, ValueError
            If `sample_weight` is not as described, or the estimator does not take it.
        """
        with restore_on_error(self):
            return self._fit(X, y, sample_weight)

    def _fit(self, X, y, sample_weight):
        weights = None
        if sample_weight is not None:
            weights = check_weights(sample_weight, num_samples(X))
        passed = {} if weights is None else {"sample_weight": weights}
        estimator = self._estimator()
        if passed and not takes_weights(estimator):
            raise TypeError(
                f"sample_weight is given, but fit of {estimator!r} takes none; leave it"
                f" out, or {advice_on_weights(estimator)}"
            )
        if self.random_state is None:
            estimator = clone(estimator)
        else:
            [seed] = draw_seeds(self.random_state, 1)
            estimator = with_seed(estimator, seed)
        estimator.fit(X, y, **passed)
        scores = finite_scores(estimator.score_samples(X))
        if self.contamination == "auto":
            rounding = partial(rounding_of_score, estimator, of_weights=True)
            offset = far_out(scores, weights, rounding)
        else:
            percent = 100 * self.contamination
            offset = weighted_percentile(scores, percent, weights)
            # The sample at the threshold is an inlier, with others and alone. A score
            # near 0 may be a sum of larger terms.
            size = max(abs(offset), weighted_percentile(np.abs(scores), 50, weights))
            offset -= rounding_of_score(estimator, scores.dtype.type(size))
        # The estimator has validated X, which may be a data frame that it needs.
        validate_data(self, X, skip_check_array=True)
        if hasattr(estimator, "n_features_in_"):  # also of images
            self.n_features_in_ = estimator.n_features_in_
        self.offset_, self.estimator_ = offset, unfrozen(estimator)
        return self

    def fit_predict(self, X, y=None, sample_weight=None):
        """Fit, and find outliers among the training data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like or None
            Passed to the estimator, which may ignore it.

        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            -1 for outliers, 1 for inliers.
        """
        return self.fit(X, y, sample_weight).predict(X)

    def score_samples(self, X):
        """Return the score of each sample: low is anomalous.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples to score.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores of the estimator. For an autoencoder, minus the squared
            reconstruction error.
        """
        check_is_fitted(self)
        return self.estimator_.score_samples(X)

    def decision_function(self, X):
        """Return how far the score of each sample is above the offset.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples to score.

        Returns
        -------
        ndarray of shape (n_samples,)
            Negative for outliers.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Predict which samples are outliers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples to classify.

        Returns
        -------
        ndarray of shape (n_samples,)
            -1 for outliers, 1 for inliers.
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
