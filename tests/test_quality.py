import re
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.stats import ortho_group
from sklearn import manifold
from sklearn.decomposition import PCA
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import pairwise_distances, r2_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from stable_embedding import StableAutoencoder
from stable_embedding.data import limits
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


@pytest.fixture
def pair(rng):
    """Data without equal distances, and an embedding that keeps some of them."""
    X = rng.normal(size=(60, 4))
    return X, X[:, :2] + 0.3 * rng.normal(size=(60, 2))


def test_explained_variance_of_pca_is_its_own_ratio(iris):
    X, _ = iris
    pca = PCA(2).fit(X)
    reconstruction = pca.inverse_transform(pca.transform(X))
    expected = pca.explained_variance_ratio_.sum()
    assert explained_variance(X, reconstruction) == pytest.approx(expected)
    assert explained_variance(X, np.tile(X.mean(0), (150, 1))) == pytest.approx(0)


def test_explained_variance_is_scikit_learns_but_sees_constant_features(rng):
    X = rng.normal(size=(30, 3))
    wrong = X + rng.normal(size=X.shape)
    expected = r2_score(X, wrong, multioutput="variance_weighted")
    assert explained_variance(X, wrong) == pytest.approx(expected)
    assert explained_variance([[0, 1], [2, 1]], [[0, 5], [2, 5]]) == -15
    assert explained_variance([[1, 1], [1, 1]], [[1, 1], [1, 1]]) == 1
    assert explained_variance([[1, 1], [1, 1]], [[1, 2], [1, 1]]) == 0


def test_of_one_sample_nothing_is_explained_as_in_scikit_learn(iris):
    X, _ = iris
    model = StableAutoencoder(max_iter=2, n_init=1, random_state=0).fit(X)
    weights = np.arange(150) == 3
    for score in (
        lambda: r2_score([1.0], [2.0]),
        lambda: explained_variance(X[:1], X[:1]),
        lambda: model.score(X[:1]),
        lambda: model.score(X, sample_weight=weights),
    ):
        with pytest.warns(UndefinedMetricWarning, match="less than two samples"):
            assert np.isnan(score())


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e12])
@pytest.mark.parametrize("n_samples", [3, 7, 60])
def test_the_rounding_of_a_mean_is_no_variance(n_samples, value, rng):
    X = np.full((n_samples, 1), value)
    assert explained_variance(X, X) == 1
    assert explained_variance(X, X + 1) == 0
    varied = rng.normal(size=(n_samples, 1))
    for data, codes in ((X, varied), (varied, X)):
        with pytest.raises(ValueError, match="nothing to compare"):
            lipschitz_estimate(data, codes, varied + 1, varied)


@pytest.mark.parametrize("measure", OF_PAIRS)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_shift_rotation_reflection_and_scale_do_not_count(measure, scale, pair):
    X, Z = pair
    moved = scale * (Z @ ortho_group.rvs(2, random_state=0) + 3)
    found = OF_PAIRS[measure](X, moved)
    assert found == pytest.approx(OF_PAIRS[measure](X, Z), abs=1e-6)
    assert OF_PAIRS[measure](X, scale * X[:, ::-1] - 1) == pytest.approx(1)


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


def test_neighbor_accuracy_is_the_fraction_of_classes_found(digits):
    X, y = digits
    codes, seen, unseen = X[:, 20:30], slice(0, 900), slice(900, None)
    found = neighbor_accuracy(
        codes[seen], y[seen], codes[unseen], y[unseen], n_neighbors=1
    )
    nearest = cdist(codes[unseen], codes[seen]).argmin(axis=1)
    assert found == pytest.approx((y[seen][nearest] == y[unseen]).mean(), abs=0.01)
    assert neighbor_accuracy(codes, y, codes, y, n_neighbors=1) > 0.99


def test_trustworthiness_is_scikit_learns_and_continuity_its_mirror(pair):
    X, Z = pair
    expected = manifold.trustworthiness(X, Z, n_neighbors=7)
    assert trustworthiness(X, Z, n_neighbors=7) == expected
    expected = manifold.trustworthiness(Z, X, n_neighbors=7)
    assert continuity(X, Z, n_neighbors=7) == expected
    assert trustworthiness(X, Z) == manifold.trustworthiness(X, Z)


