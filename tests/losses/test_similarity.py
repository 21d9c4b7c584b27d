import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import cosine_similarity, rbf_kernel

from stable_embedding.losses.similarity import (
    SIMILARITIES,
    check_similarity,
    distance,
    resolve_similarity,
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
