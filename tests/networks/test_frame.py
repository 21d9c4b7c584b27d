from itertools import permutations, product

import numpy as np
import pytest
import torch
from scipy.spatial import procrustes
from scipy.stats import ortho_group

from stable_embedding.networks.frame import (
    RigidMap,
    apply_rigid_map,
    axis_map_onto,
    rigid_map_onto,
)


@pytest.mark.numeric
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


@pytest.mark.numeric
def test_keeps_distances_and_is_orthogonal(rng):
    codes, reference = rng.normal(size=(2, 20, 3))
    rotation, _ = rigid_map_onto(codes, reference)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)


@pytest.mark.numeric
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


@pytest.mark.parametrize("signed", [True, False])
def test_no_other_permutation_of_axes_is_nearer(signed, rng):
    codes, reference = rng.normal(size=(2, 20, 3))
    best = np.sum((axis_map_onto(codes, reference, signed)(codes) - reference) ** 2)
    for order in permutations(range(3)):
        for signs in product((1, -1) if signed else (1,), repeat=3):
            other = codes[:, order] * signs
            assert np.sum((other - reference) ** 2) >= best - 1e-9


def test_a_permutation_of_axes_is_undone(rng):
    codes = np.abs(rng.normal(size=(20, 4)))
    moved = codes[:, [2, 0, 3, 1]]
    np.testing.assert_array_equal(axis_map_onto(moved, codes, False)(moved), codes)
    turned = moved * [1, -1, -1, 1]
    np.testing.assert_array_equal(axis_map_onto(turned, codes)(turned), codes)


def test_axes_without_any_codes_are_left():
    rotation, shift = axis_map_onto(np.zeros((5, 3)), np.zeros((5, 3)))
    np.testing.assert_array_equal(rotation @ rotation.T, np.eye(3))
    assert not shift.any()


@pytest.mark.numeric
def test_a_network_is_copied_with_its_codes_mapped(
    convolutional, samples, rotation, shift
):
    codes, reconstruction = convolutional(samples)
    moved = apply_rigid_map(convolutional, RigidMap(rotation.numpy(), shift.numpy()))
    found = moved(samples)
    # Rounding of float64, of two products more.
    torch.testing.assert_close(found.codes, codes @ rotation + shift)
    torch.testing.assert_close(found.reconstruction, reconstruction)
    assert torch.equal(convolutional.encode(samples), codes)
