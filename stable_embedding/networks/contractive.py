"""Autoencoder that also returns the slope of its encoder."""

from typing import Any, NamedTuple

from torch import Tensor

from .autoencoder import Autoencoder


class ContractiveOutputs(NamedTuple):
    """What the network makes of a batch.

    Attributes
    ----------
    codes, reconstruction : Tensor
        As in :class:`~stable_embedding.losses.Outputs`.

    squared_jacobian : Tensor of shape (..., n_samples) or (..., 1)
        Squared Frobenius norm of the encoder's Jacobian at each sample.
    """

    codes: Tensor
    reconstruction: Tensor
    squared_jacobian: Tensor


class ContractiveNetwork(Autoencoder):
    """Autoencoder that also returns the squared norm of its encoder's Jacobian."""

    def forward(self, samples: Tensor) -> Any:
        """Return codes, reconstruction and the squared norm of the Jacobian."""
        codes, reconstruction = super().forward(samples)
        squared_jacobian = self.encoder.squared_jacobian(samples)
        return ContractiveOutputs(codes, reconstruction, squared_jacobian)
