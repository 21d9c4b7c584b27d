"""Consensus of networks: the mean of their codes and of their decoders."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .base import BaseAutoencoder


class Consensus(BaseAutoencoder):
    """Mean of several trained networks: of their codes, and of their decoders' outputs.

    Training amplifies small differences, such as the order of the samples, so each run
    has a slightly different result. The squared displacement of the mean of `n` runs is
    about `n` times smaller than that of one run.

    Parameters
    ----------
    networks : sequence of BaseAutoencoder
        Two or more of one architecture, whose codes lie in one frame. They are shared,
        not copied.
    """

    networks: Any

    def __init__(self, networks: Sequence[Any]):
        first = networks[0]
        super().__init__(first.n_features, first.n_components, None, None)
        self.networks = nn.ModuleList(networks)

    @property
    def widest_layer(self) -> int:
        """Width of the widest layer, which bounds the memory of a sample."""
        return max(network.widest_layer for network in self)

    @property
    def decodes_to_data_space(self) -> bool:
        """Whether the decoder's output are samples."""
        return self.networks[0].decodes_to_data_space

    def __iter__(self) -> Any:
        return iter(self.networks)

    def encode(self, samples: Tensor) -> Tensor:
        """Return the mean codes of samples."""
        return self._average(torch.stack([each.encode(samples) for each in self]))

    def encode_with_std(self, samples: Tensor) -> Tensor:
        """Return the mean codes of samples, and their standard deviation.

        Returns
        -------
        Tensor of shape (n_samples, n_components + 1)
            Mean codes, and in the last column the root of the total unbiased variance
            of a sample's codes over networks.
        """
        codes = torch.stack([each.encode(samples) for each in self])
        std = codes.var(0).sum(-1, keepdim=True).sqrt()
        return torch.cat([self._average(codes), std], dim=-1)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the mean samples of codes."""
        return torch.stack([each.decode(codes) for each in self]).mean(0)

    def discretize(self, codes: Tensor) -> Tensor:
        """Return codes as the decoder is given them."""
        return self.networks[0].discretize(codes)

    def costs(self, samples: Tensor) -> Tensor:
        """Return the mean costs of samples, of networks that have any."""
        return torch.stack([each.costs(samples) for each in self]).mean(0)

    def add_encoder(self, graph: Any, value: str) -> str:
        """Add the nodes of `encode` to an ONNX graph, and return their output."""
        codes = [each.add_encoder(graph, value) for each in self]
        return self.networks[0].add_code_average(graph, codes)

    def add_decoder(self, graph: Any, value: str) -> str:
        """Add the nodes of `decode` to an ONNX graph, and return their output."""
        return graph.mean([each.add_decoder(graph, value) for each in self])

    def add_discretization(self, graph: Any, value: str) -> str:
        """Add the nodes of `discretize` to an ONNX graph, and return their output."""
        return self.networks[0].add_discretization(graph, value)

    def add_costs(self, graph: Any, value: str) -> list[str]:
        """Add the nodes of `costs` to an ONNX graph, and return a column for each."""
        costs = [each.add_costs(graph, value) for each in self]
        return [graph.mean(columns) for columns in zip(*costs)]

    def _average(self, codes: Tensor) -> Tensor:
        return self.networks[0].average_codes(codes)


def consensus_of(networks: Sequence[Any]) -> Any:
    """Return the consensus of networks, or the network if there is one."""
    return networks[0] if len(networks) == 1 else Consensus(networks)
