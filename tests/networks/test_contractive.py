import pytest
import torch
from torch.func import jacrev, vmap
from torch.testing import assert_close

from stable_embedding.networks import Autoencoder
from stable_embedding.networks.contractive import ContractiveNetwork, ContractiveOutputs

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize("hidden_layer_sizes", [(), (7,)])
def test_it_is_a_plain_one_that_tells_how_steep_it_is(hidden_layer_sizes, samples):
    networks = [
        kind(16, 3, hidden_layer_sizes, "tanh", seed=1).double()
        for kind in (Autoencoder, ContractiveNetwork)
    ]
    plain, (codes, reconstruction, norms) = (one(samples) for one in networks)
    assert type(networks[1](samples)) is ContractiveOutputs
    # The same computation.
    assert torch.equal(codes, plain.codes)
    assert torch.equal(reconstruction, plain.reconstruction)
    expected = vmap(jacrev(networks[0].encode))(samples).square().sum((-2, -1))
    assert_close(norms.expand(len(samples)), expected)


def test_stacked_networks_have_norms_of_their_own(samples):
    networks = [ContractiveNetwork(16, 3, (7,), "tanh", seed=i) for i in range(2)]
    networks = [network.double() for network in networks]
    together = torch.stack([samples, 2 * samples])
    norms = networks[0].stack(networks)(together).squared_jacobian
    for network, batch, found in zip(networks, together, norms):
        assert_close(found, network(batch).squared_jacobian)
