"""What a loss works on and is made of: outputs, batches and terms, all by name.

Tensors have shape (..., n_samples, n_values). Leading axes stand for separate batches,
such as those of several runs, and are kept.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Outputs(NamedTuple):
    """What a network makes of a batch.

    A network that returns more has its named tuple, with these fields first.

    Attributes
    ----------
    codes : Tensor of shape (..., n_samples, n_components)
        Codes, in the units of scaled samples.

    reconstruction : Tensor of shape (..., n_samples, n_features)
        What the decoder makes of the codes.
    """

    codes: Tensor
    reconstruction: Tensor


class Batch(NamedTuple):
    """What a network should reconstruct, and what is known of it.

    Attributes
    ----------
    samples : Tensor of shape (..., n_samples, n_features)
        Scaled samples. With a neighbor term the first half are anchors, and the second
        half is one positive for each of them.

    index : Tensor of shape (..., n_samples)
        Position of each sample among those that are trained on: distinct ones, in an
        order that depends on their content.

    labels : Tensor of shape (..., n_samples) or None
        Labels of the samples, if the training has any.

    weights : Tensor of shape (..., n_samples) or None
        Weights of the samples, of mean 1 over the training; None where all count the
        same.
    """

    samples: Tensor
    index: Tensor  # type: ignore[assignment]  # not the method of tuples
    labels: Tensor | None = None
    weights: Tensor | None = None


class LossTerm(nn.Module):
    """A term of the training loss.

    Subclass it, set `name`, and compute the term in `forward`. Arrange it such that it
    is 0 when everything is kept and 1 when everything is lost: a weight then means the
    same on any data set.

    Parameters
    ----------
    weight : float, default=1.0
        Weight in the total. With 0 the term is not computed.

    Attributes
    ----------
    name : str
        The term's values are called ``<name>_loss``.

    uses_positives : bool
        Whether the term is always given anchors and positives. Other terms are given
        both in training, and the anchors alone in evaluation.

    Examples
    --------
    Components that should not be correlated:

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

    def __init__(self, weight: float = 1.0):
        super().__init__()
        self.weight = weight

    def begin(self, n_steps: int) -> None:
        """Prepare for a training; hook for terms that change along it.

        Parameters
        ----------
        n_steps : int
            Number of steps that it will take.
        """

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the term.

        Parameters
        ----------
        outputs : Outputs
            What the network made of the batch.

        batch : Batch
            What it should have made of it.

        Returns
        -------
        Tensor of shape (...)
            One value for each separate batch.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward")


class TotalLoss(nn.Module):
    """Weighted sum of terms.

    Parameters
    ----------
    terms : sequence of LossTerm
        In the order in which they are summed.
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
        """Return the total and its terms, in the order of `names`."""
        whole = anchors = outputs, batch
        if self.paired and not self.training:
            anchors = anchors_of(outputs, batch)
        total, values = None, []
        for term in self.terms:
            if not term.weight:
                values.append(outputs.codes.new_zeros(outputs.codes.shape[:-2]))
                continue
            value = term(*(whole if term.uses_positives else anchors))
            weighted = value if term.weight == 1 else term.weight * value
            total = weighted if total is None else total + weighted
            values.append(value)
        return torch.stack([values[0] if total is None else total, *values])


def weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean over samples, (..., n_samples), of values times their weights."""
    return (values if weights is None else values * weights).mean(-1)


def anchors_of(outputs: Any, batch: Batch) -> tuple[Any, Batch]:
    """Return the outputs and the batch of the anchors alone, the first half."""
    axis = outputs.codes.dim() - 2
    n_samples = outputs.codes.shape[axis]

    def first_half(field):
        # A value that is the same for all samples has one entry, or is None.
        if field is None or field.shape[axis] != n_samples:
            return field
        return field.narrow(axis, 0, n_samples // 2)

    return type(outputs)(*map(first_half, outputs)), Batch(*map(first_half, batch))


def split_into_blocks(samples: Tensor, size: int) -> Tensor:
    """Split (..., n_samples, n_values) into even blocks of at most `size` samples.

    Returns shape (..., n_blocks, n_block_samples, n_values). A few samples at the end
    may be left out.
    """
    n_samples = samples.shape[-2]
    n_blocks = -(-n_samples // size)
    n_block_samples = n_samples // n_blocks
    whole = samples[..., : n_blocks * n_block_samples, :]
    return whole.unflatten(-2, (n_blocks, n_block_samples))


def split_values(values: Tensor, size: int) -> Tensor:
    """Split one value of each sample into the same blocks as samples.

    Returns shape (..., n_blocks, n_block_samples).
    """
    return split_into_blocks(values.unsqueeze(-1), size).squeeze(-1)
