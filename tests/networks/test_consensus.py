import pytest
import torch

from stable_embedding.networks import Autoencoder, Consensus
from stable_embedding.networks.consensus import consensus_of
from stable_embedding.networks.hashing import HashingNetwork
from stable_embedding.networks.sparse import SparseNetwork
from tests.precision import assert_near


def networks_of(kind=Autoencoder, n=3, **more):
    return [
        kind(
            n_features=5,
            n_components=4,
            hidden_layer_sizes=(6,),
            activation="relu",
            seed=seed,
            **more,
        )
        for seed in range(n)
    ]


@pytest.fixture
def samples():
    return torch.randn(20, 5, generator=torch.Generator().manual_seed(0))


def test_it_is_the_mean_of_its_networks(samples):
    networks = networks_of()
    consensus = Consensus(networks)
    codes = torch.stack([network.encode(samples) for network in networks])
    assert_near(consensus.encode(samples).detach(), codes.mean(0).detach())
    decoded = torch.stack([network.decode(codes[0]) for network in networks])
    assert_near(consensus.decode(codes[0]).detach(), decoded.mean(0).detach())
    found = consensus.encode_with_std(samples)
    std = codes.std(0, unbiased=True).square().sum(-1).sqrt()
    assert_near(found.detach(), torch.cat([codes.mean(0), std[:, None]], -1).detach())
    assert consensus.widest_layer == 6
    assert list(consensus) == networks


def test_one_network_is_its_own_consensus():
    (network,) = networks_of(n=1)
    assert consensus_of([network]) is network


def test_sparse_codes_have_a_sparse_mean(samples):
    consensus = Consensus(networks_of(SparseNetwork, penalty="k_sparse", n_active=2))
    assert ((consensus.encode(samples) != 0).sum(-1) == 2).all()


def test_bits_are_cut_from_the_mean_of_codes(samples):
    networks = networks_of(HashingNetwork, noise=0.1)
    consensus = Consensus(networks)
    codes = consensus.encode(samples)
    height = networks[0].height
    bits = consensus.discretize(codes)
    assert ((bits == 0) | (bits == height)).all()
    assert ((codes > height / 2) == (bits > 0)).all()
    expected = consensus.decode(bits)
    assert_near(consensus.reconstruct(samples).detach(), expected.detach())
