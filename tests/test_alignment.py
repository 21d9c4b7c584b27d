import numpy as np
import pytest
from scipy.spatial import procrustes
from scipy.stats import ortho_group

from stable_embedding.alignment import rigid_map_onto


@pytest.mark.parametrize("n_components", [1, 2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_finds_the_rigid_map_between_two_copies(n_components, seed):
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(30, n_components))
    rotation = (
        ortho_group.rvs(n_components, random_state=seed)
        if n_components > 1
        else -np.eye(1)
    )
    reference = codes @ rotation + 7
    found = rigid_map_onto(codes, reference)
    np.testing.assert_allclose(found.rotation, rotation, atol=1e-12)
    np.testing.assert_allclose(found(codes), reference, atol=1e-12)


def test_keeps_distances_and_is_orthogonal(rng):
    codes, reference = rng.normal(size=(2, 20, 3))
    rotation, _ = rigid_map_onto(codes, reference)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)


def test_is_as_good_as_scipys_procrustes(rng):
    # scipy's also scales; on unit-norm copies the best scale is the sum it returns.
    codes, reference = rng.normal(size=(2, 20, 3))
    standard, moved, disparity = procrustes(reference, codes)
    unit = (codes - codes.mean(0)) / np.linalg.norm(codes - codes.mean(0))
    ours = rigid_map_onto(unit, standard)(unit)
    scale = np.sum(ours * standard)
    np.testing.assert_allclose(scale * ours, moved, atol=1e-12)
    assert np.sum((scale * ours - standard) ** 2) == pytest.approx(disparity)


def test_no_other_rotation_is_nearer(rng):
    codes, reference = rng.normal(size=(2, 20, 3))
    best = np.sum((rigid_map_onto(codes, reference)(codes) - reference) ** 2)
    for other in ortho_group.rvs(3, size=50, random_state=0):
        shift = reference.mean(0) - codes.mean(0) @ other
        assert np.sum((codes @ other + shift - reference) ** 2) >= best
