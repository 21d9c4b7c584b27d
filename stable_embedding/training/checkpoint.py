"""Checkpoint files, from which a training resumes after a crash."""

import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from skorch.callbacks import Callback
from skorch.history import History
from torch import nn

from ..data.training_data import TrainingSet
from ..networks.tensor_file import digest, read, write
from .callbacks import OneCycle, RunsEarlyStopping

# Digits of the fingerprint that name a file: enough that no two trainings share them.
_N_DIGITS = 32

# Samples whose inputs identify a training, besides the hashes of all.
_N_INPUTS = 64


class Checkpoints(Callback):
    """Writes the state of a training to a file at the end of each epoch.

    Parameters
    ----------
    directory : path
        Directory of the file. It is created if it does not exist.

    fingerprint : str
        Digest of the training's inputs, which names its file. So different trainings
        can share the directory.

    stopping : RunsEarlyStopping or None
        Early stopping, whose state is written too.
    """

    kind = "checkpoint of stable_embedding"

    def __init__(
        self, directory: Path, fingerprint: str, stopping: RunsEarlyStopping | None
    ):
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{fingerprint[:_N_DIGITS]}.safetensors"
        self.fingerprint = fingerprint
        self.stopping = stopping
        self.document: dict[str, Any] = {"history": []}
        self.tensors: dict[str, torch.Tensor] = {}
        try:
            text, self.tensors = read(self.path, self.kind)
        except FileNotFoundError:
            return
        self.document = json.loads(text)
        if self.document["training"] != fingerprint:
            raise ValueError(
                f"{self.path} is the checkpoint of another training: it was renamed;"
                " remove it"
            )

    @property
    def n_epochs_done(self) -> int:
        """Number of epochs in the file."""
        return len(self.document["history"])

    def on_epoch_end(self, net, **kwargs):
        """Write the file."""
        optimizer = net.optimizer_.state_dict()
        document = {
            "training": self.fingerprint,
            "history": net.history.to_list(),
            "best_losses": net.best_losses_,
        }
        tensors = {
            f"{part} {name}": tensor.detach().cpu().contiguous()
            for part, state in self._states(net).items()
            for name, tensor in state.items()
        }
        for at, moments in optimizer["state"].items():
            for name, tensor in moments.items():
                tensors[f"optimizer {at} {name}"] = tensor.cpu().contiguous()
        write(self.path, self.kind, _as_json(document), tensors)

    def resume(self, net: Any, schedule: OneCycle) -> None:
        """Restore a net and its learning rate schedule from the file."""
        document, tensors = self.document, self.tensors
        net.history = History(document["history"])
        net.best_losses_ = document["best_losses"]
        optimizer = net.optimizer_.state_dict()
        groups = net.optimizer_.param_groups
        weights = list(chain(*(group["params"] for group in groups)))
        for name, tensor in tensors.items():
            part, _, rest = name.partition(" ")
            if part == "optimizer":
                at, moment = rest.split(" ")
                # The optimizer reads a weight and its moments in the order of memory.
                if tensor.dim():
                    tensor = torch.empty_like(weights[int(at)]).copy_(tensor)
                optimizer["state"].setdefault(int(at), {})[moment] = tensor
        net.optimizer_.load_state_dict(optimizer)
        with torch.no_grad():
            for part, state in self._states(net).items():
                for name, tensor in state.items():
                    tensor.copy_(tensors[f"{part} {name}"])
        n_steps = sum(int(epoch["train_batch_count"]) for epoch in document["history"])
        schedule.continue_from(n_steps, net)
        self.tensors = {}  # as large as all that is trained

    def _states(self, net):
        """Tensors that are changed in place, by what they belong to."""
        states = {
            "module": trained_state(net.module_),
            "criterion": trained_state(net.criterion_),
        }
        if self.stopping is not None:
            states["stopping"] = self.stopping.state(net)
        return states


def trained_state(module: nn.Module) -> dict[str, torch.Tensor]:
    """Return all that a training may change, by name, what modules share once.

    A ``state_dict`` lacks buffers that are not persistent.
    """
    return dict(chain(module.named_parameters(), module.named_buffers()))


def _as_json(document):
    """Write a document as text; raise if a callback recorded what JSON cannot hold."""
    try:
        return json.dumps(document, default=_plain)
    except TypeError as error:
        name, value = next(_not_plain(document["history"]))
        raise TypeError(
            f"net.history holds {name}={value!r}, which a checkpoint cannot hold;"
            " record numbers, text, arrays, or lists and dictionaries of them"
        ) from error


def _plain(value):
    """Return an array or a number as JSON holds it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return float(value)


def _not_plain(records):
    """Iterate over the entries of records that JSON cannot hold, with their names."""
    for record in records:
        for name, value in record.items():
            if name == "batches":
                yield from _not_plain(value)
                continue
            try:
                json.dumps(value, default=_plain)
            except TypeError:
                yield name, value


def training_fingerprint(
    modules: Sequence[nn.Module],
    training_set: TrainingSet,
    split: Any,
    numbers: tuple,
) -> str:
    """Hash everything on which the result of a training depends.

    Parameters
    ----------
    modules : sequence of nn.Module
        Networks and loss, as they start.

    training_set : TrainingSet
        What it is trained on, of which the hashes and some inputs stand for the
        samples.

    split : pair of lists of ndarray or None
        Samples to train on and to validate on.

    numbers : tuple
        Other values that affect the result. Different values must have different
        `repr`.
    """
    arrays = {"keys": torch.from_numpy(training_set.hashes.view("int64"))}
    # Hashes do not depend on the unit of the samples, and a warm start keeps its own.
    # So inputs show whether new samples have another unit.
    some = torch.arange(min(len(training_set.hashes), _N_INPUTS))
    arrays["inputs"] = training_set.inputs[some].cpu()
    for at, part in enumerate(chain(*(split or ()))):
        arrays[f"split {at}"] = torch.from_numpy(part)
    if training_set.graph is not None:
        arrays["neighbors"] = torch.from_numpy(training_set.graph.indices)
    if training_set.labels is not None:
        arrays["labels"] = training_set.labels.cpu()
    if training_set.reference is not None:
        arrays["reference"] = torch.from_numpy(training_set.reference)
    if training_set.weights is not None:
        arrays["weights"] = torch.from_numpy(training_set.weights)
    for at, module in enumerate(modules):
        for name, tensor in trained_state(module).items():
            arrays[f"{at} {name}"] = tensor.detach().cpu()
    return digest(repr(numbers), arrays)
