import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.metrics import log_loss

from stable_embedding.data.input_distances import MatrixDistances
from stable_embedding.losses import hamming
from stable_embedding.losses.base import Batch, Outputs
from stable_embedding.losses.hamming import (
    NEIGHBORHOODS,
    HammingLoss,
    first_thresholds,
    hamming_distance,
    hamming_loss,
    near_pairs,
)

pytestmark = pytest.mark.numeric
N_SAMPLES, N_BITS = 40, 6


@pytest.fixture
def draw(rng):
    return lambda *shape: torch.from_numpy(rng.normal(size=shape))


@pytest.fixture
def samples(draw):
    return draw(N_SAMPLES, 5)


@pytest.fixture
def codes(draw):
    return 2 * N_BITS**-0.5 * draw(N_SAMPLES, N_BITS).sigmoid()


@pytest.fixture
def parameters(draw):
    return torch.tensor(2.0).double(), 0.3 + 0.1 * draw(len(NEIGHBORHOODS))


def distances_of(samples):
    return torch.cdist(samples, samples)


def reference_labels(distances, count):
    """Near pairs, one after the other."""
    n_samples = len(distances)
    near = np.zeros((n_samples, n_samples), dtype=bool)
    for i, row in enumerate(distances):
        others = [j for j in np.argsort(row) if j != i]
        near[i, others[:count]] = True
    return near | near.T


def test_the_distance_of_bits_is_the_share_that_differs(rng):
    bits = rng.integers(0, 2, size=(20, N_BITS))
    codes = torch.from_numpy(2 * N_BITS**-0.5 * bits)
    np.testing.assert_allclose(
        hamming_distance(codes), cdist(bits, bits, "hamming"), atol=1e-12
    )


def test_near_pairs_are_the_nearest_of_one_of_both(samples):
    distances = distances_of(samples)
    found = near_pairs(distances)
    for labels, count in zip(found, NEIGHBORHOODS, strict=True):
        expected = reference_labels(distances.numpy(), count)
        off = ~np.eye(N_SAMPLES, dtype=bool)
        np.testing.assert_array_equal(labels.numpy()[off], expected[off])


def test_the_loss_is_the_cross_entropy_of_scikit_learn(samples, codes, parameters):
    log_slope, thresholds = parameters
    distances = distances_of(samples)
    off = ~np.eye(N_SAMPLES, dtype=bool)
    apart = hamming_distance(codes).numpy()[off]
    lost = []
    for threshold, count in zip(thresholds.numpy(), NEIGHBORHOODS):
        labels = reference_labels(distances.numpy(), count)[off]
        logits = np.exp(log_slope.item()) * (threshold - apart)
        guess = np.full(labels.shape, labels.mean())
        found = log_loss(labels, 1 / (1 + np.exp(-logits)))
        lost.append(found / log_loss(labels, guess))
    loss = hamming_loss(codes, distances, log_slope, thresholds)
    assert loss.item() == pytest.approx(np.mean(lost))


def test_the_gradient_is_that_of_finite_differences(samples, codes, parameters, rng):
    weights = torch.from_numpy(rng.uniform(0.5, 2, size=N_SAMPLES))
    distances = distances_of(samples)
    distances[3, 5] = distances[5, 3] = torch.nan
    inputs = [one.clone().requires_grad_() for one in (codes, *parameters)]
    for weighted in (None, weights):
        assert torch.autograd.gradcheck(
            lambda codes, log_slope, thresholds, weights=weighted: hamming_loss(
                codes, distances, log_slope, thresholds, weights
            ),
            inputs,
        )


def test_runs_are_as_each_alone(draw, parameters):
    log_slope, thresholds = parameters
    samples, codes = draw(3, N_SAMPLES, 5), draw(3, N_SAMPLES, N_BITS).sigmoid()
    together = hamming_loss(
        codes,
        distances_of(samples),
        log_slope.expand(3),
        thresholds.expand(3, -1),
    )
    alone = [
        hamming_loss(some, distances_of(of), log_slope, thresholds)
        for some, of in zip(codes, samples)
    ]
    torch.testing.assert_close(together, torch.stack(alone))


def test_a_weight_is_how_often_a_sample_counts_for_neighborhoods(samples, rng):
    weights = rng.integers(1, 4, size=N_SAMPLES)
    index = np.repeat(np.arange(N_SAMPLES), weights)
    repeated = distances_of(samples)[index][:, index].numpy()
    found = near_pairs(distances_of(samples), torch.from_numpy(weights).double())
    for labels, count in zip(found, NEIGHBORHOODS):
        for i, row in enumerate(repeated):
            # Its copies are no others, where it stands for several samples.
            others = np.sort(row[index != index[i]])
            near = row[index != index[i]] <= others[count - 1]
            expected = labels[index[i]].numpy()[index[index != index[i]]]
            assert (near <= expected).all()


@pytest.mark.parametrize("weight", [1e-3, 0.01, 0.05])
def test_the_neighborhood_of_a_light_sample_is_half_of_the_others(samples, weight):
    distances = distances_of(samples)
    weights = torch.full((N_SAMPLES,), weight).double()
    # Half of 39 others, who together stand for less than two samples.
    expected = reference_labels(distances.numpy(), 20)
    off = ~np.eye(N_SAMPLES, dtype=bool)
    for labels in near_pairs(distances, weights):
        np.testing.assert_array_equal(labels.numpy()[off], expected[off])


def test_equal_weights_of_one_are_no_weights(samples):
    distances = distances_of(samples)
    for n_samples in (2, 3, 5, 8, N_SAMPLES):
        part = distances[:n_samples, :n_samples]
        found = near_pairs(part, torch.ones(n_samples).double())
        assert torch.equal(found, near_pairs(part))


