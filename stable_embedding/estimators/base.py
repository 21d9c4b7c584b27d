"""What all autoencoders do: fit as one sentence, transform, and hooks for siblings."""

from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from .._ambient import own_settings
from .._sklearn import check_n_features, fit_context, returns_arrays
from ..data.chunks import feature_means, total_squared_deviation
from ..data.dask_arrays import is_dask_array, map_chunks
from ..data.dominance import warn_of_dominance
from ..data.sample_ids import check_same_samples
from ..data.sample_weights import check_weights, weights_at
from ..data.scaling import SampleScaler, scale_samples
from ..data.training_data import TrainingData
from ..networks.autoencoder import Autoencoder
from ..networks.base import BaseAutoencoder
from ..networks.consensus import consensus_of
from ..networks.frame import RigidMap, apply_rigid_map, rigid_map_onto
from ..networks.inference import apply_in_chunks, check_out
from ..networks.modular import ModularAutoencoder
from ..networks.projection import project_networks
from ..quality import explained_fraction
from ..training.plan import TrainingPlan
from ..training.runs import mean_run
from ..training.schedule import limit_runs
from .distance_source import distance_source
from .loss_terms import scaling_guide_terms, standard_terms
from .reference import alignment_samples, has_reference
from .sensitivity import SensitivityMixin
from .state import StateMixin
from .validation import ValidationMixin

# By how many roundings a score may be off: networks add up some hundred products, whose
# roundings mostly cancel.
ROUNDINGS = 32


class Start(NamedTuple):
    """What a training starts from.

    Attributes
    ----------
    networks : list of BaseAutoencoder
        One for each run, with as many inputs as the training data.

    targets : list of ndarray of shape (n_subset, n_components)
        Where the codes of the data's subset should lie in the end.
    """

    networks: list[Any]
    targets: list[np.ndarray]


