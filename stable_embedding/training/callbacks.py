"""Callbacks of a training: early stopping, interrupts, weight decay, progress."""

import math
import signal
import threading
from itertools import chain
from signal import SIGINT
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import Tensor

from .._ambient import CPU_FLOAT32, seed_streams
from .._progress import progress_bar
from ..networks.stacking import trained_tensors, weights_by_name

# Fraction of the steps in which the learning rate rises.
WARMUP_FRACTION = 0.3

# Smaller values are set to zero, every few batches. They cannot become denormal within
# so few batches.
_TINY_WEIGHT = 1e-8
_TINY_MOMENTS = {"exp_avg": 1e-15, "exp_avg_sq": 1e-30}
_ZEROING_INTERVAL = 16

_PATHS = ("encoder.linear_path.weight", "decoder.linear_path.weight")

# The linear path is pulled back at a rate of alpha squared over this constant.
_HELD_ALPHA = 100.0
_MAX_ALPHA = 1e100  # its square is a float


def one_cycle(step: int, n_steps: int) -> float:
    """Return the one-cycle learning rate at a step, relative to its peak."""
    done = (step + 0.5) / n_steps
    if done < WARMUP_FRACTION:
        return done / WARMUP_FRACTION
    fall = (done - WARMUP_FRACTION) / (1 - WARMUP_FRACTION)
    return 0.5 * (1 + math.cos(math.pi * fall))


class OneCycle(Callback):
    """Sets the learning rate of each step; its peak is that of the new optimizer.

    skorch's ``LRScheduler`` would take 3 to 5 % of the time of a small step.

    Parameters
    ----------
    n_steps : int
        Number of steps of the whole training.
    """

    def __init__(self, n_steps: int):
        self.n_steps = n_steps

    def on_train_begin(self, net, **kwargs):
        """Remember the peak, and set the first rate."""
        self.peaks_ = [group["lr"] for group in net.optimizer_.param_groups]
        self.continue_from(0, net)

    def on_batch_end(self, net, training=False, **kwargs):
        """Set the rate of the next step."""
        if training:
            self.continue_from(self.n_done_ + 1, net)

    def continue_from(self, n_done, net):
        """Set the rate of the step that follows so many."""
        self.n_done_ = n_done
        rate = one_cycle(n_done, self.n_steps)
        for group, peak in zip(net.optimizer_.param_groups, self.peaks_):
            group["lr"] = peak * rate


class RunsEarlyStopping(Callback):
    """Early stopping of each run by its own validation loss.

    Epochs count from the peak of the learning rate on, because improvements are small
    before. A run that has stopped keeps the weights of its best epoch, and what loss
    terms had learned for it, while the others continue. Parameters of a term belong to
    runs if their first axis is as long.

    Parameters
    ----------
    n_runs : int
        Number of runs.

    patience : int
        Epochs without improvement after which a run stops.

    tol : float
        Smallest decrease of the loss that counts.
    """

    def __init__(self, n_runs: int, patience: int, tol: float):
        self.n_runs = n_runs
        self.patience = patience
        self.tol = tol

    def on_train_begin(self, net, **kwargs):
        """Forget an earlier training."""
        self.best_ = torch.full((self.n_runs,), torch.inf, **CPU_FLOAT32)
        self.misses_ = torch.zeros(self.n_runs, dtype=torch.long, device="cpu")
        self.n_iter_ = torch.zeros(self.n_runs, dtype=torch.long, device="cpu")
        self.weights_ = []

    @property
    def running(self) -> Tensor:
        """Which runs have not stopped."""
        return self.misses_ < self.patience

    def on_epoch_end(self, net, **kwargs):
        """Keep the weights of runs that improved; end the training once all stopped."""
        running = self.running
        self.n_iter_ += running
        if len(net.history) <= WARMUP_FRACTION * net.max_epochs:
            return
        losses = torch.tensor(net.history[-1, "valid_runs"][0], **CPU_FLOAT32)
        better = running & (losses < self.best_ - self.tol)
        self.best_[:] = torch.where(better, losses, self.best_)
        self.misses_[:] = torch.where(better, 0, self.misses_ + running)
        self._keep(net, better)
        if not self.running.any():
            raise KeyboardInterrupt  # skorch's way of ending a training

    def state(self, net: Any) -> dict[str, Tensor]:
        """Return all that it remembers, by name."""
        self._begin_to_keep(net)
        counts = {"best": self.best_, "misses": self.misses_, "n_iter": self.n_iter_}
        return counts | {str(at): kept for at, kept in enumerate(self.weights_)}

    def _begin_to_keep(self, net):
        weights = self._tensors_of_runs(net)
        self.weights_ = self.weights_ or [weight.clone() for weight in weights]
        return weights

    def _tensors_of_runs(self, net):
        """Return what networks learn, and what loss terms learn for each run."""
        learned = [one.detach() for one in net.criterion_.parameters()]
        if self.n_runs > 1:
            learned = [one for one in learned if one.shape[:1] == (self.n_runs,)]
        return [*trained_tensors(net.module_), *learned]

    def _keep(self, net, better):
        weights = self._begin_to_keep(net)
        for kept, weight in zip(self.weights_, weights):
            _copy_runs(weight, kept, better)

    @torch.no_grad()
    def on_train_end(self, net, **kwargs):
        """Return to the weights of each run's best epoch, if it has one."""
        has_best = self.best_.isfinite()
        for kept, weight in zip(self.weights_, self._tensors_of_runs(net)):
            _copy_runs(kept, weight, has_best)


