"""Base class of loss terms, and the named tuples that they receive.

Tensors have shape (..., n_samples, n_values). Leading axes are separate batches, such
as those of several runs; a term returns one value for each.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

# Least divisor. Where it is taken, what it divides is 0.
TINY = 1e-12


class Outputs(NamedTuple):
    """Outputs of a network for a batch.

    A network with more outputs returns another named tuple, with these fields first.

    Attributes
    ----------
    codes : Tensor of shape (..., n_samples, n_components)
        Codes, in the units of scaled samples.

    reconstruction : Tensor of shape (..., n_samples, n_features)
        Output of the decoder for these codes.
    """

    codes: Tensor
    reconstruction: Tensor


class Batch(NamedTuple):
    """Samples that a network should reconstruct, with their labels and weights.

    Attributes
    ----------
    samples : Tensor of shape (..., n_samples, n_features)
        Scaled samples. With a neighbor term the first half are anchors, and the second
        half has one positive for each anchor.

    index : Tensor of shape (..., n_samples)
        Position of each sample in the training set, in which duplicates are merged and
        samples are ordered by their content. It is not an index into X.

    labels : Tensor of shape (..., n_samples) or (..., n_samples, n_classes) or None
        Labels of the samples, or probabilities of classes. None if the estimator learns
        from none, as without a `label_weight`.

    weights : Tensor of shape (..., n_samples) or None
        Weights of the samples, with mean 1 over the training set; None if all samples
        have the same weight.
    """

    samples: Tensor
    index: Tensor  # type: ignore[assignment]  # not the method of tuples
    labels: Tensor | None = None
    weights: Tensor | None = None


class LossTerm(nn.Module):
    """Base class of the terms of the training loss.

    Subclass it, set `name`, and compute the term in `forward`. Scale the term so that
    it is 0 for a perfect map and 1 for a useless one, such as a map that has collapsed.
    A weight then has the same effect on any data. Each training trains a copy of the
    term; what its own parameters learn is not kept.

    Parameters
    ----------
    weight : float, default=1.0
        Weight of the term in the total loss. A larger weight makes the training trade
        more of the other terms for this one. With 0 the term is not computed.

    Attributes
    ----------
    name : str
        Name of the term, a Python identifier that does not begin with
        ``validation_``. Its values are recorded as ``<name>_loss``.

    uses_positives : bool
        Whether the term needs positives after the anchors, as the neighbor term does,
        in evaluation too. If False, the default, evaluation passes only the anchors.
        There are positives only with ``neighbor_weight`` above 0.

    counted_fraction : Tensor of shape (...) or None
        Fraction of the last batch that the term counted; None, as before each call of
        `forward`, if it counts all. Set it in `forward` if a batch may hold little for
        the term, such as few labels. Recorded losses are means over batches by it. With
        weights it is the sum of those that count over the number of samples.

    Examples
    --------
    A term that penalizes correlated components:

    >>> import torch
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import StableAutoencoder
    >>> from stable_embedding.losses import LossTerm
    >>> class Correlation(LossTerm):
    ...     name = "correlation"
    ...
    ...     def forward(self, outputs, batch):
    ...         codes = outputs.codes - outputs.codes.mean(-2, keepdim=True)
    ...         unit = torch.nn.functional.normalize(codes, dim=-2, eps=1e-6)
    ...         return (unit.mT @ unit).triu(1).square().mean((-2, -1))
    >>> model = StableAutoencoder(n_init=2, extra_losses=[Correlation(0.1)])
    >>> model.fit(load_iris().data).correlation_loss_ < 0.01
    True
    """

    name: str
    uses_positives = False
    counted_fraction: Tensor | None = None

    def __init__(self, weight: float = 1.0):
        super().__init__()
        self.weight = weight

    def begin(self, n_steps: int) -> None:
        """Prepare for a training; hook for terms that change during it.

        Keep what changes in a buffer, such as a count of the steps, and change it in
        `forward` if ``self.training`` is true. A training that resumes from a
        checkpoint restores parameters and buffers; other attributes start again.

        Parameters
        ----------
        n_steps : int
            Number of optimizer steps of the training.
        """

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the term.

        Parameters
        ----------
        outputs : Outputs
            Codes and reconstruction of the batch.

        batch : Batch
            The samples of the batch, with their labels and weights.

        Returns
        -------
        Tensor of shape (...)
            One value for each leading axis of the batch: a scalar for one run, and
            shape (n_runs,) for several.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward")


class TotalLoss(nn.Module):
    """Weighted sum of terms.

    Parameters
    ----------
    terms : sequence of LossTerm
        Terms of the loss. Their order is that of `names`.
    """

    def __init__(self, terms: Sequence[LossTerm]):
        super().__init__()
        self.terms = nn.ModuleList(terms)
        self.names = ("loss", *(f"{term.name}_loss" for term in terms))
        self.paired = any(term.uses_positives and term.weight for term in terms)

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each term, by the term's name."""
        return {term.name: term.weight for term in self.terms}  # type: ignore[misc]

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Return the total and its terms, in the order of `names`.

        If a term does not count all of the batch, the fractions that the total and each
        term count follow.
        """
        whole = anchors = outputs, batch
        if self.paired and not self.training:
            anchors = anchors_of(outputs, batch)
        total, values = None, []
        for term in self.terms:
            term.counted_fraction = None  # type: ignore[assignment]
            if not term.weight:
                values.append(outputs.codes.new_zeros(outputs.codes.shape[:-2]))
                continue
            value = term(*(whole if term.uses_positives else anchors))
            check_shape(value, f"{term.name!r} returned", outputs.codes.shape[:-2])
            weighted = value if term.weight == 1 else term.weight * value
            total = weighted if total is None else total + weighted
            values.append(value)
        total = values[0] if total is None else total
        return torch.stack([total, *values, *self._fractions(total)])

    def _fractions(self, total):
        """Return the fractions that are counted, unless all terms count all."""
        fractions = [term.counted_fraction for term in self.terms]
        if all(fraction is None for fraction in fractions):
            return []
        for term, fraction in zip(self.terms, fractions):
            if fraction is not None:
                found = f"{term.name!r} has a counted_fraction of"
                check_shape(fraction, found, total.shape)
        ones = torch.ones_like(total)
        return [ones if part is None else part for part in (None, *fractions)]


def check_shape(value: Any, found: str, shape: Sequence[int]) -> None:
    """Raise if what was found of a term is not a tensor with a number for each run."""
    if not isinstance(value, Tensor):
        raise TypeError(
            f"the loss term {found} a {type(value).__name__}; it must be a torch.Tensor"
        )
    if value.shape != shape:
        raise ValueError(
            f"the loss term {found} shape {tuple(value.shape)}; it must be"
            f" {tuple(shape)}: one value for each run"
        )


def weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean of values times weights, over the last axis."""
    return (values if weights is None else values * weights).mean(-1)


