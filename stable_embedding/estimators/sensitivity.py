"""Which features make the map: derivatives of codes, and what they sum up to."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..data.chunks import feature_deviations
from ..networks.jacobian import iterate_jacobians


class SensitivityMixin:
    """Derivatives of the codes of an autoencoder with respect to features."""

    def jacobian(self, X):
        r"""Return how the codes of each sample change with each of its features.

        .. math:: J_{ikj} = \partial z_k / \partial x_j \quad \text{at the sample } x_i

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples at which the encoder is differentiated.

        Returns
        -------
        ndarray of shape (n_samples, n_components, n_features), dtype float32
            Derivatives, in units of the codes for one unit of each feature. The array
            is large for many samples with many features; :meth:`feature_sensitivity`
            never holds all of it.

        Raises
        ------
        ValueError
            If X is not as described, or a derivative is not finite.

        See Also
        --------
        feature_sensitivity : One number for each feature and component.

        Notes
        -----
        The derivative of the consensus is the mean over runs. At a kink of the network,
        as with ``activation="relu"``, it is the derivative on one side. The bits of
        :class:`~stable_embedding.SemanticHashing` have no derivative, so their
        probabilities are differentiated instead.
        """
        check_is_fitted(self)
        X = self._validate_all_but_values(X)
        shape = X.shape[0], self.network_.n_components, self.n_features_in_
        found = np.empty(shape, dtype=np.float32)
        for steps, jacobian in self._iterate_jacobians(X):
            found[steps] = jacobian
        return found

    def feature_sensitivity(self, X):
        r"""Return how far codes move with one standard deviation of each feature.

        .. math:: S_{kj} = \sigma_j \sqrt{\operatorname{mean}_i J_{ikj}^2}

        with the :meth:`jacobian` :math:`J` and the standard deviation :math:`\sigma_j`
        of feature :math:`j` in X. Features with large values determine the embedding.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            At least two samples, over which the mean is taken.

        Returns
        -------
        ndarray of shape (n_components, n_features), dtype float64
            Sensitivities in the units of the codes. The root of their sum of squares
            over components does not depend on the rotation of the embedding.

        Raises
        ------
        ValueError
            If X is not as described, or a derivative is not finite.

        See Also
        --------
        jacobian : The derivatives at each sample.
        stable_embedding.plotting.FeatureSensitivityDisplay : A picture of it.

        Notes
        -----
        Sensitivities do not show causes. With correlated features, the network may read
        the same information from one or the other.

        References
        ----------
        I. M. Sobol and S. Kucherenko, "Derivative based global sensitivity measures and
        their link with global sensitivity indices", Mathematics and Computers in
        Simulation 79, 2009.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from stable_embedding import StableAutoencoder
        >>> iris = load_iris()
        >>> model = StableAutoencoder(n_init=2, random_state=0).fit(iris.data)
        >>> sensitivity = model.feature_sensitivity(iris.data)
        >>> iris.feature_names[np.linalg.norm(sensitivity, axis=0).argmax()]
        'petal length (cm)'
        """
        check_is_fitted(self)
        X = self._validate_all_but_values(X, ensure_min_samples=2)
        shape = self.network_.n_components, self.n_features_in_
        squares = np.zeros(shape, dtype=np.float64)
        for _, jacobian in self._iterate_jacobians(X):
            squares += np.square(jacobian, dtype=np.float64).sum(axis=0)
        return np.sqrt(squares / X.shape[0]) * feature_deviations(X)

    def _iterate_jacobians(self, X):
        """Iterate over derivatives of codes, in units of the data."""
        unit = np.float32(self._code_unit / self.scale_)
        chunks = iterate_jacobians(self.network_, X, self._scaler())
        return ((steps, unit * jacobian) for steps, jacobian in chunks)

    @property
    def _code_unit(self):
        """What a unit of a network's codes is where they are differentiated; hook."""
        return self.code_scale_