@pytest.mark.parametrize("n_components", [2, 20])
def test_neighbors_far_from_the_origin_are_the_same(n_components, rng):
    X = rng.normal(size=(200, n_components))
    y, far = (X[:, 0] > 0).astype(int), X + 1e8
    for metric in ("euclidean", "cosine"):
        expected = trustworthiness(X, X, metric=metric)
        found = trustworthiness(X, far, metric=metric)
        assert found == pytest.approx(expected, abs=1e-3)
    assert continuity(X, far) == pytest.approx(1, abs=1e-3)
    seen, unseen = slice(0, 100), slice(100, None)
    expected = neighbor_accuracy(X[seen], y[seen], X[unseen], y[unseen])
    found = neighbor_accuracy(far[seen], y[seen], far[unseen], y[unseen])
    assert found == pytest.approx(expected, abs=0.03)


def test_distances_beside_one_far_sample_keep_their_digits(rng):
    X = rng.normal(size=(200, 20))
    X[0] += 1e9
    Z, D = X[:, :2], cdist(X, X)
    for measure in (trustworthiness, continuity):
        assert measure(X, X) == pytest.approx(1)
        assert measure(X, Z) == pytest.approx(measure(D, Z, metric="precomputed"))


def test_equal_distances_of_whole_numbers_stay_equal(digits):
    X, Z = digits[0][:400] - 0.5, digits[0][:400, 20:22]
    found = trustworthiness(X, Z)
    assert found == trustworthiness(cdist(X, X), Z, metric="precomputed")
    assert found == trustworthiness(csr_array(X), Z)


def test_stress_is_the_least_over_scales(pair):
    X, Z = pair
    scales = np.linspace(0.5, 3, 2_501)[:, None]
    errors = np.square(pdist(X) - scales * pdist(Z)).sum(axis=1)
    expected = np.sqrt(errors.min() / np.square(pdist(X)).sum())
    assert normalized_stress(X, Z) == pytest.approx(expected, rel=1e-6)


def test_a_collapsed_embedding_keeps_nothing(pair):
    X, _ = pair
    collapsed = np.ones((60, 2))
    assert normalized_stress(X, collapsed) == pytest.approx(1)
    assert np.isnan(distance_correlation(X, collapsed))
    assert np.isnan(distance_correlation(X, collapsed, method="spearman"))
    with pytest.raises(ValueError, match="all distances in X are zero"):
        normalized_stress(collapsed, X)


@pytest.mark.parametrize("method", ["pearson", "spearman"])
@pytest.mark.parametrize("n_samples", [3, 6, 300])
def test_distances_that_are_equal_up_to_rounding_have_no_order(method, n_samples, rng):
    one_hot, codes = np.eye(n_samples), rng.normal(size=(n_samples, 2))
    turned = one_hot @ np.linalg.qr(rng.normal(size=one_hot.shape))[0]
    for equal in (one_hot, turned, StandardScaler().fit_transform(one_hot)):
        for scale in (1e-9, 1e9):
            assert np.isnan(distance_correlation(scale * equal, codes, method=method))
            assert np.isnan(distance_correlation(codes, scale * equal, method=method))
    # A difference that is larger than rounding counts.
    stretched = turned * np.linspace(1, 1 + 1e-9, n_samples)[:, None]
    assert distance_correlation(stretched, stretched) == pytest.approx(1)


def test_only_known_correlations(pair):
    with pytest.raises(ValueError, match=r"method='kendall'.*'pearson', 'spearman'"):
        distance_correlation(*pair, method="kendall")
    with pytest.raises(ValueError, match=r"method=\['pearson'\] must be one of"):
        distance_correlation(*pair, method=["pearson"])


def test_spearman_sees_the_order_of_distances_alone():
    line = np.arange(10.0)[:, None]
    stretched = np.cbrt(np.arange(10.0) ** 2)[:, None]
    assert distance_correlation(line, line, method="spearman") == pytest.approx(1)
    assert distance_correlation(line, stretched, method="spearman") < 1
    three = [[0], [1], [3]], [[0], [1], [9]]
    assert distance_correlation(*three) < 0.99
    assert distance_correlation(*three, method="spearman") == pytest.approx(1)


