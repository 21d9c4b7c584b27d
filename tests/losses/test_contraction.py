import pytest
import torch

from stable_embedding.losses.base import Batch
from stable_embedding.losses.contraction import ContractionLoss
from stable_embedding.networks.contractive import ContractiveNetwork, ContractiveOutputs


@pytest.mark.parametrize("lead", [(), (2,)])
def test_it_is_the_mean_norm_for_each_component(lead):
    codes, samples = torch.zeros(*lead, 4, 3), torch.zeros(*lead, 4, 5)
    norms = torch.tensor([1.0, 2.0, 3.0, 6.0]).expand(*lead, 4)
    outputs = ContractiveOutputs(codes, samples, norms)
    batch = Batch(samples, torch.arange(4))
    assert torch.equal(ContractionLoss()(outputs, batch), torch.ones(lead))


@pytest.mark.parametrize("hidden_layer_sizes", [(), (7,)])
def test_an_encoder_that_projects_has_loss_1(hidden_layer_sizes):
    axes = torch.eye(5)[:3]
    network = ContractiveNetwork(5, 3, hidden_layer_sizes, "tanh", axes=axes)
    samples = torch.randn(9, 5, generator=torch.Generator().manual_seed(0))
    lost = ContractionLoss()(network(samples), Batch(samples, torch.arange(9)))
    assert lost.item() == pytest.approx(1)
