"""Jacobians of encoders: how codes change with each feature of a sample."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import torch

from .._ambient import own_settings
from ..data.chunks import iterate_chunks
from .module_part import ModulePart


@own_settings()
def encoder_jacobian(network: Any, samples: np.ndarray) -> np.ndarray:
    r"""Compute the derivatives :math:`\partial z_k / \partial x_j` at each sample.

    One pass back for each component serves all samples, since the code of a sample
    depends on no other. Unlike ``torch.func.vmap`` that works for any module.

    Parameters
    ----------
    network : BaseAutoencoder
        Where it is: samples are moved to its device and back. Its parameters get no
        gradient.

    samples : ndarray of shape (n_samples, n_features)
        Scaled samples.

    Returns
    -------
    ndarray of shape (n_samples, n_components, n_features)
        In the network's precision.

    Raises
    ------
    ValueError
        If a code or a derivative is not finite.
    """
    like: Any = {"dtype": network.dtype, "device": network.device}
    inputs = torch.tensor(np.ascontiguousarray(samples), **like, requires_grad=True)
    totals = network.encode(inputs).sum(0)
    of_components = [
        torch.autograd.grad(total, inputs, retain_graph=True, materialize_grads=True)[0]
        for total in totals
    ]
    jacobian = torch.stack(of_components, dim=1)
    if not (totals.isfinite().all() and jacobian.isfinite().all()):
        raise ValueError(
            "X holds values so far from the training data that their codes, or the"
            " derivatives of these, are not finite"
        )
    return jacobian.cpu().numpy()


def iterate_jacobians(
    network: Any, X: Any, prepare: Callable[[np.ndarray], np.ndarray]
) -> Iterator[tuple[slice, np.ndarray]]:
    """Iterate over the Jacobians of an encoder in bounded memory.

    Parameters
    ----------
    network : BaseAutoencoder
        As in :func:`encoder_jacobian`.

    X : {ndarray, sparse matrix} of shape (n_samples, n_inputs)
        Samples, of which one chunk at a time is made dense and prepared.

    prepare : callable
        Applied to each chunk before the network.

    Yields
    ------
    steps : slice
        Position of the chunk in X.

    jacobian : ndarray of shape (n_chunk_samples, n_components, n_features)
        Its derivatives, in the network's precision.
    """
    if any(isinstance(part, ModulePart) for part in network.modules()):
        network = deepcopy(network)  # a user's module may keep what is of the graph
    width = max(network.widest_layer, network.n_components * network.n_features)
    for steps, chunk in iterate_chunks(X, width=width):
        yield steps, encoder_jacobian(network, prepare(chunk))
