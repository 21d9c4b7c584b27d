import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from stable_embedding.data.input_distances import MatrixDistances
from stable_embedding.losses.base import Batch, Outputs
from stable_embedding.losses.given_distances import (
    GivenDistanceLoss,
    GivenInnerProductLoss,
    collapsed_product_loss,
)


class Products:
    """Inner products of points, less their mean."""

    def __init__(self, points):
        self.points = torch.from_numpy(points - points.mean(axis=0))

    def products(self, index):
        return self.points[index] @ self.points[index].mT


@pytest.mark.numeric
def test_products_agree_with_a_slow_reference(rng):
    points, codes = rng.normal(size=(2, 9, 3))
    wanted, index = Products(points), torch.arange(9)
    pairs = [(i, j) for i in range(9) for j in range(i)]
    given = wanted.points.numpy()
    products = np.array([given[i] @ given[j] for i, j in pairs]) / 4
    expected = [(codes[i] @ codes[j] - b) ** 2 for (i, j), b in zip(pairs, products)]
    normalizer = collapsed_product_loss(wanted, index, 2.0)
    assert normalizer == pytest.approx(np.mean(products**2))
    term = GivenInnerProductLoss(wanted, 2.0, 1.0, normalizer)
    lost = term(Outputs(torch.from_numpy(codes), None), Batch(None, index)).item()
    assert lost == pytest.approx(np.mean(expected) / normalizer)


@pytest.mark.numeric
def test_products_of_large_batches_are_compared_within_blocks(rng):
    codes = torch.from_numpy(rng.normal(size=(2, 300, 2)))
    term = GivenInnerProductLoss(Products(rng.normal(size=(300, 3))), 1.0)
    index = torch.stack([torch.arange(300), torch.arange(300).flip(0)])
    found = term(Outputs(codes, codes), Batch(codes, index))
    for run in (0, 1):
        parts = [
            term(Outputs(codes[run, at], None), Batch(None, index[run, at])).item()
            for at in (slice(0, 100), slice(100, 200), slice(200, 300))
        ]
        assert found[run].item() == pytest.approx(np.mean(parts))


@pytest.mark.numeric
def test_the_gradient_of_products_is_finite_and_right(rng):
    term = GivenInnerProductLoss(Products(rng.normal(size=(6, 3))), 1.0)
    batch = Batch(None, torch.arange(6))
    codes = torch.from_numpy(rng.normal(size=(6, 2)))
    codes[0] = codes[1]
    codes[2] = 0
    codes.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: term(Outputs(z, None), batch), codes)


def test_a_map_that_keeps_products_loses_nothing_and_a_collapsed_one_all(rng):
    wanted, index = Products(rng.normal(size=(50, 4))), torch.arange(50)
    normalizer = collapsed_product_loss(wanted, index, 1.0)
    term = GivenInnerProductLoss(wanted, 1.0, 1.0, normalizer)
    for codes, lost in ((wanted.points, 0), (torch.zeros(50, 2).double(), 1)):
        found = term(Outputs(codes, None), Batch(None, index)).item()
        assert found == pytest.approx(lost, abs=1e-9)
    alike = Products(np.zeros((5, 2)))
    assert collapsed_product_loss(alike, torch.arange(5), 1.0) == 1.0


def known_distances(points, is_known):
    """Distances of points, nan where they are not known."""
    found = MatrixDistances(np.where(is_known, cdist(points, points), np.nan))
    found.has_unknown = True
    return found


