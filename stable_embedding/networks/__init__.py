"""Networks between samples and codes, and the rigid maps that lay codes in a frame."""

from .autoencoder import Autoencoder

__all__ = ["Autoencoder"]
