"""Convolutional modules between images and codes."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any, Self

import torch
from torch import Tensor, nn

from .._ambient import CPU_FLOAT32
from .base import arrays_of, freeze, names_of_frozen, tensors_of
from .given_modules import deep_copy
from .onnx_layers import add_module

# Layers are drawn from this seed, so that modules of the same settings are alike.
_SEED = 0


class _ConvolutionalModule(nn.Module):
    """What encoder and decoder share: their settings, and layers that are built."""

    def __init__(
        self,
        image_shape: Sequence[int],
        n_components: int | None,
        n_maps: Sequence[int],
        hidden_layer_sizes: Sequence[int],
    ):
        super().__init__()
        self.image_shape = _checked("image_shape", image_shape, (2, 3))
        self.n_components = n_components
        self.n_maps = _checked("n_maps", n_maps, range(1, 9))
        self.hidden_layer_sizes = _checked(
            "hidden_layer_sizes", hidden_layer_sizes, range(9)
        )
        self.layers: nn.Sequential | None = None
        if n_components is not None:
            # Without values, which torch's layers draw from the stream of all threads.
            with torch.device("meta"):
                self.layers = nn.Sequential(*self._build(n_components))
            self.to_empty(device="cpu").to(**CPU_FLOAT32)
            generator = torch.Generator("cpu").manual_seed(_SEED)
            # Numbers that those layers drew in earlier versions, for the same weights.
            for weight in self.parameters():
                nn.init.uniform_(weight, generator=generator)
            self._draw(generator)

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        names = ("image_shape", "n_components", "n_maps", "hidden_layer_sizes")
        return {name: getattr(self, name) for name in names}

    @property
    def n_features(self) -> int:
        """Number of values of an image."""
        return prod(self.image_shape)

    def with_n_components(self, n_components: int) -> Self:
        """Return a copy with `n_components`; draw its weights if this module has none.

        Raises
        ------
        ValueError
            If this one has another number.
        """
        if self.n_components not in (None, n_components):
            raise ValueError(
                f"{type(self).__name__} has n_components={self.n_components}, but the"
                f" estimator has {n_components}; leave it out, or give both the same"
            )
        if self.layers is not None:
            # With frozen weights, and layers that were changed.
            return deep_copy(self, type(self).__name__)
        return type(self)(**self.settings | {"n_components": n_components})

    def has_layers_of_settings(self) -> bool:
        """Tell whether its layers are those that its settings build."""
        if self.n_components is None or self.layers is None:
            return self.n_components is None and self.layers is None
        with torch.device("meta"):
            built = nn.Sequential(*self._build(self.n_components))
        return repr(self.layers) == repr(built)

    def reset_parameters(self) -> None:
        """Draw the weights, in He's range for layers before a ReLU."""
        self._draw(None)

    def extra_repr(self) -> str:
        """Show the settings."""
        return ", ".join(f"{name}={value}" for name, value in self.settings.items())

    def _layers(self) -> nn.Sequential:
        if self.layers is None:
            raise ValueError(
                f"{type(self).__name__} has no layers yet: give it n_components, or"
                " give it to an estimator"
            )
        return self.layers

    def _draw(self, generator: torch.Generator | None) -> None:
        for layer in self._layers():
            if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_uniform_(
                    layer.weight, nonlinearity="relu", generator=generator
                )
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def _build(self, n_components: int) -> list[nn.Module]:
        raise NotImplementedError

    def _sizes(self) -> list[tuple[int, int]]:
        """Heights and widths of the image and of the maps of each layer."""
        height, width = self.image_shape[-2:]
        sizes = [(height, width)]
        for _ in self.n_maps:
            height, width = (height + 1) // 2, (width + 1) // 2
            sizes.append((height, width))
        return sizes

    def _channels(self) -> list[int]:
        """Channels of the image and of each layer."""
        channels = self.image_shape[0] if len(self.image_shape) == 3 else 1
        return [channels, *self.n_maps]


