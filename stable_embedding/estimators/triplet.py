"""A variational autoencoder that separates labeled classes."""

import warnings
from numbers import Real

from sklearn.utils.validation import check_consistent_length

from .._sklearn import Interval
from ..data import limits
from ..data.labels import encode_classes
from ..losses.base import even_blocks
from ..losses.triplet import TripletLoss
from ..training.schedule import schedule
from .registry import register
from .variational import VariationalAutoencoder

# Labeled samples of a triplet.
_LEAST_LABELED = 3


@register
class TripletVariationalAutoencoder(VariationalAutoencoder):
    r"""Variational autoencoder that draws samples of one class together.

    Use it to separate labeled classes. Samples may lack a label: mark them by -1, None
    or nan in `y`. This class also has the parameters, attributes and methods of
    :class:`VariationalAutoencoder` and of :class:`StableAutoencoder`. It does not take
    `encoder`, `decoder`, `label_weight` and `target_type`.

    Parameters
    ----------
    n_components : int, default=2
        Number of components of the embedding.

    margin : float, default=1.0
        Margin :math:`m` by which half the squared distances should differ. Half the
        squared distance of two codes from the prior has the mean 1.

    triplet_weight : float, default=1.0
        Weight :math:`u` of the triplet loss.

    kl_weight : float, default=1.0
        As in :class:`VariationalAutoencoder`.

    likelihood : {"gaussian", "bernoulli"}, default="gaussian"
        As in :class:`VariationalAutoencoder`.

    Attributes
    ----------
    triplet_loss_ : float
        The triplet loss without its weight, within batches of the training data; 0 if
        the weight is 0.

    See Also
    --------
    VariationalAutoencoder : The same without labels.

    Notes
    -----
    The loss is

    .. math:: L = L_\text{VAE} + u \operatorname{mean}_{a, p, n} \max\bigl(0,\,
        \tfrac12 |\mu_a - \mu_p|^2 - \tfrac12 |\mu_a - \mu_n|^2 + m \bigr)

    over triplets within blocks of a batch, of at most 64 samples: a sample :math:`a`,
    another :math:`p` of its class and one :math:`n` of another class. Codes are divided
    by `code_scale_`. Samples without a label are in no triplet; all other terms learn
    from them.

    References
    ----------
    H. Ishfaq, A. Hoogi and D. Rubin, "TVAE: triplet-based variational autoencoder using
    metric learning", arXiv 1802.04403.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import TripletVariationalAutoencoder
    >>> X, y = load_iris(return_X_y=True)
    >>> model = TripletVariationalAutoencoder(n_init=2).fit(X, y)
    >>> model.transform(X).shape
    (150, 2)
    """

    _parameter_constraints = {
        **VariationalAutoencoder._parameter_constraints,
        "margin": [Interval(Real, 0, None, closed="neither")],
        "triplet_weight": [Interval(Real, 0, None, closed="left")],
    }
    del _parameter_constraints["label_weight"], _parameter_constraints["target_type"]

    def __init__(
        self,
        n_components=2,
        *,
        margin=1.0,
        triplet_weight=1.0,
        kl_weight=1.0,
        likelihood="gaussian",
        hidden_layer_sizes="auto",
        activation="relu",
        metric="euclidean",
        metric_params=None,
        similarity="distance",
        similarity_weight=1.0,
        neighbor_weight=0.0,
        n_neighbors=15,
        neighbors="auto",
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
            kl_weight=kl_weight,
            likelihood=likelihood,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            metric=metric,
            metric_params=metric_params,
            similarity=similarity,
            similarity_weight=similarity_weight,
            neighbor_weight=neighbor_weight,
            n_neighbors=n_neighbors,
            neighbors=neighbors,
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
        self.margin = margin
        self.triplet_weight = triplet_weight

    @property
    def _gains_beyond_pca(self):
        return super()._gains_beyond_pca or self.triplet_weight > 0

    def _encode_labels(self, y, X, resume):
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is"
                " None; pass the class of each sample"
            )
        labels = encode_classes(y, may_agree=resume)
        check_consistent_length(X, labels)
        return labels

    def _initialize(self, data, plan):
        if self.triplet_weight:
            labels, weight = data.training_set.labels, data.training_set.mean_weight
            batch_size = schedule(plan, [len(labels)], weight).batch_size
            warn_of_few_labels(labels, batch_size)
        return super()._initialize(data, plan)

    def _loss_terms(self, networks, data, plan):
        own = TripletLoss(float(self.triplet_weight), self.margin)
        return [*super()._loss_terms(networks, data, plan), own]

    def _finalize_fit(self, data):
        super()._finalize_fit(data)
        self.triplet_loss_ = self.losses_["triplet_loss"]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def warn_of_few_labels(labels, batch_size):
    """Warn if so many labels are missing that blocks of a batch lack triplets."""
    known = (labels >= 0).double().mean().item()
    _, block = even_blocks(min(batch_size, len(labels)), limits.TRIPLET_BLOCK)
    if known == 1 or known * block >= _LEAST_LABELED:
        return
    warnings.warn(
        f"y has labels of {100 * known:.3g} % of the samples: triplets are taken within"
        f" {block} samples, of which only {known * block:.2g} have a label on average,"
        " so few or none are found; label more samples, or use"
        " StableAutoencoder(label_weight=1)",
        stacklevel=7,  # where `fit` is called, through two decorators
    )
