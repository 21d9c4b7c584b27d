"""Training of networks: the only module that knows skorch's nets and callbacks."""

import json
import math
import signal
import threading
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from signal import SIGINT
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_array
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from skorch.hf import AccelerateMixin
from skorch.history import History
from skorch.utils import TeeGenerator
from torch import Tensor, nn
from tqdm.auto import tqdm

from ..data.training_data import LazySamples
from ..losses.base import StableLoss
from ..networks.autoencoder import Autoencoder
from ..networks.stacking import stack, unstack
from ..networks.tensor_file import digest, read, write
from ..training.batches import BatchIterator

# Share of the steps in which the learning rate rises.
WARMUP_FRACTION = 0.3


class Training(NamedTuple):
    """What the training of one network leaves behind.

    Attributes
    ----------
    history : dict of str to list of float
        For each term of the loss its mean over the rows of each epoch; with
        validation rows the same over them, prefixed with ``validation_``.

    final : dict of str to float
        The terms over the training rows after the last epoch.
    """

    history: dict[str, list[float]]
    final: dict[str, float]


class Net(NeuralNet):
    """A net of skorch's with the terms of the loss recorded once an epoch.

    skorch reads the loss back from the device after every batch; here the terms are
    summed where they are and read back once: those of each run, as ``train_runs`` and
    ``valid_runs``, and their means over runs under the names of the terms.
    """

    @property
    def _default_callbacks(self):
        return []

    def on_train_begin(self, net, **kwargs):
        self.best_losses_ = {}

    def on_batch_begin(self, net, **kwargs):
        # The history has one batch an epoch, empty, since some callbacks look for it.
        if not self.history[-1]["batches"]:
            self.history.new_batch()

    def get_loss(self, y_pred, y_true, X=None, training=False):
        terms = self.criterion_(y_pred, y_true)
        self.terms_, self.n_rows_ = terms.detach(), y_pred[0].shape[-2]
        return terms[0].sum()

    def train_step(self, batch, **fit_params):
        # What skorch's does for any data and optimizer, for tensors and ours alone.
        inputs, target = batch
        self.optimizer_.zero_grad()
        output = self.module_(inputs)
        loss = self.get_loss(output, target)
        self.backward(loss)
        parameters = TeeGenerator(self.get_all_learnable_params())
        self.notify(
            "on_grad_computed", named_parameters=parameters, batch=batch, training=True
        )
        self.optimizer_.step()
        return {"loss": loss, "y_pred": output}

    def backward(self, loss):
        """Compute the gradient of the loss."""
        loss.backward()

    def sum_over_processes(self, totals):
        """Add up what every process has found; here there is one."""
        return totals

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        if iterator is None:
            return
        self._set_training(training)
        terms, sizes = [], []
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            terms.append(self.terms_)
            sizes.append(self.n_rows_)
            self.notify("on_batch_end", batch=batch, training=training, **step)
        names = self.criterion.names
        self.history.record(f"{prefix}_batch_count", len(terms))
        weights = terms[0].new_tensor(sizes)
        total = torch.stack(terms, -1) @ weights
        counted = torch.cat([total.flatten(), weights.sum(0, keepdim=True)])
        *sums, n_rows = self.sum_over_processes(counted).tolist()
        of_runs = (np.reshape(sums, (len(names), -1)) / n_rows).tolist()
        self.history.record(f"{prefix}_runs", of_runs)
        for name, values in zip(names, of_runs):
            self.history.record(f"{prefix}_{name}", fmean(values))
        loss = self.history[-1, f"{prefix}_loss"]
        best = min(loss, self.best_losses_.get(prefix, loss))
        self.best_losses_[prefix] = best
        self.history.record(f"{prefix}_loss_best", loss == best)
        if not loss < float("inf"):
            weights = {k: v for k, v in self.criterion.weights.items() if v}
            raise ValueError(
                f"the training loss became {loss} in epoch {len(self.history)}: lower"
                f" learning_rate_init (it is {self.lr}) or one of {weights}"
            )


