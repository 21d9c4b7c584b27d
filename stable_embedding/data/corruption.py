r"""Noise of a training, drawn for each row from its key.

A generator that goes from batch to batch gives every row other noise when one is
dropped; here each row has a stream of its own, splitmix64 from a number that was drawn
by its key, so that the others keep theirs.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data.row_hash import splitmix

CORRUPTIONS = ("gaussian", "masking", "salt_and_pepper")


def uniform(numbers, n_values):
    """Draw values between 0 and 1, neither included, for each row.

    Parameters
    ----------
    numbers : ndarray of shape (..., n_rows), dtype uint64
        Where the stream of each row starts.

    n_values : int
        Number of values for each.

    Returns
    -------
    ndarray of shape (..., n_rows, n_values), dtype float32
    """
    # Values as far apart as float32 can tell everywhere below 1.
    high_bits = splitmix(numbers, n_values) >> np.uint64(41)
    return (high_bits.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-23)


def normal(numbers, n_values):
    """Draw standard normal values for each row, by the method of Box and Muller.

    Takes and returns what :func:`uniform` does.
    """
    n_pairs = -(-n_values // 2)
    values = uniform(numbers, 2 * n_pairs)
    radius = np.sqrt(-2 * np.log(values[..., :n_pairs]))
    angle = np.float32(2 * np.pi) * values[..., n_pairs:]
    pairs = [radius * np.cos(angle), radius * np.sin(angle)]
    return np.concatenate(pairs, axis=-1)[..., :n_values]


class Corruption(NamedTuple):
    """Corruption of rows that a network shall undo.

    Attributes
    ----------
    kind : {"gaussian", "masking", "salt_and_pepper"}
        Normal noise on each value; values replaced by 0, the mean of centered rows; or
        by the least or largest of their feature, each as likely.

    level : float
        Standard deviation of the noise, or share of the values that are replaced.

    least, largest : Tensor of shape (n_features,) or None
        Of each feature, where values are replaced by them.
    """

    kind: str
    level: float
    least: Tensor | None = None
    largest: Tensor | None = None

    def __call__(self, rows: Tensor, numbers: np.ndarray) -> Tensor:
        """Corrupt a batch.

        Parameters
        ----------
        rows : Tensor of shape (..., n_rows, n_features)

        numbers : ndarray of shape (..., n_rows), dtype uint64
            Drawn for each row.

        Returns
        -------
        Tensor of shape (..., n_rows, n_features)
        """
        n_features = rows.shape[-1]
        if self.kind == "gaussian":
            noise = torch.from_numpy(normal(numbers, n_features))
            return rows + self.level * noise.to(rows)
        drawn = torch.from_numpy(uniform(numbers, n_features)).to(rows)
        if self.kind == "masking":
            return torch.where(drawn < self.level, 0, rows)
        assert self.least is not None
        assert self.largest is not None
        extremes = torch.where(
            drawn < self.level / 2, self.least.to(rows), self.largest.to(rows)
        )
        return torch.where(drawn < self.level, extremes, rows)


class CodeNoise(NamedTuple):
    """Standard normal values that a network is given beside each row.

    Attributes
    ----------
    n_values : int
        Number of values for each row.
    """

    n_values: int

    def __call__(self, rows: Tensor, numbers: np.ndarray) -> tuple[Tensor, Tensor]:
        """Draw the values.

        Parameters
        ----------
        rows : Tensor of shape (..., n_rows, n_features)

        numbers : ndarray of shape (..., n_rows), dtype uint64
            Drawn for each row.

        Returns
        -------
        tuple of Tensor
            The rows, and values of shape (..., n_rows, n_values).
        """
        return rows, torch.from_numpy(normal(numbers, self.n_values)).to(rows)
