import numpy as np
import pytest
import torch
from torch.func import jacrev, vmap

from stable_embedding.data import limits
from stable_embedding.networks import Autoencoder, Consensus
from stable_embedding.networks.hashing import HashingNetwork
from stable_embedding.networks.jacobian import encoder_jacobian, iterate_jacobians
from stable_embedding.networks.sparse import SparseNetwork

pytestmark = pytest.mark.numeric

SHARED = {"n_features": 6, "n_components": 3, "hidden_layer_sizes": (8,)}


def of_kind(kind, seed):
    """A network whose codes are smooth."""
    shared = SHARED | {"activation": "tanh", "seed": seed}
    if kind == "hashing":
        return HashingNetwork(noise=1.0, **shared).double()
    if kind != "plain":
        return SparseNetwork(penalty=kind, n_active=2, **shared).double()
    return Autoencoder(**shared).double()


@pytest.mark.parametrize("kind", ["plain", "hashing", "kl", "k_sparse"])
@pytest.mark.parametrize("n_runs", [1, 3])
def test_it_is_that_of_torch_and_of_finite_differences(kind, n_runs, rng):
    runs = [of_kind(kind, seed) for seed in range(n_runs)]
    network = runs[0] if n_runs == 1 else Consensus(runs)
    X = rng.normal(size=(9, 6))
    found = encoder_jacobian(network, X)
    assert found.shape == (9, 3, 6)
    assert all(weight.grad is None for weight in network.parameters())
    if kind != "k_sparse":  # which torch does not map over samples
        expected = vmap(jacrev(network.encode))(torch.from_numpy(X)).detach()
        # Two ways of adding in float64.
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    step = 1e-6
    with torch.no_grad():
        for j in range(6):
            moved = step * np.eye(6)[j]
            up, down = (
                network.encode(torch.from_numpy(X + s * moved)) for s in (1, -1)
            )
            slopes = (up - down).numpy() / (2 * step)
            # Rounding of float64 over the step, times the codes' steepness.
            np.testing.assert_allclose(found[:, :, j], slopes, atol=1e-6)


def test_chunks_hold_no_more_than_their_bytes_and_change_nothing(rng, monkeypatch):
    network = of_kind("plain", 0)
    X = rng.normal(size=(12, 6))
    whole = encoder_jacobian(network, X)
    # A sample has 6 features, and 3 times as many derivatives.
    monkeypatch.setattr(limits, "CHUNK_BYTES", 8 * (6 + 18) * 5)
    chunks = list(iterate_jacobians(network, X, lambda chunk: chunk))
    assert [len(chunk) for _, chunk in chunks] == [5, 5, 2]
    for steps, chunk in chunks:
        np.testing.assert_allclose(chunk, whole[steps], rtol=1e-10)


def test_what_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="X holds values so far"):
        list(iterate_jacobians(of_kind("plain", 0), np.full((1, 6), np.nan), np.array))


def test_it_works_where_gradients_are_off(rng):
    network = of_kind("plain", 0)
    X = rng.normal(size=(4, 6))
    expected = encoder_jacobian(network, X)
    for off in (torch.no_grad, torch.inference_mode):
        with off():
            np.testing.assert_array_equal(encoder_jacobian(network, X), expected)
