import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist, pdist
from sklearn.metrics.pairwise import cosine_similarity, rbf_kernel

from stable_embedding.data.input_distances import MatrixDistances
from stable_embedding.losses.base import Batch, Outputs, TotalLoss
from stable_embedding.losses.reconstruction import (
    ReconstructionLoss,
    reconstruction_loss,
)
from stable_embedding.losses.similarity import (
    SIMILARITIES,
    GivenDistanceLoss,
    GivenInnerProductLoss,
    SimilarityLoss,
    check_similarity,
    collapsed_product_loss,
    collapsed_similarity_loss,
    distance,
    distance_loss,
    mean_squared_difference,
    resolve_similarity,
    similarity_loss,
    squared_distance,
)

REFERENCES = {
    "distance": cdist,
    "inner_product": lambda x, _: (x - x.mean(0)) @ (x - x.mean(0)).T,
    "cosine": cosine_similarity,
    "rbf": lambda x, _: rbf_kernel(x, gamma=0.5),
}


def test_every_similarity_has_a_reference():
    assert REFERENCES.keys() == SIMILARITIES.keys()


@pytest.mark.numeric
@pytest.mark.parametrize("name", SIMILARITIES)
@pytest.mark.parametrize("shape", [(7, 3), (2, 1), (40, 64)])
def test_agrees_with_scikit_learn_and_scipy(name, shape, rng):
    samples = rng.normal(size=shape)
    found = SIMILARITIES[name](torch.from_numpy(samples)).numpy()
    np.testing.assert_allclose(found, REFERENCES[name](samples, samples), atol=2e-6)


@pytest.mark.numeric
@pytest.mark.parametrize("name", SIMILARITIES)
def test_leading_axes_are_separate_batches(name, rng):
    batches = torch.from_numpy(rng.normal(size=(4, 6, 3)))
    together = SIMILARITIES[name](batches)
    apart = torch.stack([SIMILARITIES[name](batch) for batch in batches])
    torch.testing.assert_close(together, apart)


@pytest.mark.parametrize("name", SIMILARITIES)
def test_gradients_are_finite_at_duplicates_and_zeros(name):
    samples = torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0], [0.0, 0.0]])
    samples.requires_grad_()
    SIMILARITIES[name](samples).sum().backward()
    assert torch.isfinite(samples.grad).all()


@pytest.mark.numeric
@pytest.mark.parametrize("name", SIMILARITIES)
def test_gradients_agree_with_finite_differences(name, rng):
    samples = torch.from_numpy(rng.normal(size=(5, 3))).requires_grad_()
    off_diagonal = ~torch.eye(5, dtype=torch.bool)
    assert torch.autograd.gradcheck(
        lambda x: SIMILARITIES[name](x)[off_diagonal], (samples,)
    )


@pytest.mark.numeric
def test_distances_do_not_change_under_rigid_maps(rng):
    samples = torch.from_numpy(rng.normal(size=(10, 4)))
    rotation, _ = torch.linalg.qr(torch.from_numpy(rng.normal(size=(4, 4))))
    torch.testing.assert_close(
        squared_distance(samples), squared_distance(samples @ rotation + 1)
    )


def test_names_and_callables_are_resolved():
    assert resolve_similarity("distance") is distance
    assert resolve_similarity(distance) is distance


def test_a_users_similarity_is_given_one_batch_at_a_time():
    shapes = []

    def of_one_batch(samples):
        shapes.append(tuple(samples.shape))
        return samples @ samples.T

    samples = torch.randn(2, 3, 5, 4)
    found = resolve_similarity(of_one_batch)(samples)
    torch.testing.assert_close(found, samples @ samples.mT)
    assert set(shapes) == {(5, 4)}