class SharedNet(AccelerateMixin, Net):
    """The same in several processes, each with its share of every batch."""

    def _initialize_accelerator(self):
        # A module without weights cannot be shared; a function is left as it is.
        loss = self.criterion_
        weightless = not list(loss.parameters())
        if weightless:
            self.criterion_ = loss.forward
        super()._initialize_accelerator()
        if weightless:
            self.criterion_ = loss
        return self

    def backward(self, loss):
        self.accelerator.backward(loss)

    def sum_over_processes(self, totals):
        return self.accelerator.reduce(totals, reduction="sum")


def one_cycle(step: int, n_steps: int) -> float:
    """Share of the peak learning rate at a step: up a line, then down a cosine."""
    done = (step + 0.5) / n_steps
    if done < WARMUP_FRACTION:
        return done / WARMUP_FRACTION
    return 0.5 * (
        1 + math.cos(math.pi * (done - WARMUP_FRACTION) / (1 - WARMUP_FRACTION))
    )


class RunsEarlyStopping(Callback):
    """Early stopping of each run by its own loss on the rows held out.

    It counts from the peak of the learning rate on: before it steps are small, and no
    improvement says little. A run that has stopped keeps the weights of its best epoch
    while others go on.

    Parameters
    ----------
    n_runs : int
        Number of runs.

    patience : int
        Epochs without improvement after which a run stops.

    tol : float
        Least decrease of the loss that counts.
    """

    def __init__(self, n_runs: int, patience: int, tol: float):
        self.n_runs = n_runs
        self.patience = patience
        self.tol = tol

    def on_train_begin(self, net, **kwargs):
        self.best_ = torch.full((self.n_runs,), torch.inf)
        self.misses_ = torch.zeros(self.n_runs, dtype=torch.long)
        self.n_iter_ = torch.zeros(self.n_runs, dtype=torch.long)
        self.weights_ = []

    @property
    def running(self) -> Tensor:
        """Which runs have not stopped."""
        return self.misses_ < self.patience

    def on_epoch_end(self, net, **kwargs):
        running = self.running
        self.n_iter_ += running
        if len(net.history) <= WARMUP_FRACTION * net.max_epochs:
            return
        losses = torch.tensor(net.history[-1, "valid_runs"][0])
        better = running & (losses < self.best_ - self.tol)
        self.best_[:] = torch.where(better, losses, self.best_)
        self.misses_[:] = torch.where(better, 0, self.misses_ + running)
        self._keep(net.module_, better)
        if not self.running.any():
            raise KeyboardInterrupt  # skorch's way of ending a training

    def state(self, network: nn.Module) -> dict[str, Tensor]:
        """Return all that it remembers, by name."""
        self._begin_to_keep(network)
        counts = {"best": self.best_, "misses": self.misses_, "n_iter": self.n_iter_}
        return counts | {str(at): kept for at, kept in enumerate(self.weights_)}

    def _begin_to_keep(self, network):
        weights = [weight.detach() for weight in network.parameters()]
        self.weights_ = self.weights_ or [weight.clone() for weight in weights]
        return weights

    def _keep(self, network, better):
        weights = self._begin_to_keep(network)
        for kept, weight in zip(self.weights_, weights):
            of_run = better.view(-1, *[1] * (weight.dim() - 1)).to(weight.device)
            kept.copy_(torch.where(of_run, weight, kept))

    @torch.no_grad()
    def on_train_end(self, net, **kwargs):
        for kept, weight in zip(self.weights_, net.module_.parameters()):
            weight.copy_(kept)


class Interrupts(Callback):
    """Stops at the end of the batch in which Ctrl-C was pressed; at once the next time.

    As a context it takes Ctrl-C over; but not elsewhere than in the main thread, nor
    where someone else has.
    """

    def __init__(self):
        self.asked = False
        self.earlier = None

    def __enter__(self):
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(SIGINT) is signal.default_int_handler:
            self.earlier = signal.signal(SIGINT, self._remember)
        return self

    def __exit__(self, *error):
        if self.earlier is not None:
            signal.signal(SIGINT, self.earlier)

    def _remember(self, number, frame):
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def on_batch_end(self, net, **kwargs):
        if self.asked:
            raise KeyboardInterrupt


