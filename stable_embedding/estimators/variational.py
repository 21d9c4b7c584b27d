"""Autoencoders whose codes are distributions, and whose decoder can be drawn from."""

from functools import partial
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from scipy.stats import qmc
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from ..data.corruption import CodeNoise
from ..data.subsample import fixed_subsample
from ..estimators.autoencoder import StableAutoencoder
from ..estimators.inheritance import takes_parameters
from ..losses.base import Penalty, in_blocks, reconstruction_loss, rows_of
from ..networks.autoencoder import Autoencoder
from ..networks.frame import axis_map_onto
from ..networks.inference import apply_in_chunks

# Logarithm of a code's first variance over the prior's: nearly a plain code.
_FIRST_LOG_VARIANCE = -4.0

# Beyond these a code is a point, or nothing is known of it: far from the training data
# the network might say anything.
_LOG_VARIANCES = (-20.0, 10.0)

# How far beyond 0 and 1 rounding may bring a feature between them.
_ROUNDING = 1e-6

# Draws of the code of each row, over which its expected loss is averaged in `costs`.
_N_DRAWS = 16

# A start at the mean of a binary feature must not have infinite logits.
_SMALLEST_MEAN = 0.01

# Rows that the variance of the noise is estimated on.
_ESTIMATION_ROWS = 1_000

# Rows within which all triplets are compared; of larger batches those of such blocks.
_TRIPLET_ROWS = 64


def kl_divergence(means: Tensor, log_variances: Tensor) -> Tensor:
    r"""Divergence of diagonal normal distributions from the standard one, in nats.

    .. math:: \tfrac12 \sum_j (\sigma_j^2 + \mu_j^2 - 1 - \log \sigma_j^2)

    Parameters
    ----------
    means, log_variances : Tensor of shape (..., n_components)

    Returns
    -------
    Tensor of shape (...)
    """
    terms = log_variances.exp() + means.square() - 1 - log_variances
    return 0.5 * terms.sum(-1)


def noise_unit(
    n_features: int, dropped: float, rows: Tensor, reconstruction: Tensor
) -> Tensor:
    r"""Factor that turns nats into shares of variance, :math:`2 L_\text{rec} / p`.

    Minus the log likelihood for normal noise of variance :math:`\sigma^2` has the slope
    of the squared error over :math:`2 \sigma^2`; the likeliest variance is
    :math:`L_\text{rec} / p`. It is a constant to the gradient.
    """
    lost = reconstruction_loss(rows, reconstruction) + dropped
    return 2 * lost.detach() / n_features


def triplet_loss(codes: Tensor, labels: Tensor, margin: float) -> Tensor:
    r"""Mean over triplets by how much a row of another class is too near.

    .. math:: \operatorname{mean} \max\bigl(0,\,
        \tfrac12 |z_a - z_p|^2 - \tfrac12 |z_a - z_n|^2 + m \bigr)

    over all rows :math:`a`, others :math:`p` of the same class and :math:`n` of
    another, within blocks of at most 64 rows.

    Parameters
    ----------
    codes : Tensor of shape (..., n_rows, n_components)

    labels : Tensor of shape (..., n_rows)
        Classes.

    margin : float
        The :math:`m` by which half the squared distances should differ.

    Returns
    -------
    Tensor of shape (...)
        The margin for a collapsed map; 0 where there is no triplet.
    """
    codes = in_blocks(codes, _TRIPLET_ROWS)
    labels = in_blocks(labels.unsqueeze(-1), _TRIPLET_ROWS)
    halves = 0.5 * (codes.unsqueeze(-2) - codes.unsqueeze(-3)).square().sum(-1)
    alike = labels == labels.mT
    others = alike & ~torch.eye(alike.shape[-1], dtype=torch.bool, device=alike.device)
    triplets = others.unsqueeze(-1) & ~alike.unsqueeze(-2)
    excess = (halves.unsqueeze(-1) - halves.unsqueeze(-2) + margin).clamp_min(0)
    total = torch.where(triplets, excess, 0).sum((-3, -2, -1))
    counts = triplets.sum((-3, -2, -1))
    return total.sum(-1) / counts.sum(-1).clamp_min(1)


