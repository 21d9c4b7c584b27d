"""Greedy layer-wise pretraining of networks."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from .._ambient import CPU_FLOAT32
from ..data import limits
from ..data.lazy_samples import samples_in_memory
from ..data.sample_weights import weights_at
from ..data.training_data import TrainingSet
from ..losses.base import Outputs
from ..losses.reconstruction import ReconstructionLoss
from ..networks.autoencoder import Autoencoder
from .plan import TrainingPlan


class Layer(nn.Module):
    """A layer of an encoder with the one of the decoder that undoes it.

    It trains the layers of the network themselves.

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

    def encode(self, samples: Tensor) -> Tensor:
        """Return the codes of samples."""
        return self.activation(self.down(self.input_gain * samples))

    def forward(self, samples: Tensor) -> Outputs:
        """Return the codes of samples and their reconstruction."""
        codes = self.encode(samples)
        return Outputs(codes, self.output_gain * self.up(self.code_gain * codes))

    def regularized_parameters(self) -> Iterator[nn.Parameter]:
        """Return the parameters that weight decay shrinks: none."""
        return iter(())


def layer_pairs(network: Autoencoder) -> list[Layer]:
    """Pair the layers of a network, from the outermost to the code.

    Beside a linear path, where the last layer of a perceptron is zero at the start, the
    code is left out. There, and where the decoder's output are no samples, the
    outermost layer has a decoder of its own, which the network does not keep.
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
        nn.Linear, layers[0].up.in_features, network.n_features, **CPU_FLOAT32
    )
    nn.init.zeros_(outermost.weight)
    nn.init.zeros_(outermost.bias)
    layers[0].up = outermost
    return layers[:-1] if beside_path else layers


@torch.no_grad()
def encode_layer(layer: Layer, samples: Any) -> Tensor:
    """Return the codes of samples, which are the samples of the next layer."""
    device = layer.down.weight.device
    parts = samples.split(limits.CHUNK_SAMPLES)
    return torch.cat([layer.encode(part.to(device)) for part in parts])


def pretrain(
    network: Autoencoder, training_set: TrainingSet, plan: TrainingPlan, seed: int
) -> None:
    """Train the hidden layers of a network in place, from the outermost inwards.

    Parameters
    ----------
    network : Autoencoder
        Whose layers are trained.

    training_set : TrainingSet
        Samples in memory, and their hashes.

    plan : TrainingPlan
        Plan of the whole training.

    seed : int
        Seed of the order of the samples.

    References
    ----------
    G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data with
    neural networks", Science 313, 2006, where layers are trained as Boltzmann machines;
    Y. Bengio, P. Lamblin, D. Popovici and H. Larochelle, "Greedy layer-wise training of
    deep networks", NIPS 2006, for autoencoders in their place.
    """
    from .trainer import Trainer  # skorch is slow to import

    layers = layer_pairs(network)
    for place, layer in enumerate(layers, start=1):
        desc = f"pretraining {place} of {len(layers)}"
        trainer = Trainer(plan.for_layer(seed), desc)
        trainer.fit([layer], training_set, [ReconstructionLoss()])
        codes = encode_layer(layer, training_set.inputs)
        training_set = training_set._replace(inputs=codes)
    network.to(plan.device)  # also the parts that are not trained layer by layer


def pretrain_runs(
    networks: Sequence[Any], training_set: TrainingSet, plan: TrainingPlan
) -> list[Any]:
    """Train the hidden layers of the networks of all runs, and return the networks.

    Those that start alike, from PCA, are pretrained once.
    """
    inputs, hashes = samples_in_memory(training_set.inputs, training_set.hashes)
    training_set = TrainingSet(
        inputs,
        hashes,
        weights=weights_at(training_set.weights, slice(len(hashes))),
        mean_weight=training_set.mean_weight,
    )
    if plan.init == "pca":
        pretrain(networks[0], training_set, plan, seed=0)
        return [networks[0], *(deepcopy(networks[0]) for _ in networks[1:])]
    for network, seed in zip(networks, plan.seeds):
        pretrain(network, training_set, plan, seed)
    return list(networks)
