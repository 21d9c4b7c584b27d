import copy
import pickle
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from stable_embedding.losses.base import (
    Batch,
    LossTerm,
    Outputs,
    TotalLoss,
    anchors_of,
    split_into_blocks,
)
from stable_embedding.losses.neighbor import NeighborLoss, neighbor_loss
from stable_embedding.losses.reconstruction import (
    ReconstructionLoss,
    reconstruction_loss,
)
from stable_embedding.losses.similarity import distance
from stable_embedding.losses.similarity_loss import SimilarityLoss, similarity_loss

N_ANCHORS = 6


class MoreOutputs(NamedTuple):
    """Outputs with a size for each sample, images, a common value, and nothing."""

    codes: Tensor
    reconstruction: Tensor
    size: Tensor
    images: Tensor
    common: Tensor
    nothing: None = None


class Size(LossTerm):
    """Mean of an output of the test's own."""

    name = "size"

    def forward(self, outputs, batch):
        return outputs.size.mean(-1)


class Label(LossTerm):
    """Mean of the labels."""

    name = "label"

    def forward(self, outputs, batch):
        return batch.labels.mean(-1)


class Refusal(LossTerm):
    """A term that must not be computed."""

    name = "refusal"

    def forward(self, outputs, batch):
        raise AssertionError


def batch_of(samples, labels=None):
    index = torch.arange(samples.shape[-2]).expand(samples.shape[:-1])
    return Batch(samples, index, labels)


def outputs_of(samples):
    return Outputs(samples[..., :2], 0.5 * samples)


def more_outputs_of(samples):
    lead = samples.shape[:-1]
    return MoreOutputs(
        *outputs_of(samples),
        samples[..., 0].abs(),
        torch.arange(samples[..., 0].numel() * 48.0).reshape(*lead, 3, 4, 4),
        torch.ones(*samples.shape[:-2], 1),
    )


