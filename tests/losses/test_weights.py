"""Every term of the loss weighs samples as its formula says."""

from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
import torch

from stable_embedding.data.input_distances import MatrixDistances
from stable_embedding.data.metric_distances import ChordDistances, MetricDistances
from stable_embedding.data.metrics import PairMetric
from stable_embedding.losses.base import Batch, Outputs
from stable_embedding.losses.consensus import ConsensusLoss
from stable_embedding.losses.contraction import ContractionLoss
from stable_embedding.losses.given_distances import (
    GivenDistanceLoss,
    GivenInnerProductLoss,
)
from stable_embedding.losses.guide import GuideLoss, ScalingGuideLoss
from stable_embedding.losses.hamming import HammingLoss
from stable_embedding.losses.label import LabelLoss
from stable_embedding.losses.neighbor import neighbor_loss, student_kernel
from stable_embedding.losses.reconstruction import ReconstructionLoss
from stable_embedding.losses.similarity import cosine, distance, inner_product, rbf
from stable_embedding.losses.similarity_loss import SimilarityLoss
from stable_embedding.losses.sparsity import KLSparsityLoss, L1SparsityLoss
from stable_embedding.losses.triplet import TripletLoss, triplet_loss
from stable_embedding.losses.variational import (
    BernoulliKLLoss,
    CrossEntropyLoss,
    GaussianKLLoss,
)

pytestmark = pytest.mark.numeric
N_SAMPLES = 12


class AllOutputs(NamedTuple):
    codes: torch.Tensor
    reconstruction: torch.Tensor
    log_variances: torch.Tensor
    squared_jacobian: torch.Tensor


@pytest.fixture
def draw(rng):
    return lambda *shape: torch.from_numpy(rng.normal(size=shape))


@pytest.fixture
def outputs(draw):
    return AllOutputs(
        draw(N_SAMPLES, 2).sigmoid(),
        draw(N_SAMPLES, 4),
        draw(N_SAMPLES, 2),
        draw(N_SAMPLES).square(),
    )


@pytest.fixture
def batch(draw):
    labels = torch.arange(N_SAMPLES) % 3
    return Batch(draw(N_SAMPLES, 4), torch.arange(N_SAMPLES), labels)


def consensus(places):
    reference = places.clone()
    reference[:2] = torch.nan
    return ConsensusLoss(1.0, N_SAMPLES, 2, reference).double().eval()


def terms(draw):
    """One of every term, in float64."""
    places = draw(N_SAMPLES, 2)
    distances = MatrixDistances(torch.cdist(places, places).numpy())
    points = draw(N_SAMPLES, 3).numpy()
    cosines = ChordDistances(MetricDistances(points, PairMetric("cosine")))
    guide = GuideLoss(1.0, places)
    guide.begin(10)
    return [
        ReconstructionLoss(),
        ContractionLoss(),
        L1SparsityLoss(),
        KLSparsityLoss(1.0, 0.2),
        guide.eval(),
        ScalingGuideLoss(1.0, 0.5).eval(),
        consensus(places),
        GivenDistanceLoss(distances, 1.0),
        GivenInnerProductLoss(cosines, 1.0),
        *(SimilarityLoss(one, 1.0, 1.0) for one in (distance, inner_product)),
        *(SimilarityLoss(one, 1.0, 1.0) for one in (cosine, rbf)),
        TripletLoss(1.0, 0.5),
        LabelLoss(1.0).double(),
        HammingLoss(1.0, 2, torch.full((4,), 0.3)).double(),
        GaussianKLLoss(1.0, 4),
        BernoulliKLLoss(1.0, 2.0),
        CrossEntropyLoss(torch.full((4,), 0.4, dtype=torch.float64), 0.2),
    ]


def test_weights_of_one_change_nothing(outputs, batch, draw):
    ones = batch._replace(weights=torch.ones(N_SAMPLES, dtype=torch.float64))
    for term in terms(draw):
        torch.testing.assert_close(term(outputs, ones), term(outputs, batch))


def test_a_sample_of_weight_0_may_be_anything(outputs, batch, draw):
    weights = torch.ones(N_SAMPLES, dtype=torch.float64)
    weights[3] = 0
    others = torch.arange(N_SAMPLES) != 3
    for term in terms(draw):
        found = []
        for shift in (0.0, 0.3):
            moved = [field.clone() for field in outputs]
            for field in moved:
                field[3] += shift
            found.append(term(AllOutputs(*moved), batch._replace(weights=weights)))
        torch.testing.assert_close(*found)
        moved[0][others] += 0.1 * draw(N_SAMPLES - 1, 2)
        moved[1][others] += 0.1
        moved[2][others] += 0.1
        moved[3][others] += 0.1
        counted = term(AllOutputs(*moved), batch._replace(weights=weights))
        assert not torch.isclose(counted, found[0])


