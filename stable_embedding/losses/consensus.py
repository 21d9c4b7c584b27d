"""Loss term that keeps codes near the mean over runs, or near an earlier map."""

from typing import Any

import torch
from torch import Tensor

from .._ambient import CPU_FLOAT32
from .base import TINY, Batch, LossTerm

# Fraction of the way that a mean code moves toward each new code.
_STEP = 0.25


def auto_consensus_weight(n_samples: float, has_reference: bool = False) -> float:
    """Return the default weight of the consensus term.

    It is 3 with a reference. Otherwise it grows with the number of samples from 0.1 to
    1, because more samples mean more steps, in which runs drift further apart.
    """
    if has_reference:
        return 3.0
    return min(max(0.1, n_samples / 100_000), 1.0)


class ConsensusLoss(LossTerm):
    r"""Mean squared distance of codes from their running mean over runs and steps.

    .. math:: L_\text{con} = \operatorname{mean}_i |z_i - m_i|^2

    where :math:`z_i` is the code of sample :math:`i` in a run, and :math:`m_i` the
    sample's mean code, which all runs share. Training amplifies small differences, so
    runs drift apart; this term keeps them together. The mean code starts as the first
    code that any run computes, and then moves a quarter of the way to each new one. If
    a sample occurs in a batch several times, it moves as often to their mean.

    Parameters
    ----------
    weight : float
        Weight in the total.

    n_samples : int
        Number of training samples.

    n_components : int
        Number of components of the codes.

    reference : Tensor of shape (n_samples, n_components) or None, default=None
        Codes of an earlier map, nan for samples without one. They replace the mean
        codes and stay fixed.

    has_positives : bool, default=False
        Whether a batch has positives, so that a sample may occur in it several times.

    couples_runs : bool, default=True
        Whether there are mean codes. If not, only samples of the reference count.
    """

    name = "consensus"

    def __init__(
        self,
        weight: float,
        n_samples: int,
        n_components: int,
        reference: Tensor | None = None,
        has_positives: bool = False,
        couples_runs: bool = True,
    ):
        super().__init__(weight)
        self.has_positives = has_positives
        self.couples_runs = couples_runs
        self.has_reference = reference is not None
        self.mean_codes: Tensor
        self.steps: Tensor
        if reference is None:
            codes = torch.zeros(n_samples, n_components, **CPU_FLOAT32)
            steps = torch.ones(n_samples, **CPU_FLOAT32)
        else:
            codes = reference.nan_to_num()
            steps = 1.0 - reference.isfinite().all(-1).float()
        self.register_buffer("mean_codes", codes)
        # Fraction of the way to the next code: 1 before the first code, 0 for codes of
        # the reference.
        self.register_buffer("steps", steps)

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Return the mean over the samples that have a mean code, of each run."""
        codes, index = outputs.codes, batch.index
        seen = (self.steps[index] < 1).to(codes.dtype)
        distances = (codes - self.mean_codes[index]).square().sum(-1)
        n_seen = seen.sum(-1)
        if batch.weights is not None:
            seen = seen * batch.weights
            n_seen = seen.sum(-1) / batch.weights.mean(-1).clamp_min(TINY)
        # Without a reference, only a sample's first batch finds no mean code.
        if self.has_reference:
            self.counted_fraction = n_seen / seen.shape[-1]
        loss = (distances * seen).sum(-1) / n_seen.clamp_min(TINY)
        if self.training and self.couples_runs:
            self._move(codes.detach(), index)
        return loss

    def _move(self, codes: Tensor, index: Tensor) -> None:
        """Move the mean codes toward those of each run, one run after the other."""
        for of_run, at in zip(
            codes.flatten(0, -3) if codes.dim() > 2 else [codes],
            index.flatten(0, -2) if index.dim() > 1 else [index],
        ):
            step = part = self.steps[at]
            if self.has_positives:
                _, which, counts = at.unique(return_inverse=True, return_counts=True)
                n_times = counts[which]
                part = (1 - (1 - step) ** n_times) / n_times
            # Sums do not depend on their order.
            way = part.unsqueeze(-1) * (of_run - self.mean_codes[at])
            self.mean_codes.index_add_(0, at, way)
            self.steps[at] = step.clamp_max(_STEP)
