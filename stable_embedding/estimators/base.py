"""What all autoencoders do: fit as one sentence, align, and hooks for siblings."""

from copy import deepcopy
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._ambient import own_settings
from .._restore import restore_on_error
from .._sklearn import fit_context
from ..data.dominance import warn_of_dominance
from ..data.placement import has_reference
from ..data.sample_ids import check_same_samples
from ..data.sample_weights import warn_of_small_weights, weights_at
from ..data.shrinkage import Earlier
from ..data.training_data import TrainingData
from ..networks.autoencoder import Autoencoder
from ..networks.base import BaseAutoencoder
from ..networks.consensus import consensus_of
from ..networks.frame import apply_rigid_map, projection_on, rigid_map_onto
from ..networks.inference import apply_in_chunks
from ..networks.modular import ModularAutoencoder, structure_of
from ..networks.projection import project_networks
from ..training.plan import TrainingPlan
from ..training.runs import mean_run
from ..training.schedule import limit_runs
from .distance_source import distance_source
from .embedding import ROUNDINGS, EmbeddingMixin
from .loss_terms import scaling_guide_terms, standard_terms
from .sensitivity import SensitivityMixin
from .state import StateMixin
from .validation import ValidationMixin

# Variance, as a fraction of that of the data, by which a map that is resumed keeps its
# directions. So a few samples, or samples of one kind, do not turn it.
_HELD_VARIANCE = 0.01


class Start(NamedTuple):
    """What a training starts from.

    Attributes
    ----------
    networks : list of BaseAutoencoder
        One for each run, with as many inputs as the training data.

    targets : list of ndarray of shape (n_subset, n_components)
        Where the codes of the data's subset should lie in the end.

    hold : float, default=0.0
        How much it counts that directions of the map stay as they are.
    """

    networks: list[Any]
    targets: list[np.ndarray]
    hold: float = 0.0


