"""The network of the estimators: two perceptrons, each beside a linear path."""

from collections.abc import Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Any, Self

import torch
from torch import Tensor

from .._ambient import CPU_FLOAT32
from .base import BaseAutoencoder, arrays_of, tensors_of
from .mlp import LinearPathMLP
from .stacking import stack_linear_layers

# The hidden layers of a network that starts from PCA are always drawn from this seed.
_HIDDEN_SEED = 0


class Autoencoder(BaseAutoencoder):
    r"""Encoder and decoder with one bottleneck, mirror images of each other.

    With `axes` the network starts as PCA: encoder :math:`W x + g(x)` and decoder
    :math:`W^\top z + h(z)`, where the last layers of :math:`g` and :math:`h` are zero.
    The hidden layers are then the same for every seed, because their draw causes most
    of the difference between trainings; seeds differ in the order of the samples.
    Without `axes` it is a plain autoencoder, all drawn from the seed. Torch's global
    random stream is not touched.

    Parameters
    ----------
    n_features : int
        Width of the input and of the reconstruction.

    n_components : int
        Width of the bottleneck.

    hidden_layer_sizes : sequence of int
        Widths of the encoder's hidden layers; the decoder has them in reverse.

    activation : {"identity", "logistic", "relu", "tanh"}
        Activation of the hidden layers.

    axes : Tensor of shape (n_components, n_features) or None, default=None
        Principal axes :math:`W`.

    seed : int, default=0
        Seed of a plain autoencoder's draw.
    """

    # Arguments of the constructor, and what a training may change besides weights.
    _settings: tuple[str, ...] = (
        "n_features",
        "n_components",
        "hidden_layer_sizes",
        "activation",
    )
    _gains = (
        "encoder.gain",
        "encoder.output_gain",
        "decoder.gain",
        "decoder.output_gain",
    )

    stack = staticmethod(stack_linear_layers)

    def __init__(
        self,
        n_features: int,
        n_components: int,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        *,
        axes: Tensor | None = None,
        seed: int = 0,
    ):
        sizes = [n_features, *hidden_layer_sizes, n_components]
        generator = torch.Generator("cpu")
        generator.manual_seed(seed if axes is None else _HIDDEN_SEED)
        # Layers in He's range get as far in fewer steps. Not the encoder's first, whose
        # input is small: with it the map moves more when samples are dropped.
        hidden = range(len(hidden_layer_sizes)) if axes is not None else ()
        encoder = LinearPathMLP(
            sizes, activation, axes, he_init=hidden[1:], generator=generator
        )
        # A code has unit variance over all components; the gain gives it to each one.
        decoder = LinearPathMLP(
            sizes[::-1],
            activation,
            None if axes is None else axes.T,
            gain=n_components**0.5,
            he_init=hidden,
            generator=generator,
        )
        super().__init__(n_features, n_components, encoder, decoder)
        self.hidden_layer_sizes = tuple(hidden_layer_sizes)
        self.activation = activation

    @property
    def widest_layer(self) -> int:
        """Width of the widest layer, which bounds the memory of a sample."""
        return max(self.n_features, self.n_components, *self.hidden_layer_sizes, 1)

    def state(self) -> dict[str, Any]:
        """Return settings, and weights as arrays, that the network is restored from."""
        settings = {name: getattr(self, name) for name in self._settings}
        settings["init"] = self.init
        settings["gains"] = [float(gain) for gain in attrgetter(*self._gains)(self)]
        return {"settings": settings, "weights": arrays_of(self)}

    @classmethod
    def restored(cls, **state: Any) -> Self:
        """Build a network from its settings and weights.

        Raises
        ------
        ValueError, RuntimeError
            If they do not fit together; nothing larger than the weights is built.
        """
        settings, weights = dict(state["settings"]), state["weights"]
        init, gains = settings.pop("init"), settings.pop("gains")
        sizes = [
            settings["n_features"],
            *settings["hidden_layer_sizes"],
            settings["n_components"],
        ]
        if not all(type(size) is int and size > 0 for size in sizes):
            raise ValueError(f"{sizes} are no widths of layers")
        shapes = {
            f"encoder.mlp.{2 * i}.weight": (n_outputs, n_inputs)
            for i, (n_inputs, n_outputs) in enumerate(pairwise(sizes))
        }
        if init == "pca":
            shapes["encoder.linear_path.weight"] = (sizes[-1], sizes[0])
        for name, shape in shapes.items():
            found = weights[name].shape if name in weights else None
            if found != shape:
                raise ValueError(f"{name} has shape {found}, but should have {shape}")
        axes = None
        if init == "pca":
            axes = torch.zeros(sizes[-1], sizes[0], **CPU_FLOAT32)
        network = cls(axes=axes, **cls._completed(settings))
        network.load_state_dict(tensors_of(weights))
        for name, gain in zip(cls._gains, gains, strict=True):
            part, attribute = name.split(".")
            setattr(network.get_submodule(part), attribute, gain)
        return network.eval()

    @classmethod
    def _completed(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Complete the arguments of the constructor, with weights to be loaded."""
        return settings
