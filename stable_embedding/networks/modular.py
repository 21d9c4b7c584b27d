"""The network of an estimator to which a user gave modules."""

import re
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from .._ambient import CPU_FLOAT32, exclusive_random_stream
from .autoencoder import Autoencoder
from .base import (
    BaseAutoencoder,
    arrays_of,
    freeze,
    names_of_frozen,
    tensors_of,
)
from .convolutional import build_module, describe_module, is_shipped
from .given_modules import (
    ReZero,
    check_module_stack,
    copy_of_module,
    draw_weights,
    probe,
    starting_at_zero,
    widest_output,
)
from .module_part import AFFINE_MAP, AffineMap, ModulePart
from .stacking import ModuleStack


def structure_of(module: nn.Module) -> str:
    """Describe the layers of a module, without addresses of objects in memory."""
    return re.sub(" at 0x[0-9a-f]+", "", repr(module))


class ModularAutoencoder(BaseAutoencoder):
    """Encoder and decoder of which one or both are modules of a user's own.

    With `axes` the network starts as PCA: each module stands beside a linear path and
    starts at zero. Its other weights are those that it was given with, for every run.
    Without `axes` all weights are drawn from the seed.

    Parameters
    ----------
    n_features : int
        Width of the input and of the reconstruction.

    n_components : int
        Width of the bottleneck.

    hidden_layer_sizes : sequence of int
        Widths of the hidden layers of a part that is no module.

    activation : {"identity", "logistic", "relu", "tanh"}
        Activation of these hidden layers.

    modules : dict of str to nn.Module
        Under "encoder" the map from samples to codes, under "decoder" that back. They
        are copied.

    axes : Tensor of shape (n_components, n_features) or None, default=None
        Principal axes.

    seed : int, default=0
        Seed of the draw without axes.
    """

    def __init__(
        self,
        n_features: int,
        n_components: int,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        *,
        modules: dict[str, nn.Module],
        axes: Tensor | None = None,
        seed: int = 0,
    ):
        perceptrons = Autoencoder(
            n_features,
            n_components,
            hidden_layer_sizes,
            activation,
            axes=axes,
            seed=seed,
        )
        parts: dict[str, Any] = {
            "encoder": perceptrons.encoder,
            "decoder": perceptrons.decoder,
        }
        back = None if axes is None else axes.T
        sides = {
            "encoder": (n_features, n_components, axes, 1.0),
            "decoder": (n_components, n_features, back, n_components**0.5),
        }
        widest = perceptrons.widest_layer
        for name, given in modules.items():
            n_inputs, n_outputs, path, gain = sides[name]
            module = copy_of_module(given, name, n_components, n_inputs, n_outputs)
            if axes is None:
                draw_weights(module, name, seed)
            else:
                module = starting_at_zero(module, n_inputs)
            widest = max(widest, widest_output(module, n_inputs))
            parts[name] = ModulePart(module, path, gain)
        super().__init__(n_features, n_components, **parts)
        if not any(weight.requires_grad for weight in self.parameters()):
            raise ValueError(
                f"encoder={modules['encoder']!r} and decoder={modules['decoder']!r}"
                " hold no weights that are trained; give one of them some, or use"
                " init='pca', whose linear path is trained"
            )
        self.hidden_layer_sizes = tuple(hidden_layer_sizes)
        self.activation = activation
        # As given, to compare with what a later call is given.
        self.structures = {name: structure_of(one) for name, one in modules.items()}
        self._widest_layer = widest

    @property
    def modules_given(self) -> dict[str, nn.Module]:
        """Modules that take the place of perceptrons, as they are trained."""
        parts: Any = self
        return {name: getattr(parts, name).module for name in self.structures}

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """Shape of the images that the encoder is for, if its module declares one."""
        module = self.modules_given.get("encoder")
        if isinstance(module, ReZero):
            module = module.module
        return getattr(module, "image_shape", None)

    def state(self) -> dict[str, Any]:
        """Return what the network is restored from.

        These are numbers, text and arrays if its modules are of this package, and else
        a copy.
        """
        if not all(map(is_shipped, self.modules_given.values())):
            return super().state()
        return {
            "settings": {name: getattr(self, name) for name in Autoencoder._settings},
            "init": self.init,
            "structures": self.structures,
            "modules": {
                name: describe_module(module, weights=False)
                for name, module in self.modules_given.items()
            },
            "weights": arrays_of(self),
            **names_of_frozen(self),
        }

    @classmethod
    def restored(cls, **state: Any) -> Any:
        """Build a network from its state."""
        if "network" in state:
            return super().restored(**state)
        settings, weights = state["settings"], tensors_of(state["weights"])
        axes = None
        if state["init"] == "pca":
            shape = settings["n_components"], settings["n_features"]
            axes = torch.zeros(shape, **CPU_FLOAT32)
        modules = {name: build_module(one) for name, one in state["modules"].items()}
        network = cls(**settings, modules=modules, axes=axes)
        for name in modules:
            part = network.get_submodule(name)
            for place in ("before", "after"):
                names = [f"{name}.{place}.{key}" for key in AFFINE_MAP]
                if names[0] in weights:
                    setattr(part, place, AffineMap(*(weights[key] for key in names)))
        network.load_state_dict(weights)
        freeze(network, state)
        network.structures = state["structures"]
        return network.eval()

    @staticmethod
    def stack(networks: Sequence[Any]) -> Any:
        """Return one module that trains copies of several networks side by side.

        Raises
        ------
        ValueError
            If their modules cannot be stacked.
        """
        first, n_runs = networks[0], len(networks)
        samples, trained = probe(first.n_features).to(first.device), deepcopy(first)
        _try_to_train(trained, samples, n_runs)
        for name, module in first.modules_given.items():
            check_module_stack(module, trained.modules_given[name], name)
        stacked = ModuleStack(networks)
        _try_to_train(stacked, samples.expand(n_runs, -1, -1), n_runs)
        return stacked

    @property
    def widest_layer(self) -> int:
        """Width of the widest layer, which bounds the memory of a sample."""
        return self._widest_layer


@torch.enable_grad()
def _try_to_train(network: nn.Module, samples: Tensor, n_runs: int) -> None:
    """Differentiate as in a training; say what several runs as one stack cannot do."""
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    try:
        with exclusive_random_stream(0, samples.device):
            outputs = network.train()(samples)
            total = outputs.codes.sum() + outputs.reconstruction.sum()
            torch.autograd.grad(total, weights, allow_unused=True)
    except Exception as error:  # whatever a user's code raises
        if not isinstance(network, ModuleStack):  # which fails in a single run too
            error.add_note(
                f"encoder and decoder were tried on {len(samples)} samples, which"
                f" n_init={n_runs} needs; if they need more in training, set n_init=1"
            )
            raise
        raise ValueError(
            "the runs of encoder and decoder cannot be trained as one stack, which"
            f" n_init={n_runs} needs (torch.vmap raises {type(error).__name__}:"
            f" {error}): set n_init=1"
        ) from error
