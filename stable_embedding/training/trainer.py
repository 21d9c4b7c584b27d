"""Train networks, several as one stack."""

from collections.abc import Sequence
from typing import Any

import sklearn
import torch

from .._ambient import own_random_stream
from .._version import __version__
from ..data.training_data import TrainingSet
from ..losses.base import LossTerm, TotalLoss
from ..networks.given_modules import detach_attributes
from ..networks.stacking import trained_tensors, unstack
from .batches import Batches, InputTransform, validation_splits
from .callbacks import (
    HoldLinearPath,
    Interrupts,
    OneCycle,
    ProgressBar,
    RunsEarlyStopping,
    SeedEpochs,
    ZeroTinyWeights,
)
from .checkpoint import Checkpoints, training_fingerprint
from .net import DistributedNet, Net
from .plan import TrainingPlan
from .runs import Run

# Adam's epsilon. With the usual 1e-8, Adam takes full steps along weights whose
# gradient is noise.
ADAM_EPS = 1e-4

# Batches on which the loss at the start is found.
_FIRST_BATCHES = 16


class Trainer:
    """Trains networks with AdamW and a one-cycle learning rate.

    Parameters
    ----------
    plan : TrainingPlan
        How to train.

    desc : str, default="training"
        What is trained, for the progress bar.
    """

    def __init__(self, plan: TrainingPlan, desc: str = "training"):
        self.plan = plan
        self.desc = desc
        self.checkpoints: Checkpoints | None = None

    def fit(
        self,
        networks: Sequence[Any],
        training_set: TrainingSet,
        terms: Sequence[LossTerm],
        *,
        input_transform: InputTransform | None = None,
        alpha: float = 0.0,
        weight_interpolation: float = 1.0,
    ) -> list[Run]:
        """Train networks in place, and return the course of their losses.

        Several networks are trained as one stack. If no term couples them, each has the
        batches that it would have alone, and the same result up to rounding errors,
        which grow with the steps. The state of global random generators does not
        change.

        Parameters
        ----------
        networks : sequence of BaseAutoencoder
            Alike but for their weights, one for each seed of the plan. They are moved
            to the plan's device, and stay there.

        training_set : TrainingSet
            Scaled samples, and what is known of them.

        terms : sequence of LossTerm
            What is minimized; terms with parameters learn them.

        input_transform : callable or None, default=None
            What is done to batches before a network is trained on them.

        alpha : float, default=0.0
            Decoupled weight decay of the networks' regularized parameters: a large one
            leaves the linear path, which is PCA.

        weight_interpolation : float, default=1.0
            Fraction of the way from the initial to the trained weights at which the
            networks end. A value below 1 keeps more of an earlier training.

        Returns
        -------
        list of Run
            One for each network.

        Raises
        ------
        ValueError
            If a loss stops being finite, or a callback ends the first epoch.
        """
        plan = self.plan
        training_set = training_set._replace(
            inputs=training_set.inputs.to(plan.device),
            labels=_to_device(training_set.labels, plan.device),
        )
        split = None
        if plan.stopping_rule is not None:
            fraction = plan.stopping_rule.validation_fraction
            split = validation_splits(training_set, fraction, plan.seeds)
        batches = Batches(training_set, split, plan)
        for term in terms:
            term.begin(batches.schedule.n_steps)
        loss = TotalLoss(terms)
        fingerprint = None
        if plan.checkpoint is not None:
            numbers = (tuple(batches.schedule), alpha, weight_interpolation)
            fingerprint = self._fingerprint(
                networks, loss, training_set, split, numbers
            )
        n_steps = batches.schedule.n_steps
        own = OwnCallbacks(plan, n_steps, alpha, fingerprint, self.desc)
        self.checkpoints = own.checkpoints
        net = self._net(networks, loss, alpha, batches, own, input_transform)
        with own_random_stream(plan.seeds[0], plan.device):
            net.adapt_steps(batches.to_train(input_transform, 0), _FIRST_BATCHES)
            self._train(net, training_set, own, weight_interpolation)
            net.evaluate(batches.in_fixed_order(), "final")
        if len(networks) > 1:
            unstack(net.module_, networks)
        else:
            detach_attributes(networks[0])
        for network in networks:
            network.to(plan.device).eval()
        return [_run(net, own.stopping, at) for at in range(len(networks))]

    def remove_checkpoint(self) -> None:
        """Remove the checkpoint of the finished training."""
        if self.checkpoints is not None:
            self.checkpoints.path.unlink(missing_ok=True)

    def _fingerprint(self, networks, loss, training_set, split, numbers):
        """Identify the training by all that its result depends on."""
        versions = __version__, sklearn.__version__, torch.__version__
        return training_fingerprint(
            [*networks, loss],
            training_set,
            split,
            (versions, self.plan.identity, self.plan.seeds, *numbers, loss.weights),
        )

    def _net(self, networks, loss, alpha, batches, own, input_transform):
        """Build the net that trains the networks."""
        plan = self.plan
        where = {"device": plan.device}
        if plan.accelerator is not None:
            where = {"accelerator": plan.accelerator}
        net = (Net if plan.accelerator is None else DistributedNet)(
            networks[0] if len(networks) == 1 else networks[0].stack(networks),
            criterion=loss,
            optimizer=torch.optim.AdamW,
            optimizer__betas=(0.9, 0.95),
            optimizer__eps=ADAM_EPS,
            optimizer__fused=True,
            # One step shrinks a weight by the product of both, and never past zero.
            weight_decay=min(alpha, 1 / plan.learning_rate),
            lr=plan.learning_rate,
            max_epochs=batches.schedule.n_epochs,
            batch_size=batches.schedule.batch_size,
            iterator_train=batches.to_train(input_transform, own.n_epochs_done),
            iterator_valid=batches.to_validate(),
            train_split=None,
            use_caching=False,  # scoring callbacks could not join our targets
            callbacks=[*own.before, *plan.callbacks, *own.after],
            verbose=0,
            **where,
        )
        return net.initialize()

    def _train(self, net, training_set, own, weight_interpolation):
        """Run the epochs, and take the weights on the line to their end."""
        inputs, stopping = training_set.inputs, own.stopping
        starts = [weight.clone() for weight in trained_tensors(net.module_)]
        net.notify("on_train_begin", X=inputs, y=None)
        try:
            if own.n_epochs_done:
                own.checkpoints.resume(net, own.schedule)
            if stopping is None or stopping.running.any():
                with own.interrupts:
                    net.fit_loop(inputs, epochs=net.max_epochs - own.n_epochs_done)
        except KeyboardInterrupt:
            # Callbacks raise it to end a training, which is no reason to lose it.
            if own.interrupts.asked or not net.ended_by_callback_:
                raise
        finally:
            net.notify("on_train_end", X=inputs, y=None)
        last = "train_runs" if stopping is None else "valid_runs"
        if last not in net.history[-1]:
            del net.history[-1]
        if not net.history:
            raise ValueError(
                "a callback ended the training before its first epoch was over; let it"
                " raise KeyboardInterrupt in on_epoch_end"
            )
        with torch.no_grad():
            for start, weight in zip(starts, trained_tensors(net.module_)):
                between = start.lerp(weight, weight_interpolation)
                # Between two infinities, as of a mask, there is nan.
                weight.copy_(torch.where(weight == start, weight, between))