def test_codes_that_tell_neighbors_lose_less_than_those_that_tell_nothing(rng):
    group = np.repeat(np.arange(16), 5)
    samples = torch.from_numpy(np.eye(16)[group] + 0.01 * rng.normal(size=(80, 16)))
    digits = (group[:, None] >> np.arange(4)) & 1
    told = torch.from_numpy(2 * np.repeat(digits, 3, axis=1) * 12**-0.5)
    untold = torch.full_like(told, 12**-0.5)
    thresholds = torch.tensor([0.0, 0.05, 0.12, 0.12]).double()
    slope = torch.tensor(3.0).double()
    loss = hamming_loss(told, distances_of(samples), slope, thresholds)
    assert loss < 0.7 * hamming_loss(untold, distances_of(samples), slope, thresholds)


@pytest.mark.parametrize("n_samples", [1, 2, 3])
def test_few_samples_have_a_finite_loss(n_samples, draw, parameters):
    codes = draw(n_samples, N_BITS).requires_grad_()
    loss = hamming_loss(codes, distances_of(draw(n_samples, 5)), *parameters)
    loss.backward()
    assert loss.isfinite()
    assert codes.grad.isfinite().all()


def test_of_samples_that_are_all_alike_there_is_nothing_to_tell(codes, parameters):
    codes = codes.requires_grad_()
    loss = hamming_loss(codes, torch.zeros(N_SAMPLES, N_SAMPLES).double(), *parameters)
    loss.backward()
    assert loss == 0
    assert not codes.grad.any()


def test_pairs_of_unknown_distance_do_not_count(samples, codes, parameters):
    distances = distances_of(samples)
    distances[:5] = distances[:, :5] = torch.nan
    loss = hamming_loss(codes, distances, *parameters)
    known = hamming_loss(codes[5:], distances[5:, 5:], *parameters)
    torch.testing.assert_close(loss, known)


def test_thresholds_are_quantiles_of_pairs(codes, rng):
    weights = rng.integers(0, 2, size=N_SAMPLES)
    codes = codes.numpy()
    bits = (codes - N_BITS**-0.5)[weights > 0]
    products = (bits @ bits.T)[~np.eye(len(bits), dtype=bool)]
    expected = np.quantile(0.5 - products / 2, np.array(NEIGHBORHOODS) / 256)
    # Each pair counts twice here, and quantiles lie between other pairs.
    np.testing.assert_allclose(first_thresholds(codes, weights), expected, atol=0.01)


def test_the_term_is_the_function_of_blocks(samples, codes, monkeypatch):
    thresholds = torch.full((4,), 0.3)
    term = HammingLoss(0.5, N_BITS, thresholds).double()
    outputs, batch = Outputs(codes, codes), Batch(samples, torch.arange(N_SAMPLES))
    parameters = term.log_slope, term.thresholds
    whole = hamming_loss(codes, distances_of(samples), *parameters)
    torch.testing.assert_close(term(outputs, batch), whole)
    assert (term.name, term.weight) == ("hamming", 0.5)
    monkeypatch.setattr(hamming.limits, "NEGATIVE_BLOCK", 20)
    blocks = [
        hamming_loss(codes[part], distances_of(samples[part]), *parameters)
        for part in (slice(20), slice(20, 40))
    ]
    torch.testing.assert_close(term(outputs, batch), torch.stack(blocks).mean())


def test_distances_that_are_given_take_the_place_of_those_of_samples(samples, codes):
    places = samples.flip(0)
    distances = MatrixDistances(distances_of(places).numpy())
    thresholds = torch.full((4,), 0.3)
    index = torch.arange(N_SAMPLES)
    outputs = Outputs(codes, codes)
    given = HammingLoss(1.0, N_BITS, thresholds, distances).double()
    found = HammingLoss(1.0, N_BITS, thresholds).double()
    # As float32, in which distances are held.
    torch.testing.assert_close(
        given(outputs, Batch(samples, index)),
        found(outputs, Batch(places, index)),
        rtol=1e-5,
        atol=1e-6,
    )


def test_what_samples_lost_is_added_to_their_distances(draw, codes):
    kept, lost = draw(N_SAMPLES, 5), 0.5 * draw(N_SAMPLES, N_SAMPLES).diag().diag()
    whole = torch.cat([kept, lost], dim=1)  # each lost what is orthogonal to others
    thresholds = torch.full((4,), 0.3)
    outputs, index = Outputs(codes, codes), torch.arange(N_SAMPLES)
    discarded = lost.square().sum(1)
    term = HammingLoss(1.0, N_BITS, thresholds, discarded=discarded).double()
    of_whole = HammingLoss(1.0, N_BITS, thresholds).double()
    found = term(outputs, Batch(kept, index))
    torch.testing.assert_close(found, of_whole(outputs, Batch(whole, index)))
    assert not torch.isclose(found, of_whole(outputs, Batch(kept, index)))


def test_half_of_the_others_is_counted_by_their_weights():
    places = torch.arange(5.0).double().unsqueeze(-1).square()
    weights = torch.full((5,), 2.0).double()
    index = torch.arange(5).repeat_interleave(2)
    found = near_pairs(distances_of(places), weights)
    # Eight samples are at other places, half of which are four, at two places.
    n_near = [labels[0, 1:].sum().item() for labels in found]
    assert n_near == [1, 1, 2, 2]
    repeated = distances_of(places[index])
    repeated[index.unsqueeze(-1) == index] = torch.nan
    # Copies are no others, and take no place among the half of nine others.
    for labels, expected in zip(found, near_pairs(repeated)):
        others = ~torch.eye(5, dtype=torch.bool)
        assert torch.equal(labels[others], expected[::2, ::2][others])
