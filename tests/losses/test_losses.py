import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist

from stable_embedding.losses.base import (
    Penalty,
    StableLoss,
    collapsed_similarity_loss,
    distance_loss,
    mean_squared_difference,
    neighbor_loss,
    reconstruction_loss,
    similarity_loss,
    without_partners,
)
from stable_embedding.losses.similarity import SIMILARITIES, distance, squared_distance

pytestmark = pytest.mark.numeric


@pytest.fixture
def rows(rng):
    x = rng.normal(size=(300, 5)) * [3, 2, 1, 1, 1]
    x -= x.mean(axis=0)
    return torch.from_numpy(x / np.sqrt(np.square(x).sum(axis=1).mean()))


def test_reconstruction_loss_is_the_unexplained_share_of_variance(rows):
    assert reconstruction_loss(rows, rows) == 0
    assert reconstruction_loss(rows, torch.zeros_like(rows)).item() == pytest.approx(1)


def test_similarity_loss_of_distances_is_half_the_mean_square_over_pairs(rows, rng):
    rows, codes = rows[:100], torch.from_numpy(rng.normal(size=(100, 2)))
    expected = 0.5 * np.mean((pdist(codes) - pdist(rows)) ** 2)
    found = similarity_loss(rows, codes, distance, 2.0).item()
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n_rows", [2, 100, 128, 129, 300])
def test_distances_of_large_batches_are_compared_within_blocks(n_rows, rows, rng):
    rows, codes = rows[:n_rows], torch.from_numpy(rng.normal(size=(n_rows, 5)))
    n_blocks = -(-n_rows // 128)
    expected = [
        np.mean((pdist(codes[block]) - pdist(rows[block])) ** 2)
        for block in np.arange(n_rows // n_blocks * n_blocks).reshape(n_blocks, -1)
    ]
    found = distance_loss(rows, codes).item()
    assert found == pytest.approx(np.mean(expected), rel=1e-6)
    in_runs = distance_loss(torch.stack([rows, rows]), torch.stack([codes, rows]))
    assert in_runs[0].item() == pytest.approx(found)
    assert in_runs[1].item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("shape", [(7, 3), (2, 7, 1), (150, 2)])
def test_the_gradient_by_hand_is_that_of_autograd(shape, rng):
    rows = torch.from_numpy(rng.normal(size=(*shape[:-1], 5)))
    codes = torch.from_numpy(rng.normal(size=shape)).requires_grad_()
    weights = torch.arange(1.0, 1 + rows.dim() - 1).sum()
    (found,) = torch.autograd.grad((weights * distance_loss(rows, codes)).sum(), codes)
    halves = -(-shape[-2] // 128)
    blocks = (halves, shape[-2] // halves)
    lost = mean_squared_difference(
        distance(codes.unflatten(-2, blocks)), distance(rows.unflatten(-2, blocks))
    )
    (expected,) = torch.autograd.grad((weights * lost.mean(-1)).sum(), codes)
    torch.testing.assert_close(found, expected)


def test_what_rows_have_dropped_is_made_up_for(rng):
    # Noise in many directions: no two rows share any of it.
    rows = torch.from_numpy(rng.normal(size=(100, 3)))
    noise = torch.from_numpy(0.03 * rng.normal(size=(100, 20_000)))
    noise -= noise.mean(0)
    whole = torch.cat([rows, noise], dim=1)
    dropped = noise.square().sum().item() / 99  # over pairs of different rows
    codes = torch.from_numpy(rng.normal(size=(100, 2)))
    expected = distance_loss(whole, codes).item()
    assert distance_loss(rows, codes, dropped).item() == pytest.approx(expected, 0.01)
    assert abs(distance_loss(rows, codes).item() - expected) > 0.5 * expected
    output = (codes, torch.zeros_like(rows))
    terms = StableLoss(distance, 1.0, 2.0, noise.square().sum(1).mean())(output, rows)
    lost = reconstruction_loss(whole, torch.zeros_like(whole))
    torch.testing.assert_close(terms[1], lost)
    torch.testing.assert_close(terms[0], terms[1] + terms[2])


def test_the_gradient_is_finite_where_codes_coincide(rows):
    codes = torch.zeros(20, 2, dtype=rows.dtype, requires_grad=True)
    distance_loss(rows[:20], codes).backward()
    assert not codes.grad.any()


@pytest.mark.parametrize("name", SIMILARITIES)
def test_similarity_loss_is_0_when_kept_and_1_when_collapsed(name, rows):
    similarity = SIMILARITIES[name]
    collapsed_loss = collapsed_similarity_loss(rows, similarity)
    kept = similarity_loss(rows, rows.clone(), similarity, collapsed_loss).item()
    origin = torch.zeros(len(rows), 2, dtype=rows.dtype)
    lost = similarity_loss(rows, origin, similarity, collapsed_loss).item()
    assert kept == pytest.approx(0, abs=1e-12)
    # n / (n - 1), where the normalizer of distances is exact only in the limit.
    # Blocks of 100 rows scatter around it.
    assert lost == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("name", ["distance", "rbf"])
def test_similarity_loss_does_not_see_rigid_maps(name, rows):
    rotation, _ = torch.linalg.qr(torch.randn(5, 5, dtype=rows.dtype))
    loss = similarity_loss(rows, rows @ rotation + 1, SIMILARITIES[name], 1.0)
    assert loss.item() == pytest.approx(0, abs=1e-12)


def test_scale_of_the_codes_counts(rows):
    assert similarity_loss(rows, rows / 2, distance, 2.0).item() > 0.1


def test_a_single_row_has_no_pairs_to_lose():
    assert mean_squared_difference(torch.ones(1, 1), torch.zeros(1, 1)) == 0


def test_normalizer_of_constant_rows_is_one():
    assert collapsed_similarity_loss(torch.zeros(5, 2), SIMILARITIES["rbf"]) == 1.0


def test_criterion_returns_the_total_and_its_terms(rows):
    codes, reconstruction = rows[:, :2], rows * 0.5
    loss = StableLoss(distance, 0.3, 2.0)
    total, first, second, third = loss((codes, reconstruction), rows)
    assert len(loss.names) == 4
    assert third == 0
    torch.testing.assert_close(first, reconstruction_loss(rows, reconstruction))
    torch.testing.assert_close(second, similarity_loss(rows, codes, distance, 2.0))
    assert total.item() == pytest.approx((first + 0.3 * second).item())


def test_without_weight_the_similarity_is_not_computed(rows):
    def refuse(_):
        raise AssertionError

    loss = StableLoss(refuse, 0.0, 1.0)
    total, first, second, third = loss((rows, rows * 0.5), rows)
    assert total == first
    assert second == third == 0


def naive_neighbor_loss(codes, log_scale):
    """The formula, code by code."""
    n_rows = len(codes) // 2
    kernel = 1 / (1 + (2 * log_scale).exp() * squared_distance(codes).clamp_min(0))
    lost = []
    for i in range(2 * n_rows):
        others = [kernel[i, j] for j in range(2 * n_rows) if j != i]
        lost.append(torch.stack(others).sum().log() - kernel[i, i - n_rows].log())
    return torch.stack(lost).mean() / np.log(2 * n_rows - 1)


@pytest.mark.parametrize("n_rows", [2, 3, 20])
def test_neighbor_loss_and_its_gradients_are_those_of_the_formula(n_rows, rng):
    codes = torch.from_numpy(rng.normal(size=(2 * n_rows, 2))).requires_grad_()
    log_scale = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    expected = naive_neighbor_loss(codes, log_scale)
    found = neighbor_loss(codes, log_scale)
    torch.testing.assert_close(found, expected)
    for gradients in zip(
        torch.autograd.grad(3 * found, [codes, log_scale]),
        torch.autograd.grad(3 * expected, [codes, log_scale]),
    ):
        torch.testing.assert_close(*gradients)


def test_neighbor_loss_keeps_batches_apart_each_with_its_scale(rng):
    codes = torch.from_numpy(rng.normal(size=(3, 20, 2)))
    log_scales = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    found = neighbor_loss(codes, log_scales)
    expected = torch.stack(list(map(neighbor_loss, codes, log_scales)))
    torch.testing.assert_close(found, expected)


def test_neighbor_loss_of_a_large_batch_is_that_of_its_blocks(rng):
    rows, partners = torch.from_numpy(rng.normal(size=(2, 2, 1_025, 2)))
    log_scales = torch.tensor([0.5, 1.0], dtype=torch.float64)
    found = neighbor_loss(torch.cat([rows, partners], dim=1), log_scales)
    of_blocks = [
        neighbor_loss(torch.cat([rows[:, at], partners[:, at]], dim=1), log_scales)
        for at in (slice(0, 341), slice(341, 682), slice(682, 1_023))
    ]
    torch.testing.assert_close(found, torch.stack(of_blocks).mean(0))


def test_neighbor_loss_is_a_fraction(rng):
    n_rows, log_scale = 50, torch.tensor(0.0)
    collapsed = neighbor_loss(torch.zeros(2 * n_rows, 2), log_scale)
    assert collapsed.item() == pytest.approx(1)
    rows = torch.from_numpy(rng.normal(size=(n_rows, 2))) * 1e4
    apart = neighbor_loss(torch.cat([rows, rows + 1e-3]), log_scale.double())
    assert 0 <= apart.item() < 0.01


def test_partners_count_in_training_alone(rows):
    batch = torch.cat([rows, rows + 1])
    output = batch[:, :2], batch * 0.5
    loss = StableLoss(distance, 1.0, 2.0, 0.0, 0.3, torch.tensor(2.0))
    total, first, second, third = loss(output, batch)
    torch.testing.assert_close(first, reconstruction_loss(batch, batch * 0.5))
    torch.testing.assert_close(third, neighbor_loss(output[0], loss.log_scale))
    assert total.item() == pytest.approx((first + second + 0.3 * third).item())
    _, first, second, same = loss.eval()(output, batch)
    torch.testing.assert_close(first, reconstruction_loss(rows, rows * 0.5))
    expected = similarity_loss(rows, rows[:, :2], distance, 2.0)
    torch.testing.assert_close(second, expected)
    torch.testing.assert_close(same, third)


def test_only_the_scale_of_the_kernel_is_learned():
    assert not list(StableLoss(distance, 1.0, 2.0).parameters())
    loss = StableLoss(distance, 1.0, 2.0, 0.0, 0.3, torch.tensor([2.0, 3.0]))
    (log_scale,) = loss.parameters()
    torch.testing.assert_close(log_scale.exp().detach(), torch.tensor([2.0, 3.0]))


def test_penalties_are_weighted_and_shown(rows):
    codes, more = rows[:, :2], rows[:, 0].abs()
    penalties = {
        "size": Penalty(0.5, lambda output, target: output[2].mean(-1)),
        "label": Penalty(2.0, lambda output, target: target[1].mean(-1)),
        "unused": Penalty(0.0, None),
    }
    loss = StableLoss(distance, 1.0, 2.0, penalties=penalties)
    assert loss.names[4:] == ("size", "label", "unused")
    labels = torch.ones(len(rows))
    terms = loss((codes, rows, more), (rows, labels))
    plain = StableLoss(distance, 1.0, 2.0)((codes, rows), rows)
    torch.testing.assert_close(terms[1:4], plain[1:])
    torch.testing.assert_close(
        terms[4:], torch.stack([more.mean(), more.new_tensor(1), 0 * more[0]])
    )
    torch.testing.assert_close(terms[0], plain[0] + 0.5 * more.mean() + 2)


def test_another_reconstruction_loss_takes_its_place(rows):
    loss = StableLoss(distance, 0.0, 2.0, reconstruction=lambda x, y: x.sum((-2, -1)))
    terms = loss((rows[:, :2], rows), rows)
    torch.testing.assert_close(terms[1], rows.sum())


def test_penalties_of_an_evaluation_are_of_the_rows_alone(rows):
    rows = rows[:40]
    penalties = {"size": Penalty(1.0, lambda output, target: output[2].mean(-1))}
    loss = StableLoss(
        distance, 0.0, 2.0, 0.0, 1.0, torch.tensor(2.0), penalties=penalties
    ).double()
    sizes = rows[:, 0].abs()
    output = rows[:, :2], rows, sizes
    labels = torch.arange(40)
    trained = loss(output, (rows, labels))[4].detach()
    assert trained == pytest.approx(sizes.mean().item())
    shown = loss.eval()(output, (rows, labels))[4].detach()
    assert shown == pytest.approx(sizes[:20].mean().item())
    halves = without_partners((rows, labels))
    torch.testing.assert_close(halves, (rows[:20], labels[:20]))
