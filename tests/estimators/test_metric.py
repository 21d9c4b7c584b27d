"""Maps that follow other distances than the Euclidean ones."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, issparse
from scipy.spatial.distance import cdist, pdist
from sklearn.base import clone
from sklearn.datasets import make_swiss_roll
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import stable_embedding
from stable_embedding import SampleDistances, SemanticHashing, StableAutoencoder
from stable_embedding.data import limits
from stable_embedding.data.metrics import BOOLEAN, GEODESIC, METRICS
from stable_embedding.estimators.base import BaseStableAutoencoder
from stable_embedding.estimators.registry import ESTIMATORS
from stable_embedding.stability import displacement
from tests.generated import MANY
from tests.precision import assert_near, assert_same_map

AUTOENCODERS = [
    kind for kind in ESTIMATORS.values() if issubclass(kind, BaseStableAutoencoder)
]
FEW = {"n_init": 2, "max_iter": 3, "random_state": 0}


def correlation(codes, distances):
    return np.corrcoef(pdist(codes), distances[np.triu_indices(len(codes), 1)])[0, 1]


def cone(rng, n_samples=300):
    """Samples that differ in direction, and as much in length."""
    directions = np.array([4.0, 0, 0]) + rng.normal(size=(n_samples, 3))
    return directions * rng.uniform(1, 3, size=(n_samples, 1))


def arc_lengths(t):
    """Length of the spiral of a swiss roll up to an angle."""
    return (t * np.sqrt(1 + t**2) + np.arcsinh(t)) / 2


@pytest.mark.parametrize("metric", ["manhattan", "chebyshev", "canberra"])
def test_codes_follow_the_metric_in_its_units(metric, iris):
    X = np.unique(iris[0], axis=0)  # a pair of duplicates is no pair
    wanted = pairwise_distances(X, metric=metric)
    model = StableAutoencoder(metric=metric, n_init=1, max_iter=200, random_state=0)
    codes = model.fit(X).transform(X)
    found = cdist(codes, codes)
    assert correlation(codes, wanted) > 0.97
    assert np.linalg.norm(found - wanted) < 0.2 * np.linalg.norm(wanted)
    assert model.code_scale_ == pytest.approx(
        np.sqrt(np.mean(wanted[np.triu_indices(len(X), 1)] ** 2) / 2)
    )
    assert model.score(X) > 0.95


@pytest.mark.slow
def test_cosine_distances_do_not_see_lengths(rng):
    X = cone(rng)
    wanted = pairwise_distances(X, metric="cosine")
    euclidean, cosine = (
        StableAutoencoder(metric=metric, n_init=1, random_state=0).fit_transform(X)
        for metric in ("euclidean", "cosine")
    )
    assert correlation(cosine, wanted) > correlation(euclidean, wanted) + 0.3


@pytest.mark.numeric
def test_the_unit_of_the_data_scales_the_map(iris):
    X, _ = iris
    model = StableAutoencoder(metric="manhattan", **FEW)
    codes, scaled = model.fit(X).transform(X), clone(model).fit(8 * X).transform(8 * X)
    # Rounding of float32: eigenvectors are found by thresholds that have no unit.
    assert_near(scaled, 8 * codes)


@pytest.mark.numeric
def test_the_derivative_is_that_of_codes_in_their_units(iris):
    X, _ = iris
    model = StableAutoencoder(metric="cosine", activation="tanh", **FEW).fit(X)
    step = 0.01 * np.ones(4)
    found = model.transform(X + step) - model.transform(X - step)
    # Beside rounding there is the third derivative, over a step of a hundredth.
    np.testing.assert_allclose(
        found, model.jacobian(X) @ (2 * step), atol=1e-2 * np.abs(found).max()
    )


@pytest.mark.parametrize("metric", ["euclidean", "l2"])
def test_the_euclidean_metric_has_the_scale_of_the_data(metric, iris):
    X, _ = iris
    model = StableAutoencoder(metric=metric, **FEW).fit(X)
    assert model.code_scale_ == model.scale_
    default = StableAutoencoder(**FEW).fit(X)
    np.testing.assert_array_equal(model.transform(X), default.transform(X))


@pytest.mark.slow
def test_a_swiss_roll_is_unrolled():
    X, t = make_swiss_roll(3_000, random_state=0)
    truth = np.stack([arc_lengths(t), X[:, 1]], axis=1)
    X, X_new, truth, truth_new = X[:2_000], X[2_000:], truth[:2_000], truth[2_000:]
    models = [
        StableAutoencoder(metric="geodesic", n_init=1, random_state=run).fit(X)
        for run in range(2)
    ]
    for samples, places in ((X, truth), (X_new, truth_new)):
        assert correlation(models[0].transform(samples), cdist(places, places)) > 0.99
    assert models[0].score(X_new) > 0.9
    maps = [model.transform(X_new) for model in models]
    assert displacement(*maps) < 1e-3


def test_many_samples_are_unrolled_from_landmarks(monkeypatch):
    monkeypatch.setattr(limits, "ALL_PAIRS_SAMPLES", 100)
    monkeypatch.setattr(limits, "LANDMARKS", 100)
    X, t = make_swiss_roll(800, random_state=0)
    truth = np.stack([arc_lengths(t), X[:, 1]], axis=1)
    model = StableAutoencoder(metric="geodesic", n_neighbors=8, n_init=1, alpha=0.1)
    codes = model.set_params(random_state=0).fit_transform(X)
    assert correlation(codes, cdist(truth, truth)) > 0.97


def test_parts_that_are_joined_are_told_where_fit_is_called(rng):
    X = rng.normal(size=(40, 2)) + np.repeat([0, 100], 20)[:, None]
    with pytest.warns(UserWarning, match="has 2 connected components") as caught:
        StableAutoencoder(metric="geodesic", n_neighbors=5, **FEW).fit(X)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("kind", AUTOENCODERS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("metric", ["cosine", "geodesic"])
def test_every_sibling_takes_a_metric(kind, metric, digits):
    X, y = digits[0][:150], digits[1][:150]
    model = kind(metric=metric, neighbor_weight=1.0, **FEW).fit(X, y)
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite(model.inverse_transform(model.transform(X))).all()
    assert model.similarity_loss_ > 0


@pytest.mark.parametrize("kind", AUTOENCODERS, ids=lambda kind: kind.__name__)
def test_distances_of_a_metric_are_those_that_are_given(kind, digits):
    X, y = digits[0][:150], digits[1][:150]
    D = pairwise_distances(X, metric="canberra")
    named = kind(metric="canberra", **FEW).fit(X, y)
    model = kind(**FEW).fit(X, y, distances=D)
    np.testing.assert_array_equal(model.transform(X), named.transform(X))
    assert model.code_scale_ == named.code_scale_


@pytest.mark.numeric
@pytest.mark.parametrize("neighbor_weight", [0.0, 1.0])
def test_distances_may_come_in_any_form(neighbor_weight, digits):
    X = digits[0][:150]
    D = pairwise_distances(X, metric="cosine")
    model = StableAutoencoder(neighbor_weight=neighbor_weight, **FEW)
    maps = [
        clone(model).fit(X, distances=distances).transform(X)
        for distances in (
            D,
            D.astype(np.float32),
            D.tolist(),
            pd.DataFrame(D),
            SampleDistances(D),
            lambda first, second: D[np.ix_(first, second)],
        )
    ]
    for found in maps[1:]:
        assert_same_map(found, maps[0])
    if not neighbor_weight:  # nearly equal distances may change places when rounded
        named = clone(model).set_params(metric="cosine").fit_transform(X)
        assert_same_map(named, maps[0])


def test_the_order_of_the_samples_does_not_count(digits, rng):
    X = digits[0][:150]
    D = pairwise_distances(X, metric="cosine")
    order = rng.permutation(len(X))
    for distances, shuffled in (
        (D, D[np.ix_(order, order)]),
        (SampleDistances(D), SampleDistances(D)[order]),
        (csr_array(D), csr_array(D)[order][:, order]),
    ):
        model = StableAutoencoder(neighbor_weight=1.0, **FEW).fit(
            X, distances=distances
        )
        again = clone(model).fit(X[order], distances=shuffled)
        np.testing.assert_array_equal(again.transform(X), model.transform(X))


def test_a_data_frame_of_distances_has_the_ids_of_the_samples(iris):
    X = pd.DataFrame(iris[0][:60]).add_prefix("flower ", axis=0)
    D = pd.DataFrame(cdist(X, X), X.index, X.index)
    model, order = StableAutoencoder(**FEW), X.index[::-1]
    for spoiled in (D.loc[order, order], D.loc[order], D[order]):
        with pytest.raises(ValueError, match="has the id 'flower 59' where X has"):
            model.fit(X, distances=spoiled)
    found = model.fit_transform(X, distances=D)
    np.testing.assert_array_equal(model.fit_transform(X, distances=D.values), found)


def test_duplicates_have_distances_of_their_own(rng):
    X = np.repeat(rng.normal(size=(20, 3)), 2, axis=0)
    points = rng.normal(size=(40, 2))
    model = StableAutoencoder(neighbor_weight=1.0, **FEW)
    assert np.isfinite(model.fit(X, distances=cdist(points, points)).transform(X)).all()


@pytest.mark.slow
def test_pairs_that_are_unknown_do_not_count(iris, rng):
    X, _ = iris
    D = pairwise_distances(X, metric="manhattan")
    known = rng.random(D.shape) < 0.3
    known |= known.T
    model = StableAutoencoder(n_init=1, random_state=0)
    codes = model.fit(X, distances=csr_array(np.where(known, D, 0))).transform(X)
    assert correlation(codes, D) > 0.97
    # A distance that nobody knows may be anything; one that is known may not.
    nearby = csr_array(np.where(known & (D < 2), D, 0))
    assert model.fit(X, distances=nearby).code_scale_ < 1.5


def test_neighbors_are_those_of_the_metric(rng):
    X = cone(rng)
    D = pairwise_distances(X, metric="cosine")
    nearest = D.argsort(axis=1)[:, 1:11]

    def kept(metric):
        model = StableAutoencoder(
            metric=metric, neighbor_weight=3.0, similarity_weight=0, n_init=1
        )
        codes = model.set_params(random_state=0, max_iter=60).fit_transform(X)
        found = cdist(codes, codes).argsort(axis=1)[:, 1:11]
        return np.mean([np.isin(a, b).mean() for a, b in zip(found, nearest)])

    assert kept("cosine") > 1.2 * kept("euclidean")


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
@pytest.mark.parametrize("metric", ["cosine", "manhattan", "canberra"])
def test_pynndescent_is_asked_for_the_metric_of_samples_as_they_came(
    metric, kind, digits, monkeypatch
):
    pynndescent = pytest.importorskip("pynndescent")
    monkeypatch.setattr(limits, "EXACT_NEIGHBOR_SAMPLES", 100)
    X, asked = kind(digits[0][:150]), []

    class Exact(KNeighborsTransformer):
        """What stands for pynndescent, which takes long to compile."""

        def __init__(self, n_neighbors, metric, random_state):
            super().__init__(n_neighbors=n_neighbors, metric=metric)
            self.random_state = random_state

        def fit_transform(self, X, y=None):
            asked.append((self.metric, issparse(X), X.shape))
            dense = X.toarray() if issparse(X) else X
            return super().fit_transform(dense)

    monkeypatch.setattr(pynndescent, "PyNNDescentTransformer", Exact)
    model = StableAutoencoder(metric=metric, neighbor_weight=1.0, **FEW).fit(X)
    assert asked == [(metric, kind is csr_array, X.shape)]
    assert np.isfinite(model.transform(X)).all()


def test_samples_that_are_read_in_chunks_have_a_metric(digits, monkeypatch):
    monkeypatch.setattr(limits, "IN_MEMORY_BYTES", 2**16)
    monkeypatch.setattr(limits, "READ_BYTES", 2**15)
    monkeypatch.setattr(limits, "ALL_PAIRS_SAMPLES", 100)
    X = digits[0][:400]
    for metric in ("cosine", "canberra", "seuclidean", "geodesic"):
        model = StableAutoencoder(metric=metric, neighbor_weight=1.0, **FEW)
        assert not model.fit(X).is_order_invariant_
        assert np.isfinite(model.transform(X)).all()


@pytest.mark.parametrize("metric", ["cosine", "geodesic", "canberra"])
def test_a_map_is_saved_pickled_and_goes_on(metric, digits, tmp_path):
    X = digits[0][:200]
    model = StableAutoencoder(metric=metric, **FEW).fit(X)
    codes = model.transform(X)
    stable_embedding.save(model, tmp_path / "map.safetensors")
    loaded = stable_embedding.load(tmp_path / "map.safetensors")
    for again in (loaded, pickle.loads(pickle.dumps(model))):
        assert again.code_scale_ == model.code_scale_
        np.testing.assert_array_equal(again.transform(X), codes)
    scale = model.code_scale_
    assert model.partial_fit(digits[0][200:400]).code_scale_ == scale
    assert model.set_params(warm_start=True).fit(X).code_scale_ == scale
    assert displacement(codes, model.transform(X)) < 0.5


def test_a_map_is_laid_on_a_reference(digits):
    X = digits[0][:200]
    model = StableAutoencoder(metric="cosine", n_init=1, max_iter=50, random_state=0)
    old = model.fit(X).transform(X) @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    new = clone(model).set_params(random_state=1).fit(X, reference=old).transform(X)
    assert displacement(old, new) < 0.02
    assert np.square(old - new).sum() < 0.02 * np.square(old - old.mean(axis=0)).sum()


def test_a_file_of_an_earlier_version_has_its_scale(iris):
    X, _ = iris
    model = StableAutoencoder(**FEW).fit(X)
    state = model.__getstate__()
    for name in ("code_scale_", "metric", "metric_params"):
        del state[name]
    again = StableAutoencoder()
    again.__setstate__(state)
    assert again.code_scale_ == model.scale_
    np.testing.assert_array_equal(again.transform(X), model.transform(X))


def test_a_crash_is_resumed_with_a_metric(digits, tmp_path):
    from skorch.callbacks import Callback

    class Crash(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 3:
                raise RuntimeError("crash")

    X = digits[0][:200]
    model = StableAutoencoder(metric="cosine", n_init=2, max_iter=5, random_state=0)
    codes = model.fit(X).transform(X)
    model.set_params(checkpoint=str(tmp_path), callbacks=[Crash()])
    with pytest.raises(RuntimeError, match="crash"):
        model.fit(X)
    assert list(tmp_path.iterdir())
    again = model.set_params(callbacks=None).fit(X)
    np.testing.assert_array_equal(again.transform(X), codes)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("container", [np.asarray, csr_array])
def test_a_checkpoint_of_other_distances_is_not_resumed(container, digits, tmp_path):
    from skorch.callbacks import Callback

    class Crash(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 2:
                raise RuntimeError("crash")

    X = digits[0][:100]
    D = pairwise_distances(X)
    model = StableAutoencoder(**FEW, checkpoint=str(tmp_path), callbacks=[Crash()])
    other = D.copy()
    other[0, 1:] += 1
    other[1:, 0] += 1
    for distances in (D, other):
        with pytest.raises(RuntimeError, match="crash"):
            model.fit(X, distances=container(distances))
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("routing", [False, True])
def test_a_search_splits_distances_on_both_sides(routing, digits):
    X = digits[0][:120]
    D = pairwise_distances(X, metric="cosine")
    seen = []

    def by_ids(first, second):
        seen.append(len(first))
        return D[np.ix_(first, second)]

    for distances in (
        SampleDistances(D),
        SampleDistances(by_ids, ids=np.arange(120)),
    ):
        with sklearn.config_context(enable_metadata_routing=routing):
            model = StableAutoencoder(**FEW)
            if routing:
                model.set_fit_request(distances=True)
            search = GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=3)
            search.fit(X, distances=distances)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        best = clone(search.best_estimator_).fit(X, distances=D)
        np.testing.assert_array_equal(
            best.transform(X), search.best_estimator_.transform(X)
        )
    assert seen
    search = GridSearchCV(StableAutoencoder(**FEW), {"alpha": [1.0]}, cv=3)
    with pytest.raises(ValueError, match="SampleDistances"):
        search.fit(X, distances=D)


def test_a_pipeline_passes_distances_on(digits):
    X = digits[0][:120]
    D = pairwise_distances(X, metric="cosine")
    alone = StableAutoencoder(**FEW).fit(StandardScaler().fit_transform(X), distances=D)
    steps = make_pipeline(StandardScaler(), StableAutoencoder(**FEW))
    steps.fit(X, stableautoencoder__distances=D)
    np.testing.assert_array_equal(steps[-1].transform(X), alone.transform(X))
    with sklearn.config_context(enable_metadata_routing=True):
        routed = make_pipeline(
            StandardScaler(), StableAutoencoder(**FEW).set_fit_request(distances=True)
        ).fit(X, distances=D)
    np.testing.assert_array_equal(routed[-1].transform(X), alone.transform(X))


def test_what_does_not_go_together_is_said(iris):
    X, _ = iris
    D = pairwise_distances(X)
    with pytest.raises(ValueError, match="distances must be None where metric='cosine"):
        StableAutoencoder(metric="cosine", **FEW).fit(X, distances=D)
    with pytest.raises(ValueError, match="needs similarity='distance'"):
        StableAutoencoder(metric="cosine", similarity="rbf", **FEW).fit(X)
    with pytest.raises(ValueError, match="distances must be None where similarity"):
        StableAutoencoder(similarity="rbf", **FEW).fit(X, distances=D)
    model = StableAutoencoder(**FEW).fit(X, distances=2 * D)
    codes = model.transform(X)
    with pytest.raises(ValueError, match="cannot resume without them"):
        model.partial_fit(X)
    np.testing.assert_array_equal(model.transform(X), codes)


@pytest.mark.parametrize("at_most", [0, 5_000])
@pytest.mark.parametrize("parameters", [None, {"w": np.ones(4)}])
def test_a_metric_beyond_float32_is_named(at_most, parameters, iris, monkeypatch):
    monkeypatch.setattr(limits, "ALL_PAIRS_SAMPLES", at_most)
    model = StableAutoencoder(metric="sqeuclidean", metric_params=parameters, **FEW)
    with pytest.raises(ValueError, match="metric='sqeuclidean' puts samples up to"):
        model.fit(iris[0] * 1e18)


def test_bits_have_no_places_to_be_drawn_to(digits):
    model = SemanticHashing(8, metric="cosine", **FEW).fit(digits[0][:100])
    assert "guide_loss" not in model.history_


CONTAINERS = {
    "array": np.asarray,
    "float32": lambda X: X.astype(np.float32),
    "sparse": csr_array,
    "frame": lambda X: pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])]),
    "list": lambda X: X.tolist(),
}


@pytest.mark.slow
@MANY
@given(data=st.data())
def test_any_metric_of_any_samples(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    metric = data.draw(st.sampled_from(sorted({*METRICS, GEODESIC})))
    shape = data.draw(st.integers(2, 40)), data.draw(st.sampled_from([1, 3, 9, 150]))
    X = rng.normal(size=shape) + data.draw(st.sampled_from([0, 1e4]))
    if metric in BOOLEAN or data.draw(st.booleans()):
        X = (rng.random(shape) < 0.3).astype(float)
    if data.draw(st.booleans()):
        X[rng.integers(len(X))] = X[rng.integers(len(X))]
    if metric not in BOOLEAN:
        X = X * 10.0 ** data.draw(st.integers(-12, 12))
    kind = data.draw(st.sampled_from(AUTOENCODERS))
    model = kind(
        metric=metric,
        neighbor_weight=data.draw(st.sampled_from([0.0, 1.0])),
        n_init=data.draw(st.sampled_from([1, 2])),
        max_iter=2,
        random_state=0,
    )
    samples = CONTAINERS[data.draw(st.sampled_from(sorted(CONTAINERS)))](X)
    y = np.arange(len(X)) % 2
    if len(X) < 3 and kind.__name__.startswith("Triplet"):
        y = np.arange(len(X))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.fit(samples, y)
    codes = np.asarray(model.transform(samples))
    assert np.isfinite(codes.astype(float)).all()
    assert np.isfinite(model.inverse_transform(codes)).all()


def test_geodesic_distances_are_those_of_all_features(rng):
    # Each sample is a neighbor of each, so that paths are straight.
    X = rng.normal(size=(60, 300))
    model = StableAutoencoder(metric="geodesic", n_neighbors=59, **FEW).fit(X)
    assert model.code_scale_ == pytest.approx((pdist(X) ** 2).mean() ** 0.5 / 2**0.5)


@pytest.mark.parametrize(
    ("metric", "name"), [("seuclidean", "V"), ("mahalanobis", "VI")]
)
def test_a_metric_of_the_samples_is_fixed_before_a_training_resumes(metric, name, iris):
    X, _ = iris
    model = StableAutoencoder(metric=metric, **FEW).fit(X)
    codes = model.transform(X)
    with pytest.raises(
        ValueError, match=f"cannot resume with metric.*fix it by '{name}'"
    ):
        model.partial_fit(X)
    np.testing.assert_array_equal(model.transform(X), codes)
    of_metric = X.var(axis=0) if name == "V" else np.linalg.inv(np.cov(X.T))
    model.set_params(metric_params={name: of_metric}).fit(X).partial_fit(X)
    assert model.n_samples_seen_ == 2 * len(X)