class ConvolutionalEncoder(_ConvolutionalModule):
    """Convolutional encoder of images, for the parameter `encoder` of an estimator.

    Each layer is a 5 x 5 convolution, a ReLU and 2 x 2 max pooling. A perceptron with
    ReLU follows.

    Parameters
    ----------
    image_shape : tuple of int
        Shape of an image: (height, width) or (channels, height, width). An estimator
        with this encoder accepts arrays of images of this shape, and flattened images.

    n_components : int or None, default=None
        Number of components of the codes. With None, the layers are built when an
        estimator is fitted, with its number of components.

    n_maps : tuple of int, default=(8, 16)
        Number of feature maps of each convolutional layer. Each layer halves the height
        and the width. More layers or maps take longer.

    hidden_layer_sizes : tuple of int, default=(128, 128)
        Widths of the hidden layers of the perceptron that follows.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stable_embedding import StableAutoencoder
    >>> from stable_embedding.networks import ConvolutionalEncoder
    >>> images = load_digits().images[:300]
    >>> encoder = ConvolutionalEncoder((8, 8), n_maps=(8,))
    >>> model = StableAutoencoder(encoder=encoder, n_init=1, max_iter=2).fit(images)
    >>> model.transform(images).shape
    (300, 2)
    >>> model.inverse_transform(model.transform(images)).shape
    (300, 8, 8)
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_components: int | None = None,
        *,
        n_maps: Sequence[int] = (8, 16),
        hidden_layer_sizes: Sequence[int] = (128, 128),
    ):
        super().__init__(image_shape, n_components, n_maps, hidden_layer_sizes)

    def forward(self, samples: Tensor) -> Tensor:
        """Map flat images of shape (n_samples, n_features) to codes."""
        # A scaled image has unit variance over all of its values.
        return self._layers()(self.n_features**0.5 * samples)

    def add_to_graph(self, graph: Any, value: str) -> str:
        """Add the nodes that compute the codes to an ONNX graph."""
        value = graph.node("Mul", value, self.n_features**0.5)
        return add_module(graph, value, self._layers())

    def _build(self, n_components: int) -> list[nn.Module]:
        channels, (height, width) = self._channels(), self._sizes()[-1]
        layers: list[nn.Module] = [
            nn.Unflatten(-1, (channels[0], *self.image_shape[-2:]))
        ]
        for n_inputs, n_outputs in pairwise(channels):
            layers += [
                nn.Conv2d(n_inputs, n_outputs, 5, padding=2),
                nn.ReLU(),
                nn.MaxPool2d(2, ceil_mode=True),
            ]
        n_smallest = channels[-1] * height * width
        sizes = n_smallest, *self.hidden_layer_sizes, n_components
        return [*layers, nn.Flatten(), *_perceptron(sizes)]


class ConvolutionalDecoder(_ConvolutionalModule):
    """Convolutional decoder of images, for the parameter `decoder` of an estimator.

    A perceptron is followed by transposed 3 x 3 convolutions with ReLU before each.
    Each of them doubles the height and the width, in the reverse order of a
    :class:`~stable_embedding.networks.ConvolutionalEncoder`.

    Parameters
    ----------
    image_shape : tuple of int
        Shape of an image: (height, width) or (channels, height, width).

    n_components : int or None, default=None
        Number of components of the codes. With None, the layers are built when an
        estimator is fitted, with its number of components.

    n_maps : tuple of int, default=(8, 16)
        Number of feature maps of each layer, in the order of the encoder; the decoder
        uses them in reverse.

    hidden_layer_sizes : tuple of int, default=(128, 128)
        Widths of the hidden layers of the perceptron, in the order of the encoder; the
        decoder uses them in reverse.

    Examples
    --------
    >>> import torch
    >>> from stable_embedding.networks import ConvolutionalDecoder
    >>> ConvolutionalDecoder((28, 28), n_components=2)(torch.zeros(5, 2)).shape
    torch.Size([5, 784])
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_components: int | None = None,
        *,
        n_maps: Sequence[int] = (8, 16),
        hidden_layer_sizes: Sequence[int] = (128, 128),
    ):
        super().__init__(image_shape, n_components, n_maps, hidden_layer_sizes)

    def forward(self, codes: Tensor) -> Tensor:
        """Map codes of shape (n_samples, n_components) to flat images."""
        return self._layers()(codes)

    def add_to_graph(self, graph: Any, value: str) -> str:
        """Add the nodes that compute the images to an ONNX graph."""
        return add_module(graph, value, self._layers())

    def _build(self, n_components: int) -> list[nn.Module]:
        channels, sizes = self._channels()[::-1], self._sizes()[::-1]
        n_smallest = channels[0] * sizes[0][0] * sizes[0][1]
        layers = [
            *_perceptron((n_components, *self.hidden_layer_sizes[::-1], n_smallest)),
            nn.Unflatten(-1, (channels[0], *sizes[0])),
        ]
        for at, (n_inputs, n_outputs) in enumerate(pairwise(channels)):
            # An even number of values is one more than twice its half, less one.
            height, width = sizes[at + 1]
            missing = 1 - height % 2, 1 - width % 2
            layers += [
                nn.ReLU(),
                nn.ConvTranspose2d(n_inputs, n_outputs, 3, 2, 1, missing),
            ]
        return [*layers, nn.Flatten()]


_SHIPPED_MODULES = {
    kind.__name__: kind for kind in (ConvolutionalEncoder, ConvolutionalDecoder)
}


def is_shipped(module: Any) -> bool:
    """Tell whether a module is described by its settings and weights alone."""
    return type(module) in _SHIPPED_MODULES.values() and module.has_layers_of_settings()


def describe_module(module: Any, weights: bool = True) -> dict[str, Any]:
    """Return numbers, text and arrays that a module of this package is built from."""
    described = {"class": type(module).__name__, "settings": module.settings}
    if weights:
        described["weights"] = arrays_of(module)
        described |= names_of_frozen(module)
    return described


def build_module(described: dict[str, Any]) -> nn.Module:
    """Build a module from its description."""
    module = _SHIPPED_MODULES[described["class"]](**described["settings"])
    if "weights" in described:
        module.load_state_dict(tensors_of(described["weights"]))
    freeze(module, described)
    return module


def _perceptron(sizes: Sequence[int]) -> list[nn.Module]:
    """Return linear layers of some widths, with ReLU between them."""
    layers: list[nn.Module] = []
    for n_inputs, n_outputs in pairwise(sizes):
        layers += [nn.Linear(n_inputs, n_outputs), nn.ReLU()]
    return layers[:-1]


def _checked(name: str, sizes: Sequence[int], lengths: Any) -> tuple[int, ...]:
    """Return sizes as a tuple; raise unless they are as many positive integers."""
    as_tuple = tuple(sizes) if isinstance(sizes, (list, tuple)) else ()
    if len(as_tuple) not in lengths or not all(
        type(size) is int and size > 0 for size in as_tuple
    ):
        raise ValueError(
            f"{name}={sizes!r} must hold positive integers,"
            f" {min(lengths)} to {max(lengths)} of them"
        )
    return as_tuple
