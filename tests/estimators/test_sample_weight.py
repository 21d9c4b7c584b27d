"""A weight is so many copies of a sample, in everything that fit computes."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import (
    DenoisingAutoencoder,
    ReconstructionOutlierDetector,
    SparseAutoencoder,
    StableAutoencoder,
    TripletVariationalAutoencoder,
)
from stable_embedding.data import limits
from stable_embedding.losses import LossTerm
from stable_embedding.stability import displacement
from stable_embedding.training.checkpoint import Checkpoints

FEW = {"n_init": 2, "max_iter": 2, "random_state": 0}
ESTIMATORS = [
    StableAutoencoder(**FEW),
    StableAutoencoder(neighbor_weight=1.0, **FEW),
    StableAutoencoder(early_stopping=True, **FEW),
    StableAutoencoder(early_stopping=True, neighbor_weight=1.0, **FEW),
    StableAutoencoder(similarity="inner_product", **FEW),
    StableAutoencoder(metric="manhattan", **FEW),
    StableAutoencoder(metric="mahalanobis", **FEW),
    StableAutoencoder(metric="geodesic", **FEW),
    StableAutoencoder(layerwise_pretraining=True, **FEW),
    DenoisingAutoencoder(corruption="salt_and_pepper", **FEW),
    SparseAutoencoder(**FEW),
    TripletVariationalAutoencoder(**FEW),
    StableAutoencoder(label_weight=1.0, **FEW),
]


@pytest.fixture
def X(rng):
    X = rng.normal(size=(60, 5))
    X[:, 4] = X[:, 0] ** 2
    return X


@pytest.fixture
def counts(rng):
    return rng.integers(0, 4, size=60)


@pytest.fixture
def index(counts, rng):
    """Samples, each so often as it counts, in another order."""
    return rng.permutation(np.arange(60).repeat(counts))


def assert_same_fit(found, expected, X):
    np.testing.assert_array_equal(found.transform(X), expected.transform(X))
    assert found.losses_ == expected.losses_
    assert found.history_ == expected.history_
    assert found.n_samples_seen_ == expected.n_samples_seen_
    assert isinstance(found.n_samples_seen_, int)


@pytest.mark.parametrize("container", [np.asarray, csr_array])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_a_weight_is_so_many_copies(estimator, container, X, counts, index):
    labels = np.arange(60) % 3
    repeated = clone(estimator).fit(container(X[index]), labels[index])
    weighted = clone(estimator).fit(container(X), labels, sample_weight=counts)
    assert_same_fit(weighted, repeated, X)


@pytest.mark.parametrize("labels", ["partial", "numbers"])
def test_labels_are_weighted(labels, X, counts, index):
    y = np.where(np.arange(60) % 4, np.arange(60) % 3, -1)
    if labels == "numbers":
        y = np.where(y >= 0, X[:, 0], np.nan)
    model = StableAutoencoder(label_weight=1.0, **FEW)
    repeated = clone(model).fit(X[index], y[index])
    weighted = clone(model).fit(X, y, sample_weight=counts)
    # Numbers are standardized in float64 from either side, and alike in float32.
    assert_same_fit(weighted, repeated, X)
    only = np.where(y == y, 0.0, 1.0) if labels == "numbers" else (y < 0) * 1.0
    with pytest.raises(ValueError, match="y "):
        model.fit(X, y, sample_weight=only)


def test_chunks_may_be_weighted(X, counts, index):
    repeated, weighted = StableAutoencoder(**FEW), StableAutoencoder(**FEW)
    for part in (slice(0, 30), slice(30, 60)):
        in_part = index[np.isin(index, np.arange(60)[part])]
        repeated.partial_fit(X[in_part])
        weighted.partial_fit(X[part], sample_weight=counts[part])
    assert_same_fit(weighted, repeated, X)
    assert weighted.n_samples_seen_ == counts.sum()


def test_a_training_that_goes_on_may_be_weighted(X, counts, index):
    repeated = StableAutoencoder(warm_start=True, **FEW).fit(X[index]).fit(X[index])
    weighted = StableAutoencoder(warm_start=True, **FEW)
    weighted.fit(X, sample_weight=counts).fit(X, sample_weight=counts)
    assert_same_fit(weighted, repeated, X)


def test_references_of_weighted_samples(X, counts, index):
    places = X[:, :2].copy()
    places[:5] = np.nan
    repeated = StableAutoencoder(**FEW).fit(X[index], reference=places[index])
    weighted = StableAutoencoder(**FEW).fit(X, None, counts, reference=places)
    assert_same_fit(weighted, repeated, X)


def test_given_distances_are_those_of_samples_that_count(X, counts):
    distances, kept = cdist(X, X, "cityblock"), counts > 0
    part = distances[np.ix_(kept, kept)]
    expected = StableAutoencoder(**FEW).fit(
        X[kept], sample_weight=counts[kept], distances=part
    )
    found = StableAutoencoder(**FEW).fit(X, sample_weight=counts, distances=distances)
    assert_same_fit(found, expected, X)


def test_samples_with_distances_of_their_own_are_not_merged(X):
    X = np.concatenate([X, X[:10]])
    distances = cdist(X, X) + 1 - np.eye(70)
    model = StableAutoencoder(similarity_weight=1.0, **FEW)
    seen = WeightsSeen()
    model.set_params(extra_losses=[seen]).fit(X, distances=distances)
    assert model.weights_seen_loss_ == 0


class WeightsSeen(LossTerm):
    """1 where batches have weights, 0 where they have none."""

    name = "weights_seen"

    def forward(self, outputs, batch):
        has_weights = batch.weights is not None
        if has_weights:
            assert batch.weights.shape == outputs.codes.shape[:-1]
        return 0 * outputs.codes.sum((-2, -1)) + float(has_weights)


def test_a_users_own_losses_see_weights(X, counts):
    model = StableAutoencoder(extra_losses=[WeightsSeen()], **FEW)
    assert model.fit(X).weights_seen_loss_ == 0
    assert model.fit(X, sample_weight=counts).weights_seen_loss_ == 1
    assert model.fit(X, sample_weight=np.full(60, 2)).weights_seen_loss_ == 0
    assert model.fit(np.concatenate([X, X[:1]])).weights_seen_loss_ == 1


@pytest.mark.parametrize("neighbor_weight", [0, 1.0])
def test_heavy_samples_are_reconstructed_better(neighbor_weight, X):
    model = StableAutoencoder(
        n_init=1,
        max_iter=150,
        neighbor_weight=neighbor_weight,
        alpha=0.1,
        random_state=0,
    )
    weights = np.where(np.arange(60) < 20, 10.0, 1.0)

    def error(**weighted):
        return -clone(model).fit(X, **weighted).score_samples(X)[:20].mean()

    assert error(sample_weight=weights) < error()


@pytest.mark.parametrize("init", ["pca", "random"])
def test_samples_of_little_weight_do_not_turn_the_map_of_a_metric(init, X):
    X[50:, 3] *= 20
    few = {"metric": "manhattan", "init": init, "alpha": 1.0}
    kept, left_out = (
        StableAutoencoder(**FEW, **few)
        .fit(X, sample_weight=np.repeat([1.0, weight], [50, 10]))
        .transform(X[:50])
        for weight in (1e-9, 0.0)
    )
    assert displacement(left_out, kept) < 0.1


def test_large_data_are_weighted_as_they_are_read(X, monkeypatch):
    weights = np.where(np.arange(60) < 20, 10.0, 0.5)
    weights[40:] = 0
    monkeypatch.setattr(limits, "IN_MEMORY_BYTES", 400)
    monkeypatch.setattr(limits, "READ_BYTES", 400)
    model = StableAutoencoder(n_init=2, max_iter=20, neighbor_weight=1, random_state=0)
    model.fit(X, sample_weight=weights)
    assert not model.is_order_invariant_
    assert model.n_samples_seen_ == weights.sum()
    np.testing.assert_allclose(model.mean_, np.average(X, axis=0, weights=weights))
    assert np.isfinite(model.transform(X)).all()
    assert model.score(X, sample_weight=weights) > 0.3


@pytest.mark.parametrize("label", [1, 0.5])
def test_labels_of_weight_0_are_none_in_large_data(label, X, monkeypatch):
    weights, y = np.ones(60), np.full(60, np.nan)
    weights[:20], y[:20] = 0, np.arange(20) * label
    monkeypatch.setattr(limits, "IN_MEMORY_BYTES", 400)
    model = StableAutoencoder(label_weight=1.0, **FEW)
    with pytest.raises(ValueError, match=r"y labels no sample|y holds 0 known numbers"):
        model.fit(X, y, sample_weight=weights)


def test_a_graph_of_the_users_own_is_of_all_samples(X, counts):
    seen = []

    class Search(KNeighborsTransformer):
        def fit_transform(self, X, y=None):
            seen.append(len(X))
            return super().fit_transform(X)

    model = StableAutoencoder(neighbor_weight=1.0, neighbors=Search(), **FEW)
    model.fit(np.concatenate([X, X]), sample_weight=np.concatenate([counts, counts]))
    assert seen == [120]
    assert np.isfinite(model.transform(X)).all()


@pytest.mark.numeric
def test_scores_are_weighted(X, counts, index):
    model = StableAutoencoder(**FEW).fit(X)
    found = model.score(X, sample_weight=counts)
    np.testing.assert_allclose(found, model.score(X[index]), rtol=1e-6)
    assert model.score(X, None, np.ones(60)) == pytest.approx(model.score(X))


def test_a_failed_call_leaves_the_estimator_as_it_was(X):
    model = StableAutoencoder(**FEW).fit(X)
    before = dict(vars(model))
    for call in (model.fit, model.partial_fit, model.score):
        with pytest.raises(ValueError, match="sample_weight holds -1"):
            call(X, sample_weight=np.full(60, -1.0))
    assert vars(model) == before


def test_checkpoints_of_other_weights_are_those_of_another_training(
    X, tmp_path, monkeypatch
):
    paths, init = [], Checkpoints.__init__

    def remember(self, *args):
        init(self, *args)
        paths.append(self.path)

    monkeypatch.setattr(Checkpoints, "__init__", remember)
    model = StableAutoencoder(checkpoint=tmp_path, alpha=1.0, **FEW)
    for weights in (None, np.arange(60) + 1.0, np.arange(60) + 2.0):
        model.fit(X, sample_weight=weights)
    assert len(set(paths)) == 3


def test_weights_are_routed(X, counts):
    pipeline = make_pipeline(StandardScaler(), StableAutoencoder(**FEW))
    pipeline.fit(X, stableautoencoder__sample_weight=counts)
    scaled = StandardScaler().fit_transform(X)
    expected = StableAutoencoder(**FEW).fit(scaled, sample_weight=counts)
    np.testing.assert_array_equal(pipeline.transform(X), expected.transform(scaled))
    with config_context(enable_metadata_routing=True):
        model = StableAutoencoder(**FEW)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"similarity_weight": [1.0]}, cv=2)
        search.fit(X, sample_weight=counts)
        assert np.isfinite(search.best_score_)
        best = search.best_estimator_
    expected = StableAutoencoder(similarity_weight=1.0, **FEW)
    expected.fit(X, sample_weight=counts)
    np.testing.assert_array_equal(best.transform(X), expected.transform(X))


def test_fit_transform_takes_weights(X, counts):
    expected = StableAutoencoder(**FEW).fit(X, sample_weight=counts).transform(X)
    found = StableAutoencoder(**FEW).fit_transform(X, sample_weight=counts)
    np.testing.assert_array_equal(found, expected)


def test_detectors_count_weights(X, counts, index):
    detector = ReconstructionOutlierDetector(StableAutoencoder(**FEW))
    weighted = clone(detector).fit(X, sample_weight=counts)
    repeated = clone(detector).fit(X[index])
    assert weighted.offset_ == pytest.approx(repeated.offset_)
    found = clone(detector).fit_predict(X, sample_weight=counts)
    np.testing.assert_array_equal(found, weighted.predict(X))
    with pytest.raises(TypeError, match="sample_weight is given, but fit of PCA"):
        ReconstructionOutlierDetector(PCA(2)).fit(X, sample_weight=counts)


def test_weights_are_not_written_to(X, counts):
    weights = counts.astype(float)
    weights.flags.writeable = False
    StableAutoencoder(**FEW).fit(X, sample_weight=weights)


def test_duplicates_are_not_each_others_neighbors(X):
    # What the number of samples decides is fixed: the rest is the same training.
    model = StableAutoencoder(
        neighbor_weight=1.0,
        n_neighbors=3,
        alpha=1.0,
        consensus_weight=0.1,
        batch_size=30,
        **FEW,
    )
    found = clone(model).fit(np.concatenate([X, X, X, X])).transform(X)
    np.testing.assert_array_equal(found, model.fit(X).transform(X))


def test_known_distances_weigh_as_those_of_copies(rng):
    counts = np.repeat([5, 1], [20, 80])
    X, index = rng.normal(size=(100, 5)), np.repeat(np.arange(100), counts)
    X[:20] += 3
    known = rng.random((100, 100)) < 0.03
    known[:20, :20] = True
    known |= known.T
    np.fill_diagonal(known, False)
    distances = np.where(known, cdist(X, X), 0)
    model = StableAutoencoder(
        alpha=0.0, batch_size=1_000, max_iter=100, n_init=1, random_state=0
    )
    weighted = clone(model).fit(X, distances=csr_array(distances), sample_weight=counts)
    repeated = clone(model).fit(
        X[index], distances=csr_array(distances[index][:, index])
    )
    for name in ("reconstruction_loss", "similarity_loss"):
        # Copies are in blocks, between which no pairs are compared.
        expected = repeated.losses_[name]
        assert weighted.losses_[name] == pytest.approx(expected, rel=0.15)
