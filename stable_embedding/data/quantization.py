"""Rotate scores so that their signs preserve as much as possible (ITQ)."""

import numpy as np
from scipy.linalg import polar

# Turns of the two steps, after which the rotation hardly moves, and samples seen.
_N_TURNS = 50
_MOST_SAMPLES = 10_000

# By which scores are multiplied, in units of their standard deviation. With a large one
# targets are signs: a sample more or fewer then changes some of them, and with them all
# that follow.
_STEEPNESS = 0.5


def binary_rotation(scores, axes, weights=None):
    r"""Find the rotation of scores that is best approximated by their signs.

    This is iterative quantization with soft signs. It alternates between targets
    :math:`b` and the rotation :math:`R`,

    .. math:: b_i = \tanh(z_i R / 2s), \qquad
              R = \operatorname{argmin}_R \sum_i w_i |b_i - z_i R|^2

    over orthogonal :math:`R`, with the root mean square :math:`s` of scores. They start
    from directions of the features that are always the same, within the span of the
    axes. So the rotated axes depend on this span alone: two axes of equal variance may
    be any two within their plane.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_components)
        Centered coordinates :math:`z` along the axes. Of more than 10,000 samples the
        first are used.

    axes : ndarray of shape (n_components, n_features)
        Orthonormal rows, or rows of zeros beyond the rank of the data.

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; equal ones by default.

    Returns
    -------
    ndarray of shape (n_components, n_components)
        The rotation :math:`R`, in float64. Rotated axes are :math:`R^\top` times the
        axes.

    References
    ----------
    Y. Gong and S. Lazebnik, "Iterative quantization: a Procrustean approach to learning
    binary codes", CVPR 2011.

    Examples
    --------
    A square that stands on a corner:

    >>> import numpy as np
    >>> from stable_embedding.data.quantization import binary_rotation
    >>> scores = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    >>> np.abs(scores @ binary_rotation(scores, np.eye(2))).round(3)
    array([[0.707, 0.707],
           [0.707, 0.707],
           [0.707, 0.707],
           [0.707, 0.707]])
    """
    scores = np.asarray(scores[:_MOST_SAMPLES], dtype=np.float64)
    weighted = scores
    if weights is not None:
        weighted = scores * weights[:_MOST_SAMPLES, None]
    n_components, n_features = axes.shape
    directions = np.random.default_rng(0).normal(size=(n_features, n_components))
    rotation, _ = polar(axes.astype(np.float64) @ directions)
    unit = np.sqrt(np.mean(weighted * scores)) or 1.0
    for _ in range(_N_TURNS):
        targets = np.tanh(scores @ rotation * (_STEEPNESS / unit))
        rotation, _ = polar(weighted.T @ targets)
    return rotation