@pytest.fixture
def samples():
    return torch.randn(2 * N_ANCHORS, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("lead", [(), (2,)])
def test_anchors_are_the_first_half_of_the_samples_in_every_field(lead, samples):
    samples = samples + torch.arange(2.0).reshape(2, 1, 1) if lead else samples
    labels = torch.arange(samples[..., 0].numel()).reshape(*lead, 2 * N_ANCHORS)
    outputs, batch = more_outputs_of(samples), batch_of(samples, labels)
    of_anchors, anchors = anchors_of(outputs, batch)
    assert type(of_anchors) is MoreOutputs
    first = slice(N_ANCHORS)
    for name in ("codes", "reconstruction"):
        found, whole = getattr(of_anchors, name), getattr(outputs, name)
        assert torch.equal(found, whole[..., first, :])
    assert torch.equal(of_anchors.size, outputs.size[..., first])
    assert torch.equal(of_anchors.images, outputs.images[..., first, :, :, :])
    assert torch.equal(of_anchors.common, outputs.common)
    assert of_anchors.nothing is None
    assert torch.equal(anchors.samples, samples[..., first, :])
    assert torch.equal(anchors.index, batch.index[..., first])
    assert torch.equal(anchors.labels, labels[..., first])
    assert anchors_of(outputs, batch_of(samples))[1].labels is None


@pytest.mark.numeric
def test_the_total_is_the_weighted_sum_of_its_terms(samples):
    similarity = SimilarityLoss(distance, 0.3)
    loss = TotalLoss([ReconstructionLoss(), similarity, Size(2.0), NeighborLoss(0.0)])
    outputs, batch = more_outputs_of(samples), batch_of(samples)
    total, reconstruction, similar, size, neighbor = loss(outputs, batch)
    assert loss.names == (
        "loss",
        "reconstruction_loss",
        "similarity_loss",
        "size_loss",
        "neighbor_loss",
    )
    assert loss.weights == {
        "reconstruction": 1,
        "similarity": 0.3,
        "size": 2,
        "neighbor": 0,
    }
    assert reconstruction == reconstruction_loss(samples, outputs.reconstruction)
    assert similar == similarity_loss(samples, outputs.codes, distance, 2.0)
    assert size == outputs.size.mean()
    assert neighbor == 0
    # Rounding of float32, in another order of sums.
    torch.testing.assert_close(total, reconstruction + 0.3 * similar + 2 * size)


def test_a_term_without_weight_is_not_computed(samples):
    loss = TotalLoss([ReconstructionLoss(), Refusal(0.0)])
    total, reconstruction, nothing = loss(outputs_of(samples), batch_of(samples))
    assert total == reconstruction
    assert nothing == 0
    with pytest.raises(AssertionError):
        TotalLoss([Refusal(0.1)])(outputs_of(samples), batch_of(samples))


def test_a_first_term_may_be_without_weight(samples):
    loss = TotalLoss([Refusal(0.0), ReconstructionLoss()])
    total, nothing, reconstruction = loss(outputs_of(samples), batch_of(samples))
    assert total == reconstruction != 0
    assert nothing == 0


def test_separate_batches_have_values_of_their_own(samples):
    together = torch.stack([samples, 2 * samples])
    loss = TotalLoss([ReconstructionLoss(), Refusal(0.0)])
    found = loss(outputs_of(together), batch_of(together))
    assert found.shape == (3, 2)
    for run, alone in enumerate(together):
        expected = loss(outputs_of(alone), batch_of(alone))
        torch.testing.assert_close(found[:, run], expected)


def test_labels_and_further_outputs_reach_the_terms(samples):
    labels = torch.ones(len(samples))
    loss = TotalLoss([ReconstructionLoss(), Size(0.5), Label(2.0), Refusal(0.0)])
    outputs = more_outputs_of(samples)
    terms = loss(outputs, batch_of(samples, labels))
    plain = TotalLoss([ReconstructionLoss()])(outputs, batch_of(samples))
    size = outputs.size.mean()
    torch.testing.assert_close(terms[0], plain[0] + 0.5 * size + 2)
    torch.testing.assert_close(
        terms[1:], torch.stack([plain[1], size, *torch.eye(2)[0]])
    )


def test_positives_count_in_training_alone(samples):
    outputs, batch = outputs_of(samples), batch_of(samples)
    neighbor = NeighborLoss(0.3, torch.tensor(2.0))
    loss = TotalLoss([ReconstructionLoss(), SimilarityLoss(distance), neighbor])
    assert loss.paired
    total, first, second, third = loss(outputs, batch)
    assert first == reconstruction_loss(samples, outputs.reconstruction)
    assert third == neighbor_loss(outputs.codes, neighbor.log_scale)
    assert total.item() == pytest.approx((first + second + 0.3 * third).item())
    _, first, second, same = loss.eval()(outputs, batch)
    anchors = samples[:N_ANCHORS]
    assert first == reconstruction_loss(anchors, 0.5 * anchors)
    assert second == similarity_loss(anchors, anchors[:, :2], distance, 2.0)
    assert same == third


def test_a_term_of_ones_own_is_evaluated_on_anchors_alone(samples):
    neighbor = NeighborLoss(1.0, torch.tensor(2.0))
    loss = TotalLoss([ReconstructionLoss(), Size(1.0), neighbor])
    outputs, batch = more_outputs_of(samples), batch_of(samples)
    assert loss(outputs, batch)[2] == outputs.size.mean()
    assert loss.eval()(outputs, batch)[2] == outputs.size[:N_ANCHORS].mean()


def test_without_weight_a_neighbor_term_pairs_nothing(samples):
    loss = TotalLoss([ReconstructionLoss(), NeighborLoss(0.0)]).eval()
    assert not loss.paired
    found = loss(outputs_of(samples), batch_of(samples))[1]
    assert found == reconstruction_loss(samples, 0.5 * samples)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))]
)
def test_a_copy_has_the_learned_scale_and_learns_its_own(copied, samples):
    neighbor = NeighborLoss(0.3, torch.tensor(2.0))
    loss = TotalLoss([ReconstructionLoss(), SimilarityLoss(distance, 0.5), neighbor])
    with torch.no_grad():
        neighbor.log_scale += 0.25  # as if it was learned
    outputs, batch = outputs_of(samples), batch_of(samples)
    before = loss(outputs, batch).detach()
    other = copied(loss)
    assert other.names == loss.names
    assert other.weights == loss.weights
    assert torch.equal(other(outputs, batch).detach(), before)
    with torch.no_grad():
        other.terms[2].log_scale += 1
    assert not torch.equal(other(outputs, batch).detach(), before)
    assert torch.equal(loss(outputs, batch).detach(), before)


