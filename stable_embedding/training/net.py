"""A net of skorch, with the terms of the loss recorded once an epoch."""

import math
from itertools import chain, islice
from statistics import fmean

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.hf import AccelerateMixin
from skorch.utils import TeeGenerator

# Below this loss at the start, steps are smaller.
_SMALL_LOSS = 0.05

# Squared rounding error of float32 for samples of unit variance.
_ROUNDING_LOSS = float(np.finfo(np.float32).eps) ** 2


class Net(NeuralNet):
    """A net that trains any network of the contract on batches with named fields.

    skorch reads the loss back from the device after every batch. Here the terms are
    summed where they are and read back once: those of each run, as ``train_runs`` and
    ``valid_runs``, and their means over runs under the names of the terms.

    Parameters
    ----------
    weight_decay : float, default=0.0
        Decoupled weight decay of the network's regularized parameters.

    **parameters : object
        As in :class:`skorch.NeuralNet`.
    """

    def __init__(self, *args, weight_decay=0.0, **parameters):
        super().__init__(*args, **parameters)
        self.weight_decay = weight_decay

    @property
    def _default_callbacks(self):
        return []

    def get_params_for_optimizer(self, prefix, named_parameters):
        """Return two groups of parameters, of which the first is regularized."""
        named_parameters = list(named_parameters)
        _, options = super().get_params_for_optimizer(prefix, named_parameters)
        regularized = list(self.module_.regularized_parameters())
        known = set(map(id, regularized))
        others = [weight for _, weight in named_parameters if id(weight) not in known]
        groups = [
            {"params": regularized, "weight_decay": self.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        return ([group for group in groups if group["params"]],), options

    def get_iterator(self, dataset, training=False):
        """Return the batches that were made for the training or the validation."""
        return self.iterator_train if training else self.iterator_valid

    def get_split_datasets(self, X, y=None, **fit_params):
        """Return the data twice if there are batches to validate on."""
        dataset = self.get_dataset(X, y)
        return dataset, None if self.iterator_valid is None else dataset

    def on_train_begin(self, net, **kwargs):
        """Forget the losses of an earlier training."""
        self.best_losses_ = {}
        self.ended_by_callback_ = False

    def on_batch_begin(self, net, **kwargs):
        """Open one empty batch per epoch, because some callbacks expect one."""
        batches = self.history[-1]["batches"]
        if not batches:
            batches.append({})

    def initialize_callbacks(self):
        """Initialize the callbacks, and forget which of them listen to an event."""
        self.listeners_ = {}
        return super().initialize_callbacks()

    def notify(self, method_name, **cb_kwargs):
        """Call the callbacks, and remember whether one of them ends the training.

        skorch calls all of them, which takes a few percent of the time of a small step.
        Here those that inherit a method that does nothing are left out.
        """
        if method_name not in self.listeners_:
            does_nothing = getattr(Callback, method_name, None)
            methods = (
                getattr(callback, method_name) for _, callback in self.callbacks_
            )
            self.listeners_[method_name] = [
                method
                for method in methods
                if getattr(method, "__func__", method) is not does_nothing
            ]
        getattr(self, method_name)(self, **cb_kwargs)
        try:
            for method in self.listeners_[method_name]:
                method(self, **cb_kwargs)
        except KeyboardInterrupt:
            self.ended_by_callback_ = True
            raise

    def _set_training(self, training=True):
        """Set the mode of the network and its loss, unless all their layers have it."""
        layers = chain(self.module_.modules(), self.criterion_.modules())
        if any(layer.training != training for layer in layers):
            super()._set_training(training)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the total loss of all runs, and remember its terms."""
        terms = self.criterion_(y_pred, y_true)
        self.terms_, self.n_samples_ = terms.detach(), y_pred.codes.shape[-2]
        return terms[0].sum()

    def train_step(self, batch, **fit_params):
        """Take a step, as skorch does, for named batches and our optimizer alone."""
        inputs, target = batch
        self.clear_gradients()
        outputs = self.module_(*inputs)
        loss = self.get_loss(outputs, target)
        self.backward(loss)
        parameters = TeeGenerator(self.get_all_learnable_params())
        self.notify(
            "on_grad_computed", named_parameters=parameters, batch=batch, training=True
        )
        self.optimizer_.step()
        return {"loss": loss, "y_pred": outputs}

    def validation_step(self, batch, **fit_params):
        """Compute the loss of a batch, as skorch does, for named batches."""
        inputs, target = batch
        self._set_training(False)
        with torch.no_grad():
            outputs = self.module_(*inputs)
            return {"loss": self.get_loss(outputs, target), "y_pred": outputs}

    def clear_gradients(self):
        """Forget the gradients of the last step.

        The optimizer's ``zero_grad`` would take some 5 % of the time of a small step.
        """
        for group in self.optimizer_.param_groups:
            for weight in group["params"]:
                weight.grad = None

    def backward(self, loss):
        """Compute the gradient of the loss."""
        loss.backward()

    def sum_over_processes(self, totals):
        """Add up what every process has found; here there is one."""
        return totals

    def adapt_steps(self, iterator, n_batches):
        """Take smaller steps if the initial loss is small.

        The size of Adam's steps does not depend on the size of the gradients. If few
        samples or features have nearly all of the variance, PCA explains it, and steps
        of the usual size would lose more of it than the network can gain.

        Parameters
        ----------
        iterator : iterable
            Batches of a pass.

        n_batches : int
            Number of those on which the loss at the start is found.
        """
        _, (_, *terms) = self._mean_terms(
            *self._step_through(iterator, self.validation_step, n_batches)
        )
        # A term may be negative, and must not hide what the others can gain.
        weights = self.criterion.weights.values()
        loss = sum(abs(weight * fmean(term)) for weight, term in zip(weights, terms))
        self.step_size_ = 1.0
        if loss < _SMALL_LOSS:
            self.step_size_ = (max(loss, _ROUNDING_LOSS) / _SMALL_LOSS) ** 0.5
        for group in self.optimizer_.param_groups:
            group["lr"] *= self.step_size_
            group["eps"] *= self.step_size_
            group["weight_decay"] /= self.step_size_

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Step through the batches, and record the mean of each term."""
        if iterator is None:
            return
        self._set_training(training)

        def step(batch):
            self.notify("on_batch_begin", batch=batch, training=training)
            found = step_fn(batch, **fit_params)
            self.notify("on_batch_end", batch=batch, training=training, **found)

        terms, sizes = self._step_through(iterator, step, len(iterator))
        self.history[-1][f"{prefix}_batch_count"] = len(sizes)
        self._record(prefix, *self._mean_terms(terms, sizes))

    def evaluate(self, iterator, prefix):
        """Record the mean of each term, once the training and its callbacks are over.

        A callback that ends the training, such as after some time, would do it again.
        """
        terms, sizes = self._step_through(iterator, self.validation_step, len(iterator))
        self._record(prefix, *self._mean_terms(terms, sizes))

    def _step_through(self, iterator, step, most):
        """Step through batches, so many at most; return their terms and their sizes.

        The terms are written into one tensor, and after them the fractions that they
        count, which are 1 in batches that are counted whole. A small tensor that is
        kept for each step would break up the memory that larger ones use in turns: a
        pass over a file of 4 GB held up to 10 GB in the end.
        """
        found, sizes = None, []
        for batch in islice(iterator, most):
            step(batch)
            if found is None:
                n_runs = self.terms_.shape[1:]
                found = self.terms_.new_ones(
                    2 * len(self.criterion.names), *n_runs, most
                )
            found[: len(self.terms_), ..., len(sizes)] = self.terms_
            sizes.append(self.n_samples_)
        return found[..., : len(sizes)], sizes

    def _mean_terms(self, found, sizes):
        """Return the mean of each term over the samples that it counts, for each run.

        If a term leaves some out, the total is the sum of these means by the weights
        that the terms have now.
        """
        names, weights = self.criterion.names, found.new_tensor(sizes)
        terms, fractions = found.unflatten(0, (2, -1))
        sums = torch.stack([(terms * fractions) @ weights, fractions @ weights])
        sums = self.sum_over_processes(sums.flatten()).tolist()
        lost, n_counted = np.reshape(sums, (2, len(names), -1))
        for name, counted in zip(names, n_counted):
            if not (np.isfinite(counted) & (counted >= 0)).all():
                term = name.removesuffix("_loss")
                raise ValueError(
                    f"the loss term {term!r} has a counted_fraction that is nan,"
                    " infinite or negative; it must be a fraction of the batch, 0 if"
                    " the term counts nothing"
                )
        means = np.divide(lost, n_counted, np.zeros_like(lost), where=n_counted > 0)
        if (n_counted != n_counted[0]).any():
            means[0] = [*map(float, self.criterion.weights.values())] @ means[1:]
        return names, means.tolist()

    def _record(self, prefix, names, of_runs):
        """Write the terms to the history, and see that the loss is finite."""
        epoch = self.history[-1]
        epoch[f"{prefix}_runs"] = of_runs
        for name, values in zip(names, of_runs):
            epoch[f"{prefix}_{name}"] = fmean(values)
        loss = epoch[f"{prefix}_loss"]
        best = min(loss, self.best_losses_.get(prefix, loss))
        self.best_losses_[prefix] = best
        epoch[f"{prefix}_loss_best"] = loss == best
        if not math.isfinite(loss):
            weights = {
                name: weight
                for name, weight in self.criterion.weights.items()
                if weight and name not in ("reconstruction", "guide")
            }
            or_weights = (
                f" or the weight of one of the terms {weights}" if weights else ""
            )
            of_which = "validation" if prefix == "valid" else "training"
            raise ValueError(
                f"the {of_which} loss became {loss} in epoch {len(self.history)}: lower"
                f" learning_rate_init (it is {self.lr}){or_weights}"
            )


class DistributedNet(AccelerateMixin, Net):
    """Net for several processes, each with a shard of every batch."""

    def _initialize_accelerator(self):
        # Processes wait for the gradient of each weight; a term of weight 0 has none.
        loss = self.criterion_
        for term in loss.terms:
            if not term.weight:
                term.requires_grad_(False)
        # A module that learns nothing cannot be shared; a function is left as it is.
        learns = any(weight.requires_grad for weight in loss.parameters())
        if not learns:
            self.criterion_ = loss.forward
        super()._initialize_accelerator()
        if not learns:
            self.criterion_ = loss.to(self.accelerator.device)
        return self

    def clear_gradients(self):
        """Forget the gradients, unless the accelerator adds up several of them."""
        self.optimizer_.zero_grad()

    def backward(self, loss):
        """Compute the gradient of the loss, as the accelerator does."""
        self.accelerator.backward(loss)

    def sum_over_processes(self, totals):
        """Add up what every process has found."""
        return self.accelerator.reduce(totals, reduction="sum")
