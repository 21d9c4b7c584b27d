"""Several networks of one architecture as one module, each with rows of its own.

A step of a small network takes less time to compute than to prepare; many side by
side share the preparation.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class StackedLinear(nn.Module):
    """Linear layers side by side, as one batched product.

    Parameters
    ----------
    layers : sequence of nn.Linear
        One of each run, alike in shape.
    """

    def __init__(self, layers: Sequence[nn.Linear]):
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight for layer in layers]))
        self.bias = None
        if layers[0].bias is not None:
            self.bias = nn.Parameter(torch.stack([layer.bias for layer in layers]))

    def forward(self, rows: Tensor) -> Tensor:
        """Map rows of shape (n_runs, n_rows, n_inputs), those of a run by its layer."""
        if self.bias is None:
            return rows @ self.weight.mT
        return torch.baddbmm(self.bias.unsqueeze(-2), rows, self.weight.mT)


@torch.no_grad()
def stack(networks: Sequence[Network]) -> Network:
    """Stack networks whose weights are all in linear layers.

    Parameters
    ----------
    networks : sequence of nn.Module
        Alike but for their weights; what they compute must not mix leading axes.

    Returns
    -------
    nn.Module
        A copy of the first in whose linear layers those of all are stacked; it maps
        rows of shape (n_runs, n_rows, n_features).
    """
    stacked = deepcopy(networks[0])
    for name, module in list(stacked.named_modules()):
        if isinstance(module, nn.Linear):
            layers = [network.get_submodule(name) for network in networks]
            stacked.set_submodule(name, StackedLinear(cast(list[nn.Linear], layers)))
    return stacked


@torch.no_grad()
def unstack(stacked: nn.Module, networks: Sequence[nn.Module]) -> None:
    """Copy the weights of a stack back into the networks that it was made of."""
    weights = dict(stacked.named_parameters())
    for run, network in enumerate(networks):
        for name, weight in network.named_parameters():
            weight.copy_(weights[name][run])
