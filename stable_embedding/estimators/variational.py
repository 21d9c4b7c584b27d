"""An autoencoder whose codes are distributions, and whose decoder can be sampled."""

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._sklearn import Interval, StrOptions
from ..data.corruption import CodeNoise
from ..losses.variational import BernoulliKLLoss, CrossEntropyLoss, GaussianKLLoss
from ..networks.frame import axis_map_onto
from ..networks.inference import apply_in_chunks
from ..networks.variational import VariationalNetwork
from .autoencoder import StableAutoencoder
from .embedding import ROUNDINGS
from .registry import register

# How far beyond 0 and 1 rounding may bring a feature between them.
_ROUNDING = 1e-6


@register
class VariationalAutoencoder(StableAutoencoder):
    r"""Autoencoder whose codes are distributions.

    Use it to draw new samples, or to score how likely samples are. The code of a sample
    is a normal distribution, and `transform` returns its mean. This class also has the
    parameters, attributes and methods of :class:`StableAutoencoder`. It does not take
    `encoder` and `decoder`.

    Parameters
    ----------
    n_components : int, default=2
        Number of components of the embedding.

    kl_weight : float, default=1.0
        Weight :math:`v` of the divergence of codes from their prior.

    likelihood : {"gaussian", "bernoulli"}, default="gaussian"
        Distribution of a sample given its code: normal with one variance for all
        features, or independent features between 0 and 1.

    Attributes
    ----------
    reconstruction_loss_ : float
        Fraction of the training data's variance that the means of the codes do not
        explain. With "bernoulli" it is the cross-entropy, divided by that of the mean
        sample.

    kl_loss_ : float
        Mean divergence of the training data's codes, in nats, times the factor that
        puts it into the units of the loss; 0 if its weight is 0.

    noise_variance_ : float
        Variance of each feature given the code, in squared units of the data, from at
        most a thousand samples. After `partial_fit` it is the mean over chunks, by
        their numbers of samples. NaN with "bernoulli".

    See Also
    --------
    StableAutoencoder : The same with a code that is a point.
    TripletVariationalAutoencoder : The same with labels.

    Notes
    -----
    The code of a sample has the mean :math:`\mu(x)` and the diagonal covariance
    :math:`\Sigma(x)`. The decoder reconstructs the sample from a draw of it. The prior
    :math:`p(z) = N(0, I s^2 / k)` is as wide as the data. For :math:`p` features the
    loss is

    .. math:: L = L_\text{rec} + w L_\text{sim}(x, \mu) + v\, \frac{2 L_\text{rec}}{p}
        \operatorname{mean}_i \mathrm{KL}\bigl(N(\mu_i, \Sigma_i) \,\|\, p(z)\bigr)

    With :math:`v = 1` and :math:`w = 0` its gradient is that of minus the evidence
    lower bound for normal noise of the likeliest variance, times the factor
    :math:`2 L_\text{rec} / p`, which puts it into the units of the first term. With
    ``likelihood="bernoulli"`` features are between 0 and 1, the decoder returns logits,
    and minus the bound is divided by the cross-entropy of the mean sample.

    Each axis has its own variance, so trained codes are aligned by a permutation of
    axes and by changes of signs. Final losses, and those on validation samples, are
    computed from the means, without noise.

    `alpha` shrinks all weights but the linear path and the bias of the log variances.

    References
    ----------
    D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", ICLR 2014.

    O. Rybkin, K. Daniilidis and S. Levine, "Simple and effective VAE training with
    calibrated decoders", ICML 2021, for the variance of the noise.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import VariationalAutoencoder
    >>> X, _ = load_iris(return_X_y=True)
    >>> model = VariationalAutoencoder(n_init=2).fit(X)
    >>> model.sample(3).shape
    (3, 4)
    >>> bool(model.score_samples(X).mean() > model.score_samples(X + 1).mean())
    True
    """

    _parameter_constraints = {
        **StableAutoencoder._parameter_constraints,
        "kl_weight": [Interval(Real, 0, None, closed="left")],
        "likelihood": [StrOptions({"gaussian", "bernoulli"})],
    }
    del _parameter_constraints["encoder"], _parameter_constraints["decoder"]

    _network_class = VariationalNetwork

    def __init__(
        self,
        n_components=2,
        *,
        kl_weight=1.0,
        likelihood="gaussian",
        hidden_layer_sizes="auto",
        activation="relu",
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
        self.kl_weight = kl_weight
        self.likelihood = likelihood

    def sample(self, n_samples=1, random_state=None):
        """Draw new samples, by decoding codes that are drawn from the prior.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples.

        random_state : int, RandomState instance or None, default=None
            Seed of the draw.

        Returns
        -------
        ndarray of shape (n_samples, n_features), dtype float64
            Means of the samples given their codes, without noise.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples={n_samples!r} must be a positive integer")
        shape = n_samples, self.network_.n_components
        draws = check_random_state(random_state).normal(size=shape)
        return self._decode(self._run.prior_deviation * draws)

    def score_samples(self, X):
        r"""Return the evidence lower bound of each sample: low is anomalous.

        .. math:: \operatorname{E}_{z \sim N(\mu, \Sigma)} \log p(x | z)
            - \mathrm{KL}\bigl(N(\mu, \Sigma) \,\|\, p(z)\bigr) \le \log p(x)

        The expectation is a mean over 16 codes, which are at the same quantiles of the
        distribution for every sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples to score.

        Returns
        -------
        ndarray of shape (n_samples,)
            Bounds in nats, on the log density in the units of the data, or on the log
            probability of binary features.
        """
        check_is_fitted(self)
        costs = self._costs(self._validate_all_but_values(X), self._scale_exactly)
        slope, shift = self._likelihood_of_cost()
        return slope * costs[:, 0] + shift - costs[:, 1]

    def _rounding_of_score(self, score, eps):
        return ROUNDINGS * eps * abs(score)

    def _likelihood_of_cost(self):
        """Return slope and shift of the log likelihood over the expected cost."""
        if self._run.likelihood == "bernoulli":
            return -1.0, 0.0
        variance = max(self.noise_variance_, np.finfo(np.float64).tiny)
        shift = -self.n_features_in_ / 2 * np.log(2 * np.pi * variance)
        return -(self.scale_**2) / (2 * variance), shift

    def _add_scores(self, graph, value):
        slope, shift = self._likelihood_of_cost()
        expected, divergence = self.network_.as_float64().add_costs(graph, value)
        likelihood = graph.node("Add", graph.node("Mul", expected, slope), shift)
        return graph.node("Sub", likelihood, divergence)

    def _costs(self, X, prepare=None):
        network = self.network_.as_float64()
        return apply_in_chunks(network, network.costs, X, prepare)

    def _rigid_map(self, network, codes, target, weights=None, hold=0.0):
        return axis_map_onto(codes, target, weights=weights, hold=hold)

    def _finalize_fit(self, data):
        self.kl_loss_ = self.losses_["kl_loss"]
        if self._run.likelihood == "bernoulli":
            self.noise_variance_ = np.nan
            return
        costs = self._costs(data.estimation_subset.samples)[:, 0]
        error = np.average(costs, weights=data.estimation_subset.weights)
        variance = error * self.scale_**2 / self.n_features_in_
        fraction = data.fraction_of_seen
        if fraction < 1:
            variance = fraction * variance + (1 - fraction) * self.noise_variance_
        self.noise_variance_ = variance

    def _decode(self, codes):
        samples = super()._decode(codes)
        return samples.clip(0, 1) if self._is_binary(fitted=True) else samples

    @property
    def _requires_features(self):
        return self.likelihood == "bernoulli"

    def _is_binary(self, fitted):
        """Tell whether features are between 0 and 1, in the fitted map or the next."""
        likelihood = self._run.likelihood if fitted else self.likelihood
        return likelihood == "bernoulli"

    @property
    def _gains_beyond_pca(self):
        return super()._gains_beyond_pca or self.likelihood == "bernoulli"

    def _architecture(self, plan):
        return super()._architecture(plan) | {"likelihood": self.likelihood}

    def _build_network(self, data, plan, seed, **more):
        return super()._build_network(
            data, plan, seed, mean=_float32(data.mean), scale=data.scale, **more
        )

    def _check_values(self, chunk, fitted=True):
        super()._check_values(chunk, fitted)
        if not chunk.size or not self._is_binary(fitted):
            return
        least, largest = chunk.min(), chunk.max()
        if least < -_ROUNDING or largest > 1 + _ROUNDING:
            raise ValueError(
                f"X has values from {least} to {largest}; with likelihood='bernoulli'"
                " all must be between 0 and 1"
            )

    def _input_transform(self, data):
        return CodeNoise(self.n_components)

    def _start_guide(self, data, plan):
        # Probabilities are learned slowly: after a guide too few steps would be left.
        if self._is_binary(fitted=False):
            return []
        return super()._start_guide(data, plan)

    def _loss_terms(self, networks, data, plan):
        weight = float(self.kl_weight)
        terms = super()._loss_terms(networks, data, plan)
        if self._is_binary(fitted=False):
            cross_entropy = CrossEntropyLoss(_float32(data.mean), data.scale)
            divergence = BernoulliKLLoss(weight, cross_entropy.of_mean)
            return [cross_entropy, *terms[1:], divergence]
        n_features = self.n_features_in_
        return [*terms, GaussianKLLoss(weight, n_features, data.discarded_variance)]


def _float32(mean):
    return torch.from_numpy(mean.astype(np.float32))
