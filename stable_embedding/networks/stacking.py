"""Several networks of one architecture as one module, each with samples of its own.

A step of a small network takes less time to compute than to prepare. Many networks side
by side share the preparation.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap


class StackedLinear(nn.Module):
    """Linear layers side by side, as one batched product.

    Parameters
    ----------
    layers : sequence of nn.Linear
        One of each run, alike in shape.
    """

    def __init__(self, layers: Sequence[nn.Linear]):
        super().__init__()
        self.weight = _stack_parameters([layer.weight for layer in layers])
        self.bias = None
        if layers[0].bias is not None:
            self.bias = _stack_parameters([layer.bias for layer in layers])

    def forward(self, samples: Tensor) -> Tensor:
        """Map (n_runs, n_samples, n_inputs), the samples of a run by its layer."""
        if self.bias is None:
            return samples @ self.weight.mT
        return torch.baddbmm(self.bias.unsqueeze(-2), samples, self.weight.mT)


def _stack_parameters(weights: Sequence[Tensor]) -> nn.Parameter:
    return nn.Parameter(torch.stack(list(weights)), weights[0].requires_grad)


@torch.no_grad()
def stack_linear_layers(networks: Sequence[Any]) -> Any:
    """Stack networks, side by side in each linear layer if all weights are in some.

    Parameters
    ----------
    networks : sequence of nn.Module
        Alike but for their weights; what they compute must not mix leading axes.

    Returns
    -------
    nn.Module
        A copy of the first in whose linear layers those of all are stacked; it maps
        samples of shape (n_runs, n_samples, n_features). If other layers have weights,
        or layers share some, it is a ``ModuleStack``.
    """
    stacked = deepcopy(networks[0])
    linear = [layer for layer in stacked.modules() if type(layer) is nn.Linear]
    in_linear = chain.from_iterable(layer.parameters() for layer in linear)
    if list(map(id, in_linear)) != list(map(id, stacked.parameters())):
        return ModuleStack(networks)
    for name, module in list(stacked.named_modules()):
        if type(module) is nn.Linear:
            layers = [network.get_submodule(name) for network in networks]
            stacked.set_submodule(name, StackedLinear(layers))
    return stacked


class ModuleStack(nn.Module):
    """Networks of any modules side by side, by :func:`torch.func.vmap`.

    Parameters
    ----------
    networks : sequence of nn.Module
        Alike but for their weights. Modules whose buffers change in training, such as
        statistics of batches, cannot be stacked.
    """

    def __init__(self, networks: Sequence[Any]):
        super().__init__()
        weights, buffers = stack_module_state(list(networks))
        regularized = set(map(id, networks[0].regularized_parameters()))
        self._regularized = [
            name
            for name, weight in networks[0].named_parameters()
            if id(weight) in regularized
        ]
        self._names = {name: name.replace(".", "/") for name in (*weights, *buffers)}
        for name, weight in weights.items():
            requires_grad = networks[0].get_parameter(name).requires_grad
            self.register_parameter(
                self._names[name], nn.Parameter(weight.detach(), requires_grad)
            )
        for name, buffer in buffers.items():
            self.register_buffer(self._names[name], buffer)
        # In a tuple, so that its weights are not ours. It knows which ones are tied.
        self._skeleton = (deepcopy(networks[0]),)

    def forward(self, *inputs: Tensor) -> Any:
        """Map inputs of shape (n_runs, n_samples, n_values)."""
        (skeleton,) = self._skeleton
        skeleton.train(self.training)

        def of_one_run(state, *inputs):
            return functional_call(skeleton, state, inputs)

        state = {name: getattr(self, own) for name, own in self._names.items()}
        return vmap(of_one_run, randomness="different")(state, *inputs)

    def regularized_parameters(self) -> Iterator[nn.Parameter]:
        """Return the parameters that weight decay shrinks."""
        return (getattr(self, self._names[name]) for name in self._regularized)

    def weights_by_name(self) -> dict[str, Tensor]:
        """Return the stacked weights, by their names in one network."""
        return self._by_name(dict(self.named_parameters()))

    def buffers_by_name(self) -> dict[str, Tensor]:
        """Return the stacked buffers, by their names in one network."""
        return self._by_name(dict(self.named_buffers()))

    def _by_name(self, own: dict[str, Any]) -> dict[str, Tensor]:
        return {name: own[at] for name, at in self._names.items() if at in own}


def weights_by_name(stacked: nn.Module) -> dict[str, Tensor]:
    """Return the weights of a stack, by their names in one network."""
    if isinstance(stacked, ModuleStack):
        return stacked.weights_by_name()
    return dict(stacked.named_parameters())


def trained_tensors(module: nn.Module) -> list[Tensor]:
    """Return what a training changes: weights, and buffers such as running means."""
    tensors: list[Tensor] = list(module.parameters())
    # Stacked linear layers share their buffers, which are constants.
    if not any(isinstance(layer, StackedLinear) for layer in module.modules()):
        tensors += module.buffers()
    return [one.detach() for one in tensors if one.is_floating_point()]


@torch.no_grad()
def unstack(stacked: nn.Module, networks: Sequence[nn.Module]) -> None:
    """Copy the weights and buffers of a stack back into its networks."""
    state = weights_by_name(stacked)
    if isinstance(stacked, ModuleStack):
        state |= stacked.buffers_by_name()
    for run, network in enumerate(networks):
        for name, tensor in chain(network.named_parameters(), network.named_buffers()):
            if name in state:  # stacked linear layers share their buffers
                tensor.copy_(state[name][run])