def quasi_normal_draws(n_components: int) -> np.ndarray:
    """Draw standard normal codes, spread evenly, with means 0 and variances 1.

    Returns shape (16, n_components): half of them, and the same on the other side.
    """
    normal = qmc.MultivariateNormalQMC(np.zeros(n_components), rng=0)
    draws = normal.random(_N_DRAWS // 2)
    draws /= np.sqrt(np.square(draws).mean(axis=0))
    return np.concatenate([draws, -draws])


def unscale(rows: Tensor, mean: Tensor, scale: float) -> Tensor:
    """Return scaled rows as they were, between 0 and 1."""
    return (rows * scale + mean).clamp(0, 1)


def cross_entropies(logits: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy of each row, in nats."""
    return binary_cross_entropy_with_logits(logits, target, reduction="none").sum(-1)


class CrossEntropy:
    """Cross-entropy of features between 0 and 1, over that of their mean.

    Parameters
    ----------
    mean : Tensor of shape (n_features,)
        What was taken from rows before they were scaled.

    scale : float
        By what they were divided.
    """

    def __init__(self, mean: Tensor, scale: float):
        self.mean = mean
        self.scale = scale
        of_mean = torch.special.entr(mean) + torch.special.entr(1 - mean)
        self.whole = of_mean.sum().item() or 1.0

    def __call__(self, rows: Tensor, logits: Tensor) -> Tensor:
        """Return the mean over scaled rows for the logits of each, (..., n_rows)."""
        target = unscale(rows, self.mean.to(rows), self.scale)
        return cross_entropies(logits, target).mean(-1) / self.whole


class VariationalNetwork(Autoencoder):
    """An autoencoder whose encoder also tells how sharp a code is.

    Codes have a prior that is normal, with a variance of 1 in all: that of the rows.

    Parameters
    ----------
    likelihood : {"gaussian", "bernoulli"}
        With "bernoulli" the decoder's output are logits of the rows as they were.

    mean : Tensor of shape (n_features,)
        What was taken from rows before they were scaled.

    scale : float
        By what they were divided.

    **shared : object
        As in :class:`~stable_embedding.networks.Autoencoder`.
    """

    _settings = (*Autoencoder._settings, "likelihood", "scale")

    def __init__(self, *, likelihood: str, mean: Tensor, scale: float, **shared: Any):
        super().__init__(**shared)
        self.likelihood = likelihood
        self.scale = scale
        self.mean: Tensor
        self.register_buffer("mean", mean)
        self.prior_deviation = self.n_components**-0.5
        width = self.encoder.last.in_features
        self.log_variance = nn.utils.skip_init(nn.Linear, width, self.n_components)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, _FIRST_LOG_VARIANCE)
        if likelihood == "bernoulli":
            self._start_at_mean()

    @classmethod
    def _completed(cls, settings: dict[str, Any]) -> dict[str, Any]:
        return {**settings, "mean": torch.zeros(settings["n_features"])}

    @torch.no_grad()
    def _start_at_mean(self) -> None:
        """Let logits start at those of the mean, and follow PCA from there."""
        mean = self.mean.clamp(_SMALLEST_MEAN, 1 - _SMALLEST_MEAN)
        decoder = self.decoder
        decoder.last.bias.copy_(mean.logit())
        if decoder.linear_path is not None:
            slope = self.scale / (mean * (1 - mean))
            decoder.linear_path.weight.mul_(slope.unsqueeze(-1))

    @property
    def decodes_to_data_space(self) -> bool:
        """Whether the decoder's output are rows, and not logits."""
        return self.likelihood == "gaussian"

    def posterior(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean codes of rows, and log variances over the prior's."""
        hidden = self.encoder.hidden(rows)
        log_variances = self.log_variance(hidden).clamp(*_LOG_VARIANCES)
        return self.encoder.from_hidden(hidden, rows), log_variances

    def deviations(self, log_variances: Tensor) -> Tensor:
        """Return the standard deviations of codes."""
        return self.prior_deviation * (log_variances / 2).exp()

    def forward(self, inputs: Any) -> tuple[Tensor, ...]:
        """Return codes, output and log variances, of rows or of rows and noise.

        The output is a reconstruction, or logits.
        """
        rows, noise = (inputs, None) if isinstance(inputs, Tensor) else inputs
        means, log_variances = self.posterior(rows)
        codes = means
        if noise is not None:
            codes = means + self.deviations(log_variances) * noise
        return means, self.decoder(codes), log_variances

    def decode(self, codes: Tensor) -> Tensor:
        """Return the rows of codes."""
        output = self.decoder(codes)
        if self.decodes_to_data_space:
            return output
        return (output.sigmoid() - self.mean) / self.scale

    def costs(self, rows: Tensor) -> Tensor:
        """Return the two parts of the bound of each row.

        Returns
        -------
        Tensor of shape (n_rows, 2)
            The squared error, or with logits the cross-entropy, that is to be expected
            over the code's distribution; and that one's divergence from the prior.
        """
        means, log_variances = self.posterior(rows)
        deviations = self.deviations(log_variances)
        target = (
            rows if self.decodes_to_data_space else unscale(rows, self.mean, self.scale)
        )
        expected = torch.zeros_like(means[:, 0])
        for noise in torch.from_numpy(quasi_normal_draws(self.n_components)).to(rows):
            output = self.decoder(means + deviations * noise)
            expected += self._loss_of(output, target) / _N_DRAWS
        divergence = kl_divergence(means / self.prior_deviation, log_variances)
        return torch.stack([expected, divergence], dim=-1)

    def _loss_of(self, output: Tensor, target: Tensor) -> Tensor:
        if self.decodes_to_data_space:
            return (output - target).square().sum(-1)
        return cross_entropies(output, target)

    def project_inputs(self, basis: Tensor, gain: float = 1.0) -> Self:
        """Copy the network to rows in another basis."""
        network = super().project_inputs(basis, gain)
        if not self.hidden_layer_sizes:  # the variances are read from the rows
            ratio = self.encoder.gain / gain
            weight = self.log_variance.weight.detach() @ basis.T * ratio
            network.log_variance.weight = nn.Parameter(weight)
        network.mean = self.mean @ basis.T
        return network

    @torch.no_grad()
    def fold(self, rotation: Tensor, shift: Tensor) -> None:
        """Permute the axes of the codes, within the weights."""
        super().fold(rotation, shift)
        order = rotation.abs().to(self.log_variance.weight.dtype)
        self.log_variance.weight.copy_(order.T @ self.log_variance.weight)
        self.log_variance.bias.copy_(self.log_variance.bias @ order)


@takes_parameters()
class VariationalAutoencoder(StableAutoencoder):
    r"""Autoencoder with a probabilistic code.

    A row's code is a normal distribution with mean :math:`\mu(x)` and diagonal
    covariance :math:`\Sigma(x)`; the decoder reconstructs from a draw of it, and its
    divergence from a prior :math:`p(z) = N(0, I s^2 / k)`, as wide as the data, counts:

    .. math:: L = L_\text{rec} + w L_\text{sim}(x, \mu) + v\, \frac{2 L_\text{rec}}{p}
        \operatorname{mean}_i \mathrm{KL}\bigl(N(\mu_i, \Sigma_i) \,\|\, p(z)\bigr)

    for :math:`p` features. With :math:`v = 1` its slope is that of minus the evidence
    lower bound for normal noise of the variance that is most likely, which the factor
    :math:`2 L_\text{rec} / p` puts into the units of the first term. With
    ``likelihood="bernoulli"`` features are between 0 and 1, the decoder gives logits,
    and minus the bound is divided by the cross-entropy of the mean row.

    Parameters
    ----------
    n_components : int, default=2
        Number of components of the embedding.

    kl_weight : float, default=1.0
        Weight :math:`v` of the divergence.

    likelihood : {"gaussian", "bernoulli"}, default="gaussian"
        Distribution of a row given its code: normal with one variance for all
        features, or independent features between 0 and 1.

    Attributes
    ----------
    network_ : VariationalNetwork
        The trained network, between scaled rows and scaled codes.

    reconstruction_loss_ : float
        Share of the training data's variance that is not explained by the codes' means;
        of binary features their cross-entropy, as a share of that of the mean row.

    kl_loss_ : float
        Mean divergence of the training data's codes, in nats, times the factor that
        puts it into the units of the loss; 0 where its weight is.

    noise_variance_ : float
        Variance of each feature given the code, in squared units of the data, from a
        thousand rows at most. NaN for binary features.

    See Also
    --------
    StableAutoencoder : The same with a code that is a point.
    TripletVariationalAutoencoder : The same with labels.

    Notes
    -----
    `transform` gives the means. Axes have variances of their own, so the map that lays
    codes in their frame permutes axes and turns them over. Final losses, and those of
    rows held out for early stopping, are of the means too, without noise.

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
    >>> model = VariationalAutoencoder(random_state=0).fit(X)
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

    _network_class = VariationalNetwork
    _map_onto = staticmethod(axis_map_onto)

    def __init__(
        self, n_components=2, *, kl_weight=1.0, likelihood="gaussian", **shared
    ):
        super().__init__(n_components, **shared)
        self.kl_weight = kl_weight
        self.likelihood = likelihood

    def sample(self, n_samples=1, random_state=None):
        """Draw rows: codes from the prior, and what the decoder makes of them.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        random_state : int, RandomState instance or None, default=None
            Seed of the draw.

        Returns
        -------
        ndarray of shape (n_samples, n_features), dtype float64
            Means of the rows given their codes, without noise of their own.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples={n_samples!r} must be a positive integer")
        shape = n_samples, self.network_.n_components
        draws = check_random_state(random_state).normal(size=shape)
        return self._decode(self.network_.prior_deviation * draws)

    def score_samples(self, X):
        r"""Return the evidence lower bound of each row: low is anomalous.

        .. math:: \operatorname{E}_{z \sim N(\mu, \Sigma)} \log p(x | z)
            - \mathrm{KL}\bigl(N(\mu, \Sigma) \,\|\, p(z)\bigr) \le \log p(x)

        The expectation is a mean over 16 codes, at the same places of the distribution
        for every row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        ndarray of shape (n_samples,)
            In nats; of a density in the units of the data, or of binary features.
        """
        check_is_fitted(self)
        costs = self._costs(self._validate_all_but_values(X), self._scale_exactly)
        log_likelihood = -costs[:, 0]
        if self.likelihood == "gaussian":
            variance = max(self.noise_variance_, np.finfo(np.float64).tiny)
            log_likelihood *= self.scale_**2 / (2 * variance)
            log_likelihood -= self.n_features_in_ / 2 * np.log(2 * np.pi * variance)
        return log_likelihood - costs[:, 1]

    def _costs(self, X, prepare=None):
        network = self.network_.as_float64()
        return apply_in_chunks(network, "costs", X, prepare)

    def _finalize_fit(self, sample):
        self.noise_variance_ = np.nan
        if self.likelihood == "gaussian":
            some = sample[fixed_subsample(len(sample), _ESTIMATION_ROWS)]
            error = self._costs(some)[:, 0].mean() * self.scale_**2
            self.noise_variance_ = error / self.n_features_in_

    def _decode(self, codes):
        rows = super()._decode(codes)
        return rows if self.likelihood == "gaussian" else rows.clip(0, 1)

    @property
    def _needs_features(self):
        return self.likelihood == "bernoulli"

    def _architecture(self):
        return super()._architecture() | {"likelihood": self.likelihood}

    def _start(self, axes, seed, **more):
        return super()._start(axes, seed, **self._center_and_scale(), **more)

    def _center_and_scale(self):
        mean = torch.from_numpy(self.mean_.astype(np.float32))
        return {"mean": mean, "scale": self.scale_}

    def _check_values(self, block):
        super()._check_values(block)
        if self.likelihood == "gaussian" or not block.size:
            return
        least, largest = block.min(), block.max()
        if least < -_ROUNDING or largest > 1 + _ROUNDING:
            raise ValueError(
                f"X holds values from {least} to {largest}; with likelihood='bernoulli'"
                " all must be between 0 and 1"
            )

    def _input_transform(self, sample):
        return CodeNoise(self.n_components)

    def _loss_terms(self, dropped):
        if self.likelihood == "gaussian":
            terms, unit = {}, partial(noise_unit, self.n_features_in_, dropped)
        else:
            cross_entropy = CrossEntropy(**self._center_and_scale())
            terms = {"reconstruction": cross_entropy}
            unit = lambda *rows: 1 / cross_entropy.whole  # noqa: E731

        def divergence(output, target):
            means, reconstruction, log_variances = output
            standardized = means * means.shape[-1] ** 0.5
            in_nats = kl_divergence(standardized, log_variances).mean(-1)
            return unit(rows_of(target), reconstruction) * in_nats

        penalty = Penalty(float(self.kl_weight), divergence)
        return {**terms, "penalties": {"kl_loss": penalty}}


@takes_parameters()
class TripletVariationalAutoencoder(VariationalAutoencoder):
    r"""Variational autoencoder that is told which rows are of one class.

    .. math:: L = L_\text{VAE} + u \operatorname{mean}_{a, p, n} \max\bigl(0,\,
        \tfrac12 |\mu_a - \mu_p|^2 - \tfrac12 |\mu_a - \mu_n|^2 + m \bigr)

    over triplets of a row :math:`a`, another :math:`p` of its class and one :math:`n`
    of another class, within blocks of 64 rows of a batch, and codes over `scale_`.

    Parameters
    ----------
    n_components : int, default=2
        Number of components of the embedding.

    margin : float, default=1.0
        The :math:`m` by which half the squared distances should differ. Of two codes
        from the prior half the squared distance is 1 in the mean.

    triplet_weight : float, default=1.0
        Weight :math:`u` of the last term.

    Attributes
    ----------
    triplet_loss_ : float
        The last term without its weight, within batches of the training data; 0 where
        that is.

    See Also
    --------
    VariationalAutoencoder : The same without labels.

    References
    ----------
    H. Ishfaq, A. Hoogi and D. Rubin, "TVAE: triplet-based variational autoencoder using
    metric learning", arXiv 1802.04403.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import TripletVariationalAutoencoder
    >>> X, y = load_iris(return_X_y=True)
    >>> model = TripletVariationalAutoencoder(random_state=0).fit(X, y)
    >>> model.transform(X).shape
    (150, 2)
    """

    _parameter_constraints = {
        **VariationalAutoencoder._parameter_constraints,
        "margin": [Interval(Real, 0, None, closed="neither")],
        "triplet_weight": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, n_components=2, *, margin=1.0, triplet_weight=1.0, **shared):
        super().__init__(n_components, **shared)
        self.margin = margin
        self.triplet_weight = triplet_weight

    def _labels(self, y, X, order):
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is"
                " None: it holds the class of each row"
            )
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        check_consistent_length(X, y)
        classes = torch.from_numpy(np.unique(y, return_inverse=True)[1])
        return classes if order is None else classes[order]

    def _loss_terms(self, dropped):
        def loss(output, target):
            return triplet_loss(output[0], target[1], self.margin)

        terms = super()._loss_terms(dropped)
        penalty = Penalty(float(self.triplet_weight), loss)
        return {**terms, "penalties": {**terms["penalties"], "triplet_loss": penalty}}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