class BaseStableAutoencoder(
    EmbeddingMixin, ValidationMixin, SensitivityMixin, StateMixin, BaseEstimator
):
    """Fits networks, and aligns what they embed.

    A sibling overrides hooks: class attributes, and methods whose names begin with an
    underscore and that say so.
    """

    # The network; whether it must see all features of wide samples; whether codes may
    # lie anywhere; whether they are bits.
    _network_class: type[BaseAutoencoder] = Autoencoder
    _requires_features = False
    _has_free_codes = True
    _has_bits = False

    # Parameters by which the network's arguments of other names are set.
    _parameter_names: ClassVar[dict[str, str]] = {}

    # What the estimator found that `retrain` lets this one follow.
    _predecessor: Earlier | None = None

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None, *, distances=None, reference=None):
        """Learn the embedding of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, two samples or more.

        y : array-like of shape (n_samples,) or None
            Class or number of each sample, for an estimator that uses it. Otherwise
            ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, 0 or more; 1 by default. A sample with weight 2
            counts as two samples, one with weight 0 as none.

        distances : {array-like, sparse matrix} of shape (n_samples, n_samples), \
                callable or SampleDistances, default=None
            Distances that codes should follow, instead of those of `metric`. A callable
            takes two arrays of positions in X, and returns an array of the distances
            between samples at the first and at the second. Pairs that a sparse matrix
            does not store are unknown and ignored. Ids in the index and columns of a
            data frame must be those of X.

        reference : array-like of shape (n_samples, n_components), default=None
            Target codes of the samples, for instance those of last month's embedding.
            Give nan for samples without a target. If X and `reference` are data frames
            with ids in their indexes, these must be equal. Training starts with a
            linear path that is turned toward the targets, and pulls codes to them with
            `consensus_weight`. The trained embedding is then aligned with them, as by
            `align`.

        Returns
        -------
        self : StableAutoencoder
            The fitted estimator. If the call fails it is as it was before.

        Raises
        ------
        ValueError
            If a parameter, X, `sample_weight`, `distances` or `reference` is not as
            described, or the loss stops being finite.
        """
        resume = self.warm_start and self._has_scale()
        return self._fit(
            X,
            y,
            sample_weight,
            resume=resume,
            n_seen=0,
            reference=reference,
            distances=distances,
        )

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Train on one more chunk of data.

        The first chunk whose samples are not all equal determines the mean, the scale,
        the start and the frame. Each chunk is trained on for `max_iter` epochs; "auto"
        is 600 steps or more. The weights then move from their last values toward the
        trained ones, by the square root of the chunk's fraction of all samples seen. So
        earlier chunks are not forgotten. Finally, the embedding of the chunk is aligned
        with its embedding before this call. Directions in which its samples do not
        differ stay as they are.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            A chunk of the training data, two samples or more.

        y : array-like of shape (n_samples,) or None
            Class or number of each sample, for an estimator that uses it. Otherwise
            ignored. Each chunk is read by itself: set `target_type` if "auto" could
            take some chunks for numbers and others for classes, and standardize
            numbers before.

        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, 0 or more; 1 by default.

        Returns
        -------
        self : StableAutoencoder
            The fitted estimator. If the call fails it is as it was before.

        Raises
        ------
        ValueError
            If a parameter, X or `sample_weight` is not as described, or the loss stops
            being finite.
        """
        if self.checkpoint is not None:
            raise ValueError(
                f"checkpoint={self.checkpoint!r} must be None for partial_fit; save the"
                " estimator after each chunk instead"
            )
        n_seen = self.n_samples_seen_ if self._is_fitted() else 0
        return self._fit(
            X,
            y,
            sample_weight,
            resume=self._has_scale(),
            n_seen=n_seen,
            is_chunk=True,
        )

    def align(self, X, reference):
        """Align the embedding of X with a reference by one rigid map.

        Use it after retraining, to align the new embedding with the old one: models
        that were trained on old codes then keep working. The rigid map shifts, rotates
        and reflects codes, the same for all runs, and becomes part of the weights.
        Distances between codes and reconstructions do not change. Where axes have a
        meaning, as in sparse codes, they are permuted and not rotated.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples whose codes are aligned with the reference.

        reference : array-like of shape (n_samples, n_components)
            Target codes of these samples, for instance those of the predecessor. If X
            and `reference` are data frames with ids in their indexes, these must be
            equal.

        Returns
        -------
        self : StableAutoencoder
            This estimator, aligned.
        """
        return self._align(X, reference, "reference")

    def _align(self, X, codes, name, weights=None):
        """Align the embedding of X with codes, which errors call by a name; hook."""
        check_is_fitted(self)
        check_same_samples(X, codes, name)
        X = self._validate_all_but_values(X)
        target = self._network_codes(codes, name)
        if len(target) != X.shape[0]:
            raise ValueError(
                f"{name} has {len(target)} samples, but X has {X.shape[0]}; it must"
                " hold the target codes of the samples of X"
            )
        self._align_all_runs(X, target.astype(np.float64), weights=weights)
        return self

    @own_settings()
    def _align_all_runs(self, X, target, order=None, weights=None):
        """Align all runs with the target by one rigid map, found where it is known.

        With an order, it is found by these samples of X alone, which have the weights.
        """
        if order is not None:
            X, target = X[order], target[order]
        codes, known = self._encode(self.network_, X), has_reference(target)
        rigid_map = self._rigid_map(
            self._run, codes[known], target[known], weights_at(weights, known)
        )
        self._set_networks([apply_rigid_map(run, rigid_map) for run in self.networks_])

    @own_settings()
    def _fit(
        self,
        X,
        y,
        sample_weight,
        *,
        resume,
        n_seen,
        is_chunk=False,
        reference=None,
        distances=None,
    ):
        """Train from the start, or resume from the fitted networks; all or nothing."""
        with restore_on_error(self):
            plan = self._plan(resume)
            given = self._validate_given(
                X, y, sample_weight, reference, distances, plan, resume, n_seen
            )
            plan = plan.identified_by("distances", given.distances)
            data = self._prepare(given, plan, resume, n_seen)
            names = getattr(self, "feature_names_in_", None)
            warn_of_dominance(given.X, data.mean, names, given.weights)
            if not n_seen:
                warn_of_small_weights(given.weights)
            is_whole = not (resume or is_chunk)
            input_transform = self._input_transform(data)
            if is_whole and input_transform is None:
                distinct = data.training_set
                plan = limit_runs(plan, len(distinct.hashes), distinct.mean_weight)
            start = self._resume(data) if resume else self._initialize(data, plan)
            runs, trainer = self._train(start.networks, data, plan, input_transform)
            self._set_fitted(data, start, runs)
            self.distance_source_ = distance_source(plan, given.distances)
            if is_whole and plan.init == "pca":
                self._clear_beyond_rank(data)
            if given.reference is not None:
                self._align_all_runs(
                    given.X,
                    given.reference / self.code_scale_,
                    data.samples.order,
                    data.training_set.weights,
                )
            trainer.remove_checkpoint()
        return self

    def _plan(self, resume):
        """Check the parameters, and resolve them; hook for a sibling's own checks."""
        plan = TrainingPlan.from_estimator(
            self,
            requires_features=self._requires_features,
            has_free_codes=self._has_free_codes,
            gains_beyond_pca=self._gains_beyond_pca,
            resume=resume,
        )
        if plan.layerwise_pretraining and not issubclass(
            self._network_class, Autoencoder
        ):
            raise ValueError(
                "layerwise_pretraining=True needs a network of perceptrons, but"
                f" {self._network_class.__name__} is not one; set it to False"
            )
        if resume:
            self._check_resumable(plan)
        return plan

    def _check_resumable(self, plan):
        """Raise if the fitted networks are not those that the parameters describe."""
        wanted = self._architecture(plan) | {
            "init": self.init,
            "n_init": len(plan.seeds),
        }
        # A network of another family need not have all that ours has.
        fitted = {name: getattr(self._run, name, wanted[name]) for name in wanted}
        fitted["n_init"] = len(self.networks_)
        for name in ("encoder", "decoder"):
            module = plan.modules.get(name)
            wanted[name] = None if module is None else structure_of(module)
            fitted[name] = getattr(self._run, "structures", {}).get(name)
        changed = [name for name in wanted if wanted[name] != fitted[name]]
        if changed:
            new, old = (
                {
                    self._parameter_names.get(name, name): values[name]
                    for name in changed
                }
                for values in (wanted, fitted)
            )
            raise ValueError(
                f"training cannot resume with {new}: the fitted network has {old}; use"
                " fit with warm_start=False"
            )

    def _prepare(self, given, plan, resume, n_seen):
        """Find what the training needs to know of the data, beside earlier ones."""
        earlier = self._predecessor
        if resume and n_seen > 0:
            earlier = Earlier(self.alpha_, n_seen)
        scaling = (self.mean_, self.scale_, self.code_scale_) if resume else None
        return TrainingData.prepare(
            given, plan, scaling=scaling, n_seen=n_seen, earlier=earlier
        )

    def _initialize(self, data, plan):
        """Build the networks of a new training."""
        networks = [self._build_network(data, plan, seed) for seed in plan.seeds]
        networks = project_networks(networks, data.basis)
        if plan.layerwise_pretraining:
            from ..training.pretraining import pretrain_runs

            networks = pretrain_runs(networks, data.training_set, plan)
        return Start(networks, [data.frame] * len(networks))

    def _resume(self, data):
        """Copy the networks of the last training, which keeps their frames."""
        networks = deepcopy(self.networks_)
        codes = [
            apply_in_chunks(one, one.encode, data.subset.samples) for one in networks
        ]
        return Start(networks, codes, _HELD_VARIANCE / data.axes.shape[0])

    def _train(self, networks, data, plan, input_transform):
        """Train networks in place; return their losses, and the trainer."""
        from ..training.trainer import Trainer  # skorch is slow to import

        trainer = Trainer(plan)
        runs = trainer.fit(
            networks,
            data.training_set,
            [*self._loss_terms(networks, data, plan), *deepcopy(plan.extra_losses)],
            input_transform=input_transform,
            alpha=data.alpha,
            weight_interpolation=data.fraction_of_seen**0.5,
        )
        return runs, trainer

    def _set_fitted(self, data, start, runs):
        """Align the trained networks with their frame, and set fitted attributes."""
        networks, inputs = start.networks, data.subset.samples
        if data.basis is not None:
            inputs = inputs @ data.basis.T
        codes = [apply_in_chunks(one, one.encode, inputs) for one in networks]
        if data.basis is not None:
            networks = project_networks(networks, data.basis.T)
        maps = [
            self._rigid_map(*each, data.subset.weights, start.hold)
            for each in zip(networks, codes, start.targets)
        ]
        self._set_networks(list(map(apply_rigid_map, networks, maps)))
        self.mean_, self.scale_ = data.mean, data.scale
        self.code_scale_, self.alpha_ = data.code_scale, data.alpha
        self.is_constant_ = data.is_constant
        self.is_order_invariant_ = data.is_order_invariant
        self.n_samples_seen_ = data.n_samples_seen
        self.history_, self.losses_ = mean_run(runs)
        self.loss_curve_ = self.history_["loss"]
        self.n_iter_ = len(self.loss_curve_)
        self.reconstruction_loss_ = self.losses_["reconstruction_loss"]
        self.similarity_loss_ = self.losses_["similarity_loss"]
        self.neighbor_loss_ = self.losses_["neighbor_loss"]
        self.consensus_loss_ = self.losses_["consensus_loss"]
        self._finalize_fit(data)

    def _clear_beyond_rank(self, data):
        """Set components beyond the rank of the data to 0, if they hold rounding alone.

        A scaler after the map would turn it into noise of unit variance, which differs
        between seeds.
        """
        rounding = ROUNDINGS * np.finfo(np.float32).eps
        # Beside its own sample, since a few may be far larger than all others.
        lengths = np.linalg.norm(data.frame, axis=1, keepdims=True)
        beyond = (np.abs(data.frame) <= rounding * lengths).all(axis=0)
        if not (self._has_free_codes and beyond.any()):
            return
        codes = apply_in_chunks(
            self.network_, self.network_.encode, data.subset.samples
        )
        sizes = np.abs(codes).max(axis=0)
        kept = ~(beyond & (sizes <= rounding * sizes.max()))
        projection = projection_on(kept)
        self._set_networks([apply_rigid_map(run, projection) for run in self.networks_])

    def _set_networks(self, networks):
        """Take the networks of all runs, and their consensus as the model."""
        self.networks_ = networks
        self.network_ = consensus_of(networks)

    @property
    def _run(self):
        """The network of the first run, whose settings all others share."""
        return self.networks_[0]

    def _is_fitted(self):
        return hasattr(self, "network_")

    def _has_scale(self):
        """Tell whether there is a training to resume, on samples that differ."""
        return self._is_fitted() and not self.is_constant_

    @property
    def _gains_beyond_pca(self):
        """Whether a network gains even where it cannot predict PCA's residuals; hook.

        One that learns labels does.
        """
        return self.label_weight > 0

    def _architecture(self, plan):
        """Return arguments of the network that parameters decide; hook."""
        return {
            "n_components": plan.n_components,
            "hidden_layer_sizes": plan.hidden_layer_sizes,
            "activation": self.activation,
        }

    def _build_network(self, data, plan, seed, **more):
        """Build the network of one run; hook for arguments that the data decide."""
        axes = torch.from_numpy(data.axes) if plan.init == "pca" else None
        if plan.modules:
            return ModularAutoencoder(
                n_features=self.n_features_in_,
                **self._architecture(plan),
                modules=plan.modules,
                axes=axes,
                seed=seed,
            )
        return self._network_class(
            n_features=self.n_features_in_,
            **self._architecture(plan),
            axes=axes,
            seed=seed,
            **more,
        )

    def _loss_terms(self, networks, data, plan):
        """Return the terms of the loss; hook for terms of a sibling's own."""
        terms = standard_terms(networks, data, plan, self._rigid_map)
        return [*terms, *self._start_guide(data, plan)]

    def _start_guide(self, data, plan):
        """Return the term that guides a random start, if there is one; hook."""
        return scaling_guide_terms(data, plan)

    def _rigid_map(self, network, codes, target, weights=None, hold=0.0):
        """Find the map that aligns codes of a network with a target; hook."""
        return rigid_map_onto(codes, target, weights, hold)

    def _input_transform(self, data):
        """Return what is done to batches before they are trained on; hook."""
        return

    def _finalize_fit(self, data):
        """Set what else was learned, once networks lie in their frame; hook."""

    def __getattr__(self, name):
        # Called for what is not found otherwise: losses of a user's own terms.
        losses = vars(self).get("losses_", {})
        if name.endswith("_loss_") and name[:-1] in losses:
            return losses[name[:-1]]
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}"
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.sparse = True
        tags.target_tags.required = bool(getattr(self, "label_weight", 0))
        return tags
