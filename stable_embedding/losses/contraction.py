"""Loss term that penalizes the encoder's Jacobian."""

from typing import Any

from torch import Tensor

from .base import Batch, LossTerm, weighted_mean


class ContractionLoss(LossTerm):
    """Mean squared Frobenius norm of the encoder's Jacobian, per component."""

    name = "contraction"

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the term; it is 1 for an orthogonal projection."""
        squares = weighted_mean(outputs.squared_jacobian, batch.weights)
        return squares / outputs.codes.shape[-1]
