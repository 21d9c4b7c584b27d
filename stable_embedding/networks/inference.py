"""A trained network applied to arrays, in blocks of rows."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch

from ..data.chunks import iterate_chunks
from ..networks.autoencoder import Autoencoder


def apply_in_chunks(
    network: Autoencoder,
    part: str,
    X: Any,
    prepare: Callable[[np.ndarray], np.ndarray] | None = None,
    finish: Callable[[np.ndarray], np.ndarray] | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Apply a part of a network to the rows of an array, in bounded memory.

    Parameters
    ----------
    network : Autoencoder
        Where it is: the rows are moved to its device and back.

    part : {"encode", "decode", "reconstruct", "squared_errors", "costs"}
        The method to apply, of those that the network has.

    X : {ndarray, sparse matrix} of shape (n_rows, n_inputs)
        Rows, of which one block at a time is dense and prepared.

    prepare, finish : callable or None, default=None
        Applied to each block before the network and after it.

    out : ndarray or None, default=None
        Where to write; a new array in the network's precision by default.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs) or (n_rows,)

    Raises
    ------
    ValueError
        If what comes out is not finite.
    """
    with torch.inference_mode():
        for rows, block in iterate_chunks(X, width=network.widest_layer):
            if prepare is not None:
                block = prepare(block)
            block = torch.as_tensor(block, dtype=network.dtype, device=network.device)
            output = getattr(network, part)(block).cpu().numpy()
            if not np.isfinite(output).all():
                raise ValueError(
                    "X holds values so far from the training data that"
                    f" {str(network.dtype).removeprefix('torch.')} overflows"
                )
            if finish is not None:
                output = finish(output)
            if out is None:
                out = np.empty((X.shape[0], *output.shape[1:]), dtype=output.dtype)
            out[rows] = output
    return cast(np.ndarray, out)