class OwnCallbacks:
    """Our own callbacks of a training, called before and after a user's.

    Parameters
    ----------
    plan : TrainingPlan
        How to train.

    n_steps : int
        Number of steps of the whole training.

    alpha : float
        Weight decay.

    fingerprint : str or None, default=None
        Digest that identifies the training in its checkpoint; None without one.

    desc : str, default="training"
        What is trained.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        n_steps: int,
        alpha: float,
        fingerprint: str | None = None,
        desc: str = "training",
    ):
        self.interrupts = Interrupts()
        self.schedule = OneCycle(n_steps)
        self.stopping: RunsEarlyStopping | None = None
        self.checkpoints: Checkpoints | None = None
        self.before: list[tuple[str, Any]] = [("own_schedule", self.schedule)]
        self.after: list[tuple[str, Any]] = [("own_interrupts", self.interrupts)]
        if plan.stopping_rule is not None:
            _, n_iter_no_change, tol = plan.stopping_rule
            self.stopping = RunsEarlyStopping(len(plan.seeds), n_iter_no_change, tol)
            self.before.append(("own_early_stopping", self.stopping))
        self.before.append(("own_seeds", SeedEpochs(plan.seeds[0], plan.device)))
        if alpha:
            self.before.append(("own_zeroing", ZeroTinyWeights()))
            self.before.append(("own_hold", HoldLinearPath(alpha)))
        if plan.checkpoint is not None and fingerprint is not None:
            self.checkpoints = Checkpoints(plan.checkpoint, fingerprint, self.stopping)
            self.after.insert(0, ("own_checkpoints", self.checkpoints))
        if plan.verbose:
            bar = ProgressBar(self.n_epochs_done, desc)
            self.before.append(("own_progress", bar))

    @property
    def n_epochs_done(self) -> int:
        """Number of epochs that a checkpoint holds."""
        return 0 if self.checkpoints is None else self.checkpoints.n_epochs_done


def _to_device(labels: Any, device: Any) -> Any:
    return None if labels is None else labels.to(device)


def _run(net: Net, stopping: RunsEarlyStopping | None, at: int) -> Run:
    """Return what the training of one network leaves behind."""
    names, n_iter = net.criterion.names, len(net.history)
    prefixes = {"": "train"}
    if stopping is not None:
        n_iter = int(stopping.n_iter_[at])
        prefixes["validation_"] = "valid"
    history = {
        f"{shown}{name}": [
            epoch[term][at] for epoch in net.history[:n_iter, f"{prefix}_runs"]
        ]
        for shown, prefix in prefixes.items()
        for term, name in enumerate(names)
    }
    final = net.history[-1, "final_runs"]
    return Run(history, {name: final[term][at] for term, name in enumerate(names)})
