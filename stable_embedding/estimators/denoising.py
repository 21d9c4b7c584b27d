"""An autoencoder that undoes noise."""

from numbers import Real

import torch
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..data.corruption import CORRUPTIONS, Corruption
from ..estimators.autoencoder import StableAutoencoder
from ..estimators.inheritance import takes_parameters


@takes_parameters()
class DenoisingAutoencoder(StableAutoencoder):
    r"""Autoencoder that is trained to reconstruct rows from corrupted ones.

    Batches are corrupted before the network sees them, in training only; what it should
    return, and whose distances its codes should keep, are the clean rows:

    .. math:: L = \operatorname{mean}_i |x_i - \hat x(\tilde x_i)|^2
        + w L_\text{sim}(x, z(\tilde x))

    The corruption :math:`\tilde x` of a row is drawn anew in each epoch, from what the
    row holds and from the seed, so that other rows that come or go leave it.

    Parameters
    ----------
    n_components : int, default=2
        Number of components of the embedding.

    corruption : {"gaussian", "masking", "salt_and_pepper"}, default="gaussian"
        Normal noise on each value; values replaced by the mean of their feature; or by
        the least or largest of their feature, each as likely.

    corruption_level : float, default=0.3
        Of normal noise the standard deviation, over the root of the mean variance of
        the features; else the share of the values that are replaced. With 0 this is
        a `StableAutoencoder`.

    Attributes
    ----------
    network_ : Autoencoder
        The trained network, between scaled rows and scaled codes.

    See Also
    --------
    StableAutoencoder : The same without corruption.

    Notes
    -----
    With values replaced, wide rows are trained on by all their features.

    References
    ----------
    P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol, "Extracting and composing
    robust features with denoising autoencoders", ICML 2008.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import DenoisingAutoencoder
    >>> X, _ = load_iris(return_X_y=True)
    >>> DenoisingAutoencoder(random_state=0).fit(X).denoise(X).shape
    (150, 4)
    """

    _parameter_constraints = {
        **StableAutoencoder._parameter_constraints,
        "corruption": [StrOptions(set(CORRUPTIONS))],
        "corruption_level": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components=2,
        *,
        corruption="gaussian",
        corruption_level=0.3,
        **shared,
    ):
        super().__init__(n_components, **shared)
        self.corruption = corruption
        self.corruption_level = corruption_level

    def denoise(self, X):
        """Return rows as they come back from their codes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Noisy rows.

        Returns
        -------
        ndarray of shape (n_samples, n_features), dtype float64
            What they may have been without noise.
        """
        check_is_fitted(self)
        return self.inverse_transform(self._codes(X))

    @property
    def _needs_features(self):
        return self.corruption != "gaussian" and self.corruption_level > 0

    def _input_transform(self, sample):
        level = self.corruption_level
        if level == 0:
            return None
        if self.corruption == "gaussian":
            return Corruption("gaussian", level / self.n_features_in_**0.5)
        if level > 1:
            raise ValueError(
                f"corruption_level={level} must be a share between 0 and 1 where"
                f" corruption={self.corruption!r}"
            )
        extremes = map(torch.from_numpy, (sample.min(axis=0), sample.max(axis=0)))
        return Corruption(self.corruption, level, *extremes)
