"""Where an earlier map put the samples, and where a training finds them."""

import numpy as np
import torch
from sklearn.utils import check_array

from ..data import limits
from ..data.columns import columns_named
from ..data.containers import readable
from ..data.placement import has_reference
from ..data.sample_weights import weights_at
from ..data.subsample import smallest_hashes
from ..networks.inference import apply_in_chunks


def check_reference(reference, n_samples, plan, weights=None):
    """Return the places of samples as an array; raise if they are no such places.

    Parameters
    ----------
    reference : array-like of shape (n_samples, n_components)

    n_samples : int
        Number of samples.

    plan : TrainingPlan

    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the samples; those with 0 are not trained on.

    Returns
    -------
    ndarray of shape (n_samples, n_components), dtype float64
    """
    reference = readable(reference, "reference")
    # Of infinities of both signs scikit-learn first takes the sum.
    with columns_named(reference, "reference"), np.errstate(invalid="ignore"):
        reference = check_array(
            reference,
            dtype=np.float64,
            ensure_all_finite="allow-nan",
            input_name="reference",
        )
    expected = n_samples, plan.n_components
    if reference.shape != expected:
        raise ValueError(
            f"reference has shape {reference.shape}, but it must have {expected}: a"
            " place for each sample, of as many components"
        )
    is_known = has_reference(reference)
    if weights is not None:
        is_known &= weights > 0
    n_known = is_known.sum()
    if n_known <= plan.n_components:
        raise ValueError(
            f"reference has codes for {n_known} samples with a weight above 0;"
            f" {plan.n_components} components need {plan.n_components + 1} or more"
        )
    if plan.shard[1] > 1:
        raise ValueError(
            f"reference is given, and {plan.shard[1]} processes share the training;"
            " train in one, or leave reference out and use align afterwards"
        )
    return reference


def reference_at_start(network, training_set, rigid_map):
    """Lay a reference where a network puts its samples before the training.

    Parameters
    ----------
    network : BaseAutoencoder
        As it starts.

    training_set : TrainingSet
        One with a reference.

    rigid_map : callable
        Finds the map that aligns codes of a network with a target.

    Returns
    -------
    Tensor of shape (n_samples, n_components), dtype float32
    """
    reference, hashes = training_set.reference, training_set.hashes
    known = smallest_hashes(hashes, limits.ESTIMATION_SAMPLES, has_reference(reference))
    inputs = training_set.inputs_of(known)
    codes = apply_in_chunks(network, network.encode, inputs)
    weights = weights_at(training_set.weights, known)
    to_start = rigid_map(network, reference[known], codes, weights)
    return torch.from_numpy(to_start(reference).astype(np.float32))
