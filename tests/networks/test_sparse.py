import pytest
import torch
from torch.testing import assert_close

from stable_embedding.networks.sparse import SparseNetwork, keep_largest

pytestmark = pytest.mark.numeric


def start(penalty, n_active=2):
    return SparseNetwork(
        n_features=16,
        n_components=3,
        hidden_layer_sizes=(7,),
        activation="tanh",
        axes=torch.eye(16)[:3],
        penalty=penalty,
        n_active=n_active,
    )


def test_the_largest_are_kept():
    codes = torch.tensor([[1.0, -3.0, 2.0], [0.5, 0.1, -0.2]])
    expected = torch.tensor([[0.0, -3.0, 2.0], [0.5, 0.0, -0.2]])
    assert torch.equal(keep_largest(codes, 2), expected)
    assert torch.equal(keep_largest(codes, 3), codes)
    together = torch.stack([codes, -codes])
    assert torch.equal(keep_largest(together, 2), torch.stack([expected, -expected]))


def test_gradients_reach_what_is_kept_alone():
    codes = torch.tensor([[1.0, -3.0, 2.0]], requires_grad=True)
    keep_largest(codes, 2).sum().backward()
    assert codes.grad.tolist() == [[0, 1, 1]]


def test_with_kl_codes_are_logistic_and_decoded_from_their_middle(
    train_a_little, samples
):
    network = train_a_little(start("kl")).double()
    codes = network.encode(samples)
    assert 0 < codes.min() < codes.max() < 1
    assert_close(codes, torch.sigmoid(4 * network.encoder(samples)))
    assert_close(network.decode(codes), network.decoder(codes - 0.5))


def test_with_kl_small_samples_are_those_of_pca(samples):
    network, small = start("kl").double(), 1e-3 * samples
    codes, reconstruction = network(small)
    # A sigmoid is a line near zero, up to the cube.
    assert_close(codes - 0.5, small[:, :3], rtol=1e-4, atol=1e-7)
    expected = torch.cat([small[:, :3], 0 * small[:, 3:]], dim=1)
    assert_close(reconstruction, expected, rtol=1e-4, atol=1e-7)


def test_with_k_sparse_only_the_largest_components_are_kept(train_a_little, samples):
    network = train_a_little(start("k_sparse")).double()
    codes = network.encode(samples)
    assert torch.equal(codes, keep_largest(network.encoder(samples), 2))
    assert set((codes != 0).sum(1).tolist()) == {2}


def test_with_l1_codes_are_the_encoders(train_a_little, samples):
    network = train_a_little(start("l1")).double()
    codes = network.encode(samples)
    assert torch.equal(codes, network.encoder(samples))
    assert torch.equal(network.decode(codes), network.decoder(codes))


@pytest.mark.parametrize("penalty", ["kl", "l1", "k_sparse"])
def test_it_is_restored_from_its_state(penalty, train_a_little, samples):
    network = train_a_little(start(penalty))
    other = SparseNetwork.restored(**network.state())
    assert (other.penalty, other.n_active) == (penalty, 2)
    # The same computation.
    assert torch.equal(other.encode(samples.float()), network.encode(samples.float()))
