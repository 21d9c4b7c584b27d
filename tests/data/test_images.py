import numpy as np
import pytest
import torch

from stable_embedding.data.images import flat_images

IMAGES = np.arange(48.0).reshape(2, 4, 6)


@pytest.mark.parametrize(
    ("X", "image_shape"),
    [
        (IMAGES, (4, 6)),
        (IMAGES, (1, 4, 6)),
        (IMAGES.reshape(2, 1, 4, 6), (4, 6)),
        (IMAGES.reshape(2, 2, 2, 6), (2, 2, 6)),
        (IMAGES.tolist(), (4, 6)),
        (tuple(IMAGES), (4, 6)),
    ],
)
def test_images_become_rows(X, image_shape):
    found, shape = flat_images(X, image_shape)
    np.testing.assert_array_equal(found, IMAGES.reshape(2, 24))
    assert shape == np.shape(X)[1:]


@pytest.mark.parametrize("X", [IMAGES.reshape(2, 24), torch.zeros(2, 24), "text", None])
def test_anything_else_stays(X):
    found, shape = flat_images(X, (4, 6))
    assert found is X
    assert shape is None


def test_without_an_image_shape_nothing_is_touched():
    assert flat_images(IMAGES, None) == (IMAGES, None)


def test_images_of_a_file_stay_there(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert np.shares_memory(flat_images(mapped, (4, 6))[0], mapped)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (IMAGES.reshape(2, 6, 4), r"shape \(6, 4\).*image_shape is \(4, 6\)"),
        (IMAGES.reshape(2, 2, 12), r"shape \(2, 12\)"),
        (np.zeros((2, 25)), r"25 features.*\(n_samples, 4, 6\).*24 values"),
    ],
)
def test_other_sizes_are_named(X, message):
    with pytest.raises(ValueError, match=message):
        flat_images(X, (4, 6))