@contextmanager
def restore_on_error(estimator):
    """Undo what was set on an estimator if the block fails or is interrupted."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


class BaseStableAutoencoder(
    ValidationMixin,
    SensitivityMixin,
    StateMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Fits networks, and applies them.

    A sibling overrides hooks: class attributes, and methods whose names begin with an
    underscore and that say so.
    """

    # The network; whether it must see all features of wide samples; whether codes may
    # lie anywhere; the type of codes.
    _network_class: type[BaseAutoencoder] = Autoencoder
    _requires_features = False
    _has_free_codes = True
    _codes_dtype: type = np.float32

    # They are no metadata to route, though they look like it.
    __metadata_request__transform = {"out": UNUSED, "return_std": UNUSED}

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
            does not store are unknown and ignored.

        reference : array-like of shape (n_samples, n_components), default=None
            Target codes of the samples, for instance those of last month's embedding.
            Give nan for samples without a target. If X and `reference` are data frames
            with ids in their indexes, these must be equal. Training pulls codes toward
            the targets with `consensus_weight`. The trained embedding is then aligned
            with them, as by `align`.

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
        with its embedding before this call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            A chunk of the training data, two samples or more.

        y : array-like of shape (n_samples,) or None
            Class or number of each sample, for an estimator that uses it. Otherwise
            ignored.

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

    def transform(self, X, out=None, return_std=False):
        """Embed X.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array} of shape (n_samples, n_features)
            Samples to embed, of the training data or not. The codes of a sample do not
            depend on the other samples.

        out : ndarray of floats of shape (n_samples, n_components), default=None
            Array that receives the codes, for instance a memory-mapped file; a new
            array by default.

        return_std : bool, default=False
            Whether to also return the deviation of each sample's codes between runs. It
            needs at least two runs, and X that is not a dask array.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components), dtype float32
            Codes, in the units of the data; `out` if it is given. For a dask array, a
            dask array whose chunks are embedded when their values are needed, or a
            computed data frame if ``set_output`` asks for one.

        std : ndarray of shape (n_samples,), dtype float32
            Root of the total variance of each sample's codes over the runs, in the
            units of the data. Only if `return_std` is true.

        Raises
        ------
        TypeError, ValueError
            If X or `out` is not as described, or `return_std` is true and there is
            only one run.
        """
        check_is_fitted(self)
        if return_std:
            return self._codes_and_std(X, out)
        if is_dask_array(X):
            check_n_features(self, X, reset=False)
            if out is not None:
                check_out(out, (X.shape[0], self._n_features_out), self._codes_dtype)
            # A later fit must not change what is computed later.
            snapshot = type(self).__new__(type(self))
            vars(snapshot).update(vars(self))
            codes = map_chunks(
                snapshot._codes, X, self._n_features_out, self._codes_dtype, out
            )
            return codes if returns_arrays(self) else np.asarray(codes)
        return self._codes(X, out)

    def transform_runs(self, X):
        """Embed X by each run of ``n_init``.

        All runs are aligned. The mean of their codes is what `transform` returns.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples to embed, of the training data or not.

        Returns
        -------
        ndarray of shape (n_init, n_samples, n_components), dtype float32
            Codes, in the units of the data.
        """
        check_is_fitted(self)
        X = self._validate_all_but_values(X)
        return np.stack([self._embed(network, X) for network in self.networks_])

    def inverse_transform(self, X):
        """Reconstruct samples from their codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features), dtype float64
            Reconstructed samples. They are images if `fit` was given images.
        """
        check_is_fitted(self)
        samples = self._decode(self._network_codes(X, "X"))
        return samples.reshape(len(samples), *self.sample_shape_)

    def score(self, X, y=None, sample_weight=None):
        r"""Return the fraction of the variance of X that its reconstruction explains.

        .. math:: R^2 = 1 - \sum_i w_i |x_i - \hat x_i|^2 \Big/
            \sum_i w_i |x_i - \bar x|^2

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples to reconstruct.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights :math:`w`; all equal by default.

        Returns
        -------
        float
            The best score is 1.0; the mean of X as its reconstruction has 0.0.
        """
        check_is_fitted(self)
        X = self._validate_all_but_values(X)
        weights = check_weights(sample_weight, X.shape[0], least=1)
        errors = self._squared_errors(X)
        mean = feature_means(X, weights=weights)
        total = total_squared_deviation(X, mean, weights=weights)
        error = errors.sum() if weights is None else weights @ errors
        return explained_fraction(error, total)

    def score_samples(self, X):
        """Return minus the squared reconstruction error of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples to reconstruct.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores in squared units of the data. The best is 0.0; low ones are
            anomalous.
        """
        check_is_fitted(self)
        return -self._squared_errors(self._validate_all_but_values(X))

    def _rounding_of_score(self, score):
        """Return how far the rounding of float32 weights may put a score off.

        A residual of length r may be off by a few units of float32 of the data's
        standard deviation, d, and its square by :math:`2 r d + d^2`.
        """
        off = ROUNDINGS * float(np.finfo(np.float32).eps) * self.scale_
        return 2 * np.sqrt(abs(score)) * off + off**2

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

    def _align(self, X, codes, name):
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
        self._align_all_runs(X, target.astype(np.float64))
        return self

    @own_settings()
    def _align_all_runs(self, X, target, weights=None):
        """Align all runs with the target by one rigid map, found where it is known."""
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
            check_same_samples(X, reference, "reference")
            keeps_features = resume or n_seen > 0
            X, labels = self._validate_training_data(X, y, plan, keeps_features, resume)
            weights = check_weights(sample_weight, X.shape[0])
            labels = self._labels_that_count(labels, y, X, weights, resume)
            reference = self._check_reference(reference, X, plan, weights)
            distances = self._check_distances(distances, X, plan, resume)
            source = distance_source(plan, distances)
            if resume:
                self._check_distance_source(source)
            plan = plan.identified_by("distances", distances)
            scaling = (self.mean_, self.scale_, self.code_scale_) if resume else None
            data = TrainingData.prepare(
                X,
                labels,
                plan,
                scaling=scaling,
                n_seen=n_seen,
                reference=reference,
                distances=distances,
                weights=weights,
            )
            names = getattr(self, "feature_names_in_", None)
            warn_of_dominance(X, data.mean, names, weights)
            is_whole = not (resume or is_chunk)
            input_transform = self._input_transform(data)
            if is_whole and input_transform is None:
                distinct = data.training_set
                plan = limit_runs(plan, len(distinct.hashes), distinct.mean_weight)
            start = self._resume(data) if resume else self._initialize(data, plan)
            runs, trainer = self._train(start.networks, data, plan, input_transform)
            self._set_fitted(data, start, runs)
            self.distance_source_ = source
            if is_whole and plan.init == "pca":
                self._clear_beyond_rank(data)
            if reference is not None:
                self._align_all_runs(
                    *alignment_samples(X, reference / self.code_scale_, data)
                )
            trainer.remove_checkpoint()
        return self

    def _plan(self, resume):
        """Check the parameters, and resolve them; hook for a sibling's own checks."""
        plan = TrainingPlan.from_estimator(
            self,
            requires_features=self._requires_features,
            has_free_codes=self._has_free_codes,
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
        fitted = {name: getattr(self._run, name, None) for name in wanted}
        fitted["n_init"] = len(self.networks_)
        for name in ("encoder", "decoder"):
            module = plan.modules.get(name)
            wanted[name] = None if module is None else repr(module)
            fitted[name] = getattr(self._run, "structures", {}).get(name)
        changed = [name for name in wanted if wanted[name] != fitted[name]]
        if changed:
            raise ValueError(
                f"training cannot resume with { {n: wanted[n] for n in changed} }: the"
                f" fitted network has { {n: fitted[n] for n in changed} }; use fit with"
                " warm_start=False"
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
        return Start(networks, codes)

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
            self._rigid_map(*each, data.subset.weights)
            for each in zip(networks, codes, start.targets)
        ]
        self._set_networks(list(map(apply_rigid_map, networks, maps)))
        self.mean_, self.scale_ = data.mean, data.scale
        self.code_scale_ = data.code_scale
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
        beyond = ~data.axes.any(axis=1)
        if not (self._has_free_codes and beyond.any()):
            return
        codes = apply_in_chunks(
            self.network_, self.network_.encode, data.subset.samples
        )
        sizes = np.abs(codes).max(axis=0)
        rounding = ROUNDINGS * np.finfo(np.float32).eps * sizes.max()
        kept = ~(beyond & (sizes <= rounding))
        selection = RigidMap(np.diag(kept.astype(np.float64)), np.zeros(len(kept)))
        self._set_networks([apply_rigid_map(run, selection) for run in self.networks_])

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

    def _rigid_map(self, network, codes, target, weights=None):
        """Find the map that aligns codes of a network with a target; hook."""
        return rigid_map_onto(codes, target, weights)

    def _input_transform(self, data):
        """Return what is done to batches before they are trained on; hook."""
        return

    def _finalize_fit(self, data):
        """Set what else was learned, once networks lie in their frame; hook."""

    def _codes(self, X, out=None):
        """Validate samples and embed them by the model."""
        X = self._validate_all_but_values(X)
        if out is not None:
            check_out(out, (X.shape[0], self._n_features_out), self._codes_dtype)
        return self._embed(self.network_, X, out)

    def _codes_and_std(self, X, out):
        """Embed samples, and return how far the runs put them apart."""
        if is_dask_array(X):
            raise ValueError(
                "return_std=True is not for dask arrays; embed their chunks one by one"
            )
        if len(self.networks_) == 1:
            raise ValueError(
                "return_std=True needs an estimator that was fitted with n_init=2 or"
                " more, because one run has no deviation"
            )
        X = self._validate_all_but_values(X)
        shape = X.shape[0], self._n_features_out
        if out is None:
            out = np.empty(shape, dtype=self._codes_dtype)
        check_out(out, shape, self._codes_dtype)
        found = apply_in_chunks(
            self.network_,
            self.network_.encode_with_std,
            X,
            self._scaler(),
            self._finish_codes,
        )
        out[:] = found[:, :-1]
        return out, found[:, -1]

    def _embed(self, network, X, out=None):
        return apply_in_chunks(
            network, network.encode, X, self._scaler(), self._finish_codes, out
        )

    def _encode(self, network, X):
        return apply_in_chunks(network, network.encode, X, self._scaler())

    def _scaler(self):
        """Return what checks, centers and scales one chunk of samples after another."""
        scaler = SampleScaler(self.mean_, self.scale_)

        def scale(chunk):
            self._check_values(chunk)
            return scaler(chunk)

        return scale

    def _scale_exactly(self, chunk):
        self._check_values(chunk)
        return scale_samples(chunk, self.mean_, self.scale_)

    def _finish_codes(self, codes):
        """Turn codes of the network into those of `transform`; hook."""
        return codes * self.code_scale_

    def _network_codes(self, codes, name):
        """Turn codes of `transform` into those of the network; hook."""
        return self._check_codes(codes, name) / self.code_scale_

    def _decode(self, codes):
        """Turn codes of the network into samples."""
        network, what = self.network_, "the codes hold values so large that"

        def rescale(samples):
            return samples * self.scale_ + self.mean_

        return apply_in_chunks(
            network, network.decode, codes, finish=rescale, what=what
        )

    def _squared_errors(self, X):
        """Reconstruct in float64, whose range the square of a scale needs."""
        network = self.network_.as_float64()

        def rescale(errors):
            return errors * self.scale_**2

        return apply_in_chunks(
            network, network.squared_errors, X, self._scale_exactly, rescale
        )

    def _add_code_output(self, graph, value):
        """Add what `_finish_codes` does to an ONNX graph; hook."""
        return graph.node("Mul", value, self.code_scale_)

    def _add_code_input(self, graph, value):
        """Add what `_network_codes` does to an ONNX graph; hook."""
        return graph.node("Div", value, self.code_scale_)

    def _add_scores(self, graph, value):
        """Add what `score_samples` does to scaled samples to a float64 graph; hook."""
        errors = self.network_.as_float64().add_squared_errors(graph, value)
        return graph.node("Mul", errors, -(self.scale_**2))

    @property
    def _n_features_out(self):
        return self.network_.n_components

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
