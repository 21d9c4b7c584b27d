import warnings
from functools import partial

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group
from sklearn.metrics import pairwise_distances

from stable_embedding.quality import (
    continuity,
    distance_correlation,
    explained_variance,
    lipschitz_estimate,
    neighbor_accuracy,
    neighborhood_preservation,
    normalized_stress,
    triplet_accuracy,
    trustworthiness,
)

OF_PAIRS = {
    "pearson": distance_correlation,
    "spearman": partial(distance_correlation, method="spearman"),
    "stress": lambda *given, **more: 1 - normalized_stress(*given, **more),
    "trustworthiness": trustworthiness,
    "continuity": continuity,
    "auc": lambda *given, **more: neighborhood_preservation(*given, **more).auc,
}

# All measures of quality, of data and codes, as numbers.
MEASURES = OF_PAIRS | {
    "explained_variance": lambda X, Z: explained_variance(
        X, np.pad(Z, ((0, 0), (0, 2)))
    ),
    "lipschitz_estimate": lambda X, Z: lipschitz_estimate(
        X[:40], Z[:40], X[40:], Z[40:]
    ),
    "triplet_accuracy": lambda X, Z: triplet_accuracy(Z, [0, 1, 2] * 20),
    "neighbor_accuracy": lambda X, Z: neighbor_accuracy(Z, [0, 1, 2] * 20, Z, [0] * 60),
}


@pytest.mark.parametrize("measure", OF_PAIRS)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_shift_rotation_reflection_and_scale_do_not_count(measure, scale, pair):
    X, Z = pair
    moved = scale * (Z @ ortho_group.rvs(2, random_state=0) + 3)
    found = OF_PAIRS[measure](X, moved)
    assert found == pytest.approx(OF_PAIRS[measure](X, Z), abs=1e-6)
    assert OF_PAIRS[measure](X, scale * X[:, ::-1] - 1) == pytest.approx(1)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("scale", [1e-139, 1e139])
def test_large_and_small_units_do_not_count(measure, scale, pair):
    X, Z = pair
    found = MEASURES[measure](scale * X, scale * Z)
    assert found == pytest.approx(MEASURES[measure](X, Z), rel=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_units_whose_squares_overflow_are_refused(measure, scale, pair):
    X, Z = pair
    with pytest.raises(ValueError, match=r"X.* has values up to .* rescale X"):
        MEASURES[measure](scale * X, scale * Z)


@pytest.mark.parametrize("measure", OF_PAIRS)
def test_a_better_embedding_has_the_higher_score(measure, pair, rng):
    X, Z = pair
    unrelated = rng.normal(size=Z.shape)
    assert 1 > OF_PAIRS[measure](X, Z) > OF_PAIRS[measure](X, unrelated)


@pytest.mark.parametrize("measure", [*OF_PAIRS, "explained_variance"])
def test_samples_must_correspond_and_be_finite(measure):
    function = OF_PAIRS.get(measure, explained_variance)
    with pytest.raises(ValueError, match=r"\[30, 40\]"):
        function(np.eye(30), np.eye(40))
    with pytest.raises(ValueError, match="X_(embedded|reconstructed) contains NaN"):
        function(np.eye(30), np.full((30, 2), np.nan))


@pytest.mark.parametrize("measure", OF_PAIRS)
def test_one_sample_has_no_pair(measure):
    with pytest.raises(ValueError, match=r"sample\(s\)|n_neighbors"):
        OF_PAIRS[measure]([[1.0]], [[2.0]])


@pytest.mark.parametrize("name", OF_PAIRS)
@pytest.mark.parametrize("metric", ["cosine", "manhattan", "minkowski"])
def test_measures_take_any_metric_of_the_data(name, metric, pair):
    X, Z = pair
    measure, D = OF_PAIRS[name], pairwise_distances(X, metric=metric)
    found = measure(X, Z, metric=metric)
    assert found == pytest.approx(measure(D, Z, metric="precomputed"))
    assert found == pytest.approx(measure(csr_array(X), Z, metric=metric))
    if metric != "minkowski":  # that is the Euclidean one unless it is told otherwise
        assert found != pytest.approx(measure(X, Z), abs=1e-6)
    else:
        assert found == pytest.approx(measure(X, Z))


@pytest.mark.parametrize("name", OF_PAIRS)
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (np.triu, r"X is not symmetric.* pass \(X \+ X.T\) / 2"),
        (lambda D: 1 / (1 + D), "X holds 1.0 on its diagonal"),
        (csr_array, "X is a csr_array, .* X.toarray()"),
    ],
)
def test_distances_are_those_of_all_pairs(name, spoil, message, pair):
    X, Z = pair
    with pytest.raises(ValueError, match=message):
        OF_PAIRS[name](spoil(cdist(X, X)), Z, metric="precomputed")


def zadu(name, *arguments, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip(f"zadu.measures.{name}")
    return module.measure(*arguments, **parameters)


def test_agreement_with_zadu(pair):
    kept = zadu("trustworthiness_continuity", *pair, k=7)
    expected = kept["trustworthiness"]
    assert trustworthiness(*pair, n_neighbors=7) == pytest.approx(expected)
    assert continuity(*pair, n_neighbors=7) == pytest.approx(kept["continuity"])
    expected = zadu("pearson_r", *pair)["pearson_r"]
    assert distance_correlation(*pair) == pytest.approx(expected)
    expected = zadu("spearman_rho", *pair)["spearman_rho"]
    assert distance_correlation(*pair, method="spearman") == pytest.approx(expected)
    expected = zadu("scale_normalized_stress", *pair)["scale_normalized_stress"]
    assert normalized_stress(*pair) == pytest.approx(expected)
    for k in (3, 20):
        expected = zadu("local_continuity_meta_criteria", *pair, k=k)["lcmc"]
        found = neighborhood_preservation(*pair).q_nx[k - 1] - k / 59
        assert found == pytest.approx(expected)
