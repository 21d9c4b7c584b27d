"""A network whose codes are nearly bits."""

from typing import Any

import torch
from torch import Tensor

from ..losses.base import Outputs
from .autoencoder import Autoencoder

# By which logits are multiplied: a component of unit variance then starts with most of
# its samples well above or below the noise.
STEEPNESS = 4.0


class HashingNetwork(Autoencoder):
    """An autoencoder whose codes are logistic, and nearly binary once it is trained.

    A code is between 0 and `height`, so that two samples with random bits lie as far
    apart as two samples of the data.

    Parameters
    ----------
    noise : float
        Standard deviation of the noise that training adds to logits.

    **shared : object
        As in :class:`~stable_embedding.networks.Autoencoder`.
    """

    _settings = (*Autoencoder._settings, "noise")

    def __init__(self, *, noise: float, **shared: Any):
        super().__init__(**shared)
        self.noise = noise
        self.height = 2 / self.n_components**0.5
        self.steepness = STEEPNESS * self.n_components**0.5

    def logits(self, samples: Tensor) -> Tensor:
        """Return the logits of bits."""
        return self.steepness * self.encoder(samples)

    def encode(self, samples: Tensor) -> Tensor:
        """Return the codes of samples."""
        return self.codes_of(self.logits(samples))

    def codes_of(self, logits: Tensor) -> Tensor:
        """Return the codes of logits."""
        return self.height * torch.sigmoid(logits)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the samples of codes."""
        return self.decoder(codes - self.height / 2)

    def discretize(self, codes: Tensor) -> Tensor:
        """Cut codes to bits."""
        return self.height * (codes > self.height / 2).to(codes.dtype)

    def forward(self, samples: Tensor, noise: Tensor | None = None) -> Any:
        """Return codes and reconstruction, with noise on the logits if it is given."""
        logits = self.logits(samples)
        if noise is not None:
            logits = logits + self.noise * noise
        codes = self.codes_of(logits)
        return Outputs(codes, self.decode(codes))

    def add_encoder(self, graph: Any, value: str) -> str:
        """Add the nodes of `encode` to an ONNX graph, and return their output."""
        value = super().add_encoder(graph, value)
        value = graph.node("Mul", value, self.steepness)
        return graph.node("Mul", graph.node("Sigmoid", value), self.height)

    def add_decoder(self, graph: Any, value: str) -> str:
        """Add the nodes of `decode` to an ONNX graph, and return their output."""
        value = graph.node("Sub", value, self.height / 2)
        return super().add_decoder(graph, value)

    def add_discretization(self, graph: Any, value: str) -> str:
        """Add the nodes of `discretize` to an ONNX graph, and return their output."""
        bits = graph.node("Greater", value, self.height / 2)
        return graph.node("Mul", graph.cast(bits, graph.dtype), self.height)
