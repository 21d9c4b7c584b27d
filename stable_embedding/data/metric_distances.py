"""Distances between training samples by a metric, from torch or scikit-learn."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, issparse
from sklearn.preprocessing import normalize
from sklearn.utils import gen_batches
from torch import Tensor

from . import limits
from .chunks import dense_samples
from .input_distances import InputDistances, held_if_few, squared_distances
from .metrics import SAME_DIRECTION, PairMetric, of_unit_size
from .row_hash import mix_bits
from .scaling import inverse_power


class MetricDistances(InputDistances):
    """Distances of rows that scikit-learn computes.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    metric : PairMetric

    order : ndarray of shape (n_samples,) or None, default=None
    """

    def __init__(self, X: Any, metric: PairMetric, order: np.ndarray | None = None):
        n_samples = X.shape[0] if order is None else len(order)
        super().__init__(n_samples, order, metric.name)
        self.X = X
        self.metric = metric

    def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Compute the distances of some samples from others."""
        rows = self.rows(first)
        is_same = first is second or np.array_equal(first, second)
        distances = self.metric.between(rows, None if is_same else self.rows(second))
        # By some metrics, and by rounding, a sample is apart from itself.
        distances[first[:, None] == second] = 0
        return distances

    def rows(self, index: np.ndarray) -> Any:
        """Return the rows at some positions."""
        return self.X[self.order[index]]


class CosineDistances(MetricDistances):
    """Cosine distances of sparse rows, by their inner products."""

    def __init__(self, X: Any, metric: PairMetric, order: np.ndarray | None = None):
        super().__init__(X, metric, order)
        self.unit_rows = csr_array(normalize(X.astype(np.float64)))

    def within(self, batch: np.ndarray) -> np.ndarray:
        """Compute the distances among the samples of one batch."""
        rows = self.unit_rows[self.order[batch]]
        found = np.clip(1 - (rows @ rows.T).toarray(), 0, 2).astype(np.float32)
        found[found <= SAME_DIRECTION] = 0
        np.fill_diagonal(found, 0)
        return found


class TorchDistances(MetricDistances):
    """Distances of rows that torch computes, for all batches at once.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    metric : PairMetric
        One of `TORCH_METRICS`.

    order : ndarray of shape (n_samples,) or None

    mean : ndarray of shape (n_features,)
        Mean of the samples.

    scale : float
        By which rows are divided, so that float32 holds them.
    """

    def __init__(
        self,
        X: Any,
        metric: PairMetric,
        order: np.ndarray | None,
        mean: np.ndarray,
        scale: float,
    ):
        super().__init__(X, metric, order)
        self.mean = mean
        self.scale = scale
        self.prepare, self.pairs, power = TORCH_METRICS[metric.metric]
        self.factor = scale**power
        n_bytes = np.dtype(np.float32).itemsize * len(self) * X.shape[1]
        self._held: Tensor | None = None
        if not issparse(X) and n_bytes <= limits.IN_MEMORY_BYTES:
            everyone = np.arange(len(self))
            parts = gen_batches(len(self), limits.CHUNK_SAMPLES)
            held = [self._prepared(everyone[part]) for part in parts]
            self._held = torch.from_numpy(np.concatenate(held))

    def among(self, index: Tensor) -> Tensor:
        """Compute the distances among the samples of each of several batches."""
        if self._held is None:
            rows = self._prepared(index.flatten().cpu().numpy())
            rows = torch.from_numpy(rows).to(index.device)
            rows = rows.reshape(*index.shape, rows.shape[-1])
        else:
            self._held = self._held.to(index.device)
            rows = self._held[index]
        distances = self.pairs(rows)
        # Rounding must not part a sample from itself.
        distances.diagonal(dim1=-2, dim2=-1).zero_()
        return distances if self.factor == 1 else distances * self.factor

    def _prepared(self, index):
        rows = dense_samples(self.X, self.order[index]).astype(np.float64)
        return self.prepare(rows, self.mean, self.scale).astype(np.float32)