def _copy_runs(source, target, of_runs):
    """Copy the weights of some runs, which lie along the first axis.

    A single run has no such axis, and its weights may be scalars.
    """
    shape = (-1, *[1] * (target.dim() - 1)) if target.dim() else ()
    of_runs = of_runs.view(shape).to(target.device)
    target.copy_(torch.where(of_runs, source, target))


class SeedEpochs(Callback):
    """Seeds the random numbers of torch in each epoch, as those of dropout.

    So a training that is resumed draws what it would have drawn. Whoever runs the
    epochs restores the streams.

    Parameters
    ----------
    seed : int
        Seed of the training.

    device : str or torch.device
        Where it draws, besides the CPU.
    """

    def __init__(self, seed: int, device: str | torch.device):
        self.seed = seed
        self.device = device

    def on_epoch_begin(self, net, **kwargs):
        """Seed the streams by the number of the epoch."""
        sequence = np.random.SeedSequence([self.seed, 3, len(net.history)])
        seed_streams(int(sequence.generate_state(1)[0]), self.device)


class Interrupts(Callback):
    """Stops after the batch in which Ctrl-C is pressed; at once if pressed again.

    As a context manager it handles Ctrl-C, but only in the main thread, and only if no
    other handler is installed.
    """

    def __init__(self):
        self.asked = False
        self.earlier = None

    def __enter__(self):
        """Begin to handle Ctrl-C."""
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(SIGINT) is signal.default_int_handler:
            self.earlier = signal.signal(SIGINT, self._remember)
        return self

    def __exit__(self, *error):
        """Let the earlier handler handle it."""
        if self.earlier is not None:
            signal.signal(SIGINT, self.earlier)
        if self.asked and error[0] is None:  # after the last batch
            raise KeyboardInterrupt

    def _remember(self, number, frame):
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def on_batch_end(self, net, **kwargs):
        """Stop if Ctrl-C was pressed."""
        if self.asked:
            raise KeyboardInterrupt


class ZeroTinyWeights(Callback):
    """Sets weights to zero that have decayed to tiny values.

    A strong weight decay shrinks weights to denormal numbers, which make a processor
    many times slower. Weights are set to zero before that, when they no longer change
    any output in float32.
    """

    def on_epoch_begin(self, net, **kwargs):
        """Count the batches of each epoch again, as a training that resumes does."""
        self.n_batches = 0

    @torch.no_grad()
    def on_batch_end(self, net, training=False, **kwargs):
        """Set tiny weights to zero now and then."""
        self.n_batches += training
        if training and self.n_batches % _ZEROING_INTERVAL == 0:
            self._zero(net.optimizer_)

    @torch.no_grad()
    def on_train_end(self, net, **kwargs):
        """Leave no tiny weight behind."""
        self._zero(net.optimizer_)

    def _zero(self, optimizer):
        """Set what is tiny in decayed weights and in their moments to zero."""
        decayed = [group for group in optimizer.param_groups if group["weight_decay"]]
        for weight in chain(*(group["params"] for group in decayed)):
            moments = optimizer.state.get(weight)
            if not moments:  # it is not trained
                continue
            torch.hardshrink(weight, _TINY_WEIGHT, out=weight)
            for name in _TINY_MOMENTS.keys() & moments.keys():
                moment = moments[name]
                torch.hardshrink(moment, _TINY_MOMENTS[name], out=moment)


class HoldLinearPath(Callback):
    r"""Pulls the linear path back to its start, which is PCA.

    After each step the path goes back by a fraction :math:`\eta \alpha^2 / 100` of its
    distance from the start, where :math:`\eta` is the learning rate before it is
    adapted to the loss and :math:`\alpha` the weight decay. The pull is weak for
    :math:`\alpha` below 10. At 100 the whole network stays PCA.

    Parameters
    ----------
    alpha : float
        Weight decay of the rest of the network.
    """

    def __init__(self, alpha: float):
        self.alpha = min(alpha, _MAX_ALPHA)

    def on_train_begin(self, net, **kwargs):
        """Keep where the path starts."""
        # Without what wraps it for several processes, which gives weights other names.
        weights = weights_by_name(net.module)
        self.paths_ = [weights[name] for name in _PATHS if name in weights]
        self.starts_ = [weight.detach().clone() for weight in self.paths_]

    @torch.no_grad()
    def on_batch_end(self, net, training=False, **kwargs):
        """Pull the path back a part of its way."""
        if training and self.paths_:
            rate = net.optimizer_.param_groups[0]["lr"] / net.step_size_
            part = min(1.0, rate * self.alpha**2 / _HELD_ALPHA)
            torch._foreach_lerp_(self.paths_, self.starts_, part)


class ProgressBar(Callback):
    """One bar over the epochs, with the terms of the loss.

    Parameters
    ----------
    n_epochs_done : int, default=0
        Number of epochs of the training that it resumes, from which the bar goes on.

    desc : str, default="training"
        What is trained.
    """

    def __init__(self, n_epochs_done: int = 0, desc: str = "training"):
        self.n_epochs_done = n_epochs_done
        self.desc = desc

    def on_train_begin(self, net, **kwargs):
        """Show the bar."""
        self.bar_ = progress_bar(
            total=net.max_epochs,
            initial=self.n_epochs_done,
            desc=self.desc,
            unit="epoch",
        )

    def on_epoch_end(self, net, **kwargs):
        """Move it by an epoch."""
        last = net.history[-1]
        self.bar_.set_postfix(
            {name: f"{last[f'train_{name}']:.4f}" for name in net.criterion.names}
        )
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Leave it as it is."""
        self.bar_.close()