class Checkpoints(Callback):
    """Writes all that a training has changed, at the end of each epoch.

    Parameters
    ----------
    path : str or path
        File to write.

    training : str
        Digest of what the training starts from, by which it knows its own file.

    stopping : RunsEarlyStopping or None
        Whose state is written as well.
    """

    kind = "checkpoint of stable_embedding"

    def __init__(self, path: Any, training: str, stopping: RunsEarlyStopping | None):
        self.path = Path(path)
        self.training = training
        self.stopping = stopping
        self.document: dict[str, Any] = {"history": []}
        if not self.path.exists():
            return
        text, self.tensors = read(self.path, self.kind)
        self.document = json.loads(text)
        if self.document["training"] != training:
            raise ValueError(
                f"checkpoint={str(path)!r} is of another training, with other"
                " parameters or data: name another file, or remove it"
            )

    @property
    def n_epochs_done(self) -> int:
        """Number of epochs after which the file was written."""
        return len(self.document["history"])

    def on_epoch_end(self, net, **kwargs):
        optimizer = net.optimizer_.state_dict()
        document = {
            "training": self.training,
            "history": net.history.to_list(),
            "best_losses": net.best_losses_,
            "learning_rates": [group["lr"] for group in net.optimizer_.param_groups],
        }
        tensors = {
            f"{part} {name}": tensor.detach().cpu()
            for part, state in self._states(net).items()
            for name, tensor in state.items()
        }
        for at, moments in optimizer["state"].items():
            for name, tensor in moments.items():
                tensors[f"optimizer {at} {name}"] = tensor.cpu()
        write(self.path, self.kind, json.dumps(document, default=float), tensors)

    def resume(self, net: Net, schedule: LRScheduler) -> None:
        """Bring a net to where the file left it."""
        document, tensors = self.document, self.tensors
        net.history = History(document["history"])
        net.best_losses_ = document["best_losses"]
        optimizer = net.optimizer_.state_dict()
        for name, tensor in tensors.items():
            part, _, rest = name.partition(" ")
            if part == "optimizer":
                at, moment = rest.split(" ")
                optimizer["state"].setdefault(int(at), {})[moment] = tensor
        for group, rate in zip(optimizer["param_groups"], document["learning_rates"]):
            group["lr"] = rate
        net.optimizer_.load_state_dict(optimizer)
        with torch.no_grad():
            for part, state in self._states(net).items():
                for name, tensor in state.items():
                    tensor.copy_(tensors[f"{part} {name}"])
        n_steps = sum(int(epoch["train_batch_count"]) for epoch in document["history"])
        schedule.lr_scheduler_.last_epoch = schedule.batch_idx_ = n_steps

    def _states(self, net):
        """Tensors that are changed in place, by what they belong to."""
        states = {
            "module": net.module_.state_dict(),
            "criterion": net.criterion_.state_dict(),
        }
        if self.stopping is not None:
            states["stopping"] = self.stopping.state(net.module_)
        return states


