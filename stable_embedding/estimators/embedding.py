"""Embeds samples by fitted networks, and maps codes back."""

import warnings

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from .._sklearn import returns_arrays
from ..data.chunks import feature_means, total_squared_deviation
from ..data.dask_arrays import is_dask_array, map_chunks, none_like
from ..data.sample_weights import check_weights
from ..data.scaling import SampleScaler, scale_samples
from ..networks.inference import apply_in_chunks, check_out
from ..quality.variance import explained_fraction

# By how many roundings a result may be off: networks add up some hundred products,
# whose roundings mostly cancel.
ROUNDINGS = 32


class EmbeddingMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Codes of samples, reconstructions and scores, by the networks of a fit.

    A sibling overrides hooks: class attributes, and methods whose names begin with an
    underscore and that say so.
    """

    # The type of codes.
    _codes_dtype: type = np.float32

    # They are no metadata to route, though they look like it.
    __metadata_request__transform = {"out": UNUSED, "return_std": UNUSED}

    def transform(self, X, out=None, return_std=False):
        """Embed X.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array} of shape (n_samples, n_features)
            Samples to embed, of the training data or not. The codes of a sample do not
            depend on the other samples.

        out : ndarray of floats of shape (n_samples, n_components), default=None
            Array of float32 or wider that receives the codes, for instance a
            memory-mapped file; a new array by default.

        return_std : bool, default=False
            Whether to also return the deviation of each sample's codes between runs. It
            needs at least two runs, and X that is not a dask array.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components), dtype float32
            Codes, in the units of the data; `out` if it is given. For a dask array, a
            dask array whose chunks are embedded when their values are needed, or a
            computed data frame if ``set_output`` asks for one.

        std : ndarray of shape (n_samples,), dtype float32
            Root of the total variance of each sample's codes over the runs, in the
            units of the data. Only if `return_std` is true.

        Raises
        ------
        TypeError, ValueError
            If X or `out` is not as described, or `return_std` is true and there is
            only one run.
        """
        check_is_fitted(self)
        if return_std:
            return self._codes_and_std(X, out)
        if is_dask_array(X):
            with warnings.catch_warnings():
                # Each chunk warns, or has the names.
                warnings.filterwarnings("ignore", "X does not have valid feature names")
                self._validate_all_but_values(none_like(X), 0)
            if out is not None:
                check_out(out, (X.shape[0], self._n_features_out), self._codes_dtype)
            # A later fit must not change what is computed later.
            snapshot = self._shallow_copy()
            codes = map_chunks(
                snapshot._codes, X, self._n_features_out, self._codes_dtype, out
            )
            return codes if returns_arrays(self) else np.asarray(codes)
        return self._codes(X, out)

    def transform_runs(self, X):
        """Embed X by each run of ``n_init``.

        All runs are aligned. The mean of their codes is what `transform` returns. For
        k-sparse codes it then keeps the largest components, and for bits it averages
        before it rounds.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples to embed, of the training data or not.

        Returns
        -------
        ndarray of shape (n_init, n_samples, n_components), dtype float32
            Codes, in the units of the data. Bits have the shape and dtype of those of
            `transform`, for each run.
        """
        check_is_fitted(self)
        X = self._validate_all_but_values(X)
        return np.stack([self._embed(network, X) for network in self.networks_])

    def inverse_transform(self, X):
        """Reconstruct samples from their codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features), dtype float64
            Reconstructed samples. They are images if `fit` was given images.
        """
        check_is_fitted(self)
        samples = self._decode(self._network_codes(X, "X"))
        return samples.reshape(len(samples), *self.sample_shape_)

    def score(self, X, y=None, sample_weight=None):
        r"""Return the fraction of the variance of X that its reconstruction explains.

        .. math:: R^2 = 1 - \sum_i w_i |x_i - \hat x_i|^2 \Big/
            \sum_i w_i |x_i - \bar x|^2

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples to reconstruct.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights :math:`w`; all equal by default.

        Returns
        -------
        float
            The best score is 1.0; the mean of X as its reconstruction has 0.0. Of one
            sample it is nan, with a warning.
        """
        check_is_fitted(self)
        X = self._validate_all_but_values(X)
        weights = check_weights(sample_weight, X.shape[0], least=1)
        errors = self._squared_errors(X)
        mean = feature_means(X, weights=weights)
        total = total_squared_deviation(X, mean, weights=weights)
        error = errors.sum() if weights is None else weights @ errors
        n_samples = len(errors) if weights is None else np.count_nonzero(weights)
        return explained_fraction(error, total, n_samples)

    def score_samples(self, X):
        """Return minus the squared reconstruction error of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples to reconstruct.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores in squared units of the data. The best is 0.0; low ones are
            anomalous.
        """
        check_is_fitted(self)
        return -self._squared_errors(self._validate_all_but_values(X))

    def _rounding_of_score(self, score, eps):
        """Return how far rounding may put a score off, by units of relative size `eps`.

        A residual of length r may be off by a few units of the data's standard
        deviation, d, and its square by :math:`2 r d + d^2`.
        """
        off = ROUNDINGS * eps * self.scale_
        return 2 * np.sqrt(abs(score)) * off + off**2

    def _codes(self, X, out=None):
        """Validate samples and embed them by the model."""
        X = self._validate_all_but_values(X)
        if out is not None:
            check_out(out, (X.shape[0], self._n_features_out), self._codes_dtype)
        return self._embed(self.network_, X, out)

    def _codes_and_std(self, X, out):
        """Embed samples, and return how far the runs put them apart."""
        if is_dask_array(X):
            raise ValueError(
                "return_std=True is not for dask arrays; embed their chunks one by one"
            )
        if len(self.networks_) == 1:
            raise ValueError(
                "return_std=True needs an estimator that was fitted with n_init=2 or"
                " more, because one run has no deviation"
            )
        X = self._validate_all_but_values(X)
        shape = X.shape[0], self._n_features_out
        if out is None:
            out = np.empty(shape, dtype=self._codes_dtype)
        check_out(out, shape, self._codes_dtype)
        found = apply_in_chunks(
            self.network_,
            self.network_.encode_with_std,
            X,
            self._scaler(),
            self._finish_codes,
        )
        out[:] = found[:, :-1]
        return out, found[:, -1]

    def _embed(self, network, X, out=None):
        return apply_in_chunks(
            network, network.encode, X, self._scaler(), self._finish_codes, out
        )

    def _encode(self, network, X):
        return apply_in_chunks(network, network.encode, X, self._scaler())

    def _scaler(self):
        """Return what checks, centers and scales one chunk of samples after another."""
        scaler = SampleScaler(self.mean_, self.scale_)

        def scale(chunk):
            self._check_values(chunk)
            return scaler(chunk)

        return scale

    def _scale_exactly(self, chunk):
        self._check_values(chunk)
        return scale_samples(chunk, self.mean_, self.scale_)

    def _finish_codes(self, codes):
        """Turn codes of the network into those of `transform`; hook."""
        return codes * self.code_scale_

    def _network_codes(self, codes, name):
        """Turn codes of `transform` into those of the network; hook."""
        return self._check_codes(codes, name) / self.code_scale_

    def _decode(self, codes):
        """Turn codes of the network into samples."""
        network, what = self.network_, "the codes hold values so large that"

        def rescale(samples):
            return samples * self.scale_ + self.mean_

        return apply_in_chunks(
            network, network.decode, codes, finish=rescale, what=what
        )

    def _squared_errors(self, X):
        """Reconstruct in float64, whose range the square of a scale needs."""
        network = self.network_.as_float64()

        def rescale(errors):
            return errors * self.scale_**2

        return apply_in_chunks(
            network, network.squared_errors, X, self._scale_exactly, rescale
        )

    def _add_code_output(self, graph, value):
        """Add what `_finish_codes` does to an ONNX graph; hook."""
        return graph.node("Mul", value, self.code_scale_)

    def _add_code_input(self, graph, value):
        """Add what `_network_codes` does to an ONNX graph; hook."""
        return graph.node("Div", value, self.code_scale_)

    def _add_scores(self, graph, value):
        """Add what `score_samples` does to scaled samples to a float64 graph; hook."""
        errors = self.network_.as_float64().add_squared_errors(graph, value)
        return graph.node("Mul", errors, -(self.scale_**2))

    @property
    def _n_features_out(self):
        return self.network_.n_components
