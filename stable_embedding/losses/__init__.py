"""Outputs of a network and a batch in, terms of the training loss out."""

from .base import Batch, LossTerm, Outputs

__all__ = ["Batch", "LossTerm", "Outputs"]