def kept_neighbors(X, Z, n_neighbors):
    """Fraction of neighbors kept, set by set."""
    sets = [
        NearestNeighbors(n_neighbors=n_neighbors).fit(A).kneighbors()[1] for A in (X, Z)
    ]
    both = [len(set(first) & set(second)) for first, second in zip(*sets)]
    return np.mean(both) / n_neighbors


def test_neighbors_kept_agree_with_sets(pair):
    X, Z = pair
    found = neighborhood_preservation(X, Z)
    assert found.q_nx.shape == found.r_nx.shape == (58,)
    for k in (1, 2, 10, 58):
        assert found.q_nx[k - 1] == pytest.approx(kept_neighbors(X, Z, k))
    sizes = np.arange(1, 59)
    np.testing.assert_allclose(
        found.r_nx, (59 * found.q_nx - sizes) / (59 - sizes), atol=1e-12
    )
    expected = np.sum(found.r_nx / sizes) / np.sum(1 / sizes)
    assert found.auc == pytest.approx(expected)


def test_neighbors_kept_by_chance_count_as_nothing(rng):
    X, Z = rng.normal(size=(400, 3)), rng.normal(size=(400, 2))
    assert neighborhood_preservation(X, Z).auc == pytest.approx(0, abs=0.01)


def test_neighbors_do_not_depend_on_blocks(pair, monkeypatch):
    whole = neighborhood_preservation(*pair)
    monkeypatch.setattr(limits, "DISTANCE_ROWS", 7)
    # Distances may be rounded differently, but no two are so nearly equal that their
    # order changes.
    np.testing.assert_allclose(
        neighborhood_preservation(*pair).q_nx, whole.q_nx, rtol=1e-12
    )


def test_duplicates_are_neighbors_by_their_order(iris):
    X, _ = iris
    assert neighborhood_preservation(X, X).auc == pytest.approx(1)
    assert (squareform(pdist(X))[np.triu_indices(150, 1)] == 0).any()


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