@pytest.mark.numeric
def test_loss_of_distances_is_half_the_mean_square_over_pairs(scaled_samples, rng):
    samples, codes = scaled_samples[:100], torch.from_numpy(rng.normal(size=(100, 2)))
    expected = 0.5 * np.mean((pdist(codes) - pdist(samples)) ** 2)
    found = similarity_loss(samples, codes, distance, 2.0).item()
    # Distances from inner products lose digits of small ones.
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.numeric
@pytest.mark.parametrize("n_samples", [2, 100, 128, 129, 300])
def test_distances_of_large_batches_are_compared_within_blocks(
    n_samples, scaled_samples, rng
):
    samples = scaled_samples[:n_samples]
    codes = torch.from_numpy(rng.normal(size=(n_samples, 5)))
    n_blocks = -(-n_samples // 128)
    blocks = np.arange(n_samples // n_blocks * n_blocks).reshape(n_blocks, -1)
    expected = [
        np.mean((pdist(codes[block]) - pdist(samples[block])) ** 2) for block in blocks
    ]
    found = distance_loss(samples, codes).item()
    assert found == pytest.approx(np.mean(expected), rel=1e-6)
    in_runs = distance_loss(
        torch.stack([samples, samples]), torch.stack([codes, samples])
    )
    assert in_runs[0].item() == pytest.approx(found)
    assert in_runs[1].item() == pytest.approx(0, abs=1e-12)


@pytest.mark.numeric
@pytest.mark.parametrize("shape", [(7, 3), (2, 7, 1), (150, 2)])
def test_the_gradient_by_hand_is_that_of_autograd(shape, rng):
    samples = torch.from_numpy(rng.normal(size=(*shape[:-1], 5)))
    codes = torch.from_numpy(rng.normal(size=shape)).requires_grad_()
    # Another weight for each separate batch.
    lost = distance_loss(samples, codes)
    weights = torch.arange(1.0, 1 + lost.numel()).reshape(lost.shape)
    (found,) = torch.autograd.grad((weights * lost).sum(), codes)
    halves = -(-shape[-2] // 128)
    blocks = (halves, shape[-2] // halves)
    lost = mean_squared_difference(
        distance(codes.unflatten(-2, blocks)), distance(samples.unflatten(-2, blocks))
    )
    (expected,) = torch.autograd.grad((weights * lost.mean(-1)).sum(), codes)
    torch.testing.assert_close(found, expected)


@pytest.mark.numeric
def test_discarded_variance_is_made_up_for(rng):
    # Noise in many directions: no two samples share any of it.
    samples = torch.from_numpy(rng.normal(size=(100, 3)))
    noise = torch.from_numpy(0.03 * rng.normal(size=(100, 20_000)))
    noise -= noise.mean(0)
    whole = torch.cat([samples, noise], dim=1)
    discarded = noise.square().sum().item() / 99  # over pairs of different samples
    codes = torch.from_numpy(rng.normal(size=(100, 2)))
    expected = distance_loss(whole, codes).item()
    # Distances of noise scatter around their mean.
    found = distance_loss(samples, codes, discarded).item()
    assert found == pytest.approx(expected, 0.01)
    assert abs(distance_loss(samples, codes).item() - expected) > 0.5 * expected
    outputs = Outputs(codes, torch.zeros_like(samples))
    batch = Batch(samples, torch.arange(100))
    variance = noise.square().sum(1).mean()
    terms = [
        ReconstructionLoss(variance),
        SimilarityLoss(distance, 1.0, 2.0, variance),
    ]
    total, reconstruction, similar = TotalLoss(terms)(outputs, batch)
    lost = reconstruction_loss(whole, torch.zeros_like(whole))
    torch.testing.assert_close(reconstruction, lost)
    torch.testing.assert_close(total, reconstruction + similar)


def test_the_gradient_is_finite_where_codes_coincide(scaled_samples):
    codes = torch.zeros(20, 2, dtype=scaled_samples.dtype, requires_grad=True)
    distance_loss(scaled_samples[:20], codes).backward()
    assert not codes.grad.any()


@pytest.mark.parametrize("name", SIMILARITIES)
def test_loss_is_0_when_kept_and_1_when_collapsed(name, scaled_samples):
    samples, similarity = scaled_samples, SIMILARITIES[name]
    collapsed_loss = collapsed_similarity_loss(samples, similarity)
    kept = similarity_loss(samples, samples.clone(), similarity, collapsed_loss).item()
    origin = torch.zeros(len(samples), 2, dtype=samples.dtype)
    lost = similarity_loss(samples, origin, similarity, collapsed_loss).item()
    assert kept == pytest.approx(0, abs=1e-12)
    # n / (n - 1), where the normalizer of distances is exact only in the limit.
    # Blocks of 100 samples scatter around it.
    assert lost == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("name", ["distance", "rbf"])
def test_loss_does_not_see_rigid_maps(name, scaled_samples):
    rotation, _ = torch.linalg.qr(torch.randn(5, 5, dtype=scaled_samples.dtype))
    codes = scaled_samples @ rotation + 1
    loss = similarity_loss(scaled_samples, codes, SIMILARITIES[name], 1.0)
    assert loss.item() == pytest.approx(0, abs=1e-12)


def test_scale_of_the_codes_counts(scaled_samples):
    lost = similarity_loss(scaled_samples, scaled_samples / 2, distance, 2.0)
    assert lost.item() > 0.1


def test_a_single_sample_has_no_pairs_to_lose():
    assert mean_squared_difference(torch.ones(1, 1), torch.zeros(1, 1)) == 0


def test_normalizer_of_constant_samples_is_one():
    assert collapsed_similarity_loss(torch.zeros(5, 2), SIMILARITIES["rbf"]) == 1.0


@pytest.mark.parametrize(
    ("similarity", "error", "message"),
    [
        (lambda x: x.detach().numpy(), TypeError, "returned a ndarray"),
        (lambda x: x.sum(-1), ValueError, r"returned shape \(7,\) for 7 samples"),
        (lambda x: (x @ x.mT).sqrt(), ValueError, "must be finite"),
        (lambda x: torch.cdist(x, x).detach(), ValueError, "a finite gradient"),
    ],
)
def test_a_users_similarity_is_tried(similarity, error, message):
    check_similarity(lambda x: x @ x.mT, 4)
    with pytest.raises(error, match=message):
        check_similarity(similarity, 4)


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
