from dataclasses import replace

import pytest
import torch

from stable_embedding import StableAutoencoder
from stable_embedding.data.row_hash import canonical_order
from stable_embedding.data.training_data import TrainingSet
from stable_embedding.losses.reconstruction import ReconstructionLoss
from stable_embedding.losses.similarity import distance
from stable_embedding.losses.similarity_loss import SimilarityLoss
from stable_embedding.networks import Autoencoder
from stable_embedding.training.plan import TrainingPlan
from stable_embedding.training.trainer import Trainer


@pytest.fixture
def samples():
    """Fifty scaled samples with four features."""
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    x -= x.mean(0)
    return x / x.square().sum(1).mean().sqrt()


@pytest.fixture(scope="session")
def hashes_of():
    """Function that returns different hashes, always the same ones."""

    def hashes_of(n_samples):
        return canonical_order(torch.arange(n_samples)[:, None].numpy())[1]

    return hashes_of


@pytest.fixture(scope="session")
def start():
    """Function that builds a small network that starts as PCA."""

    def start(**parameters):
        return Autoencoder(4, 2, (8,), "tanh", axes=torch.eye(4)[:2], **parameters)

    return start


@pytest.fixture(scope="session")
def make_plan():
    """Function that makes a plan, of which parts are replaced."""

    def make_plan(**parts):
        plan = TrainingPlan.from_estimator(StableAutoencoder(random_state=0))
        defaults = {
            "seeds": [0],
            "batch_size": 16,
            "max_iter": 5,
            "learning_rate": 1e-2,
            "device": "cpu",
        }
        return replace(plan, **(defaults | parts))

    return make_plan


@pytest.fixture
def train(make_plan, hashes_of):
    """Function that trains networks in place, and returns what is left behind."""

    def train(samples, networks, terms=None, fit=None, graph=None, **parts):
        plan = make_plan(**({"seeds": list(range(len(networks)))} | parts))
        training_set = TrainingSet(samples, hashes_of(len(samples)), graph)
        terms = terms or [ReconstructionLoss(), SimilarityLoss(distance)]
        return Trainer(plan).fit(networks, training_set, terms, **(fit or {}))

    return train


@pytest.fixture
def train_one(train, start):
    """Function that trains one network, and returns its run and the network."""

    def train_one(samples, network=None, **parameters):
        network = network or start()
        (run,) = train(samples, [network], **parameters)
        return run, network

    return train_one
