"""A network with sparse codes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .autoencoder import Autoencoder

# With this factor a logistic code has slope 1 where it starts, and the network is PCA's
# for codes that are small beside 1.
STEEPNESS = 4.0


def keep_largest(codes: Tensor, n_active: int) -> Tensor:
    """Keep the components of each code that are largest in size; set others to 0."""
    kept = codes.abs().topk(n_active, dim=-1).indices
    return torch.zeros_like(codes).scatter(-1, kept, codes.gather(-1, kept))


class SparseNetwork(Autoencoder):
    """An autoencoder with sparse codes.

    Parameters
    ----------
    penalty : {"kl", "l1", "k_sparse"}
        With "kl" codes are logistic, with "k_sparse" only the largest components of a
        code are kept.

    n_active : int
        Number of components that are kept.

    **shared : object
        As in :class:`~stable_embedding.networks.Autoencoder`.
    """

    _settings = (*Autoencoder._settings, "penalty", "n_active")

    def __init__(self, *, penalty: str, n_active: int, **shared: Any):
        super().__init__(**shared)
        self.penalty = penalty
        self.n_active = n_active

    def encode(self, samples: Tensor) -> Tensor:
        """Return the codes of samples."""
        codes = self.encoder(samples)
        if self.penalty == "kl":
            return torch.sigmoid(STEEPNESS * codes)
        if self.penalty == "k_sparse":
            return keep_largest(codes, self.n_active)
        return codes

    def decode(self, codes: Tensor) -> Tensor:
        """Return the samples of codes."""
        return self.decoder(codes - 0.5 if self.penalty == "kl" else codes)

    def average_codes(self, codes: Tensor) -> Tensor:
        """Return the mean of codes over their first axis, as sparse as each of them."""
        codes = super().average_codes(codes)
        if self.penalty == "k_sparse":
            return keep_largest(codes, self.n_active)
        return codes

    def add_encoder(self, graph: Any, value: str) -> str:
        """Add the nodes of `encode` to an ONNX graph, and return their output."""
        value = super().add_encoder(graph, value)
        if self.penalty == "kl":
            value = graph.node("Mul", value, STEEPNESS)
            return graph.node("Sigmoid", value)
        return self._add_largest(graph, value)

    def add_code_average(self, graph: Any, codes: Sequence[str]) -> str:
        """Add the nodes of `average_codes` to an ONNX graph."""
        return self._add_largest(graph, super().add_code_average(graph, codes))

    def _add_largest(self, graph: Any, value: str) -> str:
        if self.penalty != "k_sparse":
            return value
        sizes, n_active = graph.node("Abs", value), np.array([self.n_active])
        _, index = graph.node("TopK", sizes, n_active, n_outputs=2, axis=1)
        kept = graph.node("GatherElements", value, index, axis=1)
        nothing = graph.node("Mul", value, 0.0)
        return graph.node("ScatterElements", nothing, index, kept, axis=1)

    def add_decoder(self, graph: Any, value: str) -> str:
        """Add the nodes of `decode` to an ONNX graph, and return their output."""
        if self.penalty == "kl":
            value = graph.node("Sub", value, 0.5)
        return super().add_decoder(graph, value)