def ratio(lost: Tensor, total: Tensor) -> Tensor:
    """Divide what is lost by a total; 0 with a finite gradient where it is 0."""
    return lost / torch.where(total > 0, total, 1)


def anchors_of(outputs: Any, batch: Batch) -> tuple[Any, Batch]:
    """Return the outputs and the batch of the anchors alone, the first half."""
    axis = outputs.codes.dim() - 2
    n_samples = outputs.codes.shape[axis]

    def first_half(field):
        # A field may be None, or have one entry that holds for all samples.
        if field is None or field.shape[axis] != n_samples:
            return field
        return field.narrow(axis, 0, n_samples // 2)

    return type(outputs)(*map(first_half, outputs)), Batch(*map(first_half, batch))


def split_into_blocks(samples: Tensor, size: int) -> Tensor:
    """Split (..., n_samples, n_values) into even blocks of at most `size` samples.

    Returns shape (..., n_blocks, n_block_samples, n_values). Samples at the end are
    dropped if they do not fill all blocks evenly.
    """
    blocks = even_blocks(samples.shape[-2], size)
    return samples[..., : math.prod(blocks), :].unflatten(-2, blocks)


def even_blocks(n_samples: int, size: int) -> tuple[int, int]:
    """Return the number of even blocks of at most `size` samples, and their size."""
    n_blocks = -(-n_samples // size)
    return n_blocks, n_samples // n_blocks


def split_values(values: Tensor, size: int) -> Tensor:
    """Split (..., n_samples) into the same blocks as :func:`split_into_blocks`.

    Returns shape (..., n_blocks, n_block_samples).
    """
    return split_into_blocks(values.unsqueeze(-1), size).squeeze(-1)