def test_a_weight_of_2_is_the_sample_twice(outputs, batch):
    # Means over samples; pairs of a sample with itself are not there twice.
    weights = torch.ones(N_SAMPLES, dtype=torch.float64)
    weights[:3] = 2
    index = torch.arange(N_SAMPLES).repeat_interleave(weights.long())
    repeated = AllOutputs(*(field[index] for field in outputs))
    twice = batch._replace(samples=batch.samples[index])
    counted = batch._replace(weights=weights / weights.mean())
    for term in (
        ReconstructionLoss(),
        ContractionLoss(),
        L1SparsityLoss(),
        KLSparsityLoss(1.0, 0.2),
        BernoulliKLLoss(1.0, 2.0),
        GaussianKLLoss(1.0, 4),
    ):
        torch.testing.assert_close(term(outputs, counted), term(repeated, twice))


@pytest.mark.parametrize("similarity", [distance, cosine, rbf])
def test_a_pair_weighs_the_product(similarity, draw):
    samples, weights = draw(N_SAMPLES, 4), draw(N_SAMPLES).abs()
    codes = draw(N_SAMPLES, 2).requires_grad_()
    squares = (similarity(codes) - similarity(samples)).square()
    pairs = [(i, j) for i, j in product(range(N_SAMPLES), repeat=2) if i != j]
    lost = [weights[i] * weights[j] * squares[i, j] for i, j in pairs]
    expected = torch.stack(lost).mean()
    batch = Batch(samples, torch.arange(N_SAMPLES), None, weights)
    found = SimilarityLoss(similarity, 1.0, 1.0)(Outputs(codes, samples), batch)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        *(torch.autograd.grad(loss, codes)[0] for loss in (found, expected))
    )


def test_pairs_of_large_batches_are_weighed_in_blocks(draw):
    samples, codes, weights = draw(300, 4), draw(300, 2), draw(300).abs()
    term = SimilarityLoss(distance, 1.0, 1.0)
    blocks = [
        term(
            Outputs(codes[at], samples[at]),
            Batch(samples[at], torch.arange(100), None, weights[at]),
        )
        for at in (slice(0, 100), slice(100, 200), slice(200, 300))
    ]
    whole = Batch(samples, torch.arange(300), None, weights)
    found = term(Outputs(codes, samples), whole)
    torch.testing.assert_close(found, torch.stack(blocks).mean())


def naive_neighbor_loss(codes, log_scale, weights):
    """The formula, code by code."""
    n_codes = len(codes)
    weights = torch.cat([weights, weights])
    kernel = student_kernel(codes * log_scale.exp())
    lost = []
    for i in range(n_codes):
        others = [
            weights[j] / weights.mean() * kernel[i, j] for j in range(n_codes) if j != i
        ]
        positive = kernel[i, i - n_codes // 2]
        lost.append(weights[i] * (torch.stack(others).sum().log() - positive.log()))
    return torch.stack(lost).mean() / np.log(n_codes - 1)


@pytest.mark.parametrize("n_anchors", [2, 3, 20])
def test_neighbors_are_weighed_by_their_anchors(n_anchors, draw):
    codes = draw(2 * n_anchors, 2).requires_grad_()
    weights = draw(n_anchors).abs()
    log_scale = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    expected = naive_neighbor_loss(codes, log_scale, weights)
    found = neighbor_loss(codes, log_scale, weights)
    torch.testing.assert_close(found, expected)
    for gradients in zip(
        torch.autograd.grad(3 * found, [codes, log_scale]),
        torch.autograd.grad(3 * expected, [codes, log_scale]),
    ):
        torch.testing.assert_close(*gradients)


def test_neighbors_of_a_large_batch_are_weighed_in_blocks(draw):
    anchors, positives, weights = draw(1_024, 2), draw(1_024, 2), draw(1_024).abs()
    log_scale = torch.tensor(0.5, dtype=torch.float64)
    blocks = [
        neighbor_loss(torch.cat([anchors[at], positives[at]]), log_scale, weights[at])
        for at in (slice(0, 512), slice(512, 1_024))
    ]
    found = neighbor_loss(torch.cat([anchors, positives]), log_scale, weights)
    torch.testing.assert_close(found, torch.stack(blocks).mean())


def test_anchors_of_weight_0_leave_the_gradient_finite(draw):
    codes = draw(8, 2).requires_grad_()
    log_scale = torch.tensor(0.5, dtype=torch.float64)
    neighbor_loss(codes, log_scale, torch.zeros(4, dtype=torch.float64)).backward()
    assert codes.grad.isfinite().all()


def test_a_triplet_weighs_the_product(draw):
    codes, weights = draw(N_SAMPLES, 2), draw(N_SAMPLES).abs()
    labels = torch.arange(N_SAMPLES) % 3
    halves = torch.cdist(codes, codes).square() / 2
    lost, total = 0.0, 0.0
    for a, p, n in product(range(N_SAMPLES), repeat=3):
        if a != p and labels[a] == labels[p] and labels[a] != labels[n]:
            weight = weights[a] * weights[p] * weights[n]
            lost += weight * (halves[a, p] - halves[a, n] + 0.5).clamp_min(0)
            total += weight
    found = triplet_loss(codes, labels, 0.5, weights)
    torch.testing.assert_close(found, lost / total)
