"""An autoencoder of whose components few are active."""

from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from torch import Tensor

from ..estimators.autoencoder import StableAutoencoder
from ..estimators.inheritance import takes_parameters
from ..losses.base import Penalty
from ..networks.autoencoder import Autoencoder
from ..networks.frame import axis_map_onto

# With this factor a logistic code has slope 1 where it starts, and the network is PCA's
# for codes that are small beside 1.
STEEPNESS = 4.0

# Length below which a code counts as none, in units of the data's.
_SMALLEST_LENGTH = 1e-3


def kl_sparsity(activations: Tensor, target: float) -> Tensor:
    r"""Divergence of the mean activation of each component from a target.

    .. math:: \operatorname{mean}_j \Bigl[\rho \log \frac{\rho}{\hat\rho_j}
        + (1 - \rho) \log \frac{1 - \rho}{1 - \hat\rho_j} \Bigr]

    for Bernoulli variables with mean :math:`\rho`, the target, and :math:`\hat\rho_j`,
    that of the batch.

    Parameters
    ----------
    activations : Tensor of shape (..., n_rows, n_components)
        Between 0 and 1.

    target : float
        Between 0 and 1, neither included.

    Returns
    -------
    Tensor of shape (...)
        In nats; 0 if and only if all means are at the target.
    """
    means = activations.mean(-2)
    goal = torch.full_like(means, target)
    rounding = torch.finfo(means.dtype).eps
    means = means.clamp(rounding, 1 - rounding)
    divergence = (
        goal * (goal / means).log() + (1 - goal) * ((1 - goal) / (1 - means)).log()
    )
    return divergence.mean(-1)


def l1_sparsity(codes: Tensor) -> Tensor:
    r"""Mean of the sum of sizes in a code over its length.

    .. math:: \operatorname{mean}_i \frac{\sum_j |z_{ij}|}{\sqrt{k}\, |z_i|}

    Smaller codes that a decoder magnifies are no way around it.

    Parameters
    ----------
    codes : Tensor of shape (..., n_rows, n_components)

    Returns
    -------
    Tensor of shape (...)
        1 for codes whose components are all of one size, :math:`1 / \sqrt k` where one
        alone is active.

    References
    ----------
    P. O. Hoyer, "Non-negative matrix factorization with sparseness constraints", JMLR
    5, 2004.
    """
    lengths = (codes.square().sum(-1) + _SMALLEST_LENGTH**2).sqrt()
    shares = codes.abs().sum(-1) / lengths
    return shares.mean(-1) / codes.shape[-1] ** 0.5


def largest(codes: Tensor, n_active: int) -> Tensor:
    """Keep the components of each row that are largest in size, and set others to 0."""
    kept = codes.abs().topk(n_active, dim=-1).indices
    return torch.zeros_like(codes).scatter(-1, kept, codes.gather(-1, kept))


class SparseNetwork(Autoencoder):
    """An autoencoder with sparse codes.

    Parameters
    ----------
    penalty : {"kl", "l1", "k_sparse"}
        With "kl" codes are logistic, with "k_sparse" only the largest components of a
        row are kept.

    n_active : int
        How many are kept.

    **shared : object
        As in :class:`~stable_embedding.networks.Autoencoder`.
    """

    _settings = (*Autoencoder._settings, "penalty", "n_active")

    def __init__(self, *, penalty: str, n_active: int, **shared: Any):
        super().__init__(**shared)
        self.penalty = penalty
        self.n_active = n_active

    def encode(self, rows: Tensor) -> Tensor:
        """Return the codes of rows."""
        codes = self.encoder(rows)
        if self.penalty == "kl":
            return torch.sigmoid(STEEPNESS * codes)
        return largest(codes, self.n_active) if self.penalty == "k_sparse" else codes

    def decode(self, codes: Tensor) -> Tensor:
        """Return the rows of codes."""
        return self.decoder(codes - 0.5 if self.penalty == "kl" else codes)


