"""Methods of others with the interface of scikit-learn's."""

import pacmap


class PaCMAP(pacmap.PaCMAP):
    """PaCMAP, whose `transform` asks for the training data once more."""

    def fit(self, X, *args, **kwargs):
        """Remember the data."""
        self.X_ = X
        return super().fit(X, *args, **kwargs)

    def transform(self, X):
        """Embed new rows."""
        return super().transform(X, basis=self.X_)
