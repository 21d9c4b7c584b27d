import pytest
import torch
from scipy.stats import ortho_group
from torch import nn

from stable_embedding.networks import BaseAutoencoder, ModulePart

N_FEATURES, N_COMPONENTS, N_MAPS, SIDE = 16, 3, 2, 4


def convolution():
    """From images of 4 by 4 pixels to codes; zero at the start."""
    last = nn.Linear(N_MAPS * N_FEATURES, N_COMPONENTS)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.Unflatten(-1, (1, SIDE, SIDE)),
        nn.Conv2d(1, N_MAPS, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        last,
    )


def deconvolution():
    """From codes to images; zero at the start."""
    last = nn.ConvTranspose2d(N_MAPS, 1, 3, padding=1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.Linear(N_COMPONENTS, N_MAPS * N_FEATURES),
        nn.ReLU(),
        nn.Unflatten(-1, (N_MAPS, SIDE, SIDE)),
        last,
        nn.Flatten(),
    )


@pytest.fixture
def axes():
    """Orthonormal axes, which a test takes for principal ones."""
    rotation = ortho_group.rvs(N_FEATURES, random_state=0)
    return torch.from_numpy(rotation[:N_COMPONENTS]).float()


@pytest.fixture
def start_convolutional(axes):
    """Function that builds a convolutional network, as a training starts it."""

    def start(seed=0, with_path=True):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return BaseAutoencoder(
                N_FEATURES,
                N_COMPONENTS,
                ModulePart(convolution(), axes if with_path else None),
                ModulePart(deconvolution(), axes.T if with_path else None),
            )

    return start


@pytest.fixture
def train_a_little():
    """Function that moves all weights of a network, as a training does."""

    def train(network, seed=0):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in network.parameters():
                weight += 0.1 * torch.randn(weight.shape, generator=generator)
        return network

    return train


@pytest.fixture
def convolutional(start_convolutional, train_a_little):
    """A convolutional network that was trained, in double precision."""
    return train_a_little(start_convolutional()).double()


@pytest.fixture
def samples():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(20, N_FEATURES, generator=generator, dtype=torch.float64)


@pytest.fixture
def rotation():
    return torch.from_numpy(ortho_group.rvs(N_COMPONENTS, random_state=1))


@pytest.fixture
def shift():
    return torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
