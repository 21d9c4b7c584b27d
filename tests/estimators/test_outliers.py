import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn import config_context, get_config
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from stable_embedding import (
    ReconstructionOutlierDetector,
    SparseAutoencoder,
    StableAutoencoder,
    TripletVariationalAutoencoder,
    VariationalAutoencoder,
    load,
    save,
    to_onnx,
)
from stable_embedding.data.sample_weights import weighted_percentile
from stable_embedding.estimators.outliers import far_out
from stable_embedding.networks import ConvolutionalEncoder


def pca_errors(pca, X):
    return np.square(X - pca.inverse_transform(pca.transform(X))).sum(axis=1)


@pytest.mark.numeric
def test_a_linear_one_ranks_as_pca_does(iris):
    X, _ = iris
    linear = StableAutoencoder(2, hidden_layer_sizes=(), similarity_weight=0, alpha=0)
    detector = ReconstructionOutlierDetector(linear, random_state=0).fit(X)
    errors = pca_errors(PCA(2).fit(X), X)
    assert spearmanr(-detector.score_samples(X), errors).statistic > 0.99


@pytest.mark.parametrize("contamination", [0.02, 0.1, 0.5])
def test_as_many_samples_are_flagged_as_are_contaminated(contamination, digits):
    X = digits[0][:500]
    detector = ReconstructionOutlierDetector(
        StableAutoencoder(n_init=1, max_iter=3), contamination=contamination
    )
    flagged = detector.fit_predict(X) == -1
    assert abs(flagged.mean() - contamination) <= 1 / 500
    np.testing.assert_array_equal(flagged, detector.decision_function(X) < 0)


@pytest.mark.parametrize(
    "load",
    [
        load_wine,
        pytest.param(load_breast_cancer, marks=pytest.mark.slow),
        pytest.param(load_digits, marks=pytest.mark.slow),
    ],
)
def test_planted_outliers_are_found_at_least_as_well_as_by_pca(load):
    X = StandardScaler().fit_transform(load(return_X_y=True)[0])
    rng = np.random.default_rng(0)
    planted = np.arange(len(X)) < len(X) // 20
    # Values of their own features, but each from another sample.
    X[planted] = rng.permuted(X, axis=0)[planted]
    detector = ReconstructionOutlierDetector(
        StableAutoencoder(5, n_init=1), contamination=0.05, random_state=0
    ).fit(X)
    ours = roc_auc_score(planted, -detector.score_samples(X))
    assert ours >= roc_auc_score(planted, pca_errors(PCA(5).fit(X), X))


@pytest.mark.parametrize(
    "estimator",
    [
        None,
        PCA(2),
        SparseAutoencoder(4, n_init=1, max_iter=100),
        VariationalAutoencoder(2, n_init=1, max_iter=100),
    ],
)
def test_any_estimator_with_scores_is_a_detector(estimator, iris):
    X, _ = iris
    detector = ReconstructionOutlierDetector(estimator, random_state=0).fit(X)
    assert 13 <= (detector.predict(X) == -1).sum() <= 17
    far = X[:3] + np.array([9, -9, 9, -9])
    assert (detector.predict(far) == -1).all()


