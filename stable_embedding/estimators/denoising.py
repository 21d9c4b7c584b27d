"""An autoencoder that removes noise."""

from numbers import Real

import torch
from sklearn.utils.validation import check_is_fitted

from .._sklearn import Interval, StrOptions
from ..data.corruption import CORRUPTIONS, Corruption
from .autoencoder import StableAutoencoder
from .registry import register


@register
class DenoisingAutoencoder(StableAutoencoder):
    r"""Autoencoder that learns to reconstruct samples from corrupted ones.

    Use it for noisy samples. The training corrupts each batch; the network should
    return the clean samples, and its codes should keep their distances. This class also
    has the parameters, attributes and methods of :class:`StableAutoencoder`.

    Parameters
    ----------
    n_components : int, default=2
        Number of components of the embedding.

    corruption : {"gaussian", "masking", "salt_and_pepper"}, default="gaussian"
        What is done to samples. "gaussian" adds normal noise to each value. "masking"
        replaces values by the mean of their feature, and "salt_and_pepper" by its
        minimum or maximum, with equal probability.

    corruption_level : float, default=0.3
        With "gaussian" the standard deviation of the noise, divided by the root of the
        mean variance of the features; otherwise the fraction of the values that are
        replaced. With 0 this is a `StableAutoencoder`.

    See Also
    --------
    StableAutoencoder : The same without corruption.

    Notes
    -----
    With the corruption :math:`\tilde x` of a sample the loss is

    .. math:: L = \operatorname{mean}_i |x_i - \hat x(\tilde x_i)|^2
        + w L_\text{sim}(x, z(\tilde x))

    Each epoch draws the corruption of a sample again, from its content and the seed. So
    it does not depend on the other samples.

    If values are replaced, wide samples are trained on with all of their features.

    References
    ----------
    P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol, "Extracting and composing
    robust features with denoising autoencoders", ICML 2008.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import DenoisingAutoencoder
    >>> X, _ = load_iris(return_X_y=True)
    >>> DenoisingAutoencoder(n_init=2).fit(X).denoise(X).shape
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
        hidden_layer_sizes="auto",
        activation="relu",
        encoder=None,
        decoder=None,
        metric="euclidean",
        metric_params=None,
        similarity="distance",
        similarity_weight=1.0,
        neighbor_weight=0.0,
        n_neighbors=15,
        neighbors="auto",
        label_weight=0.0,
        target_type="auto",
        extra_losses=(),
        init="pca",
        layerwise_pretraining=False,
        n_init="auto",
        consensus_weight="auto",
        batch_size="auto",
        learning_rate_init=5e-3,
        max_iter="auto",
        alpha="auto",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        checkpoint=None,
        callbacks=None,
        device="auto",
        accelerator=None,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            n_components,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            encoder=encoder,
            decoder=decoder,
            metric=metric,
            metric_params=metric_params,
            similarity=similarity,
            similarity_weight=similarity_weight,
            neighbor_weight=neighbor_weight,
            n_neighbors=n_neighbors,
            neighbors=neighbors,
            label_weight=label_weight,
            target_type=target_type,
            extra_losses=extra_losses,
            init=init,
            layerwise_pretraining=layerwise_pretraining,
            n_init=n_init,
            consensus_weight=consensus_weight,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            alpha=alpha,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            checkpoint=checkpoint,
            callbacks=callbacks,
            device=device,
            accelerator=accelerator,
            random_state=random_state,
            verbose=verbose,
        )
        self.corruption = corruption
        self.corruption_level = corruption_level

    def denoise(self, X):
        """Reconstruct clean samples from noisy ones.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Noisy samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features), dtype float64
            Estimates of the samples without noise.
        """
        check_is_fitted(self)
        return self.inverse_transform(self._codes(X))

    @property
    def _requires_features(self):
        return self.corruption != "gaussian" and self.corruption_level > 0

    @property
    def _gains_beyond_pca(self):
        return super()._gains_beyond_pca or self.corruption_level > 0

    def _plan(self, resume):
        if self.corruption != "gaussian" and self.corruption_level > 1:
            raise ValueError(
                f"corruption_level={self.corruption_level} must be a fraction between 0"
                f" and 1 with corruption={self.corruption!r}"
            )
        return super()._plan(resume)

    def _input_transform(self, data):
        level = self.corruption_level
        if level == 0:
            return None
        if self.corruption == "gaussian":
            return Corruption("gaussian", level / self.n_features_in_**0.5)
        extremes = torch.from_numpy(data.samples.extremes())
        return Corruption(self.corruption, level, *extremes)
