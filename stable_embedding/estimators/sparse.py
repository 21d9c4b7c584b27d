"""An autoencoder of whose components few are active."""

from numbers import Integral, Real

from .._sklearn import Interval, RealNotInt, StrOptions
from ..losses.sparsity import KLSparsityLoss, L1SparsityLoss
from ..networks.frame import axis_map_onto
from ..networks.sparse import SparseNetwork
from .autoencoder import StableAutoencoder
from .registry import register


@register
class SparseAutoencoder(StableAutoencoder):
    r"""Autoencoder of whose components few are active in a sample.

    .. math:: L = L_\text{rec} + w L_\text{sim} + v P

    with a penalty :math:`P` of one of three kinds. With "kl" codes :math:`z` are
    logistic, between 0 and `code_scale_`, and the mean of each component over a batch,
    as a fraction of it, should be :math:`\rho`:

    .. math:: P = \operatorname{mean}_j \Bigl[\rho \log \frac{\rho}{\hat\rho_j}
        + (1 - \rho) \log \frac{1 - \rho}{1 - \hat\rho_j} \Bigr]

    With "l1" the components of a code should be small in sum beside its length, so that
    smaller codes do not lower the penalty:

    .. math:: P = \operatorname{mean}_i \frac{\sum_j |z_{ij}|}{\sqrt{k}\, |z_i|}

    With "k_sparse" there is no penalty: only the components of a sample that are
    largest in absolute value are kept.

    All other parameters and attributes are those of :class:`StableAutoencoder`, less
    `encoder` and less `decoder`.

    Parameters
    ----------
    n_components : int, default=2
        Number of components of the embedding.

    penalty : {"kl", "l1", "k_sparse"}, default="kl"
        What makes codes sparse.

    sparsity : float or int, default=0.05
        With "kl" the mean activation :math:`\rho`. With "k_sparse" the number of
        components that are kept, or as a float the fraction of them, at least one.

    sparsity_weight : float, default=0.1
        Weight :math:`v` of the penalty.

    Attributes
    ----------
    sparsity_loss_ : float
        The penalty without its weight, over batches of the training data; 0 if the
        weight is 0, and with "k_sparse".

    See Also
    --------
    StableAutoencoder : The same with dense codes.

    Notes
    -----
    Axes of sparse codes have a meaning of their own. So the map that lays them in their
    frame permutes axes and changes signs, or with "kl" permutes them only.

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
    >>> model = SparseAutoencoder(20, penalty="k_sparse", sparsity=3, n_init=2)
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
    del _parameter_constraints["encoder"], _parameter_constraints["decoder"]

    _network_class = SparseNetwork
    _has_free_codes = False

    def __init__(
        self,
        n_components=2,
        *,
        penalty="kl",
        sparsity=0.05,
        sparsity_weight=0.1,
        hidden_layer_sizes="auto",
        activation="relu",
        metric="euclidean",
        metric_params=None,
        similarity="distance",
        similarity_weight=1.0,
        neighbor_weight=0.0,
        n_neighbors=15,
        neighbors="auto",
        label_weight=0.0,
        target_type="auto",
        extra_losses=(),
        init="pca",
        layerwise_pretraining=False,
        n_init="auto",
        consensus_weight="auto",
        batch_size="auto",
        learning_rate_init=5e-3,
        max_iter="auto",
        alpha="auto",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        checkpoint=None,
        callbacks=None,
        device="auto",
        accelerator=None,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            n_components,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            metric=metric,
            metric_params=metric_params,
            similarity=similarity,
            similarity_weight=similarity_weight,
            neighbor_weight=neighbor_weight,
            n_neighbors=n_neighbors,
            neighbors=neighbors,
            label_weight=label_weight,
            target_type=target_type,
            extra_losses=extra_losses,
            init=init,
            layerwise_pretraining=layerwise_pretraining,
            n_init=n_init,
            consensus_weight=consensus_weight,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            alpha=alpha,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            checkpoint=checkpoint,
            callbacks=callbacks,
            device=device,
            accelerator=accelerator,
            random_state=random_state,
            verbose=verbose,
        )
        self.penalty = penalty
        self.sparsity = sparsity
        self.sparsity_weight = sparsity_weight

    def _rigid_map(self, network, codes, target, weights=None):
        return axis_map_onto(codes, target, network.penalty != "kl", weights)

    def _plan(self, resume):
        self._n_active()
        return super()._plan(resume)

    def _architecture(self, plan):
        own = {"penalty": self.penalty, "n_active": self._n_active()}
        return super()._architecture(plan) | own

    def _n_active(self):
        """Count the components that are kept in a sample."""
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

    def _loss_terms(self, networks, data, plan):
        weight = 0.0 if self.penalty == "k_sparse" else float(self.sparsity_weight)
        own = (
            KLSparsityLoss(weight, self.sparsity)
            if self.penalty == "kl"
            else L1SparsityLoss(weight)
        )
        return [*super()._loss_terms(networks, data, plan), own]

    def _finalize_fit(self, data):
        self.sparsity_loss_ = self.losses_["sparsity_loss"]