@takes_parameters()
class SparseAutoencoder(StableAutoencoder):
    r"""Autoencoder of whose components few are active in a row.

    .. math:: L = L_\text{rec} + w L_\text{sim} + v P

    with a penalty :math:`P` of one of three kinds. With "kl" codes :math:`z` are
    logistic, between 0 and `scale_`, and the mean of each component over a batch, as
    a share of it, should be :math:`\rho`:

    .. math:: P = \operatorname{mean}_j \Bigl[\rho \log \frac{\rho}{\hat\rho_j}
        + (1 - \rho) \log \frac{1 - \rho}{1 - \hat\rho_j} \Bigr]

    With "l1" the sizes in a code are small in sum beside its length, so that magnifying
    small ones is no way around:

    .. math:: P = \operatorname{mean}_i \frac{\sum_j |z_{ij}|}{\sqrt{k}\, |z_i|}

    With "k_sparse" there is no penalty: only the components of a row that are largest
    in absolute value are kept.

    Parameters
    ----------
    n_components : int, default=2
        Number of components of the embedding.

    penalty : {"kl", "l1", "k_sparse"}, default="kl"
        What makes codes sparse.

    sparsity : float or int, default=0.05
        With "kl" the mean activation :math:`\rho`. With "k_sparse" how many components
        are kept, or if a float which share of them, at least one.

    sparsity_weight : float, default=0.1
        Weight :math:`v` of the penalty.

    Attributes
    ----------
    network_ : SparseNetwork
        The trained network, between scaled rows and scaled codes.

    sparsity_loss_ : float
        The penalty without its weight, over batches of the training data; 0 where that
        is or there is none.

    See Also
    --------
    StableAutoencoder : The same with dense codes.

    Notes
    -----
    Axes of sparse codes have a meaning of their own, so the map that lays them in their
    frame permutes axes and turns them over, or with "kl" permutes them alone.

    References
    ----------
    P. O. Hoyer, "Non-negative matrix factorization with sparseness constraints", JMLR
    5, 2004, for the measure of "l1".

    A. Ng, "Sparse autoencoder", CS294A lecture notes, Stanford University, 2011.

    A. Makhzani and B. Frey, "k-sparse autoencoders", ICLR 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stable_embedding import SparseAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = SparseAutoencoder(20, penalty="k_sparse", sparsity=3, random_state=0)
    >>> codes = model.fit_transform(X)
    >>> set((codes != 0).sum(axis=1).tolist())
    {3}
    """

    _parameter_constraints = {
        **StableAutoencoder._parameter_constraints,
        "penalty": [StrOptions({"kl", "l1", "k_sparse"})],
        "sparsity": [
            Interval(RealNotInt, 0, 1, closed="neither"),
            Interval(Integral, 1, None, closed="left"),
        ],
        "sparsity_weight": [Interval(Real, 0, None, closed="left")],
    }

    _network_class = SparseNetwork

    def __init__(
        self,
        n_components=2,
        *,
        penalty="kl",
        sparsity=0.05,
        sparsity_weight=0.1,
        **shared,
    ):
        super().__init__(n_components, **shared)
        self.penalty = penalty
        self.sparsity = sparsity
        self.sparsity_weight = sparsity_weight

    def _map_onto(self, codes, reference):
        return axis_map_onto(codes, reference, signed=self.penalty != "kl")

    def _architecture(self):
        own = {"penalty": self.penalty, "n_active": self._n_active()}
        return super()._architecture() | own

    def _n_active(self):
        """Count the components that are kept in a row."""
        if self.penalty != "k_sparse":
            if isinstance(self.sparsity, Integral) and self.penalty == "kl":
                raise ValueError(
                    f"sparsity={self.sparsity} must be a float between 0 and 1 where"
                    " penalty='kl': it is the mean activation"
                )
            return self.n_components
        if not isinstance(self.sparsity, Integral):
            return max(1, round(self.sparsity * self.n_components))
        if self.sparsity > self.n_components:
            raise ValueError(
                f"sparsity={self.sparsity} components cannot be kept of"
                f" n_components={self.n_components}"
            )
        return int(self.sparsity)

    def _loss_terms(self, dropped):
        weight = 0.0 if self.penalty == "k_sparse" else float(self.sparsity_weight)

        def loss(output, target):
            codes = output[0]
            if self.penalty == "kl":
                return kl_sparsity(codes, self.sparsity)
            return l1_sparsity(codes)

        return {"penalties": {"sparsity_loss": Penalty(weight, loss)}}
