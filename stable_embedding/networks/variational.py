"""A network whose codes are distributions."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from scipy.stats import qmc
from torch import Tensor, nn

from .._ambient import CPU_FLOAT32
from ..losses.variational import cross_entropies, kl_divergence, unscale
from .autoencoder import Autoencoder
from .onnx_layers import add_softplus

# Logarithm of a code's first variance over the prior's: nearly a plain code.
_FIRST_LOG_VARIANCE = -4.0

# Beyond these a code is a point, or nothing is known of it: far from the training data
# the network might say anything.
_LOG_VARIANCES = (-20.0, 10.0)

# Draws of the code of each sample, over which its expected loss is averaged.
_N_DRAWS = 16

# A start at the mean of a binary feature must not have infinite logits.
_SMALLEST_MEAN = 0.01


class VariationalOutputs(NamedTuple):
    """What the network makes of a batch.

    Attributes
    ----------
    codes : Tensor of shape (..., n_samples, n_components)
        Means of the codes.

    reconstruction : Tensor of shape (..., n_samples, n_features)
        Reconstruction from a draw of the codes, or logits of it.

    log_variances : Tensor of shape (..., n_samples, n_components)
        Logarithms of the codes' variances over the prior's.
    """

    codes: Tensor
    reconstruction: Tensor
    log_variances: Tensor


def quasi_normal_draws(n_components: int) -> np.ndarray:
    """Draw standard normal codes, spread evenly, with means 0 and variances 1.

    Returns shape (16, n_components): one half mirrors the other.
    """
    normal = qmc.MultivariateNormalQMC(np.zeros(n_components), rng=0)
    draws = normal.random(_N_DRAWS // 2)
    draws /= np.sqrt(np.square(draws).mean(axis=0))
    return np.concatenate([draws, -draws])


class VariationalNetwork(Autoencoder):
    """Autoencoder whose encoder also returns the variance of each code.

    Codes have a normal prior with a total variance of 1, as the samples have.

    Parameters
    ----------
    likelihood : {"gaussian", "bernoulli"}
        With "bernoulli" the decoder's output are logits of the unscaled samples.

    mean : Tensor of shape (n_features,)
        What was subtracted from samples when they were scaled.

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
        self.log_variance = nn.utils.skip_init(
            nn.Linear, width, self.n_components, **CPU_FLOAT32
        )
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, _FIRST_LOG_VARIANCE)
        if likelihood == "bernoulli":
            self._start_at_mean()

    @classmethod
    def _completed(cls, settings: dict[str, Any]) -> dict[str, Any]:
        return {**settings, "mean": torch.zeros(settings["n_features"], **CPU_FLOAT32)}

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
        """Whether the decoder's output are samples, and not logits."""
        return self.likelihood == "gaussian"

    def posterior(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean codes of samples, and log variances over the prior's."""
        hidden = self.encoder.hidden(samples)
        log_variances = self.log_variance(hidden).clamp(*_LOG_VARIANCES)
        return self.encoder.from_hidden(hidden, samples), log_variances

    def deviations(self, log_variances: Tensor) -> Tensor:
        """Return the standard deviations of codes."""
        return self.prior_deviation * (log_variances / 2).exp()

    def forward(self, samples: Tensor, noise: Tensor | None = None) -> Any:
        """Return means of codes, the reconstruction of a draw, and log variances.

        Without noise it is the reconstruction of the means.
        """
        means, log_variances = self.posterior(samples)
        codes = means
        if noise is not None:
            codes = means + self.deviations(log_variances) * noise
        return VariationalOutputs(means, self.decoder(codes), log_variances)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the samples of codes."""
        output = self.decoder(codes)
        if self.decodes_to_data_space:
            return output
        return (output.sigmoid() - self.mean) / self.scale

    def costs(self, samples: Tensor) -> Tensor:
        """Return the two parts of the bound of each sample.

        Returns
        -------
        Tensor of shape (n_samples, 2)
            The expected squared error, or with logits the expected cross-entropy, over
            the code's distribution; and the divergence of that one from the prior.
        """
        means, log_variances = self.posterior(samples)
        deviations = self.deviations(log_variances)
        target = samples
        if not self.decodes_to_data_space:
            target = unscale(samples, self.mean, self.scale)
        expected = torch.zeros_like(means[:, 0])
        for noise in torch.from_numpy(quasi_normal_draws(self.n_components)).to(
            samples
        ):
            output = self.decoder(means + deviations * noise)
            expected += self._loss_of(output, target) / _N_DRAWS
        divergence = kl_divergence(means / self.prior_deviation, log_variances)
        return torch.stack([expected, divergence], dim=-1)

    def _loss_of(self, output: Tensor, target: Tensor) -> Tensor:
        if self.decodes_to_data_space:
            return (output - target).square().sum(-1)
        return cross_entropies(output, target)

    def regularized_parameters(self) -> Iterator[nn.Parameter]:
        """Return the parameters that weight decay shrinks.

        The bias of the log variances is not one of them: shrunk to zero it would make
        all codes as wide as the prior, where a strong decay should leave PCA.
        """
        return chain(super().regularized_parameters(), [self.log_variance.weight])

    @torch.no_grad()
    def project_inputs(self, basis: Tensor, gain: float = 1.0) -> Self:
        """Copy the network to coordinates of samples in a basis."""
        network = super().project_inputs(basis, gain)
        if not self.hidden_layer_sizes:  # the variances are read from the samples
            ratio = self.encoder.gain / gain
            weight = self.log_variance.weight.detach() @ basis.T * ratio
            network.log_variance.weight = nn.Parameter(weight)
        network.mean = self.mean @ basis.T
        return network

    @torch.no_grad()
    def absorb_rigid_map(self, rotation: Tensor, shift: Tensor) -> None:
        """Permute the axes of the codes, within the weights."""
        super().absorb_rigid_map(rotation, shift)
        order = rotation.abs().to(self.log_variance.weight.dtype)
        self.log_variance.weight.copy_(order.T @ self.log_variance.weight)
        self.log_variance.bias.copy_(self.log_variance.bias @ order)

    def add_decoder(self, graph: Any, value: str) -> str:
        """Add the nodes of `decode` to an ONNX graph, and return their output."""
        value = super().add_decoder(graph, value)
        if self.decodes_to_data_space:
            return value
        value = graph.node("Sigmoid", value)
        value = graph.node("Sub", value, self.mean.numpy(force=True))
        return graph.node("Div", value, self.scale)

    def add_costs(self, graph: Any, value: str) -> list[str]:
        """Add the nodes of `costs` to an ONNX graph, and return a column for each."""
        hidden = self.encoder.add_hidden(graph, value)
        means = self.encoder.add_from_hidden(graph, hidden, value)
        log_variances = graph.linear(hidden, self.log_variance)
        log_variances = graph.node("Clip", log_variances, *_LOG_VARIANCES)
        variances = graph.node("Exp", log_variances)
        deviations = graph.node(
            "Mul", graph.node("Sqrt", variances), self.prior_deviation
        )
        draws = quasi_normal_draws(self.n_components)[:, np.newaxis]
        codes = graph.node("Add", means, graph.node("Mul", deviations, draws))
        # The decoder takes matrices: the draws of all samples below each other.
        codes = graph.node("Reshape", codes, np.array([-1, self.n_components]))
        output = self.decoder.add_to_graph(graph, codes)
        shape = np.array([_N_DRAWS, -1, self.n_features])
        losses = self._add_losses(graph, graph.node("Reshape", output, shape), value)
        expected = graph.sum(graph.sum(losses, axis=2), axis=0, keepdims=False)
        means = graph.node("Div", means, self.prior_deviation)
        terms = graph.node("Add", variances, graph.node("Mul", means, means))
        terms = graph.node("Sub", graph.node("Sub", terms, 1.0), log_variances)
        return [
            graph.node("Div", expected, float(_N_DRAWS)),
            graph.node("Mul", graph.sum(terms, axis=1), 0.5),
        ]

    def _add_losses(self, graph: Any, output: str, samples: str) -> str:
        """Add the loss of each feature: a squared error, or the cross-entropy."""
        if self.decodes_to_data_space:
            errors = graph.node("Sub", output, samples)
            return graph.node("Mul", errors, errors)
        target = graph.node("Mul", samples, self.scale)
        target = graph.node("Add", target, self.mean.numpy(force=True))
        target = graph.node("Clip", target, 0.0, 1.0)
        softplus = add_softplus(graph, output)
        return graph.node("Sub", softplus, graph.node("Mul", output, target))
