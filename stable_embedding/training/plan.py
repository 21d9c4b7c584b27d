"""Training plan: the parameters of an estimator, validated and resolved."""

import math
from dataclasses import dataclass, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from ..data.metrics import EUCLIDEAN
from ..losses.base import LossTerm
from ..losses.similarity import (
    Similarity,
    cosine,
    distance,
    resolve_similarity,
)
from .distributed import broadcast_from_main, shard_of
from .identity import stable_hash
from .seeds import draw_seeds

# Parameters that do not change the result of a training.
_INCIDENTAL = {"accelerator", "callbacks", "checkpoint", "device", "verbose"}

# Runs whose mean is the model by default.
AUTO_N_INIT = 8

# Names of losses that a user's own terms must not have.
_RESERVED_NAMES = {
    "loss",
    "reconstruction",
    "similarity",
    "neighbor",
    "consensus",
    "sparsity",
    "contraction",
    "guide",
    "hamming",
    "label",
    "kl",
    "triplet",
    "validation",
}

# Start of the names of means over validation samples.
_RESERVED_PREFIX = "validation_"


class StoppingRule(NamedTuple):
    """When a training is stopped early.

    Attributes
    ----------
    validation_fraction : float
        Fraction of the samples that are held out.

    n_iter_no_change : int
        Number of epochs without improvement after which a run stops.

    tol : float
        Smallest decrease of the validation loss that counts.
    """

    validation_fraction: float
    n_iter_no_change: int
    tol: float


