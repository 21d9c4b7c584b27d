"""Layers of a network trained one after the other, before all of them together."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from ..losses.base import StableLoss
from ..losses.similarity import distance
from ..networks.autoencoder import Autoencoder

# Rows that are passed on to the next layer at once.
_BLOCK_ROWS = 4_096


class Layer(nn.Module):
    """A layer of an encoder with the one of the decoder that undoes it.

    What is trained are the layers of the network themselves.

    Parameters
    ----------
    down, up : nn.Linear
        The layers.

    activation : nn.Module
        Applied to the codes.
    """

    def __init__(self, down: nn.Linear, up: nn.Linear, activation: nn.Module):
        super().__init__()
        self.down = down
        self.up = up
        self.activation = activation
        self.input_gain = self.code_gain = self.output_gain = 1.0

    def encode(self, rows: Tensor) -> Tensor:
        """Return the codes of rows."""
        return self.activation(self.down(self.input_gain * rows))

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the codes of rows and their reconstruction."""
        codes = self.encode(rows)
        return codes, self.output_gain * self.up(self.code_gain * codes)


def layer_pairs(network: Autoencoder) -> list[Layer]:
    """Pair the layers of a network, from the outermost to the code.

    Beside a linear path, where the last layer of a perceptron is zero at the start, the
    code is left out. There, and where the decoder's output are no rows, the outermost
    one has a decoder of its own, which the network does not keep.
    """
    encoder, decoder = network.encoder, network.decoder
    activations = [*encoder.activations, nn.Identity()]
    layers = [
        Layer(down, up, activation)
        for down, up, activation in zip(
            encoder.layers, decoder.layers[::-1], activations
        )
    ]
    layers[0].input_gain = encoder.gain
    layers[0].output_gain = decoder.output_gain
    layers[-1].code_gain = decoder.gain
    beside_path = encoder.linear_path is not None
    if network.decodes_to_data_space and not beside_path:
        return layers
    outermost = nn.utils.skip_init(
        nn.Linear, layers[0].up.in_features, network.n_features
    )
    nn.init.zeros_(outermost.weight)
    nn.init.zeros_(outermost.bias)
    layers[0].up = outermost
    return layers[:-1] if beside_path else layers


@torch.no_grad()
def encode_layer(layer: Layer, rows: Tensor) -> Tensor:
    """Return the codes of rows, which are the rows of the next layer."""
    device = layer.down.weight.device
    return torch.cat(
        [layer.encode(part.to(device)) for part in rows.split(_BLOCK_ROWS)]
    )


def pretrain(
    network: Autoencoder,
    rows: Tensor,
    keys: np.ndarray,
    train_layer: Callable,
    seed: int,
) -> None:
    """Train the hidden layers of a network in place, from the outermost inwards.

    Parameters
    ----------
    network : Autoencoder
        Whose layers are trained.

    rows : Tensor of shape (n_rows, n_features)
        Training rows.

    keys : ndarray of shape (n_rows,)
        Keys of the rows, by which they are dealt to batches.

    train_layer : callable
        Trains a layer on rows with their keys, for a loss and from a seed.

    seed : int
        Seed of the order of the rows.

    References
    ----------
    G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data with
    neural networks", Science 313, 2006, where layers are trained as Boltzmann machines;
    Y. Bengio, P. Lamblin, D. Popovici and H. Larochelle, "Greedy layer-wise training of
    deep networks", NIPS 2006, for autoencoders in their place.
    """
    for layer in layer_pairs(network):
        loss = StableLoss(distance, similarity_weight=0.0, collapsed_loss=1.0)
        train_layer(layer, rows, keys, loss, seed)
        rows = encode_layer(layer, rows)
