"""The terms of the loss that all autoencoders have."""

import numpy as np
import torch

from .._ambient import CPU_FLOAT32
from ..data import limits
from ..data.neighbors import draw_positives
from ..data.placement import has_reference
from ..data.sample_weights import weights_at
from ..data.subsample import smallest_hashes
from ..losses.consensus import ConsensusLoss, auto_consensus_weight
from ..losses.given_distances import (
    GivenDistanceLoss,
    GivenInnerProductLoss,
    collapsed_product_loss,
)
from ..losses.guide import (
    GUIDE_WEIGHT,
    GuideLoss,
    ScalingGuideLoss,
    scaling_guide_weight,
)
from ..losses.label import LabelLoss
from ..losses.neighbor import NeighborLoss, initial_kernel_scale
from ..losses.reconstruction import ReconstructionLoss
from ..losses.similarity import inner_product
from ..losses.similarity_loss import SimilarityLoss, collapsed_similarity_loss
from ..networks.inference import apply_in_chunks
from .reference import reference_at_start


def standard_terms(networks, data, plan, rigid_map):
    """Return the terms of the loss, with the constants that the data decide.

    Parameters
    ----------
    networks : list of BaseAutoencoder
        One for each run, as they start.

    data : TrainingData
        What they are trained on.

    plan : TrainingPlan
        What the parameters decide.

    rigid_map : callable
        Finds the map that aligns codes of a network with a target.

    Returns
    -------
    list of LossTerm
    """
    scale = None
    if plan.neighbor_weight:
        scale = kernel_scales(networks, data.training_set)
    consensus = consensus_loss(networks[0], data.training_set, plan, rigid_map)
    of_labels = []
    if plan.label_weight:
        of_labels.append(LabelLoss(plan.label_weight, len(networks)))
    return [
        ReconstructionLoss(data.discarded_variance),
        similarity_term(data, plan),
        NeighborLoss(plan.neighbor_weight, scale),
        consensus,
        *of_labels,
        *guide_terms(networks[0], data, plan, rigid_map, consensus),
    ]


def similarity_term(data, plan):
    """Return the term of the distances that are given, or else of a similarity."""
    weight = plan.similarity_weight
    if plan.follows_cosines:
        return inner_product_term(data, weight)
    if data.distances is not None:
        return GivenDistanceLoss(data.distances, data.code_scale, weight)
    collapsed_loss = collapsed_loss_of(data, plan.similarity) if weight else 1.0
    return SimilarityLoss(
        plan.similarity, weight, collapsed_loss, data.discarded_variance
    )


def collapsed_loss_of(data, similarity):
    """Return what a similarity loses of the data when all codes are the origin."""
    some, weights = torch.from_numpy(data.estimation_subset.samples), None
    if data.estimation_subset.weights is not None:
        weights = torch.from_numpy(data.estimation_subset.weights).to(some.dtype)
    return collapsed_similarity_loss(some, similarity, weights)


def inner_product_term(data, weight):
    """Return the term of the centered cosines of the samples."""
    training_set, unit = data.training_set, data.code_scale
    some = smallest_hashes(training_set.hashes, limits.ESTIMATION_SAMPLES)
    weights = weights_at(training_set.weights, some)
    collapsed_loss = collapsed_product_loss(
        data.distances,
        torch.from_numpy(some),
        unit,
        None if weights is None else torch.from_numpy(weights),
    )
    return GivenInnerProductLoss(data.distances, unit, weight, collapsed_loss)


def guide_terms(network, data, plan, rigid_map, consensus):
    """Return the term that guides codes, if there are places to guide them to."""
    if data.places is None or not plan.guided:
        return []
    places, reference = data.places, data.training_set.reference
    if reference is not None:
        # The codes are pulled to a reference as well, which decides on the frame.
        known = has_reference(reference)
        reference_codes = consensus.mean_codes.numpy()[known]
        weights = weights_at(data.training_set.weights, known)
        places = rigid_map(network, places[known], reference_codes, weights)(places)
    return [GuideLoss(GUIDE_WEIGHT, torch.from_numpy(places.astype(np.float32)))]


def scaling_guide_terms(data, plan):
    """Return the term that guides a random start, if nothing else decides on the map.

    A reference does, and so do places.
    """
    knows_places = data.places is not None or data.training_set.reference is not None
    if plan.init == "pca" or knows_places or not plan.guided:
        return []
    weight = scaling_guide_weight(plan.n_components, plan.similarity_weight)
    return [ScalingGuideLoss(weight, collapsed_loss_of(data, inner_product))]


def kernel_scales(networks, training_set):
    """Find the initial scale of the neighbor term for each network, from its codes."""
    index = smallest_hashes(training_set.hashes, limits.ESTIMATION_SAMPLES)
    hashes = training_set.hashes[index]
    rng = np.random.default_rng(0)
    positives = draw_positives(training_set.graph, index, hashes, rng)
    pair = [training_set.inputs_of(part) for part in (index, positives)]
    scales = [
        initial_kernel_scale(
            *(apply_in_chunks(network, network.encode, part) for part in pair),
            weights_at(training_set.weights, index),
        )
        for network in networks
    ]
    return torch.tensor(scales, **CPU_FLOAT32).squeeze(0)


def consensus_loss(network, training_set, plan, rigid_map):
    """Return the term that holds runs together, and those of a reference there."""
    n_samples, reference = len(training_set.hashes), training_set.reference
    weight = plan.consensus_weight
    if reference is None and not plan.couples_runs:
        weight = 0.0
    elif weight == "auto":
        weight = auto_consensus_weight(training_set.total_weight, reference is not None)
    if reference is not None:
        reference = reference_at_start(network, training_set, rigid_map)
    return ConsensusLoss(
        weight,
        n_samples,
        plan.n_components,
        reference,
        has_positives=plan.neighbor_weight > 0,
        couples_runs=plan.couples_runs,
    )