@pytest.fixture(params=[12, 300], ids=["a block", "blocks"])
def some_known(request, rng):
    """Codes of two runs, and a term of few distances, most of them in one block."""
    n_samples = request.param
    chances = np.where(np.arange(n_samples) < n_samples // 3, 0.3, 0.01)
    is_known = rng.random((n_samples, n_samples)) < np.minimum.outer(chances, chances)
    is_known[0, 1] = True
    is_known |= is_known.T
    np.fill_diagonal(is_known, True)
    points = rng.normal(size=(n_samples, 4))
    codes = torch.from_numpy(rng.normal(size=(2, n_samples, 2))).requires_grad_()
    return codes, GivenDistanceLoss(known_distances(points, is_known), 1.5)


def pairs_within_blocks(codes):
    """Positions of pairs, of samples that are dealt to blocks of 128 or fewer."""
    size = len(codes) // -(-len(codes) // 128)
    first, second = np.triu_indices(len(codes), 1)
    together = first // size == second // size
    return first[together], second[together]


def lost_by_known_pairs(term, codes, weights):
    """The loss pair by pair, and the fraction of pairs that are known."""
    first, second = pairs_within_blocks(codes)
    wanted = torch.from_numpy(term.distances.matrix[first, second]) / term.unit
    of_pairs = weights[first] * weights[second]
    known = wanted.isfinite()
    found = (codes[first] - codes[second])[known].norm(dim=-1)
    lost = of_pairs[known] * (found - wanted[known]).square() / 2
    n_known = of_pairs[known].sum()
    return lost.sum() / n_known * of_pairs.mean(), n_known / of_pairs.sum()


@pytest.mark.numeric
@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_is_the_mean_over_known_pairs_of_all_blocks(weighted, some_known, rng):
    codes, term = some_known
    weights = torch.ones(codes.shape[:-1]).double()
    if weighted:
        weights = torch.from_numpy(rng.uniform(0, 3, size=codes.shape[:-1]))
    index = torch.arange(codes.shape[-2]).expand(codes.shape[:-1])
    batch = Batch(None, index, None, weights if weighted else None)
    found = term(Outputs(codes, None), batch)
    lost, known = map(
        torch.stack,
        zip(*(lost_by_known_pairs(term, *run) for run in zip(codes, weights))),
    )
    torch.testing.assert_close(found, lost)
    torch.testing.assert_close(term.counted_fraction, known)
    torch.testing.assert_close(
        *(torch.autograd.grad(total.sum(), codes)[0] for total in (found, lost))
    )


@pytest.mark.numeric
def test_distances_that_might_be_unknown_but_are_known_count_as_others(rng):
    points = rng.normal(size=(300, 4))
    codes = torch.from_numpy(rng.normal(size=(300, 2)))
    index, weights = torch.arange(300), torch.from_numpy(rng.uniform(0, 3, size=300))
    distances = known_distances(points, True)
    whole = GivenDistanceLoss(MatrixDistances(distances.matrix), 1.0)
    for batch in (Batch(None, index), Batch(None, index, None, weights)):
        term = GivenDistanceLoss(distances, 1.0)
        found = term(Outputs(codes, None), batch)
        torch.testing.assert_close(found, whole(Outputs(codes, None), batch))
        assert term.counted_fraction == 1
    assert whole.counted_fraction is None


@pytest.mark.parametrize("weight", [None, 0.0])
def test_a_batch_without_known_pairs_has_no_loss_and_does_not_count(weight, rng):
    distances = known_distances(rng.normal(size=(20, 4)), np.eye(20, dtype=bool))
    codes = torch.from_numpy(rng.normal(size=(20, 2))).requires_grad_()
    weights = None if weight is None else torch.full((20,), weight).double()
    term = GivenDistanceLoss(distances, 1.0)
    lost = term(Outputs(codes, None), Batch(None, torch.arange(20), None, weights))
    (1e30 * lost).backward()
    assert lost == term.counted_fraction == 0
    assert not codes.grad.any()


@pytest.mark.numeric
def test_a_weight_of_2_is_a_sample_twice_also_where_pairs_are_unknown(rng):
    points, codes = rng.normal(size=(9, 4)), torch.from_numpy(rng.normal(size=(9, 2)))
    is_known = np.triu(rng.random((9, 9)) < 0.4, 1)
    is_known |= is_known.T
    counts = np.array([3, 1, 1, 2, 2, 1, 1, 1, 1])
    index = np.repeat(np.arange(9), counts)
    repeated = known_distances(points[index], is_known[index][:, index])
    found, expected = (
        GivenDistanceLoss(distances, 1.0)(Outputs(codes_of, None), batch)
        for distances, codes_of, batch in (
            (
                known_distances(points, is_known),
                codes,
                Batch(None, torch.arange(9), None, torch.from_numpy(counts / 1.0)),
            ),
            (repeated, codes[index], Batch(None, torch.arange(len(index)))),
        )
    )
    # Weights that do not have the mean 1: known pairs stand for all pairs.
    of_all = (counts.sum() ** 2 - counts @ counts) / (9 * 8)
    torch.testing.assert_close(found, expected * of_all)
