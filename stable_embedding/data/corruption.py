r"""Draw the noise of each training sample from its hash.

With one generator for all batches, dropping a sample would change the noise of all
others. Here each sample has a separate splitmix64 stream, whose start is drawn from its
hash. So the remaining samples keep their noise if one is dropped.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .row_hash import splitmix

CORRUPTIONS = ("gaussian", "masking", "salt_and_pepper")


def uniform(starts, n_values):
    """Draw uniform values between 0 and 1, both excluded, for each sample.

    Parameters
    ----------
    starts : ndarray of shape (..., n_samples), dtype uint64
        Start of the stream of each sample.

    n_values : int
        Number of values for each sample.

    Returns
    -------
    ndarray of shape (..., n_samples, n_values), dtype float32
    """
    # On a grid that float32 resolves everywhere below 1.
    high_bits = splitmix(starts, n_values) >> np.uint64(41)
    return (high_bits.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-23)


def normal(starts, n_values):
    """Draw standard normal values for each sample, by the Box-Muller method.

    Parameters and shapes are those of :func:`uniform`.
    """
    n_pairs = -(-n_values // 2)
    values = uniform(starts, 2 * n_pairs)
    radius = np.sqrt(-2 * np.log(values[..., :n_pairs]))
    angle = np.float32(2 * np.pi) * values[..., n_pairs:]
    pairs = [radius * np.cos(angle), radius * np.sin(angle)]
    return np.concatenate(pairs, axis=-1)[..., :n_values]


class Corruption(NamedTuple):
    """Corruption of the input that the network learns to undo.

    Attributes
    ----------
    kind : {"gaussian", "masking", "salt_and_pepper"}
        "gaussian" adds normal noise to each value. "masking" replaces values by 0, the
        mean of centered samples. "salt_and_pepper" replaces values by the minimum or
        the maximum of their feature, with equal probability.

    level : float
        Standard deviation of the noise, or fraction of the values that are replaced.

    minimum, maximum : Tensor of shape (n_features,) or None
        Extremes of each feature; needed by "salt_and_pepper".
    """

    kind: str
    level: float
    minimum: Tensor | None = None
    maximum: Tensor | None = None

    def __call__(self, samples: Tensor, starts: np.ndarray) -> Tensor:
        """Corrupt a batch.

        Parameters
        ----------
        samples : Tensor of shape (..., n_samples, n_features)

        starts : ndarray of shape (..., n_samples), dtype uint64
            Start of the stream of each sample.

        Returns
        -------
        Tensor of shape (..., n_samples, n_features)
        """
        n_features = samples.shape[-1]
        if self.kind == "gaussian":
            noise = torch.from_numpy(normal(starts, n_features))
            return samples + self.level * noise.to(samples)
        drawn = torch.from_numpy(uniform(starts, n_features)).to(samples)
        if self.kind == "masking":
            return torch.where(drawn < self.level, 0, samples)
        assert self.minimum is not None
        assert self.maximum is not None
        extremes = torch.where(
            drawn < self.level / 2, self.minimum.to(samples), self.maximum.to(samples)
        )
        return torch.where(drawn < self.level, extremes, samples)


class CodeNoise(NamedTuple):
    """Standard normal noise that a network receives beside each sample.

    Attributes
    ----------
    n_values : int
        Number of values for each sample.
    """

    n_values: int

    def __call__(self, samples: Tensor, starts: np.ndarray) -> tuple[Tensor, Tensor]:
        """Draw the noise of a batch.

        Parameters
        ----------
        samples : Tensor of shape (..., n_samples, n_features)

        starts : ndarray of shape (..., n_samples), dtype uint64
            Start of the stream of each sample.

        Returns
        -------
        samples : Tensor of shape (..., n_samples, n_features)
            Unchanged.

        noise : Tensor of shape (..., n_samples, n_values)
        """
        return samples, torch.from_numpy(normal(starts, self.n_values)).to(samples)
