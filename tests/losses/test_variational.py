import pytest
import torch

from stable_embedding.losses.base import Batch
from stable_embedding.losses.variational import (
    BernoulliKLLoss,
    CrossEntropyLoss,
    GaussianKLLoss,
    cross_entropies,
    divergence_of_codes,
    kl_divergence,
    unscale,
)
from stable_embedding.networks.variational import VariationalOutputs


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(0)

    def randn(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return randn


@pytest.mark.numeric
def test_the_divergence_is_that_of_torch(draw):
    means, log_variances = draw(9, 4), draw(9, 4)
    normal = torch.distributions.Normal(means, (log_variances / 2).exp())
    standard = torch.distributions.Normal(
        torch.zeros(4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    )
    expected = torch.distributions.kl_divergence(normal, standard).sum(-1)
    torch.testing.assert_close(kl_divergence(means, log_variances), expected)


@pytest.mark.numeric
def test_cross_entropies_are_minus_log_likelihoods(draw):
    logits, target = draw(9, 4), draw(9, 4).sigmoid()
    expected = -(target * logits.sigmoid().log())
    expected -= (1 - target) * (1 - logits.sigmoid()).log()
    torch.testing.assert_close(cross_entropies(logits, target), expected.sum(-1))


def test_samples_come_back_in_their_units_and_range():
    samples, mean = torch.tensor([[-1.0, 0.0], [0.125, 9.0]]), torch.tensor([0.5, 0.25])
    expected = torch.tensor([[0.0, 0.25], [0.75, 1.0]])
    assert torch.equal(unscale(samples, mean, 2.0), expected)


def variational(draw, lead=()):
    samples = draw(*lead, 9, 4)
    outputs = VariationalOutputs(draw(*lead, 9, 2), 0.5 * samples, draw(*lead, 9, 2))
    return outputs, Batch(samples, torch.arange(9))


@pytest.mark.numeric
def test_a_blind_decoder_has_cross_entropy_1(draw):
    samples = draw(9, 4).sigmoid()
    mean = samples.mean(0)
    term = CrossEntropyLoss(mean, 2.0)
    assert term.name == "reconstruction"
    logits = mean.logit().expand(9, 4)
    outputs = VariationalOutputs(samples[:, :2], logits, samples[:, :2])
    batch = Batch((samples - mean) / 2, torch.arange(9))
    assert term(outputs, batch).item() == pytest.approx(1)
    sharp = outputs._replace(reconstruction=samples.logit())
    assert term(sharp, batch) < 1


def test_a_mean_that_rounding_took_out_of_its_range_has_an_entropy():
    inside, outside = torch.tensor([0.3, 1.0]), torch.tensor([0.3, 1 + 5e-7])
    expected = CrossEntropyLoss(inside, 1.0).of_mean
    assert CrossEntropyLoss(outside, 1.0).of_mean == pytest.approx(expected)


def test_constant_binary_features_have_a_finite_cross_entropy():
    assert CrossEntropyLoss(torch.tensor([0.0, 1.0]), 1.0).of_mean == 1


@pytest.mark.numeric
@pytest.mark.parametrize("lead", [(), (3,)])
def test_the_divergence_of_a_batch_is_relative_to_the_prior(lead, draw):
    outputs, _ = variational(draw, lead)
    standardized = outputs.codes * 2**0.5  # the prior's variance is 1 over all
    expected = kl_divergence(standardized, outputs.log_variances).mean(-1)
    torch.testing.assert_close(divergence_of_codes(outputs), expected)
    assert divergence_of_codes(outputs).shape == lead


@pytest.mark.numeric
@pytest.mark.parametrize("discarded_variance", [0.0, 0.5])
def test_with_normal_noise_it_is_in_units_of_the_likeliest_variance(
    discarded_variance, draw
):
    outputs, batch = variational(draw)
    reconstruction = outputs.reconstruction.requires_grad_()
    outputs = outputs._replace(reconstruction=reconstruction)
    outputs.log_variances.requires_grad_()
    found = GaussianKLLoss(1.0, 4, discarded_variance)(outputs, batch)
    lost = 0.25 * batch.samples.square().sum(-1).mean() + discarded_variance
    expected = 2 * lost / 4 * divergence_of_codes(outputs)
    torch.testing.assert_close(found, expected)
    found.backward()
    assert reconstruction.grad is None  # the variance is a constant
    assert outputs.log_variances.grad.any()


@pytest.mark.numeric
def test_with_binary_features_it_is_in_units_of_the_cross_entropy(draw):
    outputs, batch = variational(draw)
    found = BernoulliKLLoss(1.0, 8.0)(outputs, batch)
    torch.testing.assert_close(found, divergence_of_codes(outputs) / 8)
