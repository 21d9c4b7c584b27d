"""A trained network applied to arrays, in chunks of samples."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from .._ambient import own_settings
from ..data.chunks import iterate_chunks

Step = Callable[[np.ndarray], np.ndarray]


def apply_in_chunks(
    network: Any,
    method: Callable[[Tensor], Tensor],
    X: Any,
    prepare: Step | None = None,
    finish: Step | None = None,
    out: np.ndarray | None = None,
    what: str = "X holds values so far from the training data that",
) -> np.ndarray:
    """Apply a method of a network to the samples of an array, in bounded memory.

    Parameters
    ----------
    network : BaseAutoencoder
        Where it is: samples are moved to its device and back.

    method : callable
        One of its methods, such as ``network.encode``.

    X : {ndarray, sparse matrix} of shape (n_samples, n_inputs)
        Samples, of which one chunk at a time is made dense and prepared.

    prepare, finish : callable or None, default=None
        Applied to each chunk before the network and after it.

    out : ndarray or None, default=None
        Where to write; a new array in the network's precision by default.

    what : str
        Start of the message that says what overflows.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs) or (n_samples,)

    Raises
    ------
    ValueError
        If what comes out is not finite.
    """
    like = {"dtype": network.dtype, "device": network.device}
    with own_settings(), torch.inference_mode():
        for at, chunk in iterate_chunks(X, width=network.widest_layer):
            if prepare is not None:
                chunk = prepare(chunk)
            # In one layout: by columns, a product may be rounded otherwise.
            chunk = np.ascontiguousarray(chunk)
            output = method(torch.as_tensor(chunk, **like)).cpu().numpy()
            _check_finite(output, what, network.dtype)
            if finish is not None:
                with np.errstate(over="ignore"):
                    output = finish(output)
                _check_finite(output, what, network.dtype)
            if out is None:
                out = np.empty((X.shape[0], *output.shape[1:]), dtype=output.dtype)
            out[at] = output
    return cast(np.ndarray, out)


def _check_finite(output, what, dtype):
    """Raise if an output is not finite."""
    if not np.isfinite(output).all():
        raise ValueError(f"{what} {str(dtype).removeprefix('torch.')} overflows")


def check_out(out, shape, dtype):
    """Raise if codes of a type cannot be written to an array."""
    kind = getattr(out, "dtype", None)
    # Other types cannot hold the largest codes.
    if not (isinstance(out, np.ndarray) and np.can_cast(dtype, kind, "safe")):
        raise TypeError(
            f"out is of {kind or type(out).__name__}; it must be an ndarray to which"
            f" {np.dtype(dtype)} can be written without loss, such as one of that type"
        )
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, but the codes have {shape}")