@pytest.mark.numeric
def test_the_seed_is_handed_on(iris):
    X, _ = iris
    nested = StableAutoencoder(init="random", n_init=1, max_iter=3)
    scores = [
        ReconstructionOutlierDetector(nested, random_state=seed).fit(X).score_samples(X)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert (scores[0] != scores[2]).any()
    assert nested.random_state is None


def test_labels_are_handed_on(iris):
    X, y = iris
    detector = ReconstructionOutlierDetector(
        TripletVariationalAutoencoder(n_init=1, max_iter=3)
    )
    assert set(detector.fit_predict(X, y)) == {-1, 1}
    assert get_tags(detector).target_tags.required
    assert not get_tags(ReconstructionOutlierDetector()).target_tags.required


def test_data_frames_reach_the_estimator(iris):
    frame = load_iris(as_frame=True).data
    columns = ColumnTransformer([("all", "passthrough", list(frame.columns))])
    estimator = make_pipeline(columns, PCA(2))
    detector = ReconstructionOutlierDetector(estimator).fit(frame)
    assert list(detector.feature_names_in_) == list(frame.columns)
    assert np.isfinite(detector.score_samples(frame)).all()


def test_outliers_may_be_as_far_as_they_like(iris):
    X, _ = iris
    for estimator in (
        StableAutoencoder(n_init=1, max_iter=200),
        VariationalAutoencoder(n_init=1, max_iter=20),
    ):
        detector = ReconstructionOutlierDetector(estimator, random_state=0).fit(X)
        assert (detector.predict(1e3 * X) == -1).all()


def test_automatic_contamination_finds_what_is_far_out_and_may_find_nothing(rng):
    X = rng.uniform(-1, 1, size=(400, 6))
    detector = ReconstructionOutlierDetector(PCA(2), contamination="auto")
    assert (detector.fit_predict(X) == 1).all()
    X[:5] *= 40 * np.array([1, -1, 1, -1, 1, -1])
    planted = np.arange(len(X)) < 5
    scores = detector.fit(X).score_samples(X)
    first, third = np.percentile(scores, [25, 75])
    assert detector.offset_ == pytest.approx(first - 3 * (third - first))
    np.testing.assert_array_equal(
        detector.predict(X) == -1, scores < first - 3 * (third - first)
    )
    assert (detector.predict(X)[planted] == -1).any()


def test_a_weight_counts_in_the_automatic_limit_as_often_as_the_sample_does(rng):
    scores = rng.normal(size=50)
    weights = rng.integers(1, 4, size=50)
    assert far_out(scores, weights) == pytest.approx(far_out(scores.repeat(weights)))


@pytest.mark.numeric
@pytest.mark.parametrize("scale", [1e-6, 1, 1e6])
@pytest.mark.parametrize("steps", [[], [StandardScaler()]], ids=repr)
def test_rounding_makes_no_outliers_where_most_samples_are_the_same(steps, scale, rng):
    X = np.zeros((100, 4))
    X[80:] = rng.normal(size=(20, 2)) @ rng.normal(size=(2, 4))
    X *= scale
    linear = StableAutoencoder(2, hidden_layer_sizes=(), n_init=1, max_iter=3)
    detector = ReconstructionOutlierDetector(
        make_pipeline(*steps, linear), contamination="auto"
    ).fit(X)
    # A plane holds them all, so that every error is one of rounding.
    assert (detector.predict(X) == 1).all()
    off_plane = scale * np.linalg.svd(X)[2][-1]
    assert (detector.predict(X + off_plane) == -1).all()


def test_a_margin_counts_only_where_quartiles_are_nearer(rng):
    scores = rng.normal(size=50)
    assert far_out(scores, rounding=lambda first: 1e-9) == far_out(scores)
    assert far_out(np.full(5, 2.0), rounding=lambda first: first / 4) == 1.5


@pytest.mark.parametrize("contamination", ["many", 0, 0.6])
def test_contamination_is_a_fraction_or_automatic(contamination, iris):
    detector = ReconstructionOutlierDetector(PCA(1), contamination=contamination)
    with pytest.raises(ValueError, match="contamination"):
        detector.fit(iris[0])


def test_a_detector_with_an_automatic_limit_comes_back_from_a_file(iris, tmp_path):
    detector = ReconstructionOutlierDetector(
        StableAutoencoder(n_init=1, max_iter=1), contamination="auto"
    ).fit(iris[0])
    save(detector, tmp_path / "detector.safetensors")
    again = load(tmp_path / "detector.safetensors")
    assert again.contamination == "auto"
    assert again.offset_ == detector.offset_


def test_a_frozen_estimator_has_no_seed_to_set(iris):
    model = StableAutoencoder(n_init=1, max_iter=2, random_state=0).fit(iris[0])
    frozen = FrozenEstimator(model)
    detector = ReconstructionOutlierDetector(frozen, random_state=0).fit(iris[0])
    np.testing.assert_array_equal(
        detector.score_samples(iris[0]), model.score_samples(iris[0])
    )


def test_the_fitted_estimator_is_not_frozen_and_is_fitted_once(iris):
    X, _ = iris
    model = StableAutoencoder(n_init=1, max_iter=2, random_state=0).fit(X)
    codes = model.transform(X)
    detector = ReconstructionOutlierDetector(FrozenEstimator(model)).fit(X)
    assert detector.estimator_ is model
    again = clone(detector).fit(X[::2])
    assert again.estimator_ is model
    np.testing.assert_array_equal(model.transform(X), codes)


def test_images_have_as_many_features_as_pixels(digits):
    images = digits[0][:60].reshape(-1, 8, 8)
    encoder = ConvolutionalEncoder((8, 8), n_maps=(3,), hidden_layer_sizes=(8,))
    model = StableAutoencoder(encoder=encoder, n_init=1, max_iter=2)
    detector = ReconstructionOutlierDetector(model).fit(images)
    assert detector.n_features_in_ == 64
    with pytest.raises(TypeError, match="onnxruntime has no convolution of float64"):
        to_onnx(detector)


def weighted_pipeline():
    model = StableAutoencoder(n_init=1, max_iter=2, random_state=0)
    scaler = StandardScaler()
    if get_config()["enable_metadata_routing"]:
        model.set_fit_request(sample_weight=True)
        scaler.set_fit_request(sample_weight=False)
    return make_pipeline(scaler, model)


def test_weights_are_routed_to_the_step_that_has_requested_them(iris):
    X, _ = iris
    weights = np.arange(150) % 3 + 1.0
    with config_context(enable_metadata_routing=True):
        detector = ReconstructionOutlierDetector(weighted_pipeline())
        detector.fit(X, sample_weight=weights)
        expected = weighted_pipeline().fit(X, sample_weight=weights)
    assert detector.estimator_[-1].n_samples_seen_ == weights.sum()
    scores = expected.score_samples(X)
    np.testing.assert_array_equal(detector.score_samples(X), scores)
    # A few roundings below, so that the sample at the percentile is an inlier.
    expected = weighted_percentile(scores, 10, weights)
    assert detector.offset_ == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("routing", [False, True])
def test_a_pipeline_without_a_request_is_told_how_to_get_weights(routing, iris):
    X, _ = iris
    pipeline = make_pipeline(StandardScaler(), PCA(2))
    with (
        config_context(enable_metadata_routing=routing),
        pytest.raises(TypeError, match=r"call set_fit_request\(sample_weight=True\)"),
    ):
        ReconstructionOutlierDetector(pipeline).fit(X, sample_weight=np.ones(150))


def test_weights_count_in_the_limit_of_a_frozen_estimator(iris):
    X, _ = iris
    weights = np.arange(150) % 3 + 1.0
    pca = PCA(2).fit(X)
    detector = ReconstructionOutlierDetector(FrozenEstimator(pca))
    detector.fit(X, sample_weight=weights)
    expected = weighted_percentile(pca.score_samples(X), 10, weights)
    assert detector.offset_ == pytest.approx(expected, rel=1e-12)


def test_a_failed_fit_leaves_the_detector_as_it_was(iris):
    class Unscored(PCA):
        def score_samples(self, X):
            if self.n_features_in_ != 4:
                raise ValueError("no score")
            return super().score_samples(X)

    X, _ = iris
    detector = ReconstructionOutlierDetector(Unscored(2)).fit(X)
    before = dict(vars(detector))
    with pytest.raises(ValueError, match="no score"):
        detector.fit(X[:, :3])
    assert vars(detector) == before


def test_a_failed_fit_draws_no_seed(iris):
    X, _ = iris
    spoiled = X.copy()
    spoiled[3, 1] = np.nan
    model = StableAutoencoder(n_init=1, max_iter=1)
    expected = ReconstructionOutlierDetector(
        model, random_state=np.random.RandomState(0)
    ).fit(X)
    detector = clone(expected).set_params(random_state=np.random.RandomState(0))
    with pytest.raises(ValueError, match="NaN"):
        detector.fit(spoiled)
    assert detector.fit(X).offset_ == expected.offset_


@pytest.mark.parametrize("seed", range(3))
def test_a_sample_at_the_threshold_is_an_inlier_alone_too(seed):
    X = np.random.default_rng(seed).normal(size=(101, 20))
    model = StableAutoencoder(n_init=1, max_iter=2, random_state=0)
    detector = ReconstructionOutlierDetector(model, contamination=0.1).fit(X)
    at = np.argsort(detector.score_samples(X))[10]
    # Alone a score may be another in the last bits.
    detector.estimator_.score_samples = lambda X, of=detector.estimator_: (
        type(of).score_samples(of, X) - 1e-14
    )
    assert detector.predict(X[at : at + 1]) == 1
    assert np.count_nonzero(detector.predict(X) == -1) == 10


@pytest.mark.numeric
@pytest.mark.parametrize("offset", [0, 1e5])
@pytest.mark.parametrize("seed", range(3))
def test_errors_of_rounding_alone_are_judged_alone_as_with_others(seed, offset):
    rng = np.random.default_rng(seed)
    kinds = rng.normal(size=(4, 20)) + offset
    X = kinds[rng.choice(4, p=[0.4, 0.3, 0.2, 0.1], size=101)]
    model = StableAutoencoder(5, n_init=1, max_iter=5, random_state=0)
    detector = ReconstructionOutlierDetector(model, contamination=0.5).fit(X)
    alone = [detector.predict(x[None])[0] for x in X]
    np.testing.assert_array_equal(detector.predict(X), alone)


@pytest.mark.parametrize("far", [1e6, 1e9])
@pytest.mark.parametrize("weight", [None, 0, 1])
@pytest.mark.parametrize(
    "estimator",
    [PCA(2), StableAutoencoder(n_init=1, max_iter=2, random_state=0)],
    ids=repr,
)
def test_one_huge_error_lowers_no_limit(estimator, weight, far, rng):
    june, X = rng.normal(size=(2, 200, 5))
    X[7] = far
    weights = None if weight is None else np.where(np.arange(200) == 7, weight, 1)
    detector = ReconstructionOutlierDetector(FrozenEstimator(estimator.fit(june)))
    detector.fit(X, sample_weight=weights)
    expected = weighted_percentile(detector.score_samples(X), 10, weights)
    assert detector.offset_ == pytest.approx(expected, rel=1e-9)
    is_outlier = detector.predict(X) == -1
    assert is_outlier[7]
    assert np.count_nonzero(is_outlier) in (20, 21)


@pytest.mark.parametrize("contamination", [0.05, "auto"])
@pytest.mark.parametrize("n_far", [1, 11, 60])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_minus_infinity_is_a_score_of_outliers(dtype, n_far, contamination, rng):
    class Density(PCA):
        def score_samples(self, X):
            scores = super().score_samples(X).astype(dtype)
            return np.where(X[:, 0] > 10, dtype(-np.inf), scores)

    X = rng.normal(size=(200, 4))
    density = FrozenEstimator(Density(2).fit(X))
    X[:n_far, 0] = 20
    detector = ReconstructionOutlierDetector(density, contamination=contamination)
    assert np.isfinite(detector.fit(X).offset_)
    is_outlier = detector.predict(X) == -1
    assert is_outlier[:n_far].all()
    if contamination != "auto":
        assert np.count_nonzero(is_outlier[n_far:]) == max(0, 10 - n_far)


def test_images_in_a_list_have_the_features_of_the_estimator():
    images = load_digits().images[:60]
    model = StableAutoencoder(
        encoder=ConvolutionalEncoder((8, 8), 2), n_init=1, max_iter=1
    )
    detector = ReconstructionOutlierDetector(model).fit(list(images))
    assert detector.n_features_in_ == detector.estimator_.n_features_in_ == 64


def test_samples_set_aside_hold_the_fraction_of_outliers():
    X = StandardScaler().fit_transform(load_breast_cancer(return_X_y=True)[0])
    training, aside, unseen = X[::3], X[1::3], X[2::3]
    model = StableAutoencoder(5, n_init=1, random_state=0).fit(training)
    found = [
        np.mean(detector.predict(unseen) == -1)
        for detector in (
            ReconstructionOutlierDetector(model, contamination=0.05).fit(training),
            ReconstructionOutlierDetector(
                FrozenEstimator(model), contamination=0.05
            ).fit(aside),
        )
    ]
    assert found[1] < 0.1 < found[0]
