"""Terms of the training loss, computed from a batch and the network's outputs."""

from .base import Batch, LossTerm, Outputs

__all__ = ["Batch", "LossTerm", "Outputs"]