def test_the_slope_is_the_same_in_any_unit_and_frame(rng):
    X, new = rng.normal(size=(80, 3)), rng.normal(size=(20, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    for quantile in (0.5, 1.0):
        found = lipschitz_estimate(
            X, 5 * X @ turn + 1, new, 5 * new @ turn + 1, quantile
        )
        assert found == pytest.approx(1)


def test_the_slope_is_that_of_the_nearest_sample(rng):
    X = np.array([[0.0], [10.0], [20.0]])
    new = np.array([[1.0], [18.0]])
    found = lipschitz_estimate(X, X, new, [[4.0], [18.0]], quantile=1)
    assert found == pytest.approx(4)
    assert lipschitz_estimate(X, X, X, X) == 0
    with pytest.raises(ValueError, match="nothing to compare"):
        lipschitz_estimate(X, 0 * X, new, new)


@pytest.mark.slow
def test_unseen_samples_stay_nearer_to_their_neighbors_than_in_a_plain_one(
    digits,
):
    plain = {"init": "random", "similarity_weight": 0}
    slopes = np.zeros(2)
    for seed in range(3):
        samples = np.random.default_rng(seed).permutation(digits[0])
        X, new = samples[:1_200], samples[1_200:]
        for at, kwargs in enumerate(({}, plain)):
            model = StableAutoencoder(2, n_init=1, random_state=seed, **kwargs).fit(X)
            codes = model.transform(X), model.transform(new)
            slopes[at] += lipschitz_estimate(X, codes[0], new, codes[1])
    assert slopes[0] < 0.9 * slopes[1]


def test_triplets_are_those_of_a_loop(rng):
    codes, y = rng.normal(size=(30, 2)), np.repeat(["a", "b", "c"], [3, 10, 17])
    codes[y == "c"] += 2
    of_anchors = []
    for a in range(30):
        near = [
            np.linalg.norm(codes[a] - codes[p])
            for p in range(30)
            if p != a and y[p] == y[a]
        ]
        far = [np.linalg.norm(codes[a] - codes[n]) for n in range(30) if y[n] != y[a]]
        of_anchors.append(np.mean(np.less.outer(near, far)))
    found = triplet_accuracy(codes, y)
    assert found == pytest.approx(np.mean(of_anchors), abs=0.01)
    assert found == triplet_accuracy(codes, y)


NO_LABELS = [-1, -1.0, None, np.nan, pd.NA, pd.NaT]


@pytest.mark.parametrize("unknown", NO_LABELS, ids=map(repr, NO_LABELS))
@pytest.mark.parametrize("convert", [list, pd.Series, np.array])
def test_triplets_are_of_samples_with_a_label(unknown, convert, rng):
    codes, classes = rng.normal(size=(40, 2)), [1, 2, 3, 1] * 10
    y = [unknown if i % 5 == 0 else one for i, one in enumerate(classes)]
    known = np.arange(40) % 5 > 0
    found = triplet_accuracy(codes, convert(y))
    assert found == triplet_accuracy(codes[known], np.array(classes)[known])
    with pytest.raises(ValueError, match="y needs two classes, and one .* a label"):
        triplet_accuracy(codes, convert([unknown] * 40))


@pytest.mark.parametrize("unknown", NO_LABELS, ids=map(repr, NO_LABELS))
def test_a_classifier_needs_samples_with_a_label(unknown, rng):
    codes, y = rng.normal(size=(40, 2)), [2, 1] * 20
    partly = [*y[:30], unknown, *y[31:]]
    message = f" holds {re.escape(repr(unknown))} at position 30; -1, None and nan"
    with pytest.raises(ValueError, match="y" + message):
        neighbor_accuracy(codes, partly, codes, y)
    with pytest.raises(ValueError, match="y_unseen" + message):
        neighbor_accuracy(codes, y, codes, partly)


def test_classes_of_several_types_are_refused(rng):
    codes, y, mixed = rng.normal(size=(4, 2)), [1, 1, 2, 2], [1, "a", 1, "a"]
    with pytest.raises(TypeError, match="y holds strings and labels of another type"):
        triplet_accuracy(codes, mixed)
    with pytest.raises(TypeError, match="y_unseen holds strings and labels of another"):
        neighbor_accuracy(codes, y, codes, mixed)


def test_triplets_need_two_classes():
    with pytest.raises(ValueError, match="two classes"):
        triplet_accuracy([[0.0], [1.0]], [0, 0])
    with pytest.raises(ValueError, match="two classes"):
        triplet_accuracy([[0.0], [1.0]], [0, 1])
    assert triplet_accuracy([[0.0], [1.0], [1.5]], [0, 0, 1]) == pytest.approx(
        0.5, abs=0.01
    )


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


def test_what_is_no_metric_of_the_data_is_named(pair):
    X, Z = pair
    for metric in ("geodesic", "haversine", 3, None, ["cosine"]):
        message = re.escape(f"metric={metric!r} must be a callable")
        with pytest.raises(ValueError, match=message):
            trustworthiness(X, Z, metric=metric)
    with pytest.raises(ValueError, match="metric='jaccard' compares"):
        continuity(X, Z, metric="jaccard")
    with pytest.raises(ValueError, match="metric='precomputed'"):
        normalized_stress(X, Z, metric="precomputed")
    with pytest.raises(ValueError, match="n_samples / 2"):
        continuity(X, Z, metric="cosine", n_neighbors=30)


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


def test_slopes_are_those_of_the_metric(rng):
    X = rng.normal(size=(40, 3)) + 3
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    euclidean = lipschitz_estimate(unit[:30], unit[:30], unit[30:], unit[30:])

    def chord(first, second):
        first, second = first / np.linalg.norm(first), second / np.linalg.norm(second)
        return np.linalg.norm(first - second)

    found = lipschitz_estimate(X[:30], unit[:30], X[30:], unit[30:], metric=chord)
    assert euclidean == pytest.approx(1)
    assert found == pytest.approx(1)
    for metric in ("minkowski", "cityblock", "chebyshev"):  # of one feature, Euclidean
        line = X[:, :1]
        found = lipschitz_estimate(
            line[:5], 2 * line[:5], line[5:], 2 * line[5:], metric=metric
        )
        assert found == pytest.approx(1)
    D = cdist(X[:3], X[:3])
    with pytest.raises(ValueError, match="metric='precomputed' cannot measure"):
        lipschitz_estimate(D, X[:3], D, X[:3], metric="precomputed")


@pytest.mark.parametrize("score", [trustworthiness, continuity])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("n_neighbors", [0, -3, 2.5, 20])
def test_a_neighborhood_has_a_whole_number_of_samples(score, metric, n_neighbors, rng):
    X = rng.normal(size=(40, 3))
    with pytest.raises(
        ValueError, match=rf"n_neighbors={n_neighbors} .*than n_samples / 2"
    ):
        score(X, X, n_neighbors=n_neighbors, metric=metric)


def test_new_samples_have_as_many_columns(rng):
    X, Z = rng.normal(size=(20, 5)), rng.normal(size=(20, 2))
    with pytest.raises(ValueError, match="X_new has 1 columns, but X has 5"):
        lipschitz_estimate(X, Z, X[:3, :1], Z[:3])
    with pytest.raises(ValueError, match="X_new_embedded has 1.*X_embedded has 2"):
        lipschitz_estimate(X, Z, X[:3], Z[:3, :1])
    with pytest.raises(ValueError, match="X_unseen_embedded has 1 .*X_embedded has 2"):
        neighbor_accuracy(Z, [0, 1] * 10, Z[:2, :1], [0, 1])


@pytest.mark.parametrize("container", [np.array, csr_array])
def test_new_samples_suit_the_metric(container, rng):
    X, Z = rng.integers(2, size=(20, 5)), rng.normal(size=(20, 2))
    assert np.isfinite(lipschitz_estimate(X, Z, X[:9], Z[1:10], metric="jaccard"))
    with pytest.raises(ValueError, match="0 or 1, but X_new holds 7.5; pass X_new > 0"):
        lipschitz_estimate(X, Z, container(X * 7.5), Z, metric="jaccard")
    # One sample has no variance of its own, and needs none.
    assert lipschitz_estimate(X, Z, X[:1], Z[:1], metric="seuclidean") == 0


def test_triplets_are_drawn():
    for n_triplets in (0, 1e4, "a"):
        message = f"n_triplets={n_triplets!r} must be a whole number, 1 or more"
        with pytest.raises(ValueError, match=message):
            triplet_accuracy([[0.0], [1.0], [2.0]], [0, 0, 1], n_triplets)


def test_codes_of_samples_in_another_order_are_refused(rng):
    X = pd.DataFrame(rng.normal(size=(30, 4)), index=[f"c{i}" for i in range(30)])
    Z = X[[0, 1]]
    # Without ids of their own, positions decide.
    assert trustworthiness(X, Z) == trustworthiness(X, Z.reset_index(drop=True))
    for measure in (trustworthiness, continuity, distance_correlation):
        with pytest.raises(ValueError, match="X_embedded has the id 'c29' where X has"):
            measure(X, Z[::-1])
    with pytest.raises(ValueError, match="X_reconstructed has the id 'c29' where X"):
        explained_variance(X, X[::-1])


def test_classes_of_samples_in_another_order_are_refused(rng):
    ids = [f"c{i}" for i in range(30)]
    Z, y = pd.DataFrame(rng.normal(size=(30, 2)), ids), pd.Series([0, 1] * 15, ids)
    assert triplet_accuracy(Z, y) == triplet_accuracy(Z, y.tolist())
    with pytest.raises(ValueError, match="y has the id 'c29' where X_embedded has"):
        triplet_accuracy(Z, y[::-1])
    with pytest.raises(ValueError, match="y has the id 'c29' where X_embedded has"):
        neighbor_accuracy(Z, y[::-1], Z, y)
    with pytest.raises(ValueError, match="y_unseen has the id 'c29' where X_unseen"):
        neighbor_accuracy(Z, y, Z, y[::-1])
