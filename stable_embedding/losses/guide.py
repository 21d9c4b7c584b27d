"""How far codes lie from where distances of the input would put them."""

from typing import Any

import torch
from torch import Tensor

from .._ambient import CPU_FLOAT32
from .base import Batch, LossTerm, weighted_mean

# Weight at the first step, and the fraction of the steps in which it falls to 0. With a
# weight of 1 a rolled sheet of samples stays folded here and there.
GUIDE_WEIGHT = 3.0
_GUIDED_FRACTION = 0.5


class GuideLoss(LossTerm):
    r"""Mean squared distance of codes from given places, while a training is young.

    .. math:: L_\text{guide} = \max\Bigl(0, 1 - \frac{2 t}{T}\Bigr)
        \operatorname{mean}_i |z_i - y_i|^2

    at step :math:`t` of :math:`T`. The loss of distances has many local minima: a map
    that starts folded stays folded. The places are coordinates of classical scaling,
    which are the same for every seed; distances alone then decide in the second half.

    Parameters
    ----------
    weight : float
        Weight in the total.

    places : Tensor of shape (n_samples, n_components)
        The places :math:`y`, in the units of codes.
    """

    name = "guide"

    def __init__(self, weight: float, places: Tensor):
        super().__init__(weight)
        self.places: Tensor
        self.progress: Tensor
        self.register_buffer("places", places)
        self.register_buffer("progress", torch.zeros((), **CPU_FLOAT32))
        self.step = 0.0

    def begin(self, n_steps: int) -> None:
        """Learn how many steps there will be."""
        self.step = 1 / (_GUIDED_FRACTION * n_steps)

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Return the mean squared distance, as far as it counts at this step."""
        share = (1 - self.progress).clamp_min(0)
        if self.training:
            self.progress += self.step
        ways = outputs.codes - self.places[batch.index]
        return share * weighted_mean(ways.square().sum(-1), batch.weights)
