"""An autoencoder whose codes move little with its input."""

from numbers import Real
from typing import Any

from sklearn.utils._param_validation import Interval
from torch import Tensor

from ..estimators.autoencoder import StableAutoencoder
from ..estimators.inheritance import takes_parameters
from ..losses.base import Penalty
from ..networks.autoencoder import Autoencoder


class ContractiveNetwork(Autoencoder):
    """An autoencoder that also tells how steep its encoder is."""

    def forward(self, inputs: Any) -> tuple[Tensor, ...]:
        """Return codes, reconstruction and the squared norm of the Jacobian."""
        return *super().forward(inputs), self.encoder.squared_jacobian(inputs)


def contraction_loss(output: tuple, target: Tensor) -> Tensor:
    """Mean squared norm of the encoder's Jacobian, for each component."""
    codes, _, squares = output
    return squares.mean(-1) / codes.shape[-1]


@takes_parameters()
class ContractiveAutoencoder(StableAutoencoder):
    r"""Autoencoder with a penalty on the slope of its encoder.

    .. math:: L = L_\text{rec} + w L_\text{sim} + \frac{v}{k} \operatorname{mean}_i
        \left\| \frac{\partial z}{\partial x}(x_i) \right\|_F^2

    for :math:`k` components. The norm is computed exactly, by the chain rule through
    the layers. The last term is 1 for PCA, as for any encoder that projects without
    stretching.

    Parameters
    ----------
    n_components : int, default=2
        Number of components of the embedding.

    contraction_weight : float, default=0.1
        Weight :math:`v` of the last term.

    Attributes
    ----------
    contraction_loss_ : float
        The last term without its weight, over the training data; 0 where that is.

    See Also
    --------
    StableAutoencoder : The same without the penalty.

    Notes
    -----
    Without the similarity loss a penalty on the encoder alone can be met by small codes
    that the decoder magnifies; with it distances stay in the units of the data.

    References
    ----------
    S. Rifai, P. Vincent, X. Muller, X. Glorot and Y. Bengio, "Contractive
    auto-encoders: explicit invariance during feature extraction", ICML 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import ContractiveAutoencoder
    >>> X, _ = load_iris(return_X_y=True)
    >>> ContractiveAutoencoder(random_state=0).fit(X).contraction_loss_ < 1
    True
    """

    _parameter_constraints = {
        **StableAutoencoder._parameter_constraints,
        "contraction_weight": [Interval(Real, 0, None, closed="left")],
    }

    _network_class = ContractiveNetwork

    def __init__(self, n_components=2, *, contraction_weight=0.1, **shared):
        super().__init__(n_components, **shared)
        self.contraction_weight = contraction_weight

    def _loss_terms(self, dropped):
        penalty = Penalty(float(self.contraction_weight), contraction_loss)
        return {"penalties": {"contraction_loss": penalty}}
