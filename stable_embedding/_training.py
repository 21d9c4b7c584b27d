"""Training of a network on rows in memory: the only module that knows skorch."""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import Tensor
from tqdm.auto import tqdm

from .losses import StableLoss
from .networks import Autoencoder

# Share of the steps in which the learning rate rises.
RISE = 0.3


class Training(NamedTuple):
    """What a training leaves behind.

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


class BatchIterator:
    """Batches of rows in a new random order on each pass, sliced from one tensor.

    Rows are dealt evenly, so that no batch is left with a single row, which would have
    no pair. A tensor is indexed once a batch; a loader that collects row by row takes
    several times as long.

    Parameters
    ----------
    dataset : skorch.dataset.Dataset
        Holds the rows as a tensor `X`.

    batch_size : int
        Largest number of rows in a batch; of an odd number in twos one has three.

    seed : int
        Seed of the orders.
    """

    def __init__(self, dataset: Dataset, batch_size: int, seed: int = 0):
        self.rows = dataset.X
        self.n_batches = count_batches(len(self.rows), batch_size)
        self.generator = torch.Generator().manual_seed(seed)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self.rows), generator=self.generator)
        order = order.to(self.rows.device)
        for index in order.tensor_split(self.n_batches):
            batch = self.rows[index]
            yield batch, batch


def count_batches(n_rows: int, batch_size: int) -> int:
    """Count the batches of at most `batch_size` rows with two rows or more in each."""
    return max(1, min(-(-n_rows // batch_size), n_rows // 2))


class Net(NeuralNet):
    """A net of skorch's with the terms of the loss recorded once an epoch.

    skorch reads the loss back from the device after every batch; here the terms are
    summed where they are and read back once.
    """

    @property
    def _default_callbacks(self):
        return []

    def on_train_begin(self, net, **kwargs):
        self.best_losses_ = {}

    def get_loss(self, y_pred, y_true, X=None, training=False):
        terms = super().get_loss(y_pred, y_true, X=X, training=training)
        self.terms_ = terms.detach()
        return terms[0]

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        if iterator is None:
            return
        total, n_rows = 0.0, 0
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            total = total + self.terms_ * len(batch[0])
            n_rows += len(batch[0])
            self.notify("on_batch_end", batch=batch, training=training, **step)
        for name, mean in zip(self.criterion_.names, (total / n_rows).tolist()):
            self.history.record(f"{prefix}_{name}", mean)
        loss = self.history[-1, f"{prefix}_loss"]
        best = min(loss, self.best_losses_.get(prefix, loss))
        self.best_losses_[prefix] = best
        self.history.record(f"{prefix}_loss_best", loss == best)
        if not loss < float("inf"):
            raise ValueError(
                f"the training loss became {loss} in epoch {len(self.history)}:"
                f" lower learning_rate_init (it is {self.lr}) or similarity_weight"
                f" (it is {self.criterion_.similarity_weight})"
            )


def one_cycle(step: int, n_steps: int) -> float:
    """Share of the peak learning rate at a step: up a line, then down a cosine."""
    done = (step + 0.5) / n_steps
    if done < RISE:
        return done / RISE
    return 0.5 * (1 + math.cos(math.pi * (done - RISE) / (1 - RISE)))


class PatientEarlyStopping(EarlyStopping):
    """Early stopping that counts from the peak of the learning rate on.

    Before it steps are small, and no improvement says little.
    """

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) > RISE * net.max_epochs:
            super().on_epoch_end(net, **kwargs)


class ProgressBar(Callback):
    """One bar over the epochs, with the terms of the loss."""

    def on_train_begin(self, net, **kwargs):
        self.bar_ = tqdm(total=net.max_epochs, desc="training", unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        last = net.history[-1]
        self.bar_.set_postfix(
            {name: f"{last[f'train_{name}']:.4f}" for name in net.criterion_.names}
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
    network: Autoencoder,
    rows: Tensor,
    loss: StableLoss,
    *,
    alpha: float,
    batch_size: int,
    max_iter: int,
    learning_rate: float,
    seed: int,
    device: str,
    validation_rows: Tensor | None = None,
    n_iter_no_change: int = 10,
    tol: float = 1e-4,
    callbacks: Sequence = (),
    verbose: bool = False,
) -> Training:
    """Train a network in place on scaled rows and return the course of its loss.

    Adam with a one-cycle learning rate: up over the first three tenths of the steps,
    then down to zero along a cosine. `alpha` is its decoupled weight decay on the
    perceptrons alone, so that a large one leaves the linear path, which is PCA.

    Parameters
    ----------
    network : Autoencoder
        What is trained. It is moved to the device, and stays there.

    rows : Tensor of shape (n_rows, n_features)
        Training rows, centred and of unit total variance.

    loss : StableLoss
        What is minimised.

    alpha, batch_size, max_iter, learning_rate : float or int
        As in :class:`~stable_embedding.StableAutoencoder`, all of them numbers.

    seed : int
        Seed of the order of the rows. Torch's global random stream is not touched.

    device : str
        Where to train.

    validation_rows : Tensor of shape (n_validation_rows, n_features) or None
        Rows to stop early by; the best epoch's network is then kept.

    n_iter_no_change, tol : int, float
        As in :class:`~stable_embedding.StableAutoencoder`.

    callbacks : sequence of skorch callbacks
        Called in order during the training.

    verbose : bool
        Whether to show a progress bar.

    Returns
    -------
    Training

    Raises
    ------
    ValueError
        If the loss stops being finite.
    """
    n_batches = count_batches(len(rows), batch_size)
    schedule = LRScheduler(
        policy=torch.optim.lr_scheduler.LambdaLR,
        step_every="batch",
        event_name=None,
        lr_lambda=partial(one_cycle, n_steps=max_iter * n_batches),
    )
    own_callbacks = [("schedule", schedule)]
    train_split = None
    if validation_rows is not None:
        train_split = predefined_split(Dataset(validation_rows.to(device)))
        own_callbacks.append(
            (
                "early_stopping",
                PatientEarlyStopping(
                    patience=n_iter_no_change,
                    threshold=tol,
                    threshold_mode="abs",
                    load_best=True,
                ),
            )
        )
    if verbose:
        own_callbacks.append(("progress", ProgressBar()))

    # One step shrinks a weight by the product of both, and never past zero.
    decay = min(alpha, 1 / learning_rate)
    net = Net(
        network,
        criterion=loss,
        optimizer=torch.optim.AdamW,
        optimizer__betas=(0.9, 0.95),
        optimizer__fused=True,
        optimizer__weight_decay=0.0,
        optimizer__param_groups=[("*.mlp.*", {"weight_decay": decay})],
        lr=learning_rate,
        max_epochs=max_iter,
        batch_size=batch_size,
        iterator_train=BatchIterator,
        iterator_train__seed=seed,
        iterator_valid=BatchIterator,
        train_split=train_split,
        callbacks=[*own_callbacks, *callbacks],
        device=device,
        verbose=0,
    )
    net.initialize()
    rows = rows.to(device)
    net.notify("on_train_begin", X=rows, y=None)
    try:
        net.fit_loop(rows)
    except KeyboardInterrupt:
        if not _stopped_early(net):
            raise
    finally:
        net.notify("on_train_end", X=rows, y=None)
    return _summary(net, rows)


def _stopped_early(net: Net) -> bool:
    """Tell early stopping, which raises KeyboardInterrupt, from a real interrupt."""
    return any(
        isinstance(callback, EarlyStopping) and callback.misses_ >= callback.patience
        for _, callback in net.callbacks_
    )


def _summary(net: Net, rows: Tensor) -> Training:
    names = net.criterion_.names
    history = {name: net.history[:, f"train_{name}"] for name in names}
    if net.train_split is not None:
        history |= {
            f"validation_{name}": net.history[:, f"valid_{name}"] for name in names
        }
    iterator = net.get_iterator(net.get_dataset(rows), training=False)
    net.run_single_epoch(
        iterator, training=False, prefix="final", step_fn=net.validation_step
    )
    final = {name: net.history[-1, f"final_{name}"] for name in names}
    net.module_.eval()
    return Training(history, final)