@dataclass(frozen=True)
class TrainingPlan:
    """Parameters of an estimator, validated, and resolved where that needs no data.

    All parameters are checked when the plan is created, before anything is computed.
    Attributes that are not listed are the estimator's parameters, resolved as far as
    that is possible without data.

    Attributes
    ----------
    modules : dict of str to Module
        A user's encoder and decoder, as far as they are given.

    gains_beyond_pca : bool
        Whether a network gains even where it cannot predict PCA's residuals, so that
        `alpha` does not grow there.

    learning_rate : float
        Peak of the learning rate.

    seeds : list of int
        One for each run.

    stopping_rule : StoppingRule or None
        When the training is stopped early, if at all.

    may_project : bool
        Whether the training may use coordinates in a narrow basis.

    guided : bool
        Whether codes may be guided at the start of the training.

    shard : tuple of int and int
        Rank of this process, and the number of processes.

    identity : str
        Digest that distinguishes trainings with checkpoints.
    """

    n_components: int
    hidden_layer_sizes: tuple[int, ...]
    modules: dict[str, nn.Module]
    init: str
    layerwise_pretraining: bool
    metric: Any
    metric_params: dict[str, Any] | None
    similarity: Similarity
    similarity_weight: float
    neighbor_weight: float
    n_neighbors: int
    neighbors: Any
    label_weight: float
    gains_beyond_pca: bool
    consensus_weight: float | str
    extra_losses: tuple[LossTerm, ...]
    alpha: float | str
    batch_size: int | str
    max_iter: int | str
    learning_rate: float
    n_init: int | str
    seeds: list[int]
    stopping_rule: StoppingRule | None
    may_project: bool
    guided: bool
    device: Any
    accelerator: Any
    shard: tuple[int, int]
    checkpoint: Path | None
    identity: str
    callbacks: tuple[Any, ...]
    verbose: bool

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        requires_features: bool = False,
        has_free_codes: bool = True,
        gains_beyond_pca: bool = False,
        resume: bool = False,
    ) -> "TrainingPlan":
        """Check and resolve the parameters of an estimator.

        Parameters
        ----------
        estimator : StableAutoencoder
            One whose parameters are of the right types.

        requires_features : bool, default=False
            Whether batches must hold features, not coordinates in a narrow basis.

        has_free_codes : bool, default=True
            Whether codes may have any values; False for sparse codes and bits.

        gains_beyond_pca : bool, default=False
            Whether a network gains even where it cannot predict PCA's residuals.

        resume : bool, default=False
            Whether the training resumes an earlier one, which works on features.

        Raises
        ------
        TypeError, ValueError
            If a parameter is invalid, alone or in combination with others.
        """
        check_callbacks(estimator.callbacks)
        checkpoint, accelerator = estimator.checkpoint, estimator.accelerator
        check_checkpoint(checkpoint, accelerator, estimator.random_state)
        extra_losses = check_extra_losses(
            estimator.extra_losses, estimator.neighbor_weight
        )
        hidden_layer_sizes = resolve_layer_sizes(
            estimator.hidden_layer_sizes, estimator.neighbor_weight
        )
        device = resolve_device(estimator.device, accelerator)
        stopping_rule = stopping_rule_of(estimator)
        similarity = resolve_similarity(estimator.similarity)
        check_metric_alone(estimator, similarity)
        shard = (0, 1) if accelerator is None else shard_of(accelerator)
        modules = modules_of(estimator)
        requires_features = requires_features or bool(modules)
        projects = estimator.init == "pca" and not (requires_features or resume)
        plan = cls(
            n_components=int(estimator.n_components),
            hidden_layer_sizes=hidden_layer_sizes,
            modules=modules,
            init=estimator.init,
            layerwise_pretraining=bool(estimator.layerwise_pretraining),
            metric=estimator.metric,
            metric_params=estimator.metric_params,
            similarity=similarity,
            similarity_weight=float(estimator.similarity_weight),
            neighbor_weight=float(estimator.neighbor_weight),
            n_neighbors=int(estimator.n_neighbors),
            neighbors=estimator.neighbors,
            label_weight=float(estimator.label_weight),
            gains_beyond_pca=gains_beyond_pca
            or any(term.weight for term in extra_losses),
            consensus_weight=estimator.consensus_weight,
            extra_losses=extra_losses,
            alpha=estimator.alpha,
            batch_size=estimator.batch_size,
            max_iter=estimator.max_iter,
            learning_rate=float(estimator.learning_rate_init),
            n_init=estimator.n_init,
            seeds=draw_seeds(estimator.random_state, resolve_n_init(estimator, resume)),
            stopping_rule=stopping_rule,
            # A user's similarity or loss would get coordinates for features.
            may_project=projects
            and similarity in (distance, cosine)
            and not extra_losses,
            guided=has_free_codes and not resume and estimator.similarity_weight > 0,
            device=device,
            accelerator=accelerator,
            shard=shard,
            checkpoint=None if checkpoint is None else Path(checkpoint),
            identity="" if checkpoint is None else identity_of(estimator),
            callbacks=tuple(estimator.callbacks or ()),
            verbose=bool(estimator.verbose) and shard[0] == 0,
        )
        return replace(plan, seeds=plan.broadcast(plan.seeds))

    @property
    def has_own_metric(self) -> bool:
        """Whether distances of the input are not the Euclidean ones."""
        return not (isinstance(self.metric, str) and self.metric in EUCLIDEAN)

    @property
    def follows_cosines(self) -> bool:
        """Whether inner products of codes follow cosines of the samples."""
        return self.similarity is cosine and self.similarity_weight > 0

    @property
    def couples_runs(self) -> bool:
        """Whether runs are coupled by their mean codes.

        Coupled runs from a random start would agree with each other, but not with
        another training. Several processes would each have the mean codes of only their
        own samples.
        """
        return len(self.seeds) > 1 and self.init == "pca" and self.shard[1] == 1

    @property
    def differs_by_batches_alone(self) -> bool:
        """Whether two runs without noise differ only by the order of their samples.

        A user's modules and losses may be random too.
        """
        return (
            self.init == "pca"
            and self.shard[1] == 1
            and self.stopping_rule is None
            and not (self.neighbor_weight or self.modules or self.extra_losses)
        )

    def for_layer(self, seed: int) -> "TrainingPlan":
        """Return the plan of the training of one layer."""
        return replace(
            self, seeds=[seed], stopping_rule=None, checkpoint=None, callbacks=()
        )

    def identified_by(self, name: str, value: Any) -> "TrainingPlan":
        """Return the plan with an argument of `fit` added to its identity.

        Parameters
        ----------
        name : str
            Name of an argument of `fit`.

        value : object
            The argument; None for no difference.
        """
        if self.checkpoint is None or value is None:
            return self
        identity = f"{self.identity} {hash_of(name, value, self.checkpoint)}"
        return replace(self, identity=identity)

    def broadcast(self, value: Any) -> Any:
        """Return what the main process found, in every process of the training."""
        if self.accelerator is None:
            return value
        return broadcast_from_main(value)


