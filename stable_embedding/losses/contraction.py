"""How steep an encoder is."""

from typing import Any

from torch import Tensor

from .base import Batch, LossTerm, weighted_mean


class ContractionLoss(LossTerm):
    """Mean squared norm of the encoder's Jacobian, per component."""

    name = "contraction"

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Return 1 for an encoder that projects without stretching."""
        squares = weighted_mean(outputs.squared_jacobian, batch.weights)
        return squares / outputs.codes.shape[-1]