class ChordDistances(InputDistances):
    r"""Distances of samples after each is divided by its length, and inner products.

    .. math:: d_{ij} = \sqrt{2 (1 - \cos_{ij})}

    They are Euclidean, so classical scaling of them is kernel PCA with cosines as its
    kernel. A sample of zeros has the cosine 0 with every other.

    Parameters
    ----------
    cosine : MetricDistances
        Cosine distances, ``1 - cos``.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples in their mean; equal ones by default.
    """

    def __init__(self, cosine: MetricDistances, weights: np.ndarray | None = None):
        super().__init__(len(cosine), cosine.order)
        self.cosine = cosine
        parts = list(gen_batches(len(self), limits.CHUNK_SAMPLES))
        weights = np.ones(len(self)) if weights is None else weights
        total = sum(weights[part] @ self._unit_rows(part) for part in parts)
        mean = total / weights.sum()
        to_mean = np.concatenate([self._unit_rows(part) @ mean for part in parts])
        # Less 1, so that float32 holds differences of samples of nearly one direction.
        left, of_mean = 1 - to_mean, float(1 - mean @ mean)
        left[left <= SAME_DIRECTION] = 0
        self._to_mean = torch.from_numpy(left.astype(np.float32))
        self._of_mean = of_mean if of_mean > SAME_DIRECTION else 0.0

    def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Compute the distances of some samples from others."""
        return np.sqrt(2 * self.cosine.between(first, second))

    def among(self, index: Tensor) -> Tensor:
        """Compute the distances among the samples of each of several batches."""
        return self.cosine.among(index).mul(2).sqrt_()

    def products(self, index: Tensor) -> Tensor:
        """Compute centered cosines among the samples of each of several batches.

        Parameters
        ----------
        index : Tensor of int of shape (..., n_samples_of_batch)
            Positions.

        Returns
        -------
        Tensor of shape (..., n_samples_of_batch, n_samples_of_batch), dtype float32
            Products of different samples, each of unit length, less their mean.
        """
        self._to_mean = self._to_mean.to(index.device)
        to_mean = self._to_mean[index]
        sums = to_mean.unsqueeze(-1) + to_mean.unsqueeze(-2)
        return sums - self._of_mean - self.cosine.among(index)

    def _unit_rows(self, part):
        rows = self.cosine.rows(np.arange(len(self))[part])
        return normalize(of_unit_size(rows.astype(np.float64)))


def _scaled(rows, mean, scale):
    return (rows - mean) / scale


def _hashed(rows, mean, scale):
    """Return a 24-bit hash of each value, which float32 holds; equal values share it.

    Values that differ in float64 may be equal in float32.
    """
    bits = np.ascontiguousarray(rows + 0.0).view(np.uint64)  # 0.0, not -0.0
    return mix_bits(bits) >> np.uint64(40)


def _nonzero(rows, mean, scale):
    return rows != 0


def _unit_rows(rows, mean, scale):
    """Return rows of unit length less that of the mean, and whether a row is zero.

    Far from the origin all have nearly one direction, and float32 would lose the rest.
    """
    unit = normalize(of_unit_size(rows))
    of_mean = normalize(mean[None] * inverse_power(scale))
    return np.hstack([unit - of_mean, ~unit.any(axis=1, keepdims=True)])


def _centered_unit_rows(rows, mean, scale):
    return _unit_rows(_deviations(rows), _deviations(mean[None])[0], scale)


def _deviations(rows):
    deviations = rows - rows.mean(axis=1, keepdims=True)
    # What is left of features that are all alike is rounding.
    rounding = np.finfo(np.float64).eps * np.abs(rows).max(axis=1, keepdims=True)
    deviations[np.abs(deviations) <= rows.shape[1] * rounding] = 0
    return deviations


def _manhattan(rows):
    return torch.cdist(rows, rows, p=1)


def _chebyshev(rows):
    return torch.cdist(rows, rows, p=torch.inf)


def _one_minus_product(rows):
    is_zero = rows[..., -1] > 0
    distances = (squared_distances(rows[..., :-1]) / 2).clamp_max_(2)
    distances.masked_fill_(distances <= SAME_DIRECTION, 0)
    # A row of zeros has no direction.
    return distances.masked_fill_(is_zero.unsqueeze(-1) | is_zero.unsqueeze(-2), 1)


def _hamming(rows):
    return torch.cdist(rows, rows, p=0) / rows.shape[-1]


def _jaccard(rows):
    common = rows @ rows.mT
    sizes = common.diagonal(dim1=-2, dim2=-1)
    either = sizes.unsqueeze(-1) + sizes.unsqueeze(-2) - common
    return torch.where(either > 0, 1 - common / either.clamp_min(1), 0.0)


# What is done to rows, how torch computes from them, and how the distance grows with
# the unit of rows that were divided by the scale.
TORCH_METRICS: dict[Any, tuple[Callable, Callable, int]] = {
    "chebyshev": (_scaled, _chebyshev, 1),
    "cityblock": (_scaled, _manhattan, 1),
    "correlation": (_centered_unit_rows, _one_minus_product, 0),
    "cosine": (_unit_rows, _one_minus_product, 0),
    "hamming": (_hashed, _hamming, 0),
    "jaccard": (_nonzero, _jaccard, 0),
    "l1": (_scaled, _manhattan, 1),
    "manhattan": (_scaled, _manhattan, 1),
    "sqeuclidean": (_scaled, squared_distances, 2),
}


def distances_of_metric(
    X: Any,
    metric: PairMetric,
    order: np.ndarray | None,
    mean: np.ndarray,
    scale: float,
    verbose: bool = False,
) -> InputDistances:
    """Return distances of samples, computed in the fastest way for a metric.

    Metrics that torch cannot compute are evaluated once for all pairs, if there are not
    too many.
    """
    name = metric.metric
    if isinstance(name, str) and issparse(X) and name == "cosine":
        return CosineDistances(X, metric, order)
    if isinstance(name, str) and name in TORCH_METRICS and not metric.parameters:
        return TorchDistances(X, metric, order, mean, scale)
    return held_if_few(MetricDistances(X, metric, order), verbose)