def check_metric_alone(estimator: Any, similarity: Similarity) -> None:
    """Raise if a metric stands beside a similarity that compares no distances."""
    metric = estimator.metric
    if isinstance(metric, str) and metric in EUCLIDEAN:
        return
    if similarity is cosine and isinstance(metric, str) and metric == "cosine":
        return
    if similarity is not distance and estimator.similarity_weight:
        raise ValueError(
            f"metric={metric!r} needs similarity='distance', but similarity is"
            f" {estimator.similarity!r}, which compares no distances of the input"
        )


def resolve_layer_sizes(sizes: Any, neighbor_weight: float) -> tuple[int, ...]:
    """Return the widths of the hidden layers as a tuple of positive integers."""
    if isinstance(sizes, str):
        # More layers where neighborhoods are pulled apart.
        return (128,) * 3 if neighbor_weight else (128, 32)
    # As objects: a list of a boolean and a number would become numbers.
    widths = np.atleast_1d(np.asarray(sizes, dtype=object))
    if widths.ndim != 1 or not all(map(_is_width, widths)):
        raise ValueError(
            f"hidden_layer_sizes={sizes!r} must be positive integers, one for each"
            " hidden layer, () for a linear network, or 'auto'"
        )
    return tuple(int(width) for width in widths)


def _is_width(value):
    """Tell whether a value is a positive integer, which a boolean is not."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value > 0


def modules_of(estimator: Any) -> dict[str, nn.Module]:
    """Return the modules that take the place of perceptrons, by their parameters."""
    given = {name: getattr(estimator, name, None) for name in ("encoder", "decoder")}
    modules = {name: module for name, module in given.items() if module is not None}
    if modules and estimator.layerwise_pretraining:
        raise ValueError(
            "layerwise_pretraining=True needs two perceptrons, but a module is given as"
            f" {' and '.join(modules)}; set it to False"
        )
    return modules


def resolve_n_init(estimator: Any, resume: bool = False) -> int:
    """Return the number of runs; "auto" averages runs where they are alike."""
    if estimator.n_init != "auto":
        return int(estimator.n_init)
    if resume:
        return len(estimator.networks_)
    # Runs from a random start are unrelated, so their mean is useless.
    return AUTO_N_INIT if estimator.init == "pca" else 1


def resolve_device(device: Any, accelerator: Any) -> Any:
    """Return the device to train on; "auto" takes an accelerator if there is one."""
    if accelerator is not None:
        if device != "auto":
            raise ValueError(
                f"device={device!r} must be 'auto' where an accelerator is given, since"
                " the accelerator decides on the device"
            )
        return accelerator.device
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        # Some devices, such as "meta", hold no values.
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device={device!r} cannot be used here; 'auto' and 'cpu' always can"
        ) from error
    return device


def check_callbacks(callbacks: Any) -> None:
    """Raise if an item is neither a skorch callback nor a (name, callback) pair."""
    if not callbacks:
        return
    from skorch.callbacks import Callback, LRScheduler  # skorch is slow to import

    for item in callbacks:
        callback = item[1] if isinstance(item, tuple) and len(item) == 2 else item
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback):
            raise TypeError(
                f"callbacks holds {item!r}; each item must be a skorch callback, or a"
                " pair of a name and one"
            )
        if issubclass(kind, LRScheduler):
            raise ValueError(
                f"callbacks holds {item!r}, but the training sets the learning rate of"
                " each step; choose its peak by learning_rate_init"
            )


def check_checkpoint(checkpoint: Any, accelerator: Any, random_state: Any) -> None:
    """Raise if a training cannot be resumed from a checkpoint."""
    if checkpoint is None:
        return
    if accelerator is not None:
        raise ValueError(
            f"checkpoint={checkpoint!r} must be None where an accelerator is given,"
            " which has checkpoints of its own"
        )
    if Path(checkpoint).exists() and not Path(checkpoint).is_dir():
        raise ValueError(
            f"checkpoint={checkpoint!r} is a file; it must be a directory, where each"
            " training writes a file of its own"
        )
    if not isinstance(random_state, Integral):
        raise ValueError(
            f"checkpoint={checkpoint!r} needs an integer as random_state (it is"
            f" {random_state!r}), so that a training can be repeated"
        )


def check_extra_losses(terms: Any, neighbor_weight: float) -> tuple[LossTerm, ...]:
    """Return a user's own terms of the loss; raise if they are no such terms."""
    names: set[str] = set()
    for term in terms:
        if not isinstance(term, LossTerm):
            raise TypeError(
                f"extra_losses holds {term!r}; each item must be an instance of"
                " stable_embedding.losses.LossTerm"
            )
        name = getattr(term, "name", None)
        if not (isinstance(name, str) and name.isidentifier()):
            raise ValueError(
                f"extra_losses holds {term!r} with name={name!r}; a name must be a"
                " Python identifier"
            )
        if name.startswith(_RESERVED_PREFIX):
            raise ValueError(
                f"extra_losses holds a term named {name!r}; a name must not begin with"
                f" {_RESERVED_PREFIX!r}, as means over validation samples do"
            )
        if name in names | _RESERVED_NAMES:
            raise ValueError(
                f"extra_losses holds a term named {name!r}, which is taken; give each"
                " term a name of its own"
            )
        weight: Any = term.weight
        if not _is_finite_number(weight):
            raise ValueError(
                f"extra_losses holds the term {name!r} with weight={weight!r}; a weight"
                " must be a finite number"
            )
        if term.uses_positives and weight and not neighbor_weight:
            raise ValueError(
                f"extra_losses holds the term {name!r}, which uses positives, but there"
                f" are none with neighbor_weight={neighbor_weight!r}; set it to more"
                " than 0, or the term's uses_positives to False"
            )
        names.add(name)
    return tuple(terms)


