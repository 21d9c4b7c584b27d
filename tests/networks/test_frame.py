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


@pytest.mark.numeric
@pytest.mark.parametrize("n_samples", [1, 2, 3, 5])
def test_directions_in_which_samples_do_not_differ_stay(n_samples, rng):
    codes = rng.normal(size=(n_samples, 5))
    # What the samples decide is off by a little, by which the rest is held.
    rotation, shift = rigid_map_onto(codes, codes + 2)
    np.testing.assert_allclose(rotation, np.eye(5), atol=1e-6)
    np.testing.assert_allclose(shift, 2, atol=1e-6)
    # Turned within the plane of two axes, which all samples lie in.
    flat, turn = codes.copy(), np.eye(5)
    flat[:, 2:] = 1
    turn[:2, :2] = [[0.6, 0.8], [-0.8, 0.6]]
    rotation, _ = rigid_map_onto(flat, flat @ turn)
    np.testing.assert_allclose(rotation[2:, 2:], np.eye(3), atol=1e-6)


@pytest.mark.numeric
@pytest.mark.parametrize("is_weighted", [False, True])
def test_a_map_is_held_as_if_by_samples_that_stay(is_weighted, rng):
    codes, reference = rng.normal(size=(2, 20, 3))
    weights = rng.integers(1, 4, size=20).astype(float) if is_weighted else np.ones(20)
    hold = 0.7
    found, _ = rigid_map_onto(codes, reference, weights, hold)
    center = np.average(codes, axis=0, weights=weights)
    # Two more samples for each axis, at the center on average.
    size = (hold * weights.sum() / 2) ** 0.5
    more = size * np.vstack([np.eye(3), -np.eye(3)])
    target = np.average(reference, axis=0, weights=weights)
    expected, _ = rigid_map_onto(
        np.vstack([codes, center + more]),
        np.vstack([reference, target + more]),
        np.concatenate([weights, np.ones(6)]),
    )
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("hold", [0.0, 1.0])
def test_axes_that_samples_do_not_tell_apart_stay(hold, rng):
    one = rng.normal(size=(6, 1))
    alike = np.hstack([one, one, -one, np.zeros((6, 2))])
    rotation, _ = axis_map_onto(alike, alike, hold=hold)
    np.testing.assert_array_equal(rotation, np.eye(5))


def test_axes_are_held_against_few_samples():
    codes, reference = [[1.0, 0.0]], [[0.0, 1.0]]
    swapped = axis_map_onto(codes, reference).rotation
    np.testing.assert_array_equal(swapped, [[0, 1], [1, 0]])
    held = axis_map_onto(codes, reference, hold=1).rotation
    np.testing.assert_array_equal(held, np.eye(2))


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
