"""What a step costs beyond its arithmetic, and what the similarity and runs add.

``python -m benchmarks.speed [--quick] [--threads N]`` times in turns, and compares the
medians of

- training by :class:`stable_embedding.training.trainer.Trainer` and by a loop written
  by hand, with the same network, loss and optimizer (fused AdamW) and as many batches,
  and by skorch with its default loader, which collects sample by sample;
- training with similarity weight 1 and with 0;
- fits with eight runs and with one;
- `transform` and the bare module, on many rows and on one.

Writes ``benchmarks/results/speed.csv``.
"""

import argparse
from dataclasses import replace

import torch
from skorch import NeuralNet

from stable_embedding import StableAutoencoder
from stable_embedding.data.row_hash import canonical_order
from stable_embedding.data.training_data import TrainingSet
from stable_embedding.losses.base import Batch, TotalLoss
from stable_embedding.losses.reconstruction import ReconstructionLoss
from stable_embedding.losses.similarity import distance
from stable_embedding.losses.similarity_loss import SimilarityLoss
from stable_embedding.networks import Autoencoder
from stable_embedding.training.plan import TrainingPlan
from stable_embedding.training.trainer import Trainer

from .datasets import load
from .results import show, write
from .timing import medians

N_BATCHES = 20
N_EPOCHS = 30  # 600 steps, as a fit has of small data
SMALL, WIDE = (64, (128, 32)), (784, (256, 64))


class Case:
    """A network and samples to train it on."""

    def __init__(self, size, batch_size, n_batches=N_BATCHES):
        n_features, hidden_layer_sizes = size
        generator = torch.Generator().manual_seed(0)
        samples = torch.randn(n_batches * batch_size, n_features, generator=generator)
        self.samples = samples / n_features**0.5
        hashes = canonical_order(self.samples.numpy())[1]
        self.training_set = TrainingSet(self.samples, hashes)
        self.batch_size = batch_size
        axes = torch.eye(n_features)[:2]
        self.start = lambda: Autoencoder(
            n_features, 2, hidden_layer_sizes, "relu", axes=axes
        )

    def ours(self, weight, n_epochs=N_EPOCHS, device="cpu"):
        """Train as the estimator does."""
        estimator = StableAutoencoder(
            batch_size=self.batch_size, max_iter=n_epochs, learning_rate_init=1e-3
        )
        plan = TrainingPlan.from_estimator(estimator)
        plan = replace(plan, seeds=[0], device=device)
        terms = loss_terms(weight)
        Trainer(plan).fit([self.start()], self.training_set, terms, alpha=1.0)

    def by_hand(self, weight, n_epochs=N_EPOCHS):
        """Train in a plain loop."""
        network, loss = self.start(), TotalLoss(loss_terms(weight))
        parameters = network.parameters()
        optimizer = torch.optim.AdamW(parameters, 1e-3, (0.9, 0.95), fused=True)
        for _ in range(n_epochs):
            for index in torch.randperm(len(self.samples)).split(self.batch_size):
                batch = Batch(self.samples[index], index)
                optimizer.zero_grad()
                loss(network(batch.samples), batch)[0].backward()
                optimizer.step()

    def by_skorch(self, weight, n_epochs=N_EPOCHS):
        """Train as skorch does by default."""
        loss = TotalLoss(loss_terms(weight))

        class Net(NeuralNet):
            def get_loss(self, y_pred, y_true, X=None, training=False):
                return self.criterion_(y_pred, Batch(y_true, None))[0]

        Net(
            self.start(),
            criterion=lambda: loss,
            optimizer=torch.optim.AdamW,
            optimizer__fused=True,
            lr=1e-3,
            batch_size=self.batch_size,
            max_epochs=n_epochs,
            train_split=None,
            iterator_train__shuffle=True,
            verbose=0,
        ).fit(self.samples, self.samples)


def loss_terms(weight):
    """Return the terms of the loss, with a weight of the similarity."""
    return [ReconstructionLoss(), SimilarityLoss(distance, weight)]


def several_runs(n_init):
    """Fit digits with a number of runs."""
    X, _ = load("digits")
    StableAutoencoder(
        2, hidden_layer_sizes=(128, 32), batch_size=128, n_init=n_init, random_state=0
    ).fit(X)


class Embedding:
    """Rows to embed, by the estimator and by its bare network."""

    def __init__(self, n_rows, n_features):
        generator = torch.Generator().manual_seed(0)
        self.rows = torch.randn(n_rows, n_features, generator=generator)
        self.model = StableAutoencoder(max_iter=1, random_state=0)
        self.model.fit(torch.randn(5_000, n_features, generator=generator).numpy())

    def ours(self):
        """Validate, scale and embed."""
        self.model.transform(self.rows.numpy())

    def bare(self):
        """Only embed."""
        with torch.inference_mode():
            self.model.network_.encode(self.rows)


def repeated(job, n_times):
    """Name a job that does another so many times."""
    return lambda: [job() for _ in range(n_times)]


def comparisons():
    """Name what is compared: a job, and the one by whose time it is divided."""
    small, wide = Case(SMALL, 128), Case(WIDE, 256)
    yield "overhead, 64 features", lambda: small.ours(0.0), lambda: small.by_hand(0.0)
    yield "overhead, 784 features", lambda: wide.ours(0.0), lambda: wide.by_hand(0.0)
    yield (
        "skorch's loader, 64 features",
        lambda: small.by_skorch(0.0),
        lambda: small.ours(0.0),
    )
    for case, name in (
        (wide, "784 features, 256 rows"),
        (Case(SMALL, 256), "64 features, 256 rows"),
        (Case(SMALL, 512), "64 features, 512 rows"),
    ):
        yield (
            f"similarity, {name}",
            lambda case=case: case.ours(1.0),
            lambda case=case: case.ours(0.0),
        )
    yield "eight runs", lambda: several_runs(8), lambda: several_runs(1)
    for size in ((1_000_000, 64), (200_000, 784)):
        many = Embedding(*size)
        yield "transform, {:,} rows of {} features".format(*size), many.ours, many.bare
    one = Embedding(1, 64)
    yield (
        "transform, one row, a thousand times",
        repeated(one.ours, 1_000),
        repeated(one.bare, 1_000),
    )


def main():
    """Time in turns, print and write the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 turns instead of 9")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = []
    for name, job, yardstick in comparisons():
        times = medians([job, yardstick], 3 if arguments.quick else 9, name)
        rows.append(
            {
                "what": name,
                "threads": arguments.threads,
                "seconds": f"{times[0]:.6f}",
                "yardstick_seconds": f"{times[1]:.6f}",
                "ratio": f"{times[0] / times[1]:.2f}",
            }
        )
        show(rows[-1])
    if not arguments.quick:
        write("speed", rows)


if __name__ == "__main__":
    main()