def _is_finite_number(value: Any) -> bool:
    """Tell whether a value, maybe a tensor of one number, is a finite number."""
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = value.item()
    return isinstance(value, Real) and math.isfinite(float(value))


def stopping_rule_of(estimator: Any) -> StoppingRule | None:
    """Return when the training of an estimator is stopped early, if it is."""
    if not estimator.early_stopping:
        return None
    return StoppingRule(
        estimator.validation_fraction, estimator.n_iter_no_change, estimator.tol
    )


def identity_of(estimator: Any) -> str:
    """Hash the parameters that affect the result, to the same text in every process.

    Raises
    ------
    TypeError
        If a parameter cannot be pickled.
    """
    parameters = estimator.get_params(deep=False)
    hashes = [stable_hash(type(estimator))]
    for name in sorted(parameters.keys() - _INCIDENTAL):
        hashes.append(hash_of(name, parameters[name], estimator.checkpoint))
    return " ".join(hashes)


def hash_of(name: str, value: Any, checkpoint: Any) -> str:
    """Hash a parameter with its name.

    Raises
    ------
    TypeError
        If the value cannot be pickled.
    """
    try:
        return f"{name} {stable_hash(value)}"
    except Exception as error:  # pickling may raise anything
        raise TypeError(
            f"{name}={value!r} cannot be pickled ({error}), which"
            f" checkpoint={checkpoint!r} needs to recognize a training: set"
            f" checkpoint=None, or pass an object as {name} that can be pickled"
        ) from error
