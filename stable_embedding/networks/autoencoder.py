"""The network: an encoder and a decoder, each a linear path beside a perceptron."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from itertools import pairwise
from operator import attrgetter
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
}

# Slope of an activation, from its value.
SLOPES: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.Identity: torch.ones_like,
    nn.Sigmoid: lambda value: value * (1 - value),
    nn.ReLU: lambda value: (value > 0).to(value.dtype),
    nn.Tanh: lambda value: 1 - value.square(),
}

# The hidden layers of a network that starts from PCA are always drawn from this seed.
_HIDDEN_SEED = 0


def draw_linear(
    n_inputs: int,
    n_outputs: int,
    he_init: bool = False,
    generator: torch.Generator | None = None,
) -> nn.Linear:
    """Draw a linear layer from a stream of its own, as torch draws it from the global.

    Torch's range is the square root of 6 smaller than He's, which keeps the size of
    what passes through a ReLU. A he_init layer is drawn from He's.
    """
    layer = nn.utils.skip_init(nn.Linear, n_inputs, n_outputs)
    bound = (6 / n_inputs if he_init else 1 / n_inputs) ** 0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


class LinearPathMLP(nn.Module):
    r"""A linear path beside a multilayer perceptron: :math:`x \mapsto Ax + d\,g(cx)`.

    Two constants set how far a step of the optimizer goes, and nothing else.

    Parameters
    ----------
    sizes : sequence of int
        Widths of the layers of :math:`g`, from input to output.

    activation : str
        Key of `ACTIVATIONS`, applied after each layer but the last.

    path : Tensor of shape (n_outputs, n_inputs) or None, default=None
        Start of the linear path :math:`A`. The last layer of :math:`g` then starts at
        zero, so that the whole starts as :math:`A`. With None there is no linear path.

    gain : float, default=1.0
        The constant :math:`c`, by which the input of :math:`g` alone is multiplied.
        The other, :math:`d`, starts at 1.

    he_init : sequence of int, default=()
        Layers that are drawn from He's range, see :func:`draw_linear`.

    generator : torch.Generator or None, default=None
        Source of the draw.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str,
        path: Tensor | None = None,
        gain: float = 1.0,
        he_init: Sequence[int] = (),
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        layers: list[nn.Module] = []
        for i, (n_inputs, n_outputs) in enumerate(pairwise(sizes)):
            linear = draw_linear(n_inputs, n_outputs, i in he_init, generator)
            layers += [linear, ACTIVATIONS[activation]()]
        self.mlp = nn.Sequential(*layers[:-1])
        self.gain = gain
        self.output_gain = 1.0
        self.linear_path = None
        if path is not None:
            self.linear_path = nn.utils.skip_init(
                nn.Linear, sizes[0], sizes[-1], bias=False
            )
            self.linear_path.weight.data.copy_(path)
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(self.last.bias)

    @property
    def layers(self) -> list[nn.Linear]:
        """Layers of the perceptron."""
        return list(self.mlp)[::2]  # type: ignore[return-value]

    @property
    def activations(self) -> list[nn.Module]:
        """Activations between them."""
        return list(self.mlp)[1::2]

    @property
    def first(self) -> nn.Linear:
        """First layer of the perceptron."""
        return self.layers[0]

    @property
    def last(self) -> nn.Linear:
        """Last layer of the perceptron, which is its first where nothing is hidden."""
        return self.layers[-1]

    def forward(self, rows: Tensor) -> Tensor:
        """Map rows of shape (..., n_inputs) to (..., n_outputs)."""
        return self._beside_path(self.mlp(self._amplified(rows)), rows)

    def hidden(self, rows: Tensor) -> Tensor:
        """Return what the last layer is given; the input where nothing is hidden."""
        return self.mlp[:-1](self._amplified(rows))

    def from_hidden(self, hidden: Tensor, rows: Tensor) -> Tensor:
        """Return the output for rows whose last hidden layer is known."""
        return self._beside_path(self.last(hidden), rows)

    def squared_jacobian(self, rows: Tensor) -> Tensor:
        """Return the squared Frobenius norm of the Jacobian at each row.

        Shape (..., n_rows), where nothing is hidden (..., 1): it is then the same for
        all.
        """
        hidden, layers, slopes = self._amplified(rows), self.layers, []
        for layer, activation in zip(layers, self.activations):
            hidden = activation(layer(hidden))
            slopes.append(SLOPES[type(activation)](hidden))
        # As a product :math:`N W`, with the first layer's weights :math:`W` last: its
        # norm, beside a path or not, needs no matrix as wide as the rows.
        to_first, first = None, self.first.weight
        for after, slope in zip(layers[:0:-1], slopes[::-1]):
            weight = after.weight.unsqueeze(-3)
            to_first = weight if to_first is None else to_first @ weight
            to_first = to_first * slope.unsqueeze(-2)
        gain = self.gain * self.output_gain
        path = None if self.linear_path is None else self.linear_path.weight
        if to_first is None:
            whole = gain * first if path is None else gain * first + path
            return whole.square().sum((-2, -1)).unsqueeze(-1)
        gram = (first @ first.mT).unsqueeze(-3)
        squares = gain**2 * ((to_first @ gram) * to_first).sum((-2, -1))
        if path is not None:
            beside = (path @ first.mT).unsqueeze(-3)
            squares = squares + 2 * gain * (to_first * beside).sum((-2, -1))
            squares = squares + path.square().sum((-2, -1)).unsqueeze(-1)
        return squares

    def _amplified(self, rows: Tensor) -> Tensor:
        return rows if self.gain == 1 else self.gain * rows

    def _beside_path(self, output: Tensor, rows: Tensor) -> Tensor:
        if self.output_gain != 1:
            output = self.output_gain * output
        return output if self.linear_path is None else output + self.linear_path(rows)


