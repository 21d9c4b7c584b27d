"""An autoencoder with few active components in each sample."""

from numbers import Integral, Real

from .._sklearn import Interval, RealNotInt, StrOptions
from ..losses.sparsity import KLSparsityLoss, L1SparsityLoss
from ..networks.frame import axis_map_onto
from ..networks.sparse import SparseNetwork
from .autoencoder import StableAutoencoder
from .registry import register


@register
class SparseAutoencoder(StableAutoencoder):
    r"""Autoencoder with few active components in each sample.

    Use it for components that can be read one by one. This class also has the
    parameters, attributes and methods of :class:`StableAutoencoder`. It does not take
    `encoder` and `decoder`.

    Parameters
    ----------
    n_components : int, default=2
        Number of components of the embedding.

    penalty : {"kl", "l1", "k_sparse"}, default="kl"
        What makes codes sparse. "kl" and "l1" add a penalty to the loss, see Notes.
        With "k_sparse" there is none: a code keeps its components with the largest
        absolute values, and the others are 0.

    sparsity : float or int, default=0.05
        With "kl" the mean activation :math:`\rho`. With "k_sparse" the number of
        components that a code keeps, or as a float their fraction; it is at least one
        component.

    sparsity_weight : float, default=0.1
        Weight :math:`v` of the penalty.

    Attributes
    ----------
    sparsity_loss_ : float
        The penalty without its weight, over batches of the training data. 0 if the
        weight is 0, and with "k_sparse".

    See Also
    --------
    StableAutoencoder : The same with dense codes.

    Notes
    -----
    The loss is :math:`L = L_\text{rec} + w L_\text{sim} + v P` with a penalty
    :math:`P`. With "kl" codes :math:`z` are logistic, between 0 and `code_scale_`. The
    mean :math:`\hat\rho_j` of each component over a batch, divided by `code_scale_`,
    should be :math:`\rho`:

    .. math:: P = \operatorname{mean}_j \Bigl[\rho \log \frac{\rho}{\hat\rho_j}
        + (1 - \rho) \log \frac{1 - \rho}{1 - \hat\rho_j} \Bigr]

    With "l1" the sum of the absolute components should be small in comparison with the
    length of the code, so that smaller codes do not lower the penalty:

    .. math:: P = \operatorname{mean}_i \frac{\sum_j |z_{ij}|}{\sqrt{k}\, |z_i|}

    Each axis of a sparse code has its own meaning, which a rotation would lose. So
    trained codes are aligned by a permutation of axes, and by changes of signs except
    with "kl".

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
    _parameter_names = {"n_active": "active components (sparsity)"}
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

    @property
    def _gains_beyond_pca(self):
        # Codes of the other penalties are not PCA's, whatever the weight.
        penalizes = self.penalty != "l1" or self.sparsity_weight > 0
        return super()._gains_beyond_pca or penalizes

    def _rigid_map(self, network, codes, target, weights=None, hold=0.0):
        return axis_map_onto(codes, target, network.penalty != "kl", weights, hold)

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
                    f"sparsity={self.sparsity} must be a float between 0 and 1 with"
                    " penalty='kl', where it is the mean activation"
                )
            return self.n_components
        if not isinstance(self.sparsity, Integral):
            return max(1, round(self.sparsity * self.n_components))
        if self.sparsity > self.n_components:
            raise ValueError(
                f"sparsity={self.sparsity} must be at most"
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