class ProgressBar(Callback):
    """One bar over the epochs, with the terms of the loss."""

    def on_train_begin(self, net, **kwargs):
        self.bar_ = tqdm(total=net.max_epochs, desc="training", unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        last = net.history[-1]
        self.bar_.set_postfix(
            {name: f"{last[f'train_{name}']:.4f}" for name in net.criterion.names}
        )
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        self.bar_.close()


def check_callbacks(callbacks: Sequence) -> None:
    """Raise if an item is neither a callback of skorch's nor a (name, callback)."""
    for item in callbacks:
        callback = item[1] if isinstance(item, tuple) and len(item) == 2 else item
        is_class = isinstance(callback, type) and issubclass(callback, Callback)
        if not (isinstance(callback, Callback) or is_class):
            raise TypeError(
                f"callbacks holds {item!r}; each item must be a skorch callback, or a"
                " pair of a name and one"
            )


def train(
    networks: Sequence[Autoencoder],
    rows: Tensor | LazySamples,
    keys: np.ndarray,
    loss: StableLoss,
    *,
    alpha: float,
    batch_size: int,
    max_iter: int,
    learning_rate: float,
    seeds: Sequence[int],
    device: str | torch.device,
    neighbors: csr_array | None = None,
    noise: Callable[[Tensor, np.ndarray], Any] | None = None,
    labels: Tensor | None = None,
    split: tuple[list[np.ndarray], list[np.ndarray]] | None = None,
    n_iter_no_change: int = 10,
    tol: float = 1e-4,
    pace: float = 1.0,
    accelerator: Any = None,
    checkpoint: Any = None,
    callbacks: Sequence = (),
    verbose: bool = False,
) -> list[Training]:
    """Train networks in place on scaled rows and return the course of their losses.

    Adam with a one-cycle learning rate: up over the first three tenths of the steps,
    then down to zero along a cosine. `alpha` is its decoupled weight decay on the
    perceptrons alone, so that a large one leaves the linear path, which is PCA.

    Several networks are trained as one stack. Each sees the batches that it would see
    alone, and ends where it would end alone, up to rounding.

    Parameters
    ----------
    networks : sequence of Autoencoder
        What is trained, alike but for their weights. They are moved to the device, and
        stay there.

    rows : Tensor or LazySamples of shape (n_rows, n_features)
        Training rows, centered and of unit total variance.

    keys : ndarray of shape (n_rows,)
        Keys of the rows, by which they are dealt to batches.

    loss : StableLoss
        What is minimized.

    alpha, batch_size, max_iter, learning_rate : float or int
        As in :class:`~stable_embedding.StableAutoencoder`, all of them numbers.

    seeds : sequence of int
        Seed of the order of the rows of each network. No global random stream is
        touched.

    device : str or torch.device
        Where to train; with an accelerator its own.

    neighbors : csr_array of shape (n_rows, n_rows) or None, default=None
        Graph from which each row of a batch is given a partner, where the loss has a
        term of neighbors.

    noise : callable or None, default=None
        What is done to batches before a network is trained on them, see
        :mod:`~stable_embedding.noise`.

    labels : Tensor of shape (n_rows,) or None, default=None
        Labels of the rows, for a loss that asks for them.

    split : pair of lists of ndarray of shape (n_networks, n_of_the_part)
        Index of the rows for each network to train on, and of those to stop it early
        by, for each chunk of the rows; the weights of its best epoch are then kept. By
        default it is trained on all, and none stops early.

    n_iter_no_change, tol : int, float
        As in :class:`~stable_embedding.StableAutoencoder`.

    pace : float, default=1.0
        How far to go on the straight way from the weights at the start to those at the
        end: means of weights that were trained on other rows serve all of them.

    accelerator : accelerate.Accelerator or None, default=None
        Shares each batch among processes, and decides on the device and the precision.

    checkpoint : pair of a path and a str, or None, default=None
        File to which each epoch is written, and at which a training that was cut goes
        on; and what else tells this training from others. Callbacks begin anew.

    callbacks : sequence of skorch callbacks
        Called in order during the training.

    verbose : bool
        Whether to show a progress bar.

    Returns
    -------
    list of Training
        One of each network.

    Raises
    ------
    ValueError
        If a loss stops being finite.
    """
    training_index, held_out_index = (None, None) if split is None else split
    share = (0, 1)
    if accelerator is not None:
        share = (accelerator.process_index, accelerator.num_processes)
    rows = rows.to(device)
    fixed_order = [0] * len(networks)
    labels = None if labels is None else labels.to(device)
    batches = partial(
        BatchIterator, keys=keys, share=share, neighbors=neighbors, labels=labels
    )
    in_fixed_order = batches(
        Dataset(rows), batch_size, seeds=fixed_order, index=training_index
    )
    schedule = LRScheduler(
        policy=torch.optim.lr_scheduler.LambdaLR,
        step_every="batch",
        event_name=None,
        lr_lambda=partial(one_cycle, n_steps=max_iter * len(in_fixed_order)),
    )
    own_callbacks = [("own_schedule", schedule)]
    stopping, checkpoints, n_epochs_done = None, None, 0
    if split is not None:
        stopping = RunsEarlyStopping(len(networks), n_iter_no_change, tol)
        own_callbacks.append(("own_early_stopping", stopping))
    if verbose and share[0] == 0:
        own_callbacks.append(("own_progress", ProgressBar()))
    if checkpoint is not None:
        path, parameters = checkpoint
        numbers = (parameters, alpha, batch_size, max_iter, seeds, pace, loss.weights)
        training = training_fingerprint(
            networks, keys, split, neighbors, labels, numbers
        )
        checkpoints = Checkpoints(path, training, stopping)
        callbacks = [*callbacks, ("own_checkpoints", checkpoints)]
        n_epochs_done = checkpoints.n_epochs_done
    interrupts = Interrupts()

    # One step shrinks a weight by the product of both, and never past zero.
    decay = min(alpha, 1 / learning_rate)
    net = (Net if accelerator is None else SharedNet)(
        networks[0] if len(networks) == 1 else stack(networks),
        criterion=loss,
        optimizer=torch.optim.AdamW,
        optimizer__betas=(0.9, 0.95),
        optimizer__fused=True,
        optimizer__weight_decay=0.0,
        optimizer__param_groups=[("*.mlp.*", {"weight_decay": decay})],
        lr=learning_rate,
        max_epochs=max_iter,
        batch_size=batch_size,
        iterator_train=batches,
        iterator_train__seeds=seeds,
        iterator_train__index=training_index,
        iterator_train__closed=True,
        iterator_train__noise=noise,
        iterator_train__n_passes_done=n_epochs_done,
        iterator_valid=batches,
        iterator_valid__seeds=fixed_order,
        iterator_valid__index=held_out_index,
        iterator_valid__n_passes_done=n_epochs_done,
        train_split=None if split is None else predefined_split(Dataset(rows)),
        callbacks=[*own_callbacks, *callbacks, ("own_interrupts", interrupts)],
        verbose=0,
        **({"device": device} if accelerator is None else {"accelerator": accelerator}),
    )
    net.initialize()
    starts = [weight.detach().clone() for weight in net.module_.parameters()]
    net.notify("on_train_begin", X=rows, y=None)
    try:
        if checkpoints is not None and n_epochs_done:
            checkpoints.resume(net, schedule)
        if stopping is None or stopping.running.any():
            with interrupts:
                net.fit_loop(rows, epochs=max_iter - n_epochs_done)
    except KeyboardInterrupt:
        if not _stopped_early(net):
            raise
    finally:
        net.notify("on_train_end", X=rows, y=None)
    with torch.no_grad():
        for start, weight in zip(starts, net.module_.parameters()):
            weight.copy_(start.lerp(weight, pace))
    net.run_single_epoch(
        in_fixed_order, training=False, prefix="final", step_fn=net.validation_step
    )
    if len(networks) > 1:
        unstack(net.module_, networks)
    for network in networks:
        network.to(device).eval()
    return [_of_run(net, run) for run in range(len(networks))]


def training_fingerprint(
    networks: Sequence[nn.Module],
    keys: np.ndarray,
    split: Any,
    neighbors: csr_array | None,
    labels: Tensor | None,
    numbers: tuple,
) -> str:
    """Hash all that decides on the course of a training."""
    arrays = {"keys": torch.from_numpy(keys.view(np.int64))}
    for at, part in enumerate(chain(*(split or ()))):
        arrays[f"split {at}"] = torch.from_numpy(part)
    if neighbors is not None:
        arrays["neighbors"] = torch.from_numpy(neighbors.indices)
    if labels is not None:
        arrays["labels"] = labels.cpu()
    for run, network in enumerate(networks):
        for name, weight in network.state_dict().items():
            arrays[f"{run} {name}"] = weight.cpu()
    return digest(repr(numbers), arrays)


def _stopped_early(net: Net) -> bool:
    """Tell early stopping, which raises KeyboardInterrupt, from a real interrupt."""
    return any(
        (isinstance(callback, RunsEarlyStopping) and not callback.running.any())
        or (
            isinstance(callback, EarlyStopping)
            and callback.misses_ >= callback.patience
        )
        for _, callback in net.callbacks_
    )


def _of_run(net: Net, run: int) -> Training:
    names = net.criterion.names
    n_iter = len(net.history)
    prefixes = {"": "train"}
    if net.train_split is not None:
        n_iter = dict(net.callbacks_)["own_early_stopping"].n_iter_[run]
        prefixes["validation_"] = "valid"
    history = {
        f"{shown}{name}": [
            epoch[term][run] for epoch in net.history[:n_iter, f"{prefix}_runs"]
        ]
        for shown, prefix in prefixes.items()
        for term, name in enumerate(names)
    }
    final = net.history[-1, "final_runs"]
    return Training(history, {name: final[i][run] for i, name in enumerate(names)})
