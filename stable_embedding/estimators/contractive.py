"""An autoencoder whose codes change little with its input."""

from numbers import Real

from .._sklearn import Interval
from ..losses.contraction import ContractionLoss
from ..networks.contractive import ContractiveNetwork
from .autoencoder import StableAutoencoder
from .registry import register


@register
class ContractiveAutoencoder(StableAutoencoder):
    r"""Autoencoder with a penalty on the slope of its encoder.

    Use it for codes that change little when the input does. This class also has the
    parameters, attributes and methods of :class:`StableAutoencoder`. It does not take
    `encoder` and `decoder`.

    Parameters
    ----------
    n_components : int, default=2
        Number of components of the embedding.

    contraction_weight : float, default=0.1
        Weight :math:`v` of the penalty.

    Attributes
    ----------
    contraction_loss_ : float
        The penalty without its weight, over the training data; 0 if the weight is 0.

    See Also
    --------
    StableAutoencoder : The same without the penalty.

    Notes
    -----
    Keep a similarity loss beside the penalty. Without it the network can avoid the
    penalty by small codes that the decoder magnifies. With it distances stay in the
    units of the data.

    The loss is

    .. math:: L = L_\text{rec} + w L_\text{sim} + \frac{v}{k} \operatorname{mean}_i
        \left\| \frac{\partial z}{\partial x}(x_i) \right\|_F^2

    for :math:`k` components. The norm is computed exactly, by the chain rule through
    the layers. Without its weight the penalty is 1 for PCA and for any other encoder
    that projects without stretching.

    References
    ----------
    S. Rifai, P. Vincent, X. Muller, X. Glorot and Y. Bengio, "Contractive
    auto-encoders: explicit invariance during feature extraction", ICML 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import ContractiveAutoencoder
    >>> X, _ = load_iris(return_X_y=True)
    >>> ContractiveAutoencoder(n_init=2).fit(X).contraction_loss_ < 1
    True
    """

    _parameter_constraints = {
        **StableAutoencoder._parameter_constraints,
        "contraction_weight": [Interval(Real, 0, None, closed="left")],
    }
    del _parameter_constraints["encoder"], _parameter_constraints["decoder"]

    _network_class = ContractiveNetwork

    def __init__(
        self,
        n_components=2,
        *,
        contraction_weight=0.1,
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
        self.contraction_weight = contraction_weight

    @property
    def _gains_beyond_pca(self):
        return super()._gains_beyond_pca or self.contraction_weight > 0

    def _loss_terms(self, networks, data, plan):
        terms = super()._loss_terms(networks, data, plan)
        return [*terms, ContractionLoss(float(self.contraction_weight))]

    def _finalize_fit(self, data):
        self.contraction_loss_ = self.losses_["contraction_loss"]
