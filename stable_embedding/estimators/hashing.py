"""An autoencoder whose codes are bits."""

from dataclasses import replace
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from .._sklearn import Interval
from ..data import limits
from ..data.corruption import CodeNoise
from ..data.quantization import binary_rotation
from ..data.sample_weights import weights_at
from ..data.subsample import smallest_hashes
from ..data.subspace import discarded_squares
from ..losses.hamming import HammingLoss, first_thresholds
from ..networks.frame import axis_map_onto
from ..networks.hashing import HashingNetwork
from ..networks.inference import apply_in_chunks
from .autoencoder import StableAutoencoder
from .registry import register


def place_values(n_bits):
    """Value of each bit in each byte, of shape (n_bits, n_bytes)."""
    at = np.arange(n_bits)
    values = np.zeros((n_bits, -(-n_bits // 8)), dtype=np.float32)
    values[at, at // 8] = 2.0 ** (7 - at % 8)
    return values


@register
class SemanticHashing(StableAutoencoder):
    r"""Autoencoder that gives similar samples similar strings of bits.

    Use it to search many samples by short codes: Hamming distances between bits follow
    distances in the data. This class also has the parameters, attributes and methods of
    :class:`StableAutoencoder`. It does not take `n_components`, `encoder` and
    `decoder`.

    Take logarithms of data with long tails first, or set ``similarity_weight=0``:
    if a few samples far out set the scale, most others can get the same bits. Where
    clusters stand far apart, bits tell clusters, and may be the same for all samples of
    one.

    Parameters
    ----------
    n_bits : int, default=32
        Number of bits.

    hamming_weight : float, default=1.0
        Weight :math:`v` of the Hamming loss.

    noise : float, default=4.0
        Standard deviation :math:`s` of the noise on logits in training.

    packed : bool, default=False
        Whether `transform` packs eight bits into a byte. The first bit is the highest.
        Reports and scores unpack them. For other measures unpack bytes yourself, by
        ``np.unpackbits(codes, axis=1, count=n_bits)``.

    Attributes
    ----------
    hamming_loss_ : float
        The Hamming loss without its weight, over batches of the training data; 0 if the
        weight is 0.

    packed_ : bool
        Whether the fitted map packs bits.

    See Also
    --------
    StableAutoencoder : The same with real codes.

    Notes
    -----
    In training, codes are logistic: :math:`z = h\,\sigma(a + s \varepsilon)` with
    logits :math:`a` and normal noise :math:`\varepsilon`. The noise pushes logits away
    from 0, so codes are near 0 or :math:`h`; `transform` cuts them in the middle. With
    :math:`h = 2 / \sqrt{k}` for :math:`k` bits, distances between codes are comparable
    with those of the data, and the similarity loss makes Hamming distances follow them.
    The loss is

    .. math:: L = L_\text{rec} + w L_\text{sim} + v L_\text{ham}

    The Hamming loss :math:`L_\text{ham}` gives neighbors in the data the nearest bits.
    It is the cross-entropy of a logistic regression on the Hamming distance, which
    separates the nearest 1, 2, 4 and 8 samples of a batch from all others. It is 0 if
    bits separate all of them, and 1 if they carry no information.

    Training starts from principal axes. They are rotated, by iterative quantization, so
    that the signs of scores carry the most information. With ``alpha="auto"`` the
    weight decay is at most :math:`(1000/n)^{1.2}` for :math:`n` samples, even where PCA
    leaves little variance: bits lose much of what PCA keeps.

    Each bit has its own meaning, so trained codes are aligned by a permutation of bits
    and an inversion of some. Losses, and those on validation samples, are computed from
    logistic codes, and `score` from bits.

    References
    ----------
    Y. Gong and S. Lazebnik, "Iterative quantization: a Procrustean approach to learning
    binary codes", CVPR 2011.

    R. Salakhutdinov and G. Hinton, "Semantic hashing", International Journal of
    Approximate Reasoning 50, 2009.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from stable_embedding import SemanticHashing
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = SemanticHashing(16, packed=True, n_init=1).fit(X)
    >>> codes = model.transform(X)
    >>> codes.shape, codes.dtype
    ((1797, 2), dtype('uint8'))
    >>> model.inverse_transform(codes).shape
    (1797, 64)
    """

    _parameter_constraints = {
        **StableAutoencoder._parameter_constraints,
        "n_bits": [Interval(Integral, 1, None, closed="left")],
        "hamming_weight": [Interval(Real, 0, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "packed": ["boolean"],
    }
    del _parameter_constraints["n_components"]
    del _parameter_constraints["encoder"], _parameter_constraints["decoder"]

    _network_class = HashingNetwork
    _has_free_codes = False
    _has_bits = True
    _parameter_names = {"n_components": "n_bits"}
    # Bits lose much that PCA keeps, also where it keeps all.
    _gains_beyond_pca = True
    _codes_dtype = np.uint8

    def __init__(
        self,
        n_bits=32,
        *,
        hamming_weight=1.0,
        noise=4.0,
        packed=False,
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
            n_bits,
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
        self.hamming_weight = hamming_weight
        self.noise = noise
        self.packed = packed

    @property
    def n_components(self):
        """Width of the bottleneck, one component for each bit."""
        return self.n_bits

    @n_components.setter
    def n_components(self, value):
        self.n_bits = value

    def bit_probabilities(self, X):
        """Return the probability of each bit, which `transform` cuts at a half.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples to embed.

        Returns
        -------
        ndarray of shape (n_samples, n_bits), dtype float32
            Probabilities, most of them near 0 or 1.
        """
        check_is_fitted(self)
        codes = self._encode(self.network_, self._validate_all_but_values(X))
        return codes / np.float32(self._run.height)

    def transform(self, X, out=None, return_std=False):
        """Embed X as bits.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array} of shape (n_samples, n_features)
            Samples to embed, of the training data or not.

        out : ndarray of numbers, of the shape of the bits, default=None
            Array that receives the bits; a new array by default.

        return_std : bool, default=False
            Must be false: bits have no deviation between runs.

        Returns
        -------
        ndarray of shape (n_samples, n_bits) or (n_samples, n_bytes), dtype uint8
            Bits, or bytes if they are packed; `out` if it is given.

        Raises
        ------
        TypeError, ValueError
            If X or `out` is not as described, or `return_std` is true.
        """
        if return_std:
            raise ValueError(
                "return_std must be False for SemanticHashing, whose bits have no"
                " deviation; bit_probabilities returns how certain each bit is"
            )
        return super().transform(X, out)

    def inverse_transform(self, X):
        """Reconstruct samples from their bits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_bits) or (n_samples, n_bytes)
            Bits as `transform` returns them, packed if the estimator packs them.

        Returns
        -------
        ndarray of shape (n_samples, n_features), dtype float64
            Reconstruction.
        """
        return super().inverse_transform(X)

    def _rigid_map(self, network, codes, target, weights=None, hold=0.0):
        # About the middle of a bit, where inverting it changes the sign.
        codes = codes - np.average(codes, axis=0, weights=weights)
        target = target - np.average(target, axis=0, weights=weights)
        return axis_map_onto(codes, target, weights=weights, hold=hold)

    def _check_reference(self, reference, X, plan, weights):
        if reference is not None:
            raise ValueError(
                "reference must be None, because bits cannot be pulled to a target;"
                " use align instead"
            )

    def _architecture(self, plan):
        return super()._architecture(plan) | {"noise": self.noise}

    def _initialize(self, data, plan):
        rotation = binary_rotation(data.frame, data.axes, data.subset.weights)
        axes = (rotation.T @ data.axes).astype(np.float32)
        frame = data.frame @ rotation.astype(np.float32)
        return super()._initialize(replace(data, axes=axes, frame=frame), plan)

    def _loss_terms(self, networks, data, plan):
        training_set = data.training_set
        some = smallest_hashes(training_set.hashes, limits.THRESHOLD_SAMPLES)
        inputs = training_set.inputs_of(some)
        weights = weights_at(training_set.weights, some)
        thresholds = torch.stack(
            [
                first_thresholds(apply_in_chunks(one, one.encode, inputs), weights)
                for one in networks
            ]
        )
        discarded = None
        if self.hamming_weight and data.basis is not None and data.distances is None:
            discarded = torch.from_numpy(discarded_squares(data.samples, training_set))
        own = HammingLoss(
            float(self.hamming_weight),
            plan.n_components,
            thresholds.squeeze(0),
            data.distances,
            discarded,
        )
        return [*super()._loss_terms(networks, data, plan), own]

    def _finalize_fit(self, data):
        self.hamming_loss_ = self.losses_["hamming_loss"]

    def _input_transform(self, data):
        return CodeNoise(self.n_bits) if self.noise else None

    def _set_fitted(self, data, start, runs):
        self.packed_ = bool(self.packed)
        super()._set_fitted(data, start, runs)

    def _unpacked(self):
        """Return a copy that does not pack bits, and shares the networks.

        Bytes cannot be compared: the first of their bits counts 128 times the last.
        """
        fitted = {"packed_": False} if self._is_fitted() else {}
        return self._shallow_copy(packed=False, **fitted)

    def _network_codes(self, codes, name):
        bits = self._check_codes(codes, name)
        largest = 255 if self.packed_ else 1
        if not ((bits == np.rint(bits)) & (bits >= 0) & (bits <= largest)).all():
            raise ValueError(f"{name} must hold whole numbers from 0 to {largest}")
        if self.packed_:
            width = self.network_.n_components
            bits = np.unpackbits(bits.astype(np.uint8), axis=1, count=width)
        return np.float32(self._run.height) * bits

    @property
    def _code_unit(self):
        return 1 / self._run.height

    def _finish_codes(self, codes):
        bits = codes > self._run.height / 2
        return np.packbits(bits, axis=1) if self.packed_ else bits.astype(np.uint8)

    def _add_code_output(self, graph, value):
        half = self._run.height / 2
        value = graph.cast(graph.node("Greater", value, half), np.float32)
        if self.packed_:
            places = place_values(self.network_.n_components)
            value = graph.node("MatMul", value, places)
        return graph.cast(value, np.uint8)

    def _add_code_input(self, graph, value):
        if self.packed_:
            # A bit of a byte is odd in the quotient by its place.
            places = place_values(self.network_.n_components)
            owners = (places > 0).astype(np.float32).T
            value = graph.node("MatMul", value, owners)
            value = graph.node("Floor", graph.node("Div", value, places.max(axis=1)))
            value = graph.node("Mod", value, 2.0, fmod=1)
        return graph.node("Mul", value, self._run.height)

    @property
    def _n_features_out(self):
        width = self.network_.n_components
        return -(-width // 8) if self.packed_ else width

    @classmethod
    def _upgrade(cls, state):
        if "networks_" in state:
            state.setdefault("packed_", bool(state["packed"]))
            state.setdefault("hamming_loss_", 0.0)
        return super()._upgrade(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
