"""Methods of others with the interface of scikit-learn's."""

import pacmap
from sklearn.base import BaseEstimator, clone


class PaCMAP(pacmap.PaCMAP):
    """PaCMAP, whose `transform` asks for the training data once more."""

    def fit(self, X, *args, **kwargs):
        """Remember the data."""
        self.X_ = X.copy()
        return super().fit(X, *args, **kwargs)

    def transform(self, X):
        """Embed new rows."""
        return super().transform(X, basis=self.X_)


class MapAlone(BaseEstimator):
    """A method seen by its map alone, since the inverse of some takes long."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit_transform(self, X, y=None):
        """Embed rows by a clone."""
        return clone(self.estimator).fit_transform(X)
