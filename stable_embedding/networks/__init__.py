"""Networks between scaled samples and codes."""

from .autoencoder import Autoencoder
from .base import BaseAutoencoder
from .consensus import Consensus
from .convolutional import ConvolutionalDecoder, ConvolutionalEncoder
from .mlp import LinearPathMLP
from .modular import ModularAutoencoder
from .module_part import ModulePart

__all__ = [
    "Autoencoder",
    "BaseAutoencoder",
    "Consensus",
    "ConvolutionalDecoder",
    "ConvolutionalEncoder",
    "LinearPathMLP",
    "ModularAutoencoder",
    "ModulePart",
]
