"""A trained network applied to arrays, in blocks of rows."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.utils import gen_batches

from .networks import Autoencoder

# Rows of a block: no more at once, since their activations would leave the cache, and
# no more than this many bytes of them.
_BLOCK_ROWS = 4_096
_BLOCK_BYTES = 2**27


def apply_in_blocks(
    network: Autoencoder,
    part: str,
    X: np.ndarray,
    prepare: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Apply a part of a network to the rows of an array, in bounded memory.

    Parameters
    ----------
    network : Autoencoder
        Where it is: the rows are moved to its device and back.

    part : {"encode", "decode", "reconstruct", "squared_errors"}
        The method to apply.

    X : ndarray of shape (n_rows, n_inputs)
        Rows, of which one block at a time is prepared.

    prepare : callable or None, default=None
        Applied to each block first.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs) or (n_rows,)
        In the network's precision.

    Raises
    ------
    ValueError
        If what comes out is not finite.
    """
    row_bytes = np.dtype(np.float64).itemsize * (X.shape[1] + network.widest_layer)
    block_size = min(_BLOCK_ROWS, max(1, _BLOCK_BYTES // row_bytes))
    outputs = []
    with torch.inference_mode():
        for rows in gen_batches(len(X), block_size):
            block = X[rows] if prepare is None else prepare(X[rows])
            block = torch.as_tensor(block, dtype=network.dtype, device=network.device)
            outputs.append(getattr(network, part)(block).cpu().numpy())
    output = np.concatenate(outputs)
    if not np.isfinite(output).all():
        raise ValueError(
            "X holds values so far from the training data that"
            f" {str(network.dtype).removeprefix('torch.')} overflows"
        )
    return output
