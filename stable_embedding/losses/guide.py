"""Loss terms that guide the codes at the start of a training.

The loss of distances has many local minima: a map that starts folded stays folded. A
guide has no such minima. It arranges the map first, and then fades.
"""

from typing import Any

import torch
from torch import Tensor

from .._ambient import CPU_FLOAT32
from .base import Batch, LossTerm, weighted_mean
from .similarity import inner_product
from .similarity_loss import similarity_loss

# Weight of given places at the first step, and the fraction of the steps in which it
# falls to 0. With a weight of 1 a rolled sheet of samples stays folded here and there.
GUIDE_WEIGHT = 3.0
_GUIDED_FRACTION = 0.5

# The same for inner products, with one component. They have to outweigh all other terms
# until the codes are those of classical scaling. The more components, the fewer minima
# there are to avoid, and the longer it takes to learn the last of the components.
_SCALING_WEIGHT = 400.0
_SCALED_FRACTION = 0.4


def scaling_guide_weight(n_components: int, similarity_weight: float) -> float:
    """Return the initial weight of the inner-product guide."""
    return _SCALING_WEIGHT / n_components**2 * min(1.0, similarity_weight)


class FadingTerm(LossTerm):
    r"""A term whose weight falls linearly to zero during the training.

    At step :math:`t` of :math:`T` its weight is multiplied by
    :math:`\max(0, 1 - t / (f T))`.

    Parameters
    ----------
    weight : float
        Weight in the total at the first step.

    fraction : float
        The fraction :math:`f` of the steps after which the weight is 0.
    """

    name = "guide"

    def __init__(self, weight: float, fraction: float):
        super().__init__(weight)
        self.fraction = fraction
        self.progress: Tensor
        self.register_buffer("progress", torch.zeros((), **CPU_FLOAT32))
        self.step = 0.0

    def begin(self, n_steps: int) -> None:
        """Set the decrease per step."""
        self.step = 1 / (self.fraction * n_steps)

    def forward(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the term, multiplied by its factor at this step."""
        factor = (1 - self.progress).clamp_min(0)
        if self.training:
            self.progress += self.step
        return factor * self.whole(outputs, batch)

    def whole(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the term with its full weight."""
        raise NotImplementedError(f"{type(self).__name__} must define whole")


class GuideLoss(FadingTerm):
    r"""Mean squared distance of codes from target places; fades in half the steps.

    .. math:: L_\text{guide} = \max\Bigl(0, 1 - \frac{2 t}{T}\Bigr)
        \operatorname{mean}_i |z_i - y_i|^2

    at step :math:`t` of :math:`T`, for codes :math:`z_i` and places :math:`y_i`. The
    places are coordinates of classical scaling, which are the same for every seed. In
    the second half of the training the guide has no effect.

    Parameters
    ----------
    weight : float
        Weight in the total.

    places : Tensor of shape (n_samples, n_components)
        The places :math:`y`, in the units of codes.
    """

    def __init__(self, weight: float, places: Tensor):
        super().__init__(weight, _GUIDED_FRACTION)
        self.places: Tensor
        self.register_buffer("places", places)

    def whole(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the mean squared distance from the places of the batch."""
        differences = outputs.codes - self.places[batch.index]
        return weighted_mean(differences.square().sum(-1), batch.weights)


class ScalingGuideLoss(FadingTerm):
    r"""Loss of the inner products of centered samples, while a training is young.

    .. math:: L_\text{guide} = \max\Bigl(0, 1 - \frac{5 t}{2 T}\Bigr)
        \frac{\operatorname{mean}_{i<j} (z_i \cdot z_j - x_i \cdot x_j)^2}
        {\operatorname{mean}_{i<j} (x_i \cdot x_j)^2}

    at step :math:`t` of :math:`T`. Classical scaling minimizes this, with the pairs
    :math:`i = j`: every minimum is the scores of PCA, rotated, and every other point
    where the gradient is zero is a saddle. So trainings from any random start come to
    nearly the same codes, and no principal axes are computed.

    Parameters
    ----------
    weight : float
        Weight in the total.

    collapsed_loss : float
        The denominator over the training set, see
        :func:`~stable_embedding.losses.similarity_loss.similarity_loss`.

    References
    ----------
    C. Eckart and G. Young, "The approximation of one matrix by another of lower rank",
    Psychometrika 1, 1936, for the minimum.

    R. Ge, C. Jin and Y. Zheng, "No spurious local minima in nonconvex low rank
    problems: a unified geometric analysis", ICML 2017, for the saddles.
    """

    def __init__(self, weight: float, collapsed_loss: float):
        super().__init__(weight, _SCALED_FRACTION)
        self.collapsed_loss = collapsed_loss

    def whole(self, outputs: Any, batch: Batch) -> Tensor:
        """Compute the loss of inner products, as a fraction."""
        samples, codes = batch.samples, outputs.codes
        weights = batch.weights
        return similarity_loss(
            samples, codes, inner_product, self.collapsed_loss, weights=weights
        )
