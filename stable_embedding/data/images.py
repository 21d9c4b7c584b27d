"""Flatten images to samples."""

from math import prod

import numpy as np


def images_as_rows(X):
    """Return images as one row each, and other samples unchanged."""
    return np.reshape(X, (len(X), -1)) if np.ndim(X) > 2 else X


def flat_images(X, image_shape):
    """Flatten images whose shape an encoder declares.

    Parameters
    ----------
    X : object
        Samples. Images are an array of shape (n_samples, height, width) or (n_samples,
        channels, height, width). Other samples are returned unchanged.

    image_shape : tuple of int or None
        Shape of an image.

    Returns
    -------
    X : object
        With images as rows of shape (n_samples, n_features).

    shape : tuple of int or None
        Shape of one of the images; None if samples came as rows.

    Raises
    ------
    ValueError
        If images, or rows, are of another size.
    """
    if image_shape is None:
        return X, None
    shape = np.shape(X) if isinstance(X, (list, tuple)) else getattr(X, "shape", ())
    if len(shape) < 2:
        return X, None
    n_features = prod(image_shape)
    if len(shape) == 2:
        if shape[1] != n_features:
            raise ValueError(
                f"X has {shape[1]} features, but the encoder's image_shape is"
                f" {image_shape}: pass images of shape (n_samples,"
                f" {', '.join(map(str, image_shape))}), or rows of {n_features} values"
            )
        return X, None
    found = tuple(shape[1:])
    if _without_one_channel(found) != _without_one_channel(image_shape):
        raise ValueError(
            f"X holds images of shape {found}, but the encoder's image_shape is"
            f" {image_shape}"
        )
    return np.reshape(X, (shape[0], n_features)), found


def _without_one_channel(shape):
    return tuple(shape[1:]) if len(shape) == 3 and shape[0] == 1 else tuple(shape)