def test_a_term_must_be_computed_by_its_class(samples):
    with pytest.raises(NotImplementedError, match="LossTerm must define forward"):
        LossTerm()(outputs_of(samples), batch_of(samples))


@pytest.mark.parametrize(
    ("n_samples", "shape"), [(4, (1, 4)), (5, (2, 2)), (8, (2, 4)), (11, (3, 3))]
)
def test_blocks_are_even_and_leave_out_few(n_samples, shape):
    samples = torch.arange(2 * n_samples).reshape(1, n_samples, 2)
    blocks = split_into_blocks(samples, 4)
    assert blocks.shape == (1, *shape, 2)
    n_kept = shape[0] * shape[1]
    assert torch.equal(blocks.flatten(1, 2), samples[:, :n_kept])


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        (torch.tensor(1.0), ValueError, r"'own' returned shape \(\); it must be"),
        (torch.ones(3, 1), ValueError, r"shape \(3, 1\); it must be \(3,\): one"),
        (1.0, TypeError, "'own' returned a float; it must be a torch.Tensor"),
    ],
)
def test_a_term_returns_one_value_for_each_run(samples, returned, error, message):
    class Own(LossTerm):
        name = "own"

        def forward(self, outputs, batch):
            return returned

    runs = samples.expand(3, *samples.shape)
    with pytest.raises(error, match=message):
        TotalLoss([ReconstructionLoss(), Own()])(outputs_of(runs), batch_of(runs))


def test_fractions_that_terms_count_follow_their_values(samples):
    class Half(Size):
        def forward(self, outputs, batch):
            self.counted_fraction = outputs.size.new_full(outputs.size.shape[:-1], 0.5)
            return super().forward(outputs, batch)

    runs = torch.stack([samples, 2 * samples])
    loss = TotalLoss([ReconstructionLoss(), Half(), Refusal(0.0)])
    found = loss(more_outputs_of(runs), batch_of(runs))
    assert found.shape == (8, 2)
    assert found[4:, 0].tolist() == found[4:, 1].tolist() == [1, 1, 0.5, 1]


def test_a_fraction_holds_for_one_batch_alone(samples):
    class HalfInTraining(Size):
        def forward(self, outputs, batch):
            if self.training:
                self.counted_fraction = outputs.size.new_full((), 0.5)
            return super().forward(outputs, batch)

    loss, batch = TotalLoss([HalfInTraining()]), batch_of(samples)
    assert len(loss(more_outputs_of(samples), batch)) == 4
    assert len(loss.eval()(more_outputs_of(samples), batch)) == 2


@pytest.mark.parametrize(
    ("fraction", "error", "message"),
    [
        (torch.tensor(1.0), ValueError, r"'size' has a counted_fraction of shape \(\)"),
        (1.0, TypeError, "'size' has a counted_fraction of a float; it must be a"),
    ],
)
def test_a_term_counts_one_fraction_for_each_run(samples, fraction, error, message):
    class Counted(Size):
        def forward(self, outputs, batch):
            self.counted_fraction = fraction
            return super().forward(outputs, batch)

    runs = samples.expand(3, *samples.shape)
    with pytest.raises(error, match=message):
        TotalLoss([Counted()])(more_outputs_of(runs), batch_of(runs))
