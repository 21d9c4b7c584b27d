"""An autoencoder whose codes are bits."""

from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..data.corruption import CodeNoise
from ..estimators.autoencoder import StableAutoencoder
from ..estimators.inheritance import takes_parameters
from ..networks.autoencoder import Autoencoder
from ..networks.frame import axis_map_onto

# What logits are multiplied by: a component of unit variance then starts with most of
# its rows well above or below the noise.
STEEPNESS = 4.0


class HashingNetwork(Autoencoder):
    """An autoencoder whose codes are logistic, and nearly binary once it is trained.

    A code is 0 or `height`, or between: so that two rows whose bits are drawn at random
    lie as far apart as two rows of the data.

    Parameters
    ----------
    noise : float
        Standard deviation of what is added to logits in training.

    **shared : object
        As in :class:`~stable_embedding.networks.Autoencoder`.
    """

    _settings = (*Autoencoder._settings, "noise")

    def __init__(self, *, noise: float, **shared: Any):
        super().__init__(**shared)
        self.noise = noise
        self.height = 2 / self.n_components**0.5

    def logits(self, rows: Tensor) -> Tensor:
        """Return the logits of bits."""
        return STEEPNESS * self.n_components**0.5 * self.encoder(rows)

    def encode(self, rows: Tensor) -> Tensor:
        """Return the codes of rows."""
        return self.codes_of(self.logits(rows))

    def codes_of(self, logits: Tensor) -> Tensor:
        """Return the codes of logits."""
        return self.height * torch.sigmoid(logits)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the rows of codes."""
        return self.decoder(codes - self.height / 2)

    def reconstruct(self, rows: Tensor) -> Tensor:
        """Return rows as they come back from their bits."""
        bits = (self.logits(rows) > 0).to(rows.dtype)
        return self.decode(self.height * bits)

    def forward(self, inputs: Any) -> tuple[Tensor, ...]:
        """Return codes and reconstruction, of rows or of rows and noise."""
        if isinstance(inputs, Tensor):
            return super().forward(inputs)
        rows, noise = inputs
        codes = self.codes_of(self.logits(rows) + self.noise * noise)
        return codes, self.decode(codes)


@takes_parameters("n_components")
class SemanticHashing(StableAutoencoder):
    r"""Autoencoder that gives near rows near strings of bits.

    Codes are logistic, :math:`z = h\,\sigma(a + s \varepsilon)`, with normal noise
    :math:`\varepsilon` on the logits in training. What is to come through it must be
    coded by logits far from 0, so by codes near 0 or :math:`h`; in `transform` they are
    cut in the middle. With :math:`h = 2 / \sqrt{k}` for :math:`k` bits distances
    between codes are comparable with those of the data, and the similarity loss makes
    Hamming distances follow them.

    Parameters
    ----------
    n_bits : int, default=32
        Number of bits.

    noise : float, default=4.0
        Standard deviation :math:`s` of the noise.

    packed : bool, default=False
        Whether `transform` packs eight bits into a byte, the first one highest.

    Attributes
    ----------
    network_ : HashingNetwork
        The trained network, between scaled rows and codes between 0 and :math:`h`.

    See Also
    --------
    StableAutoencoder : The same with real codes.

    Notes
    -----
    Bits have a meaning of their own, so the map that lays codes in their frame permutes
    them, turns some over, and does nothing else. Losses, and rows held out for early
    stopping, are of codes that are not yet cut; `score` is of bits.

    References
    ----------
    R. Salakhutdinov and G. Hinton, "Semantic hashing", International Journal of
    Approximate Reasoning 50, 2009.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stable_embedding import SemanticHashing
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = SemanticHashing(16, packed=True, random_state=0).fit(X)
    >>> codes = model.transform(X)
    >>> codes.shape, codes.dtype
    ((1797, 2), dtype('uint8'))
    >>> model.inverse_transform(codes).shape
    (1797, 64)
    """

    _parameter_constraints = {
        **StableAutoencoder._parameter_constraints,
        "n_bits": [Interval(Integral, 1, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "packed": ["boolean"],
    }
    del _parameter_constraints["n_components"]

    _network_class = HashingNetwork
    _codes_dtype = np.uint8

    def __init__(self, n_bits=32, *, noise=4.0, packed=False, **shared):
        super().__init__(n_bits, **shared)
        self.noise = noise
        self.packed = packed

    @property
    def n_components(self):
        """Width of the bottleneck, one component for each bit."""
        return self.n_bits

    @n_components.setter
    def n_components(self, value):
        self.n_bits = value

    def bit_probabilities(self, X):
        """Return what bits are cut from.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to embed.

        Returns
        -------
        ndarray of shape (n_samples, n_bits), dtype float32
            Between 0 and 1, in most places near one of them.
        """
        check_is_fitted(self)
        codes = self._encode(self.network_, self._validate_all_but_values(X))
        return codes / np.float32(self.network_.height)

    def transform(self, X, out=None):
        """Cut the codes of X to bits.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array} of shape (n_samples, n_features)
            Rows to embed, seen in training or not.

        out : ndarray of numbers, of the shape of the bits, default=None
            Where to write them; a new array by default.

        Returns
        -------
        ndarray of shape (n_samples, n_bits) or (n_samples, n_bytes), dtype uint8
            Bits, or if `packed` bytes; `out` where it is given.
        """
        return super().transform(X, out)

    def inverse_transform(self, X):
        """Reconstruct rows from their bits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_bits) or (n_samples, n_bytes)
            Bits as `transform` returns them, packed or not.

        Returns
        -------
        ndarray of shape (n_samples, n_features), dtype float64
            Reconstruction.
        """
        return super().inverse_transform(X)

    def _map_onto(self, codes, reference):
        # About the middle of a bit, where turning it over changes the sign.
        centered = codes - codes.mean(axis=0), reference - reference.mean(axis=0)
        return axis_map_onto(*centered)

    def _network_codes(self, codes, name):
        bits = self._check_codes(codes, name)
        largest = 255 if self.packed else 1
        if not (
            np.isin(bits, [0, 1]) if largest == 1 else bits == np.uint8(bits)
        ).all():
            raise ValueError(f"{name} must hold whole numbers from 0 to {largest}")
        if self.packed:
            bits = np.unpackbits(bits.astype(np.uint8), axis=1, count=self._width)
        return np.float32(self.network_.height) * bits

    def _architecture(self):
        return super()._architecture() | {"noise": self.noise}

    def _input_transform(self, sample):
        return CodeNoise(self.n_bits) if self.noise else None

    def _finish_codes(self, codes):
        bits = codes > self.network_.height / 2
        return np.packbits(bits, axis=1) if self.packed else bits.astype(np.uint8)

    @property
    def _width(self):
        return self.network_.n_components

    @property
    def _n_features_out(self):
        return -(-self._width // 8) if self.packed else self._width

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