class Autoencoder(nn.Module):
    r"""Encoder and decoder with one bottleneck, mirror images of each other.

    With `axes` the network starts as PCA: encoder :math:`W x + g(x)` and decoder
    :math:`W^\top z + h(z)`, where the last layers of :math:`g` and :math:`h` are zero.
    The hidden layers are then drawn alike for every seed, since their draw is most of
    what tells one training from another; seeds differ in the order of the rows.
    Without `axes` it is a plain autoencoder, all drawn from the seed. Torch's own
    random stream is left as it was.

    Parameters
    ----------
    n_features : int
        Width of the input and of the reconstruction.

    n_components : int
        Width of the bottleneck.

    hidden_layer_sizes : sequence of int
        Widths of the encoder's hidden layers; the decoder has them in reverse.

    activation : str
        Key of `ACTIVATIONS`.

    axes : Tensor of shape (n_components, n_features) or None, default=None
        Principal axes :math:`W`, as rows.

    seed : int, default=0
        Seed of a plain autoencoder's draw.
    """

    # What a constructor is given, and what it is not but a training may change.
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
        super().__init__()
        self.n_features = n_features
        self.n_components = n_components
        self.hidden_layer_sizes = tuple(hidden_layer_sizes)
        self.activation = activation
        sizes = [n_features, *hidden_layer_sizes, n_components]
        generator = torch.Generator()
        generator.manual_seed(seed if axes is None else _HIDDEN_SEED)
        # Widened layers get as far in fewer steps. Not the encoder's first, whose
        # input is small: with it the map moves more when rows are dropped.
        hidden = range(len(hidden_layer_sizes)) if axes is not None else ()
        self.encoder = LinearPathMLP(
            sizes, activation, axes, he_init=hidden[1:], generator=generator
        )
        # A code has unit variance over all components; the gain gives it to each one.
        self.decoder = LinearPathMLP(
            sizes[::-1],
            activation,
            None if axes is None else axes.T,
            gain=n_components**0.5,
            he_init=hidden,
            generator=generator,
        )

    def state(self) -> dict[str, Any]:
        """Return settings, and weights as arrays, that the network is restored from."""
        settings = {name: getattr(self, name) for name in self._settings}
        settings["init"] = self.init
        settings["gains"] = [float(gain) for gain in attrgetter(*self._gains)(self)]
        weights = {
            name: weight.numpy(force=True) for name, weight in self.state_dict().items()
        }
        return {"settings": settings, "weights": weights}

    @classmethod
    def restored(cls, settings: dict[str, Any], weights: dict[str, np.ndarray]) -> Self:
        """Build a network from its settings and weights.

        Raises
        ------
        ValueError, RuntimeError
            If they do not fit together; nothing larger than the weights is built.
        """
        settings = dict(settings)
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
        axes = torch.zeros(sizes[-1], sizes[0]) if init == "pca" else None
        network = cls(axes=axes, **cls._completed(settings))
        network.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
        for name, gain in zip(cls._gains, gains, strict=True):
            part, attribute = name.split(".")
            setattr(network.get_submodule(part), attribute, gain)
        return network.eval()

    @classmethod
    def _completed(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Complete the arguments of the constructor, with weights to be loaded."""
        return settings

    @property
    def init(self) -> str:
        """How it was started: "pca" with a linear path, else "random"."""
        return "random" if self.encoder.linear_path is None else "pca"

    @property
    def widest_layer(self) -> int:
        """Width of the widest layer, which bounds the memory of a row."""
        return max(self.n_features, self.n_components, *self.hidden_layer_sizes, 1)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.encoder.last.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights."""
        return self.encoder.last.weight.dtype

    def as_float64(self) -> Self:
        """Copy the network in double precision, which not every device has."""
        return deepcopy(self).cpu().double()

    @property
    def decodes_to_data_space(self) -> bool:
        """Whether the decoder's output are rows, and not what they are made of."""
        return True

    def encode(self, rows: Tensor) -> Tensor:
        """Return the codes of rows."""
        return self.encoder(rows)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the rows of codes."""
        return self.decoder(codes)

    def reconstruct(self, rows: Tensor) -> Tensor:
        """Return rows as they come back from their codes."""
        return self.decode(self.encode(rows))

    def squared_errors(self, rows: Tensor) -> Tensor:
        """Return the squared reconstruction error of each row."""
        return (self.reconstruct(rows) - rows).square().sum(-1)

    def forward(self, inputs: Any) -> tuple[Tensor, ...]:
        """Return the codes of rows and their reconstruction."""
        codes = self.encode(inputs)
        return codes, self.decode(codes)

    @torch.no_grad()
    def project_inputs(self, basis: Tensor, gain: float = 1.0) -> Self:
        r"""Copy the network to rows in another basis, :math:`x' = Bx`.

        Weights meet :math:`x'` as they met :math:`B^\top x'`, and what is decoded is
        multiplied by :math:`B`. Of an orthonormal basis back and forth changes nothing
        within its span.

        Parameters
        ----------
        basis : Tensor of shape (n_coordinates, n_features)
            The matrix :math:`B`, with orthonormal rows or columns.

        gain : float, default=1.0
            By which the copy's encoder multiplies its input; its decoder multiplies
            its output by the square root. Their weights are the smaller.

        Returns
        -------
        Autoencoder
            With `n_coordinates` in place of `n_features`.
        """
        network = deepcopy(self)
        network.n_features = len(basis)
        encoder, decoder = network.encoder, network.decoder
        reader, writer = encoder.first, decoder.last
        reader.weight = nn.Parameter(reader.weight @ basis.T * (encoder.gain / gain))
        output_gain = gain**0.5
        to_output = basis * (decoder.output_gain / output_gain)
        writer.weight = nn.Parameter(to_output @ writer.weight)
        writer.bias = nn.Parameter(to_output @ writer.bias)
        encoder.gain, decoder.output_gain = gain, output_gain
        if encoder.linear_path is not None and decoder.linear_path is not None:
            to_codes, from_codes = encoder.linear_path, decoder.linear_path
            to_codes.weight = nn.Parameter(to_codes.weight @ basis.T)
            from_codes.weight = nn.Parameter(basis @ from_codes.weight)
        return network

    @torch.no_grad()
    def fold(self, rotation: Tensor, shift: Tensor) -> None:
        r"""Lay the codes in another frame, :math:`z' = zQ + t`, within the weights.

        The decoder is given the inverse, so that no reconstruction changes.

        Parameters
        ----------
        rotation : Tensor of shape (n_components, n_components)
            The orthogonal :math:`Q`.

        shift : Tensor of shape (n_components,)
            The shift :math:`t`, in the units of the codes.
        """
        encoder, decoder = self.encoder, self.decoder
        encoder.last.weight.copy_(rotation.T @ encoder.last.weight.double())
        moved = encoder.last.bias.double() @ rotation + shift / encoder.output_gain
        encoder.last.bias.copy_(moved)
        decoder.first.weight.copy_(decoder.first.weight.double() @ rotation)
        decoder.first.bias.sub_(decoder.gain * (decoder.first.weight.double() @ shift))
        if encoder.linear_path is not None and decoder.linear_path is not None:
            to_codes, from_codes = (
                encoder.linear_path.weight,
                decoder.linear_path.weight,
            )
            to_codes.copy_(rotation.T @ to_codes.double())
            from_codes.copy_(from_codes.double() @ rotation)
            decoder.last.bias.sub_(from_codes.double() @ shift / decoder.output_gain)
